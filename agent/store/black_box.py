"""The minutes around an alarm leave the building first: a priority on what is stored, never a copy. Pure."""

from collections import deque

EVENTS, BLACK_BOX, ROUTINE = 0, 1, 2  # the order of sending; dropped the other way round

Remembered = tuple[int, str, int]  # sequence, rack, boot time of its last frame, ns


def rack_of(unit: str) -> str:
    """The rack of a unit's path "rack/unit"."""
    return unit.partition("/")[0]


class BlackBox:
    """Which of the last minutes' batches belong to an alarm, and which of the next will."""

    def __init__(self, before_s: float, after_s: float) -> None:
        self._before_ns, self._after_ns = int(before_s * 1e9), int(after_s * 1e9)
        self._until_ns: dict[str, int] = {}
        self._recent: deque[Remembered] = deque()

    def alarm(self, rack: str, boottime_ns: int) -> list[int]:
        """Begin a rack's black box; return the sequences sealed before that belong to it."""
        self._until_ns[rack] = boottime_ns + self._after_ns
        since_ns = boottime_ns - self._before_ns
        return [s for s, sealed_rack, last_ns in self._recent if sealed_rack == rack and last_ns >= since_ns]

    def priority(self, rack: str, first_boottime_ns: int) -> int:
        """The priority of a batch whose first frame is of this time."""
        return BLACK_BOX if first_boottime_ns <= self._until_ns.get(rack, -1) else ROUTINE

    def sealed(self, sequence: int, rack: str, last_boottime_ns: int) -> None:
        """Remember a routine batch for as long as an alarm could want it."""
        while self._recent and self._recent[0][2] < last_boottime_ns - self._before_ns:
            self._recent.popleft()
        self._recent.append((sequence, rack, last_boottime_ns))
