"""Whether an answer under the right number is to the question that waits, or to one before it. Pure.

Theory. A gateway whose serial side is one answer behind, and that stamps each answer with the number of the
question that waits, gives to reads of one shape each other's values: the numbers say that all is well. It
falls behind by an answer that comes after its time, whether it said nothing meanwhile or made an exception of
its own; some units refuse a block, and give it all the same. So once a question was not answered by its unit,
no other of its shape is asked until an answer has come that none of the unanswered can have had. Where the
plan has no such read, another goes first: one that the unit has answered before, else one of fewer registers,
or one of the other table: an exception fits all reads of its function. The question itself may be asked again
at once: an answer to either is of the right registers.

Who is behind answers whatever it is asked. So a unit that has left `DEAF` reads which it never answered
before without any answer, and has answered none, is asked none of them any more: it does not know them.

What is kept is bounded: who leaves `MOST` questions of different shapes unanswered, and then answers the
first of them, is not told.
"""

from dataclasses import dataclass, field, replace

from agent.modbus.adu import data_bytes
from agent.modbus.owed import MOST, OTHER_TABLE, Owed, Shape, shape_of
from agent.modbus.verdict import Verdict
from drivers.registers import Read

BITS = 8 * MOST + 2  # one more shape than are kept
DEAF = 8
CLOSED = DEAF // 2  # how many of them one counts for that ended the connection
BETWEEN = 2  # how many of them count between two answers: who is away answers nothing at all
KEPT = 8  # reads of a unit id that were answered, each of another shape
#: An exception that the gateway may have made: what the unit says may follow.
OF_GATEWAY = frozenset({Verdict.BUSY, Verdict.FAILED, Verdict.GATEWAY})


@dataclass(slots=True, eq=False)
class Habits:
    """What one unit id answers."""

    lost: Read | None = None  # what was asked last, where it was not answered
    answered: dict[Shape, Read] = field(default_factory=dict)  # with values, the last of each shape
    strange: int = 0  # reads without any answer, of those it never answered before,
    since: int = 0  # and those since its last answer
    hears: bool = False  # one of those was answered

    @property
    def deaf(self) -> bool:
        """Whether it answers no read that its plan lacks."""
        return not self.hears and self.strange >= DEAF


class InStep:
    """What was asked through one endpoint and not answered. `at_s`: when; any clock that only goes on."""

    def __init__(self) -> None:
        self._owed = Owed()  # its unit offsets are unit ids here
        self._habits: dict[int, Habits] = {}

    def _of(self, unit_id: int) -> Habits:
        return self._habits.setdefault(unit_id, Habits())

    def first(self, unit_id: int, read: Read) -> Read | None:
        """Return what must be answered before this is asked; None: nothing, or nothing is left to ask."""
        owed, habits = self._owed.shapes(unit_id), self._of(unit_id)
        if shape_of(read) not in owed or habits.lost == read:
            return None
        known = sorted(habits.answered.values(), key=data_bytes)
        shorter = [one for one in known if data_bytes(one) < data_bytes(read)]
        strange = [] if habits.deaf else _strange(read)
        return next((one for one in (*shorter, *strange, *known) if shape_of(one) not in owed), None)

    def shown(self, unit_id: int, first: Read, *, heard: bool, closed: bool = False) -> None:
        """Note whether anything came of a read that had to be answered first, or it closed the connection."""
        habits = self._of(unit_id)
        if heard:
            habits.hears = True
        elif first not in habits.answered.values():
            habits.strange += CLOSED if closed else 0
            habits.since = min(BETWEEN, habits.since + (not closed))

    def unanswered(self, unit_id: int, read: Read, at_s: float) -> None:
        """Note that a read was not answered, or by what belongs to another: its own answer may follow."""
        self._owed.unanswered(replace(read, unit_offset=unit_id), at_s)
        self._of(unit_id).lost = read

    def answered(self, unit_id: int, read: Read, at_s: float, verdict: Verdict) -> None:
        """Note an answer of the read's shape, or an exception of its function."""
        if verdict in OF_GATEWAY:
            self.unanswered(unit_id, read, at_s)
            return
        sound, habits, asked = verdict is Verdict.SOUND, self._of(unit_id), replace(read, unit_offset=unit_id)
        alone = self._owed.answered(asked, at_s, refused=not sound)
        if alone and not sound:  # it may be given all the same
            self._owed.unanswered(asked, at_s)
        habits.lost = None if sound else read
        habits.strange, habits.since = habits.strange + habits.since, 0
        if sound and (shape_of(read) in habits.answered or len(habits.answered) < KEPT):
            habits.answered[shape_of(read)] = read

    def came_late(self, unit_id: int, read: Read, verdict: Verdict) -> None:
        """Note what came after its time, under its own number: an answer is on its way no more."""
        if verdict in (Verdict.SOUND, Verdict.ILLEGAL):
            self._owed.came_late(replace(read, unit_offset=unit_id))

    def is_behind(self, unit_id: int, pdu: bytes) -> bool:
        """Whether what came in place of an answer is that to a question before."""
        return (pdu[0], pdu[1]) in self._owed.shapes(unit_id)


def _strange(read: Read) -> list[Read]:
    """Return reads of other shapes at the same address, the shortest first."""
    fewer = [replace(read, count=count) for count in range(1, read.count)]
    return [*fewer, *(replace(read, area=OTHER_TABLE[read.area], count=count) for count in range(1, BITS))]
