"""Answers that come once more, where nothing tells which question an answer is to. Pure.

Theory. Who repeats what it said, unchanged, while the next question of that shape is out, gives to that one
the values of one before. The two are the same to the last byte. So behind an answer that is one before
another is waited for: if it comes, that is the answer, and who repeated once is not trusted again; if the
same one comes, both were. But two blocks of registers may say the same (zeros, mostly): of a unit that was
waited for in vain three times it counts at once. Of one that repeats it counts alone only where the question
was asked a second time: a repeater would then say what it last said, and that was the answer to the first.

Frames begin with unit id, function code and length or exception; what follows is theirs.
"""

from collections import deque
from collections.abc import Iterable

from agent.modbus.adu import EXCEPTION_BIT

MOST_IN_VAIN = 3  # time-outs that it costs a unit which repeats nothing, on each connection
KEPT = 4  # answers that begin alike: how far back one may come from
LOOK = 3  # bytes by which answers are told from those to questions of another shape


class SentAgain:
    """The last answers on a line or connection, and which units repeat theirs."""

    def __init__(self) -> None:
        self._said: dict[bytes, deque[tuple[bytes, bytes]]] = {}  # by how they begin: request and frame
        self._in_vain: dict[int, int] = {}
        self._repeat: set[int] = set()
        self._asked_anew = b""

    def overheard(self, heard: bytes) -> bytes:
        """Take what was heard in place of an answer, or while nothing was asked; return the rest of it."""
        if heard:
            for asked, frame in [one for said in self._said.values() for one in said if one[1] in heard]:
                self._repeat.add(asked[0])
                heard = heard.replace(frame, b"")
        return heard

    def repeated(self, frame: bytes) -> bool:
        """Take a frame that answers nothing; return whether it is one of the last answers."""
        asked = [request for request, said in self._said.get(frame[:LOOK], ()) if said == frame]
        self._repeat.update(request[0] for request in asked)
        return bool(asked)

    def doubted(self, request: bytes, looks: Iterable[bytes]) -> frozenset[bytes]:
        """Return the frames that are not yet the answer to a request. looks: how its answers begin.

        The same question may be answered by the same frame: its values are of the right registers. A refusal
        has no values, and a unit refuses many questions alike.
        """
        unit_id = request[0]
        if unit_id not in self._repeat and self._in_vain.get(unit_id, 0) >= MOST_IN_VAIN:
            return frozenset()
        said = [one for look, ones in self._said.items() if look.startswith(tuple(looks)) for one in ones]
        return frozenset(frame for asked, frame in said if asked != request and not frame[1] & EXCEPTION_BIT)

    def answered(self, request: bytes, frame: bytes, *, again: bool, doubted: bool) -> bool:
        """Take the answer to a request; return whether it counts.

        again: a frame that was doubted came. doubted: the answer is that one, and came once.
        """
        unit_id = request[0]
        if again and not doubted:
            self._repeat.add(unit_id)
        elif doubted and unit_id in self._repeat and request != self._asked_anew:
            self._asked_anew = request
            return False
        elif doubted:
            self._in_vain[unit_id] = self._in_vain.get(unit_id, 0) + 1
        self._asked_anew = b""
        self._said.setdefault(frame[:LOOK], deque(maxlen=KEPT)).append((request, frame))
        return True
