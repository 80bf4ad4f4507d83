"""Answers that come once more, on a line where nothing tells which question an answer is to. Pure.

Theory. Who repeats what it said, unchanged, while the next question of that shape is out, gives to that one
the values of the one before. The two are the same to the last byte. So behind an answer that is the one
before another is waited for: if it comes, that is the answer, and who repeated once is not trusted again. But
two blocks of registers may say the same (zeros, mostly): of a unit that was waited for in vain three times
it counts at once.
"""

MOST_IN_VAIN = 3  # time-outs that it costs a unit which repeats nothing, on each connection


class SentAgain:
    """The last answer on a line, and which units repeat theirs."""

    def __init__(self) -> None:
        self._request = self._frame = b""
        self._in_vain: dict[int, int] = {}
        self._repeat: set[int] = set()

    def doubted(self, request: bytes, heard: bytes) -> bytes:
        """Return the frame that is not yet the answer to a request; b"": none is. heard: since the last one.

        The same question may be answered by the same frame: its values are of the right registers.
        """
        unit_id = request[0]
        if self._frame and self._frame in heard:
            self._repeat.add(unit_id)
        trusted = unit_id not in self._repeat and self._in_vain.get(unit_id, 0) >= MOST_IN_VAIN
        return b"" if trusted or request == self._request else self._frame

    def answered(self, request: bytes, frame: bytes, *, came_again: bool) -> None:
        """Note the answer to a request. came_again: the frame that was doubted came."""
        unit_id = request[0]
        if came_again and frame != self._frame:
            self._repeat.add(unit_id)
        elif came_again:
            self._in_vain[unit_id] = self._in_vain.get(unit_id, 0) + 1
        self._request, self._frame = request, frame
