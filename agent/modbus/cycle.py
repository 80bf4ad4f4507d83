"""A candidate for the schedule, the connection to a unit, and a poll cycle, which ends as a frame."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import NamedTuple

import numpy as np

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.modbus.learned import Learned
from agent.modbus.ports import NO_REPLY
from agent.modbus.tries import Tries
from agent.modbus.verdict import Verdict
from agent.quality import Quality
from drivers.halves import Cut, cut_before, halves
from drivers.layout import Image, Layout
from drivers.plan import ReadPlan
from drivers.quantities import Poll
from drivers.registers import Read, Reply
from drivers.values import Span

STATE_PERIOD_S = 10.0  # points of the poll class "state"; safety points are read every cycle
CONNECT, PROBE = -1, -2  # purposes of a read that is not of the plan
REFUSED = Reply((), Quality.REFUSED)  # stands for what is not asked, since the unit refuses it
DUE_MOST = 32  # blocks that are asked again in one cycle: its frame waits for them
# Of a cycle that is longer than its period: what it may grow by, to learn what the unit refuses, of itself
# and of what is left until the deadline; and at least.
LEARN_SHARE, LEARN_OF_REST, LEARN_LEAST = 0.5, 0.5, 0.1


class Candidate(NamedTuple):
    """A read that a unit is to be asked: from when, until when, and whether it is for safety points.

    `purpose`: an index into the unit's plan, one beyond it for a part of its reads, or CONNECT or PROBE.
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
    state_left: frozenset[Span] = frozenset()  # those that the last cycle had no time for
    safety_from: Span | None = None  # the safety read with which the next cycle begins; None: the first one
    foreign: bool = False  # of another kind: its values are MISMATCH, only its identity is asked for
    reads: tuple[Read, ...] = field(init=False)
    safety: list[int] = field(init=False)
    state: list[int] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.layout.plan
        self.image, self.reads = self.layout.image(), plan.reads
        self.safety = [i for i in plan.order if plan.classes[i] is not Poll.STATE]
        self.state = [i for i in plan.order if plan.classes[i] is Poll.STATE]

    def cycle(self, release_s: float, now_s: float, resting: Collection[int], learned: Learned) -> "Cycle":
        """Begin a cycle; unit ids (by offset) that are `resting` are not asked, and say NO_REPLY.

        learned: what the unit refuses; that says REFUSED.
        """
        with_state = now_s >= self.state_at_s
        state = self._state_due() if with_state else []
        plan = self.layout.plan
        lacking = self._lacking(learned) if learned.blocks else set()
        reads, left_out = deque[int](), 0
        for index in (*self._safety_due(), *state):
            if self.reads[index].unit_offset in resting:
                self.image.store(index, NO_REPLY)
                left_out += 1
            elif index in lacking:
                self.image.store(index, REFUSED)
            else:
                reads.append(index)
        left = sum(index in self.safety for index in reads)
        cycle = Cycle(self, release_s, with_state, reads, left, learned, left_out=left_out)
        if not learned.blocks:
            return cycle
        pause_s = max(plan.pauses_ms, default=0.0) / 1e3
        homes = {plan.spans[index]: index for index in lacking if not plan.guarded(index)}
        asked = {plan.spans[index] for index in reads}
        due = (s for s in learned.due(now_s) if s.unit_offset not in resting and s not in asked)
        for span in islice(due, DUE_MOST):
            cycle.ask_part(Part(span, homes.get(span), pause_s))
        return cycle

    def _lacking(self, learned: Learned) -> set[int]:
        """Return the reads that are left out, for the unit refuses them."""
        lacking = {i for i, span in enumerate(self.layout.plan.spans) if learned.is_hole(span)}
        if self.safety and lacking.issuperset(self.safety):
            return set()  # who is asked nothing cannot say that it is better
        return lacking

    def _safety_due(self) -> list[int]:
        """Return the safety points' reads in order: they go on behind the read at which the last cycle ended.

        For it ends at a lost reply: what comes last would seldom have its turn on a line that loses many, and
        never where the unit does not answer one of them.
        """
        plan = self.layout.plan
        spans = [plan.spans[index] for index in self.safety]
        if self.safety_from not in spans or any(plan.again):  # factors are read round their values
            return self.safety
        at = spans.index(self.safety_from)
        return [*self.safety[at:], *self.safety[:at]]

    def _state_due(self) -> list[int]:
        """Return the state points' reads, in order: those that wait since the last cycle, else all."""
        spans = self.layout.plan.spans
        if not self.state_left:
            return self.state
        return [index for index in self.state if spans[index] in self.state_left] or self.state

    def frame(self, unit: str, rack: str, stamp: Stamp) -> Frame:
        """Make a frame of the words that have arrived."""
        if self.foreign:
            self.image.word_quality[:] = Quality.MISMATCH
        raw = np.zeros(self.layout.n, np.int64)
        quality = np.empty(self.layout.n, np.uint8)
        self.layout.decode(self.image, raw, quality)
        digest, _ = self.layout.schema
        return Frame(unit, rack, digest, stamp, raw, quality)


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked beside the plan: a half of its read `home`; None: its words are not kept."""

    span: Span
    home: int | None
    pause_s: float


@dataclass(slots=True, eq=False)
class Cycle:
    """One poll cycle: the reads for one frame, and how far they have come."""

    connection: Connection
    release_s: float
    with_state: bool
    pending: deque[int]
    left: int  # safety reads that were not answered yet
    learned: Learned
    parts: list[Part] = field(default_factory=list)
    later: deque[int] = field(default_factory=deque)  # parts to be asked when nothing of the plan is left
    cuts: set[Cut] = field(default_factory=set)  # where the plan's reads must be apart, as was found out
    out: int = 0  # requests on their way
    turn: int = 0  # of the last one, see `drivers.turns`
    tries: dict[int, Tries] = field(default_factory=dict)
    stamp: Stamp | None = None  # taken before the first request: no value is shown younger than it is
    read_s: float = inf  # when all safety points were read
    sound: bool = False  # a read has brought values
    busy: bool = False  # the unit asks for patience
    overran: bool = False
    left_out: int = 0  # reads of unit ids that are left alone
    missed: int | None = None  # the first safety read that was not answered

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask or to wait for."""
        return not self.pending and not self.later and not self.out

    def goes_on(self, now_s: float, deadline_s: float) -> bool:
        """Whether it must not end for the next one: its safety points are still being read, or they take so
        long that there is no other time to learn what the unit refuses.
        """
        if self.busy or self.left > 0:
            return not self.busy
        took_s = self.read_s - self.release_s
        rest_s = LEARN_OF_REST * (deadline_s - took_s)
        more_s = max(LEARN_LEAST * took_s, min(LEARN_SHARE * took_s, rest_s))
        return self.overran and bool(self.later) and now_s < self.read_s + more_s

    @property
    def unasked(self) -> int:
        """How many reads were due and were not made."""
        return self.left_out + sum(index in self.connection.safety for index in self.pending)

    @property
    def whole(self) -> bool:
        """Whether all safety points were read, and some values came."""
        return self.sound and not self.left

    def candidate(self, from_s: float, period_s: float) -> Candidate | None:
        """Return the next read; None: there is none, or reads of another turn are still on their way.

        from_s: when the unit may be asked.
        """
        queue = self.pending or self.later
        if not queue:
            return None
        index = queue[0]
        if self.out and self._turn_of(index) != self.turn:
            return None
        at_s = max(self.release_s, from_s)
        if index in self.connection.safety:
            return Candidate(index, at_s, self.release_s + period_s, safety=True)
        since_s = self.release_s if index >= len(self.connection.reads) else self.connection.state_at_s
        return Candidate(index, at_s, since_s + STATE_PERIOD_S)

    def ask(self, clock: Clock) -> tuple[Read, float]:
        """Return the next read, which goes out now, and the silence to keep after it, s."""
        index = (self.pending or self.later).popleft()
        self.out += 1
        self.turn = self._turn_of(index)
        self.stamp = self.stamp or clock.stamp()
        plan = self.connection.layout.plan
        if (part := self._part(index)) is not None:
            return plan.read_of(part.span), part.pause_s
        return self.connection.reads[index], plan.pauses_ms[index] / 1e3

    def ask_part(self, part: Part) -> None:
        """Ask a part too, before the others that wait."""
        self.later.appendleft(len(self.connection.reads) + len(self.parts))
        self.parts.append(part)

    def read_of_parts(self) -> list[Read]:
        """Return what is asked, or was, beside the plan."""
        return [self.connection.layout.plan.read_of(part.span) for part in self.parts]

    def _part(self, index: int) -> Part | None:
        of_plan = len(self.connection.reads)
        return self.parts[index - of_plan] if index >= of_plan else None

    def _turn_of(self, index: int) -> int:
        turns = self.connection.layout.plan.turns
        return turns[index] if index < len(turns) else len(turns)

    def _span_of(self, index: int) -> Span:
        part = self._part(index)
        return self.connection.layout.plan.spans[index] if part is None else part.span

    def came_back(self, index: int, *, asked: bool = True) -> int:
        """Note that a read is not on its way any more; return how often it was tried (see `Tries`)."""
        self.out -= 1
        return self.tries.setdefault(index, Tries()).count(asked=asked)

    def ask_again(self, index: int) -> None:
        """Ask a read once more, before the others."""
        self.pending.appendleft(index)

    def take(self, index: int, reply: Reply, verdict: Verdict, now_s: float) -> None:
        """Put the answer to a read in its place."""
        self._store(index, reply)
        self.busy = verdict is Verdict.BUSY
        if self.busy:
            self.ask_again(index)
            return
        if verdict is Verdict.SOUND:
            self.sound = True
            self.learned.answered(self._span_of(index))
        elif verdict is Verdict.ILLEGAL:
            self._refused(index, reply.exception_code or 0, now_s)
        self.left -= index in self.connection.safety
        self.read_s = min(self.read_s, now_s) if not self.left else inf

    def fail(self, index: int) -> None:
        """Note that a read was not answered."""
        self._store(index, NO_REPLY)
        if self.missed is None and index in self.connection.safety:
            self.missed = index

    def give_up(self, index: int) -> None:
        """Note that a read was not answered, and ask nothing more of its unit id in this cycle."""
        offset = self._span_of(index).unit_offset
        for queue in (self.pending, self.later):
            for other in [i for i in queue if self._span_of(i).unit_offset == offset]:
                queue.remove(other)
                self._unread(other)
                self.left_out += 1
        self._unread(index)

    def _unread(self, index: int) -> None:
        self._store(index, NO_REPLY)
        self.left -= index in self.connection.safety

    def _store(self, index: int, reply: Reply) -> None:
        image, part = self.connection.image, self._part(index)
        if part is None:
            image.store(index, reply)
        elif part.home is not None:
            first = part.span.first - self.connection.layout.plan.spans[part.home].first
            image.store_part(part.home, first, part.span.count, reply)

    def _refused(self, index: int, code: int, now_s: float) -> None:
        """Ask what was refused in halves, when nothing of the plan is left to be asked."""
        plan, part, span, learned = (
            self.connection.layout.plan,
            self._part(index),
            self._span_of(index),
            self.learned,
        )
        pieces = None if span in learned.blocks else halves(span, plan.needs)
        if pieces is None:
            learned.refused(span, code, now_s)
            return
        if not learned.may_halve(now_s):
            return
        learned.halved(span, pieces, code)
        self.cuts.add(cut_before(pieces[1]))
        home = index if part is None else part.home
        if part is None and plan.guarded(index):
            home = None  # what says how values read must come with them
        pause_s = plan.pauses_ms[index] / 1e3 if part is None else part.pause_s
        for piece in reversed(pieces):
            self.ask_part(Part(piece, home, pause_s))

    def forget(self) -> None:
        """Drop what was read: it may be another unit's."""
        self.connection.image.begin_cycle()
        self.sound = False

    def end(self, now_s: float) -> tuple[Connection | None, str]:
        """Return the connection to go on with; None, and why, where what was read has lost its meaning."""
        connection, image = self.connection, self.connection.image
        if changed := connection.layout.changed_guards(image) if self.sound else None:
            image.begin_cycle()  # a scale factor moved: it no longer means what the schema says
            return None, "; ".join(changed)
        plan = self._plan(now_s)
        going_on = connection
        if plan is not connection.layout.plan:
            going_on = Connection(connection.layout.read_by(plan))
        going_on.state_at_s, going_on.state_left = connection.state_at_s, frozenset()
        going_on.safety_from = self._safety_from()
        if self.with_state:
            unread = [i for i in self.pending if i in connection.state]
            if not unread and not self.out:
                going_on.state_at_s = self.release_s + STATE_PERIOD_S
            elif not any(connection.layout.plan.again):  # else factors would not be read round their values
                going_on.state_left = frozenset(map(self._span_of, unread))
        return going_on, ""

    def _safety_from(self) -> Span | None:
        """Return the safety read with which to go on: the one behind that which was not answered, else the
        first that was not made.
        """
        safety = self.connection.safety
        if self.missed is not None:
            return self._span_of(safety[(safety.index(self.missed) + 1) % len(safety)])
        return next((self._span_of(index) for index in self.pending if index in safety), None)

    def _plan(self, now_s: float) -> ReadPlan:
        """Return the plan to go on with: apart where reads were refused; once all is known, the best one."""
        plan = self.connection.layout.plan
        if self.cuts:
            return plan.apart(self.cuts)
        if self.learned.close(now_s) and plan.cuts != (wanted := self.learned.cuts):
            return plan.with_cuts(wanted)
        return plan
