"""One polled unit: what it is to be asked next, what its answers mean, and what is remembered of it. Pure.

A unit is never waited for: it names a candidate, is asked, and is told what came of it. What it can be asked
is its state, see `states`. One that falls silent is probed, after longer and longer pauses, with a read so
short that its reply cannot be taken for the one that is missing: on a line without transaction ids, a unit
that answers in turn has by then said what it still had to say, however late. One that answers out of turn is
covered by time: see `timing.overdue_s`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from math import floor, inf
from types import MappingProxyType

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.intervals import Intervals
from agent.modbus.adu import data_bytes
from agent.modbus.cycle import CONNECT, PROBE, Candidate, Connection, Cycle
from agent.modbus.identification import Conversation, shared
from agent.modbus.overheard import ANOTHER_MASTER, REMEDY
from agent.modbus.ports import NO_REPLY, SILENCE, Answer
from agent.modbus.refusals import Refusals
from agent.modbus.sameness import Judgement, Said, Sameness
from agent.modbus.silence import Silence
from agent.modbus.states import CONVERSING, KNOWN, POLLED, PROBED, Event, State, after
from agent.modbus.sub_units import SubUnits
from agent.modbus.timing import NotBefore, ResponseTimes, backoff_s, overdue_s
from agent.modbus.verdict import UNHEARD, Counters, Verdict, verdict_of
from agent.quality import Quality
from drivers.connect import ConnectError, IdentityMismatch
from drivers.identity import told
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

log = logging.getLogger(__name__)

ILLEGAL_ADDRESS = 2  # an exception
STATE_PERIOD_S = 10.0  # points of the poll class "state"; safety points are read every cycle
OTHERS_WITHIN_S = 10.0  # probes and first conversations give way to safety points for no longer than this
TRIES = 2  # of one read in one cycle: a frame that noise hit is worth another
CUT_OFF_MOST = 3  # within one cycle, before a read is given up
PROBE_AGAIN_S = 1.0  # after a probe under which the port was lost
BUSY_S = 0.2  # the patience that a busy unit is given before it is asked again
BUSY_MOST = 3  # how often it is asked for a mark of its identity, for which its values wait


@dataclass(slots=True, eq=False)
class Request:
    """A read that goes out now; `purpose`, as in `Candidate`."""

    unit: "Unit"
    purpose: int
    read: Read
    timeout_s: float
    pause_s: float
    at_s: float
    cycle: Cycle | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request, and when. strange: another master was heard with it."""

    request: Request
    reply: Reply
    verdict: Verdict
    strange: bool
    at_s: float

    @property
    def unheard(self) -> bool:
        """Whether it is as good as no answer."""
        return self.verdict in UNHEARD


