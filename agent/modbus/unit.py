"""One polled unit: what it is to be asked next, what its answers mean, and what is remembered of it. Pure.

A unit is never waited for: it names a candidate, is asked, and is told what came of it. `states` says what it
can be asked, `Patience` when, `Identification` who it is, `Cycle` what is left to read for its next frame.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from math import floor, inf
from types import MappingProxyType

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.intervals import Intervals
from agent.modbus.adu import data_bytes
from agent.modbus.came import NOT_YET, NOTHING, Came, Kind
from agent.modbus.cycle import CONNECT, PROBE, Candidate, Connection, Cycle
from agent.modbus.due import Due
from agent.modbus.identification import Conclusion, Identification
from agent.modbus.identity_share import IdentityShare
from agent.modbus.lately import Lately, too_late
from agent.modbus.learned import Learned
from agent.modbus.patience import Patience
from agent.modbus.phase import next_release_s, phase_of
from agent.modbus.ports import NO_REPLY, SILENCE, Answer
from agent.modbus.read_request import Outcome, ReadRequest
from agent.modbus.refusals import Refusals
from agent.modbus.repeats import Repeats
from agent.modbus.sameness import Said, Sameness
from agent.modbus.states import CONVERSING, KNOWN, POLLED, PROBED, Event, State, after
from agent.modbus.tries import Tries
from agent.modbus.verdict import Counters, Verdict, verdict_of
from agent.quality import Quality
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

log = logging.getLogger(__name__)

ILLEGAL_ADDRESS = 2  # an exception
STABLE_S = 60.0  # a unit that was well for so long: what happens to it then is news
BACK_MOST = 4  # cycles that answers to probes begin within a period: some answer those, and nothing else
CUT_OFF_MOST = 3  # within one cycle, before a read is given up


@dataclass(eq=False)
class Unit:
    """A unit as configured, and the state of talking to it; its reads are planned for `line`.

    `connected` is called with each new layout, before any frame that is read with it; `emit` with every frame
    and its layout; `mismatch` with what is wrong when the unit is not what its profile describes, and with ""
    when it is; `exchanged` with what it was and is when another one is there. `timeout_s`: the longest that
    it may take to begin an answer. `has_transaction_ids`: its port knows a late reply by its number. `known`:
    what told it from others when it was read last. `instance`: which one of several behind a gateway that
    shifts addresses. `deadline_s`: within it every safety point must be read again. `unseen`: it was out of
    sight when the agent ended last. All times are CLOCK_BOOTTIME, s.
    """

    name: str
    rack: str
    unit_id: int
    profile: Profile
    line: Line
    period_s: float
    timeout_s: InitVar[float]
    has_transaction_ids: InitVar[bool]
    clock: Clock
    connected: Callable[["Unit", Layout], object]
    emit: Callable[[Frame, Layout], None]
    mismatch: Callable[["Unit", str], None] = lambda _unit, _said: None
    exchanged: Callable[["Unit", str], None] = lambda _unit, _said: None
    refuses: Callable[["Unit"], None] = lambda _unit: None
    known: InitVar[Mapping[str, Said]] = MappingProxyType({})
    instance: InitVar[int] = 1
    deadline_s: InitVar[float] = 10.0
    unseen: bool = False
    counters: Counters = field(default_factory=Counters)
    due: Due = field(default_factory=Due)
    trouble: str = NOT_YET
    came: Came = NOTHING  # in place of values, last
    heard_s: float | None = None  # when the last whole set of safety points was asked for
    release_s: float = 0.0  # when the next cycle begins
    asked_ids: set[int] = field(default_factory=set)
    connection: Connection | None = None  # its own in a state of `KNOWN`, else none, or foreign
    state: State = State.UNKNOWN
    _refusals: Refusals = field(default_factory=Refusals)
    learned: Learned = field(default_factory=Learned)
    _given: set[Read] = field(default_factory=set)  # reads that brought values
    _doubted: Read | None = None  # one of them that was refused by the last answer
    _repeats: Repeats = field(default_factory=Repeats)
    identity_share: IdentityShare | None = None  # of its line
    _well_s: float = 0.0  # since when nothing is wrong with it
    _back_s: float = -inf  # when the answer to a probe began a cycle last
    _cycle: Cycle | None = None

    def __post_init__(
        self,
        timeout_s: float,
        has_transaction_ids: bool,
        known: Mapping[str, Said],
        instance: int,
        deadline_s: float,
    ) -> None:
        self.intervals, self._phase = Intervals(deadline_s), phase_of(self.name)
        self.patience, self.lately = Patience(timeout_s, has_transaction_ids), Lately(timeout_s)
        same = Sameness(dict(known))
        self._identification = Identification(self.profile, self.line, instance, same, self.patience)

    @property
    def marks(self) -> Mapping[str, Said]:
        """What tells it from others, by label."""
        return self._identification.same.known

    @property
    def pace_s(self) -> float:
        """How often values really come: once per period, or less where the line or the unit is slow."""
        return max(self.period_s, self.intervals.pace_s)

    def _happened(self, event: Event) -> None:
        self.state = after(self.state, event)

    # ---- time

    def advance(self, now_s: float, *, can_ask: bool) -> None:
        """Begin the cycle that is due, and end the one before it.

        A cycle whose safety points are still being read goes on, and the next one is dropped: values are not
        bunched. A silent unit, or one whose port is not open, is not asked, and its frame says just that.
        """
        if can_ask:
            self._identify(now_s)
        if now_s < self.release_s:
            return
        missed, cycle = floor((now_s - self.release_s) / self.period_s), self._cycle
        if cycle is not None and can_ask and cycle.goes_on(now_s, self.intervals.deadline_s):
            cycle.overran = True
            self.counters.late_cycles += missed + 1
            self.release_s += (missed + 1) * self.period_s
            return
        if cycle is not None:
            self._end_cycle(now_s)
        self.due.cycle_begins(now_s, missed * self.period_s, self.counters)
        release_s = self.release_s
        self.release_s = self._next_release_s(release_s + missed * self.period_s)
        self.counters.cycles += 1
        self.counters.late_cycles += missed
        if self.connection is not None:
            self._begin_cycle(self.connection, release_s, now_s, can_ask=can_ask)

    def _next_release_s(self, release_s: float) -> float:
        if not self.patience.alone:
            return release_s + self.period_s
        return next_release_s(release_s, self.period_s, self._phase)

    def _begin_cycle(self, connection: Connection, release_s: float, now_s: float, *, can_ask: bool) -> None:
        connection.image.begin_cycle()
        if can_ask and self.state in POLLED and now_s >= self.patience.values_s:
            resting = self.patience.sub_units.resting(now_s)
            self._cycle = connection.cycle(release_s, now_s, resting, self.learned)
            return
        if self.patience.in_vain:
            connection.image.word_quality[:] = Quality.NO_REPLY
        self._emit(connection, self.clock.stamp())

    def candidate(self) -> Candidate | None:
        """Return what the unit is to be asked next; None: nothing, or an answer must come first."""
        if self._cycle is not None and self.state is State.POLLING:
            return self._cycle.candidate(self.patience.next_s, self.period_s)
        return self.patience.candidate(self.state, self.period_s, self._identification.read)

    @property
    def _plan(self) -> tuple[Read, ...]:
        parts = self._cycle.read_of_parts() if self._cycle else ()
        return (*(self.connection.reads if self.connection else ()), *parts)

    def owed(self) -> set[tuple[int, int]]:
        """Return function code and data length of every reply that may still be on its way."""
        reads = [*self._plan, self._identification.read]
        return {(read.area.function_code, data_bytes(read)) for read in reads if read}

    def request(self, candidate: Candidate, now_s: float) -> ReadRequest:
        """Return the request that was chosen; it goes out now."""
        self.counters.reads += 1
        patience, purpose, read = self.patience, candidate.purpose, self._identification.read
        timeout_s, pause_s, cycle = patience.timeout_s, 0.0, None
        if purpose == PROBE:
            read = patience.probe(self._plan, read, now_s)
            timeout_s = patience.probe_timeout_s
        elif purpose != CONNECT:
            cycle = self._cycle
            assert cycle is not None
            read, pause_s = cycle.ask(self.clock)
        assert read is not None
        patience.waiting = cycle is None
        unit_id = self.unit_id + read.unit_offset
        self.asked_ids.add(unit_id)
        return ReadRequest(unit_id, purpose, read, timeout_s, pause_s, now_s, cycle)

    # ---- answers

    def answered(self, request: ReadRequest, answer: Answer, now_s: float) -> None:
        """Take what came of a request."""
        verdict = said = verdict_of(answer)
        doubted, self._doubted = self._doubted, None
        if doubted and verdict is Verdict.ILLEGAL:  # in the place of what would have been given all the same
            self.patience.owed.came_late(doubted)
        others = self._plan if request.purpose == PROBE else None
        if not self.patience.is_answer(request.read, request.at_s, verdict, others):
            if others is not None:
                self.counters.count(verdict)
                self.patience.unclear(now_s)
                return
            answer, verdict = Answer(NO_REPLY, unheard=answer.came), Verdict.SILENT
            said = Verdict.SILENT if said is Verdict.SOUND else said  # an exception was said, to whatever
        self._doubt_refusal(request, verdict)
        outcome = Outcome(request, answer.reply, verdict, now_s, answer.came, answer.asked)
        self.counters.count(said)
        if outcome.asked:
            self.lately.ended(said, outcome.came, request.read)
        if not outcome.unheard and answer.response_s is not None:
            self._refusals.answered(request.read)
        same, who = self._identification.same, request.purpose == CONNECT
        # a gateway may refuse, or be busy, for a unit that is away
        if verdict is Verdict.SOUND and same.heard(now_s, self.pace_s, who=who, may=self._may_ask_who(now_s)):
            self._is_back(request, now_s)
        self.patience.answered(outcome, answer.response_s)
        if request.purpose == PROBE:
            self._probed(outcome)
        elif request.purpose == CONNECT:
            self._identified(outcome)
        elif request.cycle is not None and request.cycle is self._cycle:  # else its frame is out already
            self._polled(outcome, request.cycle)

    def _doubt_refusal(self, request: ReadRequest, verdict: Verdict) -> None:
        """Hold a read for unanswered that is refused and was given last time: it may be given all the same,
        and where replies carry no number the next one of its shape would be taken for another's.
        """
        if self.patience.has_transaction_ids:
            return  # its port sees to that
        if verdict is Verdict.SOUND:
            self._given.add(request.read)
        elif verdict is Verdict.ILLEGAL and request.read in self._given:
            self._doubted = request.read
            self._given.discard(request.read)  # who goes on refusing has no silence for each
            self.patience.owed.unanswered(request.read, request.at_s)

    def _is_back(self, request: ReadRequest, now_s: float) -> None:
        """Drop what this cycle has brought: it may be another unit's."""
        self.learned.ask_again(now_s)
        cycle = request.cycle
        if cycle is not None and cycle is self._cycle and cycle.connection.layout.marks:
            cycle.forget()
            self._end_cycle(now_s)
            self.release_s = min(self.release_s, now_s)

    def carried(self, unit_id: int, read: Read, answer: Answer, at_s: float) -> None:
        """Note what came of a person's read of this unit: its reply, too, may still be on its way."""
        asked = replace(read, unit_offset=unit_id - self.unit_id)
        self.patience.is_answer(asked, at_s, verdict_of(answer))

    def heard_late(self, response_s: float, now_s: float) -> None:
        """Note that a reply came after its time-out: where replies are numbered, it answers a probe too."""
        self.counters.late_replies += 1
        self.patience.heard_late(response_s)
        self.lately.came_late(response_s)
        if self.state in PROBED and self.patience.has_transaction_ids and not self.patience.waiting:
            self.patience.is_back(now_s)
            self._happened(Event.ANSWERED_PROBE)
            self.release_s = min(self.release_s, now_s)

    def port_lost(self) -> None:
        """Note that the port broke: what was asked will not be answered, and that is not the unit's fault."""
        self.patience.waiting = False
        self._happened(Event.BROKEN_OFF)
        if self._cycle is not None:
            self._end_cycle(self.clock.boottime_s())

    def cut_off(self, request: ReadRequest, now_s: float) -> None:
        """Note that the port was lost under a request after it had brought answers: it is asked once more.

        Not where the request has shown before that the unit refuses it by closing, and not for ever.
        """
        cycle = request.cycle
        of_cycle = cycle.tries.get(request.purpose, Tries()) if cycle else None
        tries = (of_cycle or self._identification.tries).made
        if self._refusals.by_closing(request.read):
            self.answered(request, Answer(Reply((), Quality.REFUSED, ILLEGAL_ADDRESS)), now_s)
        elif request.purpose == PROBE:
            self.patience.probe_cut_off(now_s)
        elif tries >= CUT_OFF_MOST:
            self.answered(request, SILENCE, now_s)
        elif cycle is None:
            self.patience.waiting = False
            self._identification.tries.count()
        elif cycle is self._cycle:
            cycle.came_back(request.purpose)
            cycle.ask_again(request.purpose)

    def closed_by(self, read: Read) -> None:
        """Note that a request was cut off, and once more when it was the first on a new connection."""
        if self._refusals.closed_by(read):
            text = "unit %s: closes instead of answering %s %d, %d long; that is taken for a refusal"
            log.warning(text, self.name, read.area, read.address, read.count)

    def reconnected(self, now_s: float, *, habit: bool) -> None:
        """Note that the port was opened. habit: it was closed again and again by the other side."""
        self._identification.same.doubt(now_s, habit=habit)
        if not habit:
            self.learned.ask_again(now_s)

    def _probed(self, outcome: Outcome) -> None:
        if self.state in CONVERSING and not (outcome.unheard and self._identification.in_vain()):
            return  # it goes on where it was
        if outcome.unheard:
            self._fell_silent(outcome)
            return
        self.patience.probed(outcome.request.read)
        self._happened(Event.ANSWERED_PROBE)
        if outcome.at_s >= self._back_s + self.period_s / BACK_MOST:
            self._back_s = outcome.at_s
            self.release_s = min(self.release_s, max(outcome.at_s, self.patience.values_s))

    def _fell_silent(self, outcome: Outcome, trouble: str = "") -> None:
        """Leave the unit alone for a while: it did not answer, or not as the unit that it should be."""
        came = self._came_of(outcome)
        something = outcome.unheard and came.kind is not Kind.NOTHING
        if something or (not trouble and self.connection is not None):
            trouble, self.came = came.words, came
        if outcome.unheard and self._is_foreign:
            trouble = self.trouble
        self._warn(trouble or self.trouble, outcome.at_s)
        self.patience.fell_silent(outcome)
        self._happened(Event.LOST if outcome.unheard else Event.BROKEN_OFF)

    def _came_of(self, outcome: Outcome) -> Came:
        """Return what came of a request, or what costs many of the last ones, of which it is one."""
        came = outcome.came
        if self.patience.is_there and came.kind is not Kind.OTHER_MASTER:
            return self.lately.cost or came
        late = self.lately.always
        return too_late(late, came.frames) if came.kind is Kind.NOTHING and late.times else came

    def _warn(self, trouble: str, now_s: float) -> None:
        """Note what is wrong, and log it where it is news."""
        if not self.trouble and now_s - self._well_s > STABLE_S:
            self._repeats.forget()
        if trouble != self.trouble and (line := self._repeats.again(trouble, now_s)):
            log.warning("unit %s: %s", self.name, line)
        self.trouble = trouble

    def _relieved(self, trouble: str, now_s: float) -> None:
        """Note what is still wrong with a unit that has answered."""
        if self.trouble and not trouble:
            self._well_s = now_s
            said = "answers" if self.trouble == NOT_YET else "answers again"
            if line := self._repeats.again(said, now_s):
                log.info("unit %s: %s", self.name, line)
        self.trouble = trouble

    # ---- what it is

    @property
    def _is_foreign(self) -> bool:
        """Whether it is of another kind, and there: what was lost on the way to it says nothing new."""
        return self.connection is not None and self.connection.foreign and self.patience.is_there

    def _identify(self, now_s: float) -> None:
        """Begin to ask what the unit is, or whether it is still the same, when that is due."""
        same, connection = self._identification.same, self.connection
        if self.state is State.UNKNOWN and now_s >= self.patience.who_s:
            self._ask_who(now_s)
        elif self.state is State.POLLING and same.due(
            now_s,
            self.pace_s,
            between=self._cycle is None or not self._cycle.left,
            may=self._may_ask_who(now_s),
        ):
            assert connection is not None
            if self._identification.begin_mark(connection.layout, now_s):
                self._happened(Event.ASKED_MARK)

    def _may_ask_who(self, now_s: float) -> bool:
        """Whether the line has time for it: one that loses replies has little."""
        return not self.patience.loses or self.identity_share is None or self.identity_share.allows(now_s)

    def _ask_who(self, now_s: float) -> None:
        """Begin to ask for all that tells what the unit is."""
        if self._cycle is not None:
            self._end_cycle(now_s)
        self._identification.cuts = self.learned.cuts
        conclusion = self._identification.begin(now_s)
        if conclusion.event is not Event.BROKEN_OFF:
            self._happened(Event.ASKED_WHO)
            self._concluded(conclusion, now_s)
            return
        self._happened(Event.BROKEN_OFF)
        if self.trouble != conclusion.text:
            log.error("unit %s: cannot be polled: %s", self.name, conclusion.text)
        self.trouble = conclusion.text

    def _identified(self, outcome: Outcome) -> None:
        """Take what came of a read of the identification."""
        if self.state not in CONVERSING or outcome.request.read != self._identification.read:
            return  # it was broken off, or begun anew, meanwhile
        something = outcome.unheard and self.connection is None and outcome.came.kind is not Kind.NOTHING
        if outcome.verdict is Verdict.BUSY or something:
            self.trouble, self.came = outcome.came.words, outcome.came
        known = self.connection.layout if self.connection else None
        conclusion = self._identification.answered(outcome, known)
        if not (outcome.unheard and self._is_foreign):
            self._concluded(conclusion, outcome.at_s)
        if conclusion.event in (Event.OTHER_KIND, Event.BROKEN_OFF):
            text, wrong = conclusion.text, self._identification.wrong
            if wrong is not None and conclusion.event is Event.BROKEN_OFF:
                text, self.came = wrong.words, wrong
            self._fell_silent(outcome, text)

    def _concluded(self, conclusion: Conclusion, now_s: float) -> None:
        """Act on what the identification has shown."""
        event, layout, text = conclusion
        if event is Event.ASKED_WHO:
            self._ask_who(now_s)
        elif event is Event.UNDERSTOOD and layout is not None:
            self._understood(layout, text, now_s)
        elif event is Event.OTHER_KIND and layout is not None:
            if self.connection is None or not self.connection.foreign:
                self._connect(layout, foreign=True)
            self._happened(event)
            self.mismatch(self, text)
        elif event is Event.BROKEN_OFF and self.state not in KNOWN:
            self.connection = None
        elif event in (Event.ASKED_MARK, Event.VOUCHED):
            self._happened(event)

    def _understood(self, layout: Layout, exchanged: str, now_s: float) -> None:
        if exchanged:
            self.patience.exchanged()
            self.exchanged(self, exchanged)
        for note in layout.notes:
            log.warning("unit %s: %s", self.name, note)
        self.learned.begin(layout)
        self._connect(layout)
        self._happened(Event.UNDERSTOOD)
        self.mismatch(self, "")
        self.release_s = now_s
        if layout.plan.reads and self.patience.must_probe(layout.plan.reads[0]):
            self._happened(Event.LOST)
            self.release_s += self.period_s

    def _connect(self, layout: Layout, *, foreign: bool = False) -> None:
        """Go on with a new layout, and announce it."""
        self._given.clear()
        self.connected(self, layout)
        self.connection = Connection(layout, foreign=foreign)

    # ---- values

    def _polled(self, outcome: Outcome, cycle: Cycle) -> None:
        """Take what came of a read of the plan."""
        index, offset, now_s = outcome.request.purpose, outcome.request.read.unit_offset, outcome.at_s
        patience, verdict = self.patience, outcome.verdict
        tries = cycle.came_back(index, asked=outcome.asked)
        if patience.worth_another(verdict, tries):
            cycle.ask_again(index)
        elif not outcome.unheard:
            cycle.take(index, outcome.reply, verdict, now_s)
            patience.answers(offset)
            trouble, cost = patience.sub_units.trouble(self.unit_id), self.lately.cost
            if not trouble and cost and patience.is_there:
                trouble, self.came = cost.words, cost
            if trouble or cycle.sound:
                self._relieved(trouble, now_s)
            if cycle.busy:
                self.came = self._came_of(outcome)
                self.trouble = self.came.words
                patience.busy(now_s)
        elif patience.goes_on_without(offset, cycle.connection.reads, now_s):
            cycle.give_up(index)
            self._warn(patience.sub_units.trouble(self.unit_id), now_s)
        else:
            cycle.fail(index)
            self._fell_silent(outcome)
            self._end_cycle(now_s)  # the rest is not asked: a silent unit must not cost the others more
            return
        if cycle.done:
            if not cycle.sound and verdict in (Verdict.ILLEGAL, Verdict.FAILED):
                self.came = outcome.came
                self._warn(outcome.came.words, now_s)
            self._end_cycle(now_s)

    # ---- frames

    def _end_cycle(self, now_s: float) -> None:
        """Make the cycle's frame of what has come."""
        cycle, self._cycle = self._cycle, None
        assert cycle is not None
        self.due.unasked += cycle.unasked
        stamp = cycle.stamp or self.clock.stamp()
        self.connection, changed = cycle.end(now_s)
        self._tell_refused(cycle.connection)
        if changed:
            log.warning("unit %s: %s; connecting anew", self.name, changed)
            self._happened(Event.CHANGED)
            self.patience.changed(now_s, self.period_s)
        elif cycle.whole:
            self.heard_s = stamp.boottime_ns / 1e9
            self.intervals.add(now_s)
        if cycle.overran:
            self.release_s = now_s  # the period is too short: what the replies allow, then
        self._emit(cycle.connection, stamp)

    def _tell_refused(self, before: Connection) -> None:
        """Log a plan that is another one because of what was refused, and announce what the unit refuses."""
        if self.connection is not None and self.connection is not before:
            was, now = len(before.reads), len(self.connection.reads)
            log.info("unit %s: some of %d reads were refused; now read in %d", self.name, was, now)
        if self.learned.news:
            self.learned.news = False
            self.refuses(self)

    def _emit(self, connection: Connection, stamp: Stamp) -> None:
        frame = connection.frame(self.name, self.rack, stamp)
        self.patience.in_vain = False
        self.counters.frames += 1
        self.emit(frame, connection.layout)
