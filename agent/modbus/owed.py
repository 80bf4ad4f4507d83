"""Replies that may still come, on a line where nothing in a reply tells which request it is for. Pure.

Theory. A unit answers in the order in which it was asked. An answer that none of the unanswered requests
before could have had is the last request's, and no other reply is on its way: they came, or never will. An
answer that one of them could have had may be the first such one's, and then the last request is owed one too.
So what is kept is the most that can be on its way, and an answer counts only where nothing else fits.
A sound answer fits reads of its function code and length, an exception all reads of its function code.
"""

from agent.modbus.adu import data_bytes
from drivers.registers import Area, Read

Shape = tuple[int, int]  # function code, bytes of data
#: Where nothing that a unit has looks like no late reply, its other table does, whatever it says there.
OTHER_TABLE = {
    Area.HOLDING: Area.INPUT,
    Area.INPUT: Area.HOLDING,
    Area.COIL: Area.DISCRETE,
    Area.DISCRETE: Area.COIL,
}
MOST = 4  # replies of a unit id that can be on their way: who is further behind than that is not told


def shape_of(read: Read) -> Shape:
    """Return what a sound answer to a read looks like."""
    return read.area.function_code, data_bytes(read)


class Owed:
    """What one unit was asked and did not answer, in order, by its unit ids."""

    def __init__(self) -> None:
        self._asked: dict[int, list[tuple[Shape, float]]] = {}

    def shapes(self, unit_offset: int = 0) -> set[Shape]:
        """Return what the sound answers to what a unit id did not answer look like."""
        return {shape for shape, _ in self._asked.get(unit_offset, ())}

    def like(self, read: Read) -> bool:
        """Whether a sound answer to a read could be another's."""
        return shape_of(read) in self.shapes(read.unit_offset)

    def unanswered(self, read: Read, at_s: float) -> None:
        """Note that a read, asked at `at_s`, was not answered."""
        asked = self._asked.setdefault(read.unit_offset, [])
        asked.append((shape_of(read), at_s))
        del asked[:-MOST]

    def damaged(self, read: Read, at_s: float) -> None:
        """Note that something unsound was answered: it may be another's where something is owed."""
        if self._asked.get(read.unit_offset):
            self.unanswered(read, at_s)

    def answered(self, read: Read, at_s: float, *, refused: bool) -> bool:
        """Take an answer, `refused`: an exception; return whether it can be to this read alone."""
        asked, wanted = self._asked.get(read.unit_offset, []), shape_of(read)
        for place, (shape, _) in enumerate(asked):
            if shape[0] == wanted[0] and (refused or shape == wanted):
                self._asked[read.unit_offset] = [*asked[place + 1 :], (wanted, at_s)]
                return False
        self._asked.pop(read.unit_offset, None)
        return True

    def came_late(self, read: Read) -> None:
        """Take the answer to an unanswered read, told by its number: it is on its way no more."""
        asked = self._asked.get(read.unit_offset, [])
        if one := next((one for one in asked if one[0] == shape_of(read)), None):
            asked.remove(one)

    def forget(self, unit_offset: int, before_s: float) -> None:
        """Take for lost what was asked of a unit id before `before_s`."""
        left = [one for one in self._asked.get(unit_offset, ()) if one[1] >= before_s]
        self._asked[unit_offset] = left