@dataclass(eq=False)
class Unit:
    """A unit as configured, and the state of talking to it; its reads are planned for `line`.

    `connected` is called with each new layout, before any frame that is read with it; `emit` with every frame
    and its layout; `mismatch` with what is wrong when the unit is not what its profile describes, and with ""
    when it is; `exchanged` with what it was and is when another one is there. `known`: what told it from
    others when it was read last. `instance`: which one of several behind a gateway that shifts addresses.
    `deadline_s`: within it every safety point must be read again. All times are CLOCK_BOOTTIME, s.
    """

    name: str
    rack: str
    unit_id: int
    profile: Profile
    line: Line
    period_s: float
    timeout_s: float  # the longest that the unit may take to begin an answer
    has_transaction_ids: bool  # its port knows a late reply by its number
    clock: Clock
    connected: Callable[["Unit", Layout], object]
    emit: Callable[[Frame, Layout], None]
    mismatch: Callable[["Unit", str], None] = lambda _unit, _said: None
    exchanged: Callable[["Unit", str], None] = lambda _unit, _said: None
    known: InitVar[Mapping[str, Said]] = MappingProxyType({})
    instance: InitVar[int] = 1
    deadline_s: InitVar[float] = 10.0
    counters: Counters = field(default_factory=Counters)
    trouble: str = "has not answered yet"
    heard_s: float | None = None  # when the last whole set of safety points was asked for
    release_s: float = 0.0  # when the next cycle begins
    asked_ids: set[int] = field(default_factory=set)
    connection: Connection | None = None  # its own in a state of `KNOWN`, else none, or foreign
    state: State = State.UNKNOWN
    _sub_units: SubUnits = field(default_factory=SubUnits)
    _silence: Silence = field(default_factory=Silence)
    _refusals: Refusals = field(default_factory=Refusals)
    _not_before: NotBefore = field(default_factory=NotBefore)
    _waiting: bool = False  # for the answer to a probe, or to a read of the conversation
    _changed_s: float = -inf  # when a factor or a count was another one last
    _cycle: Cycle | None = None

    def __post_init__(self, known: Mapping[str, Said], instance: int, deadline_s: float) -> None:
        self._same = Sameness(dict(known))
        self.times = ResponseTimes(self.timeout_s)
        self.intervals = Intervals(deadline_s)
        self._conversation = Conversation(self.profile, self.line, instance)

    @property
    def marks(self) -> Mapping[str, Said]:
        """What tells it from others, by label."""
        return self._same.known

    @property
    def silences(self) -> int:
        """How often in a row it did not answer."""
        return self._silence.count

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
        if can_ask and self.state is State.UNKNOWN and now_s >= self._not_before.conversation_s:
            self._begin_conversation(now_s)
        elif can_ask and self.state is State.POLLING and self._same.due(now_s, self.pace_s):
            self._prove(now_s)
        if now_s < self.release_s:
            return
        missed = floor((now_s - self.release_s) / self.period_s)
        cycle = self._cycle
        if cycle is not None and can_ask and cycle.left and not cycle.busy:
            cycle.overran = True
            self.counters.late_cycles += missed + 1
            self.release_s += (missed + 1) * self.period_s
            return
        if cycle is not None:
            self._end_cycle(now_s)
        release_s = self.release_s
        self.release_s += (missed + 1) * self.period_s
        self.counters.cycles += 1
        self.counters.late_cycles += missed
        connection = self.connection
        if connection is None:
            return
        connection.image.begin_cycle()
        if self.state not in POLLED or not can_ask or now_s < self._not_before.values_s:
            if self._silence.in_vain:
                connection.image.word_quality[:] = Quality.NO_REPLY
            self._emit(connection, self.clock.stamp())
            return
        self._cycle = connection.cycle(release_s, now_s, self._sub_units.resting(now_s))

    def _prove(self, now_s: float) -> None:
        assert self.connection is not None
        if self._conversation.prove(self.connection.layout):
            self._happened(Event.ASKED_MARK)
        else:
            self._same.settled(now_s)  # nothing tells it from another

    def _begin_conversation(self, now_s: float) -> None:
        if self._cycle is not None:
            self._end_cycle(now_s)
        try:
            layout = self._conversation.begin(self._refusals.cuts)
        except ConnectError as error:  # no request of a sound plan leads to it
            self._happened(Event.BROKEN_OFF)
            self._refusals.cuts, self._not_before.conversation_s = frozenset(), now_s + STATE_PERIOD_S
            if self.trouble != str(error):
                log.error("unit %s: cannot be asked: %s", self.name, error)
            self.trouble = str(error)
            return
        self._happened(Event.ASKED_WHO)
        if layout is not None:
            self._understood(layout, now_s)

    def candidate(self) -> Candidate | None:
        """Return what the unit is to be asked next; None: nothing, or an answer must come first."""
        if self._waiting:
            return None
        anything_s = self._not_before.anything_s
        if self.state in PROBED:
            return Candidate(PROBE, anything_s, anything_s + OTHERS_WITHIN_S)
        if self.state in CONVERSING:
            at_s = max(anything_s, self._not_before.values_s)
            if self.state is State.PROVING:  # its safety points wait for it
                return Candidate(CONNECT, at_s, at_s + self.period_s, safety=True)
            return Candidate(CONNECT, at_s, at_s + OTHERS_WITHIN_S)
        cycle = self._cycle
        if cycle is None or not cycle.pending or cycle.must_wait:
            return None
        index, at_s = cycle.pending[0], max(cycle.release_s, anything_s, self._not_before.values_s)
        if index in cycle.connection.safety:
            return Candidate(index, at_s, cycle.release_s + self.period_s, safety=True)
        return Candidate(index, at_s, cycle.connection.state_at_s + STATE_PERIOD_S)

    # ---- asking

    def owed(self) -> set[tuple[int, int]]:
        """Return function code and data length of every reply that may still be on its way."""
        reads = [*(self.connection.reads if self.connection else ()), self._conversation.read]
        return {(read.area.function_code, data_bytes(read)) for read in reads if read}

    def request(self, candidate: Candidate, now_s: float, *, alone: bool) -> Request:
        """Return the request that was chosen; it goes out now. alone: no other unit is on this port."""
        self.counters.reads += 1
        timeout_s, pause_s, cycle = self.times.timeout_s, 0.0, None
        if candidate.purpose == PROBE:
            self._waiting = True
            others = self.connection.reads if self.connection else ()
            read = self._silence.probe(others, has_transaction_ids=self.has_transaction_ids)
            timeout_s = self._silence.patience_s(self.times, self.timeout_s, alone=alone)
        elif candidate.purpose == CONNECT:
            self._waiting = True
            assert self._conversation.read is not None
            read = self._conversation.read
        else:
            cycle = self._cycle
            assert cycle is not None
            index = cycle.pending.popleft()
            cycle.out += 1
            cycle.turn = cycle.connection.layout.plan.turns[index]
            cycle.stamp = cycle.stamp or self.clock.stamp()
            read = cycle.connection.reads[index]
            pause_s = cycle.connection.layout.plan.pauses_ms[index] / 1e3
        self.asked_ids.add(self.unit_id + read.unit_offset)
        return Request(self, candidate.purpose, read, timeout_s, pause_s, now_s, cycle)

    # ---- answers

    def answered(self, request: Request, answer: Answer, now_s: float) -> None:
        """Take what came of a request."""
        verdict = verdict_of(answer)
        outcome = Outcome(request, answer.reply, verdict, bool(answer.stranger), now_s)
        self.counters.count(verdict)
        if not outcome.unheard and answer.response_s is not None:
            self._refusals.answered(request.read)
        if verdict is Verdict.SOUND:  # a gateway may refuse, or be busy, for a unit that is away
            away = request.purpose != CONNECT and self._same.away(now_s, self.pace_s)
            self._same.answered_s = now_s
            if away:
                self._back(request, now_s)
        if answer.response_s is not None and verdict is not Verdict.GATEWAY:
            self.times.add(answer.response_s)
        if request.purpose == PROBE:
            self._waiting = False
            self._probed(outcome)
        elif request.purpose == CONNECT:
            self._waiting = False
            self._conversed(outcome)
        elif request.cycle is self._cycle:  # else its frame is out already
            self._polled(outcome)

    def _back(self, request: Request, now_s: float) -> None:
        """Ask who it is that is back; what came of this cycle may be another's, and counts for nothing."""
        self._same.doubt(now_s)
        cycle = self._cycle
        if cycle is not None and request.cycle is cycle and cycle.connection.layout.marks:
            cycle.connection.image.begin_cycle()
            cycle.sound = False
            self._end_cycle(now_s)
            self.release_s = min(self.release_s, now_s)

    def heard_late(self, response_s: float) -> None:
        """Note that a reply came after its time-out: that was too short, and nothing is missing any more."""
        self.counters.late_replies += 1
        self.times.add(response_s)
        self._not_before.values_s = 0.0

    def port_lost(self) -> None:
        """Note that the port broke: what was asked will not be answered, and that is not the unit's fault."""
        self._waiting = False
        self._happened(Event.BROKEN_OFF)
        if self._cycle is not None:
            self._end_cycle(self.clock.boottime_s())

    def cut_off(self, request: Request, now_s: float) -> None:
        """Note that the port was lost under a request after it had brought answers: it is asked once more.

        Not where the request has shown before that the unit refuses it by closing, and not for ever.
        """
        cycle = request.cycle
        tries = self._conversation.tries if cycle is None else cycle.tries.get(request.purpose, 0)
        if self._refusals.by_closing(request.read):
            self.answered(request, Answer(Reply((), Quality.REFUSED, ILLEGAL_ADDRESS)), now_s)
        elif request.purpose == PROBE:
            self._waiting, self._not_before.anything_s = False, now_s + PROBE_AGAIN_S
        elif tries >= CUT_OFF_MOST:
            self.answered(request, SILENCE, now_s)
        elif cycle is None:
            self._waiting = False
            self._conversation.tries += 1
        elif cycle is self._cycle:
            cycle.tries[request.purpose] = tries + 1
            cycle.out -= 1
            cycle.pending.appendleft(request.purpose)

    def closed_by(self, read: Read) -> None:
        """Note that a request was cut off, and once more when it was the first on a new connection."""
        if self._refusals.closed_by(read):
            text = "unit %s: closes instead of answering %s %d, %d long; that is taken for a refusal"
            log.warning(text, self.name, read.area, read.address, read.count)

    def reconnected(self, now_s: float, *, habit: bool) -> None:
        """Note that the port was opened. habit: it was closed again and again by the other side."""
        self._same.doubt(now_s, habit=habit)

    def _worth_another(self, verdict: Verdict, tries: int) -> bool:
        """Whether to ask again at once: not where a late reply could be taken for the second one's."""
        unclear = verdict is Verdict.DAMAGED or (verdict is Verdict.SILENT and self.has_transaction_ids)
        return unclear and tries < TRIES and not self.silences

    def _polled(self, outcome: Outcome) -> None:
        request, verdict, now_s = outcome.request, outcome.verdict, outcome.at_s
        cycle, index = request.cycle, request.purpose
        assert cycle is not None
        cycle.out -= 1
        cycle.tries[index] = cycle.tries.get(index, 0) + 1
        if self._worth_another(verdict, cycle.tries[index]):
            cycle.pending.appendleft(index)
            return
        if outcome.unheard:
            cycle.connection.image.store(index, NO_REPLY)
            if self._goes_on_without(request.read.unit_offset, cycle, index, now_s):
                if cycle.done:
                    self._end_cycle(now_s)
                return
            self._fell_silent(outcome)
            self._end_cycle(now_s)  # the rest is not asked: a silent unit must not cost the others more
            return
        cycle.connection.image.store(index, outcome.reply)
        self._sub_units.answered(request.read.unit_offset)
        if self.silences:
            log.info("unit %s: answers again", self.name)
        self._silence.count, self.trouble = 0, self._sub_units.trouble(self.unit_id)
        cycle.busy = verdict is Verdict.BUSY
        if cycle.busy:
            self.trouble = "asks for patience (exception 5 or 6)"
            cycle.pending.appendleft(index)
            self._not_before.anything_s = now_s + BUSY_S
            return
        cycle.sound |= verdict is Verdict.SOUND
        cycle.left -= index in cycle.connection.safety
        if verdict is Verdict.ILLEGAL and cycle.after is None:
            cycle.after = self._parted(cycle.connection, index)
        if cycle.done:
            self._end_cycle(now_s)

    def _goes_on_without(self, offset: int, cycle: Cycle, index: int, now_s: float) -> bool:
        """Go on with the other unit ids of this battery; False where none is left to ask."""
        all_ids = {read.unit_offset for read in cycle.connection.reads}
        others = all_ids - {offset} - self._sub_units.resting(now_s)
        if not others:
            self._sub_units.forget()
            return False
        least_s = 0.0 if self.has_transaction_ids else overdue_s(self.timeout_s)
        self._sub_units.fell_silent(offset, now_s, self.times.timeout_s, least_s)
        cycle.give_up(index)
        if self.trouble != (trouble := self._sub_units.trouble(self.unit_id)):
            log.warning("unit %s: %s", self.name, trouble)
        self.trouble = trouble
        return True

    def _probed(self, outcome: Outcome) -> None:
        if outcome.unheard:
            self._fell_silent(outcome)
            return
        self._silence.probed(outcome.request.read)
        self._happened(Event.ANSWERED_PROBE)
        self.release_s = min(self.release_s, max(outcome.at_s, self._not_before.values_s))

    def _conversed(self, outcome: Outcome) -> None:
        request, verdict, now_s = outcome.request, outcome.verdict, outcome.at_s
        if self.state not in CONVERSING or request.read != self._conversation.read:
            return  # it was broken off, or begun anew, meanwhile
        self._conversation.tries += 1
        proves = self.state is State.PROVING
        if verdict is Verdict.BUSY and not (proves and self._conversation.tries >= BUSY_MOST):
            self._not_before.anything_s = now_s + BUSY_S
            return
        if self._worth_another(verdict, self._conversation.tries):
            return
        if proves and (outcome.unheard or verdict is Verdict.BUSY):
            self._happened(Event.VOUCHED)
            self._same.open(now_s)
            if verdict is Verdict.SILENT and not self.has_transaction_ids:
                self._not_before.values_s = request.at_s + overdue_s(self.timeout_s)
            return
        try:
            said = self._conversation.answered(NO_REPLY if outcome.unheard else outcome.reply)
        except IdentityMismatch as error:
            if self.connection is None or not self.connection.foreign:
                self.connection = self._connected(error.layout, foreign=True)
            self._happened(Event.OTHER_KIND)
            self._same.forget_suspect()
            self.mismatch(self, str(error))
            self._fell_silent(outcome, str(error))
        except ConnectError as error:
            if self.state not in KNOWN:
                self.connection = None
            self._fell_silent(outcome, str(error))
        else:
            if isinstance(said, Layout):
                self._understood(said, now_s)
            elif said is not None:
                self._proved(said, now_s)

    def _proved(self, said: Said, now_s: float) -> None:
        """Take what a mark of the unit says; where it says nothing, the next one is asked."""
        assert self.connection is not None
        label = self._conversation.proves
        if not told(said) and self._conversation.prove(self.connection.layout, after=label):
            self._happened(Event.ASKED_MARK)
        elif self._same.suspect(label, said, self.connection.layout.identity[label], now_s):
            self._begin_conversation(now_s)
        else:
            self._happened(Event.VOUCHED)

    def _understood(self, layout: Layout, now_s: float) -> None:
        judgement, text = self._same.judge(layout, now_s)
        if judgement is Judgement.OPEN:
            self._begin_conversation(now_s)
            return
        if judgement is Judgement.ANOTHER:
            self.times = ResponseTimes(self.timeout_s)
            self.exchanged(self, text)
        for note in layout.notes:
            log.warning("unit %s: %s", self.name, note)
        self.connection = self._connected(layout)
        self._happened(Event.UNDERSTOOD)
        self.mismatch(self, "")
        self.release_s = now_s
        if self.connection.reads and not self.has_transaction_ids:
            # learn now, while nothing is missing, whether short reads are answered: its first counts as lost
            self._silence.lost = self.connection.reads[0]
            self._happened(Event.LOST)
            self.release_s += self.period_s

    def _connected(self, layout: Layout, *, foreign: bool = False) -> Connection:
        """Announce a layout."""
        layout = shared(layout)
        self.connected(self, layout)
        return Connection(layout, foreign=foreign)

    def _parted(self, connection: Connection, index: int) -> Connection | None:
        """Return the connection with a refused read taken apart, from the next cycle on."""
        parted = connection.layout.split(index)
        if parted is None:
            return None
        layout, note = parted
        log.warning("unit %s: %s", self.name, note)
        self._refusals.cuts = layout.plan.cuts
        return Connection(layout)

    def _fell_silent(self, outcome: Outcome, trouble: str = "") -> None:
        """Leave the unit alone for a while: it did not answer, or not as the unit that it should be."""
        request, verdict = outcome.request, outcome.verdict
        if not trouble and self.connection is not None:
            trouble = UNHEARD[verdict]
        if outcome.unheard and outcome.strange:
            trouble = f"is not understood: {ANOTHER_MASTER}; {REMEDY}"
        if trouble and trouble != self.trouble:
            log.warning("unit %s: %s", self.name, trouble)
        self.trouble = trouble or self.trouble
        self._silence.in_vain = True
        self._silence.count += 1
        self._not_before.anything_s = outcome.at_s + backoff_s(self.silences, self.times.timeout_s)
        if not outcome.unheard:
            self._happened(Event.BROKEN_OFF)
            return
        self._happened(Event.LOST)
        if request.purpose != PROBE:
            self._silence.lost = request.read
        if verdict is Verdict.SILENT and not self.has_transaction_ids and request.read == self._silence.lost:
            self._not_before.values_s = request.at_s + overdue_s(self.timeout_s)

    # ---- frames

    def _end_cycle(self, now_s: float) -> None:
        """Make the cycle's frame of what has come."""
        cycle, self._cycle = self._cycle, None
        assert cycle is not None
        connection, stamp = cycle.connection, cycle.stamp or self.clock.stamp()
        if cycle.with_state and cycle.done:
            connection.state_at_s = cycle.release_s + STATE_PERIOD_S
        if cycle.after is not None:
            cycle.after.state_at_s = connection.state_at_s
            self.connection = cycle.after
        if changed := connection.layout.changed_guards(connection.image) if cycle.sound else None:
            # a scale factor moved: what was read no longer means what the schema says
            log.warning("unit %s: %s; connecting anew", self.name, "; ".join(changed))
            connection.image.begin_cycle()
            self.connection = None
            self._happened(Event.CHANGED)
            if now_s - self._changed_s < self.period_s:  # one that moves all the time: once a period
                self._not_before.anything_s = self._changed_s + self.period_s
            self._changed_s = now_s
        elif cycle.sound and not cycle.left:
            self.heard_s = stamp.boottime_ns / 1e9
            self.intervals.add(now_s)
        if cycle.overran:
            self.release_s = now_s  # the period is too short: what the replies allow, then
        self._emit(connection, stamp)

    def _emit(self, connection: Connection, stamp: Stamp) -> None:
        frame = connection.frame(self.name, self.rack, stamp)
        self._silence.in_vain = False
        self.counters.frames += 1
        self.emit(frame, connection.layout)
