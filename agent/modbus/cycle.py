"""What passes between a unit and the schedule: a candidate, and a poll cycle on its way to a frame."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from agent.clock import Stamp
from agent.frame import Frame
from agent.modbus.ports import NO_REPLY
from agent.quality import Quality
from drivers.layout import Image, Layout
from drivers.quantities import Poll
from drivers.registers import Read

CONNECT, PROBE = -1, -2  # purposes of a read that is not of the plan


@dataclass(frozen=True, slots=True)
class Candidate:
    """A read that a unit is to be asked: from when, until when, and whether it is for safety points.

    `purpose`: an index into the unit's plan, or CONNECT or PROBE.
    """

    purpose: int
    at_s: float
    deadline_s: float
    safety: bool = False


@dataclass(slots=True, eq=False)
class Connection:
    """A unit that was understood: its layout, and where its words arrive."""

    layout: Layout
    image: Image = field(init=False)
    state_at_s: float = 0.0  # when the state points are due again
    foreign: bool = False  # another kind of unit: its values are MISMATCH, and it is only asked who it is
    reads: tuple[Read, ...] = field(init=False)
    safety: list[int] = field(init=False)
    state: list[int] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.layout.plan
        self.image, self.reads = self.layout.image(), plan.reads
        self.safety = [i for i in plan.order if plan.classes[i] is not Poll.STATE]
        self.state = [i for i in plan.order if plan.classes[i] is Poll.STATE]

    def cycle(self, release_s: float, now_s: float, resting: Collection[int]) -> "Cycle":
        """Begin a cycle; unit ids (by offset) that are `resting` are not asked, and say NO_REPLY."""
        with_state = now_s >= self.state_at_s
        reads = deque[int]()
        for index in (*self.safety, *(self.state if with_state else ())):
            if self.reads[index].unit_offset in resting:
                self.image.store(index, NO_REPLY)
            else:
                reads.append(index)
        left = sum(index in self.safety for index in reads)
        return Cycle(self, release_s, with_state, reads, left)

    def frame(self, unit: str, rack: str, stamp: Stamp) -> Frame:
        """Make a frame of the words that have arrived."""
        if self.foreign:
            self.image.word_quality[:] = Quality.MISMATCH
        raw = np.zeros(self.layout.n, np.int64)
        quality = np.empty(self.layout.n, np.uint8)
        self.layout.decode(self.image, raw, quality)
        digest, _ = self.layout.schema
        return Frame(unit, rack, digest, stamp, raw, quality)


@dataclass(slots=True, eq=False)
class Cycle:
    """One poll cycle."""

    connection: Connection
    release_s: float
    with_state: bool
    pending: deque[int]
    left: int  # safety reads that were not answered yet
    out: int = 0  # requests on their way
    turn: int = 0  # of the last one, see `drivers.turns`
    tries: dict[int, int] = field(default_factory=dict)
    stamp: Stamp | None = None  # taken before the first request: no value is shown younger than it is
    after: Connection | None = None  # the connection to go on with, where a refused read was taken apart
    sound: bool = False  # a read has brought values
    busy: bool = False  # the unit asks for patience
    overran: bool = False

    @property
    def must_wait(self) -> bool:
        """Whether the next read is of another turn than those that are on their way."""
        return self.out > 0 and self.connection.layout.plan.turns[self.pending[0]] != self.turn

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask or to wait for."""
        return not self.pending and not self.out

    def give_up(self, index: int) -> None:
        """A read was not answered: ask nothing more of its unit id in this cycle."""
        connection = self.connection
        offset = connection.reads[index].unit_offset
        rest = [i for i in self.pending if connection.reads[i].unit_offset == offset]
        for other in rest:
            connection.image.store(other, NO_REPLY)
            self.pending.remove(other)
        self.left -= sum(i in connection.safety for i in (index, *rest))
