"""Whether an answer under the right number is to the question that waits, or to one before it. Pure.

Theory. A gateway whose serial side is one answer behind, and that stamps each answer with the number of the
question that waits, gives to reads of one shape each other's values: the numbers say that all is well. It
falls behind by an answer that comes after its time. So once a question was not answered, no other of its
shape is asked until an answer has come that none of the unanswered can have had. Where the plan has no such
read, one of fewer registers goes first, or one of the other table: an exception fits all reads of its
function. The question itself may be asked again at once: an answer to either is of the right registers.

What is kept is bounded: who leaves `MOST` questions of different shapes unanswered, and then answers the
first of them, is not told.
"""

from dataclasses import replace

from agent.modbus.owed import MOST, OTHER_TABLE, Owed, shape_of
from drivers.registers import Read

BITS = 8 * MOST + 2  # one more shape than are kept


class InStep:
    """What was asked through one endpoint and not answered. `at_s`: when; any clock that only goes on."""

    def __init__(self) -> None:
        self._owed = Owed()  # its unit offsets are unit ids here
        self._lost: dict[int, Read] = {}  # by unit id: what was asked last, where it was not answered

    def first(self, unit_id: int, read: Read) -> Read | None:
        """Return what must be answered before this is asked; None: nothing."""
        owed = self._owed.shapes(unit_id)
        if shape_of(read) not in owed or self._lost.get(unit_id) == read:
            return None
        fewer = (replace(read, count=count) for count in range(read.count - 1, 0, -1))
        other = (replace(read, area=OTHER_TABLE[read.area], count=count) for count in range(1, BITS))
        return next(one for one in (*fewer, *other) if shape_of(one) not in owed)

    def unanswered(self, unit_id: int, read: Read, at_s: float) -> None:
        """Note that a read was not answered, or by what belongs to another: its own answer may follow."""
        self._owed.unanswered(replace(read, unit_offset=unit_id), at_s)
        self._lost[unit_id] = read

    def answered(self, unit_id: int, read: Read, at_s: float, *, refused: bool) -> None:
        """Note an answer of the read's shape; refused: an exception of its function."""
        self._owed.answered(replace(read, unit_offset=unit_id), at_s, refused=refused)
        self._lost.pop(unit_id, None)

    def came_late(self, unit_id: int, read: Read) -> None:
        """Note an answer after its time, under its own number: it is on its way no more."""
        self._owed.came_late(replace(read, unit_offset=unit_id))

    def is_behind(self, unit_id: int, pdu: bytes) -> bool:
        """Whether what came in place of an answer is that to a question before."""
        return (pdu[0], pdu[1]) in self._owed.shapes(unit_id)
