"""A candidate for the schedule, the connection to a unit, and a poll cycle, which ends as a frame."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.modbus.ports import NO_REPLY
from agent.modbus.verdict import Verdict
from agent.quality import Quality
from drivers.halves import Cut
from drivers.layout import Image, Layout
from drivers.quantities import Poll
from drivers.registers import Read, Reply

STATE_PERIOD_S = 10.0  # points of the poll class "state"; safety points are read every cycle
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
    foreign: bool = False  # of another kind: its values are MISMATCH, only its identity is asked for
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
    """One poll cycle: the reads for one frame, and how far they have come."""

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
    def done(self) -> bool:
        """Whether nothing is left to ask or to wait for."""
        return not self.pending and not self.out

    @property
    def goes_on(self) -> bool:
        """Whether its safety points are still being read: it must not end for the next one."""
        return self.left > 0 and not self.busy

    @property
    def whole(self) -> bool:
        """Whether all safety points were read, and some values came."""
        return self.sound and not self.left

    def candidate(self, from_s: float, period_s: float) -> Candidate | None:
        """Return the next read; None: there is none, or reads of another turn are still on their way.

        from_s: when the unit may be asked.
        """
        if not self.pending:
            return None
        index, turns = self.pending[0], self.connection.layout.plan.turns
        if self.out and turns[index] != self.turn:
            return None
        at_s = max(self.release_s, from_s)
        if index in self.connection.safety:
            return Candidate(index, at_s, self.release_s + period_s, safety=True)
        return Candidate(index, at_s, self.connection.state_at_s + STATE_PERIOD_S)

    def ask(self, clock: Clock) -> tuple[Read, float]:
        """Return the next read, which goes out now, and the silence to keep after it, s."""
        index, plan = self.pending.popleft(), self.connection.layout.plan
        self.out += 1
        self.turn = plan.turns[index]
        self.stamp = self.stamp or clock.stamp()
        return self.connection.reads[index], plan.pauses_ms[index] / 1e3

    def came_back(self, index: int) -> int:
        """Note that a read is not on its way any more; return how often it was tried."""
        self.out -= 1
        self.tries[index] = self.tries.get(index, 0) + 1
        return self.tries[index]

    def ask_again(self, index: int) -> None:
        """Ask a read once more, before the others."""
        self.pending.appendleft(index)

    def take(self, index: int, reply: Reply, verdict: Verdict) -> None:
        """Put the answer to a read in its place."""
        self.connection.image.store(index, reply)
        self.busy = verdict is Verdict.BUSY
        if self.busy:
            self.ask_again(index)
            return
        self.sound |= verdict is Verdict.SOUND
        self.left -= index in self.connection.safety

    def fail(self, index: int) -> None:
        """Note that a read was not answered."""
        self.connection.image.store(index, NO_REPLY)

    def give_up(self, index: int) -> None:
        """Note that a read was not answered, and ask nothing more of its unit id in this cycle."""
        connection = self.connection
        offset = connection.reads[index].unit_offset
        rest = [i for i in self.pending if connection.reads[i].unit_offset == offset]
        for other in rest:
            self.pending.remove(other)
        for unread in (index, *rest):
            connection.image.store(unread, NO_REPLY)
            self.left -= unread in connection.safety

    def forget(self) -> None:
        """Drop what was read: it may be another unit's."""
        self.connection.image.begin_cycle()
        self.sound = False

    def part(self, index: int) -> tuple[frozenset[Cut], str] | None:
        """Take a refused read apart, from the next cycle on.

        Return where reads must be apart from now on, and what was parted, in words; None where nothing is.
        """
        parted = self.connection.layout.split(index) if self.after is None else None
        if parted is None:
            return None
        layout, note = parted
        self.after = Connection(layout)
        return layout.plan.cuts, note

    def end(self) -> tuple[Connection | None, str]:
        """Return the connection to go on with; None, and why, where what was read has lost its meaning."""
        connection, image = self.connection, self.connection.image
        if changed := connection.layout.changed_guards(image) if self.sound else None:
            image.begin_cycle()  # a scale factor moved: it no longer means what the schema says
            return None, "; ".join(changed)
        going_on = self.after or connection
        going_on.state_at_s = connection.state_at_s
        if self.with_state and self.done:
            going_on.state_at_s = self.release_s + STATE_PERIOD_S
        return going_on, ""
