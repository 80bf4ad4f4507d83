"""How long a device is left alone after its connection was opened: as said, or what it shows to need. Pure.

Some devices answer nothing that comes too soon, or close. After two connections without an answer the next
one is left alone for longer, and so on. What helped is tried shorter, step by step, until a step fails:
something else can have helped.
"""

STEPS_S = (1.0, 2.0, 5.0, 10.0)


class Settling:
    """The pause of one device. said_s: the shortest."""

    def __init__(self, said_s: float) -> None:
        self._steps = [said_s, *(step for step in STEPS_S if step > said_s)]
        self._at = 0
        self._in_vain = 0  # connections in a row on which nothing came
        self._shorter = False  # it was a step shorter than what had helped
        self._needed = False  # a shorter step has failed

    @property
    def pause_s(self) -> float:
        """How long the device is left alone now."""
        return self._steps[self._at]

    def opened(self) -> float:
        """Note that a connection stands, and return how long the device is to be left alone on it, s."""
        if self._in_vain > 1 or (self._in_vain and self._shorter):
            self._needed, self._shorter = self._shorter, False
            self._at = (self._at + 1) % len(self._steps)
        elif self._at and not self._needed and not self._in_vain:
            self._at, self._shorter = self._at - 1, True
        self._in_vain += 1
        return self.pause_s

    def answered(self) -> None:
        """Note that the device has answered on this connection."""
        self._in_vain = 0
