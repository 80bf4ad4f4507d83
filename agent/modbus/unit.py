"""One polled unit: what it wants to be asked, what its answers mean, and what is remembered of it. Pure.

connecting -> polling -> (silent -> probed -> polling)

A unit is never waited for: it wishes, is asked, and is told what came of it. One that falls silent is probed,
after longer and longer pauses, with a read so short that its reply cannot be taken for the one that is
missing: on a line without transaction ids, a unit that answers in turn has by then said what it still had to
say, however late. One that answers out of turn is covered by time: see `timing.overdue_s`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from math import floor, inf
from types import MappingProxyType

import numpy as np

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.intervals import Intervals
from agent.modbus.adu import data_bytes
from agent.modbus.cycle import CONNECT, PROBE, Connection, Cycle, Wish
from agent.modbus.identification import Conversation, shared
from agent.modbus.overheard import ANOTHER_MASTER, REMEDY
from agent.modbus.ports import NO_REPLY, SILENCE, Answer
from agent.modbus.sameness import Judgement, Said, Sameness
from agent.modbus.silence import Silence
from agent.modbus.sub_units import Stations
from agent.modbus.timing import ResponseTimes, backoff_s, overdue_s
from agent.modbus.verdict import UNHEARD, Counters, Verdict, verdict_of
from agent.quality import Quality
from drivers.connect import ConnectError, IdentityMismatch
from drivers.identity import told
from drivers.layout import Layout
from drivers.line import Line
from drivers.plan import Cut
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

log = logging.getLogger(__name__)

ILLEGAL_ADDRESS = 2  # an exception
STATE_PERIOD_S = 10.0  # points of the poll class "state"; safety points are read every cycle
OTHERS_WITHIN_S = 10.0  # probes and first conversations give way to safety points for no longer than this
TRIES = 2  # of one read in one cycle: a frame that noise hit is worth another
# Some units close the connection where others say exception 2: a read that did so twice, and both times when
# asked once more, is taken to be refused. Within one cycle a read is cut off so often before it is given up.
CLOSED_BY, CUT_OFF_MOST = 2, 3
PROBE_AGAIN_S = 1.0  # after a probe under which the port was lost
BUSY_S = 0.2  # the patience that a busy unit is given before it is asked again
BUSY_MOST = 3  # how often it is asked for a mark of its identity, for which its values wait


@dataclass(slots=True, eq=False)
class Ask:
    """A request that goes out now."""

    unit: "Unit"
    purpose: int
    read: Read
    timeout_s: float
    pause_s: float
    at_s: float
    cycle: Cycle | None


@dataclass(eq=False)
class Unit:
    """A unit as configured, and the state of talking to it; its reads are planned for `line`.

    `connected` is called with each new layout, before any frame that is read with it, and returns the hash of
    its description; `emit` is called with every frame and its layout; `mismatch` with what is wrong when the
    unit is not what its profile describes, and with "" when it is. `instance`: which one of several behind a
    gateway that shifts addresses. `known`: what told it from others when it was read last; `exchanged` is
    called with what it was and is when another one is there. All times are CLOCK_BOOTTIME, s.
    """

    name: str
    rack: str
    unit_id: int
    profile: Profile
    line: Line
    period_s: float
    timeout_s: float  # the longest that the unit may take to begin an answer
    clock: Clock
    connected: Callable[["Unit", Layout], bytes]
    emit: Callable[[Frame, Layout], None]
    mismatch: Callable[["Unit", str], None] = lambda _unit, _said: None
    exchanged: Callable[["Unit", str], None] = lambda _unit, _said: None
    known: InitVar[Mapping[str, Said]] = MappingProxyType({})
    instance: int = 1
    deadline_s: float = 10.0  # within which every safety point must be read again
    counters: Counters = field(default_factory=Counters)
    trouble: str = "has not answered yet"
    heard_s: float | None = None  # when the last whole set of safety points was asked for
    release_s: float = 0.0  # when the next cycle begins
    alone: bool = True  # on its port
    numbered: bool = True  # its port knows a late reply by its number
    asked_ids: set[int] = field(default_factory=set)
    connection: Connection | None = None
    _cuts: frozenset[Cut] = frozenset()  # what refusals have taught, also for the next connection
    _stations: Stations = field(default_factory=Stations)
    _silence: Silence = field(default_factory=Silence)
    _in_vain: bool = False  # asked since the last frame
    _waiting: bool = False  # for the answer to a probe, or to a read of the conversation
    _answered_s: float = 0.0
    _closed_by: dict[Read, int] = field(default_factory=dict)  # connections that were closed by a read
    _strangers: bool = False  # another master was heard with the last answer
    _moved_s: float = -inf  # when a factor or a count was another one last
    _begin_from_s: float = 0.0  # where its profile could not be followed before
    _ask_from_s: float = 0.0
    _data_from_s: float = 0.0  # before, a late reply could be taken for the one to a read of values
    _cycle: Cycle | None = None

    def __post_init__(self, known: Mapping[str, Said]) -> None:
        self._same = Sameness(dict(known))
        self.times = ResponseTimes(self.timeout_s)
        self.intervals = Intervals(self.deadline_s)
        self._conversation = Conversation(self.profile, self.line, self.instance)

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

    # ---- time

    def advance(self, now_s: float, *, can_ask: bool) -> None:
        """Begin the cycle that is due, and end the one before it.

        A cycle whose safety points are still being read goes on, and the next one is dropped: values are not
        bunched. A silent unit, or one whose port is not open, is not asked, and its frame says just that.
        """
        if can_ask and not self._conversation.under_way and not self._silence.lost:
            if self._unknown:
                if now_s >= self._begin_from_s:
                    self._begin_conversation(now_s)
            elif self._same.due(now_s, self._answered_s, self.pace_s):
                self._prove(now_s)
        if now_s < self.release_s:
            return
        missed = floor((now_s - self.release_s) / self.period_s)
        cycle, connection = self._cycle, self.connection
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
        talking = (self._conversation.under_way and not self._conversation.proves) or self._silence.lost
        if connection.foreign or talking or not can_ask or now_s < self._data_from_s:
            if self._in_vain:
                connection.image.word_quality[:] = Quality.NO_REPLY
            self._emit(connection, self.clock.stamp())
            return
        self._cycle = connection.cycle(release_s, now_s, self._stations.resting(now_s))

    @property
    def _unknown(self) -> bool:
        return self.connection is None or self.connection.foreign

    def _prove(self, now_s: float) -> None:
        assert self.connection is not None
        if not self._conversation.prove(self.connection.layout):
            self._same.settled(now_s)  # nothing tells it from another

    def _begin_conversation(self, now_s: float) -> None:
        if self._cycle is not None:
            self._end_cycle(now_s)
        try:
            layout = self._conversation.begin(self._cuts)
        except ConnectError as error:  # no request of a sound plan leads to it
            self._conversation.end()
            self._cuts, self._begin_from_s = frozenset(), now_s + STATE_PERIOD_S
            if self.trouble != str(error):
                log.error("unit %s: cannot be asked: %s", self.name, error)
            self.trouble = str(error)
            return
        if layout is not None:
            self._understood(layout, now_s)

    def wish(self) -> Wish | None:
        """Return what the unit wants to be asked next; None while it has nothing, or waits for an answer."""
        if self._waiting:
            return None
        if self._silence.lost:
            return Wish(PROBE, self._ask_from_s, self._ask_from_s + OTHERS_WITHIN_S)
        if self._conversation.under_way:
            at_s = max(self._ask_from_s, self._data_from_s)
            if self._conversation.proves:  # its safety points wait for it
                return Wish(CONNECT, at_s, at_s + self.period_s, safety=True)
            return Wish(CONNECT, at_s, at_s + OTHERS_WITHIN_S)
        cycle = self._cycle
        if cycle is None or not cycle.pending or cycle.must_wait:
            return None
        index, at_s = cycle.pending[0], max(cycle.release_s, self._ask_from_s, self._data_from_s)
        if index in cycle.connection.safety:
            return Wish(index, at_s, cycle.release_s + self.period_s, safety=True)
        return Wish(index, at_s, cycle.connection.state_at_s + STATE_PERIOD_S)

    # ---- asking

    def owed(self) -> set[tuple[int, int]]:
        """Return function code and data length of every reply that may still be on its way."""
        reads = [*(self.connection.reads if self.connection else ()), self._conversation.read]
        return {(read.area.function_code, data_bytes(read)) for read in reads if read}

    def ask(self, wish: Wish, now_s: float) -> Ask:
        """Return the request that was wished for; it goes out now."""
        self.counters.reads += 1
        timeout_s, pause_s, cycle = self.times.timeout_s, 0.0, None
        if wish.purpose == PROBE:
            self._waiting = True
            others = self.connection.reads if self.connection else ()
            read = self._silence.probe(others, numbered=self.numbered)
            timeout_s = self._silence.patience_s(self.times, self.timeout_s, alone=self.alone)
        elif wish.purpose == CONNECT:
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
        return Ask(self, wish.purpose, read, timeout_s, pause_s, now_s, cycle)

    # ---- answers

    def answered(self, ask: Ask, answer: Answer, now_s: float) -> None:
        """Take what came of a request."""
        verdict = verdict_of(answer)
        self.counters.count(verdict)
        self._strangers = bool(answer.stranger)
        if verdict not in UNHEARD and answer.response_s is not None:
            self._closed_by.pop(ask.read, None)
        if verdict is Verdict.SOUND:  # a gateway may refuse, or be busy, for a unit that is away
            away = ask.purpose != CONNECT and self._same.away(now_s, self._answered_s, self.pace_s)
            self._answered_s = now_s
            if away:
                self._back(ask, now_s)
        if answer.response_s is not None and verdict is not Verdict.GATEWAY:
            self.times.add(answer.response_s)
        if ask.purpose == PROBE:
            self._waiting = False
            self._probed(ask, verdict, now_s)
        elif ask.purpose == CONNECT:
            self._waiting = False
            self._conversed(ask, answer.reply, verdict, now_s)
        elif ask.cycle is self._cycle:  # else its frame is out already
            self._polled(ask, answer.reply, verdict, now_s)

    def _back(self, ask: Ask, now_s: float) -> None:
        """Ask who it is that is back; what came of this cycle may be another's, and counts for nothing."""
        self._same.doubt(now_s)
        cycle = self._cycle
        if cycle is not None and ask.cycle is cycle and cycle.connection.layout.marks:
            cycle.connection.image.begin_cycle()
            cycle.sound = False
            self._end_cycle(now_s)
            self.release_s = min(self.release_s, now_s)

    def heard_late(self, response_s: float) -> None:
        """Note that a reply came after its time-out: that was too short, and nothing is missing any more."""
        self.counters.late_replies += 1
        self.times.add(response_s)
        self._data_from_s = 0.0

    def port_lost(self) -> None:
        """Note that the port broke: what was asked will not be answered, and that is not the unit's fault."""
        self._waiting = False
        self._conversation.end()
        if self._cycle is not None:
            self._end_cycle(self.clock.boottime_s())

    def cut_off(self, ask: Ask, now_s: float) -> None:
        """Note that the port was lost under a request after it had brought answers: it is asked once more.

        Not where the request has shown before that the unit refuses it by closing, and not for ever.
        """
        cycle = ask.cycle
        tries = self._conversation.tries if cycle is None else cycle.tries.get(ask.purpose, 0)
        if self._closed_by.get(ask.read, 0) >= CLOSED_BY:
            self.answered(ask, Answer(Reply((), Quality.REFUSED, ILLEGAL_ADDRESS)), now_s)
        elif ask.purpose == PROBE:
            self._waiting, self._ask_from_s = False, now_s + PROBE_AGAIN_S
        elif tries >= CUT_OFF_MOST:
            self.answered(ask, SILENCE, now_s)
        elif cycle is None:
            self._waiting = False
            self._conversation.tries += 1
        elif cycle is self._cycle:
            cycle.tries[ask.purpose] = tries + 1
            cycle.out -= 1
            cycle.pending.appendleft(ask.purpose)

    def closed_by(self, read: Read) -> None:
        """Note that a request was cut off, and once more when it was the first on a new connection."""
        times = self._closed_by[read] = self._closed_by.get(read, 0) + 1
        if times == CLOSED_BY:
            text = "unit %s: closes instead of answering %s %d, %d long; that is taken for a refusal"
            log.warning(text, self.name, read.area, read.address, read.count)

    def reconnected(self, now_s: float, *, habit: bool) -> None:
        """Note that the port was opened. habit: it was closed again and again by the other side."""
        self._same.doubt(now_s, habit=habit)

    def _worth_another(self, verdict: Verdict, tries: int) -> bool:
        """Whether to ask again at once: not where a late reply could be taken for the second one's."""
        unclear = verdict is Verdict.DAMAGED or (verdict is Verdict.SILENT and self.numbered)
        return unclear and tries < TRIES and not self.silences

    def _polled(self, ask: Ask, reply: Reply, verdict: Verdict, now_s: float) -> None:
        cycle, index = ask.cycle, ask.purpose
        assert cycle is not None
        cycle.out -= 1
        cycle.tries[index] = cycle.tries.get(index, 0) + 1
        if self._worth_another(verdict, cycle.tries[index]):
            cycle.pending.appendleft(index)
            return
        if verdict in UNHEARD:
            cycle.connection.image.store(index, NO_REPLY)
            if self._goes_on_without(ask.read.unit_offset, cycle, index, now_s):
                if cycle.done:
                    self._end_cycle(now_s)
                return
            self._fell_silent(ask, verdict, now_s)
            self._end_cycle(now_s)  # the rest is not asked: a silent unit must not cost the others more
            return
        cycle.connection.image.store(index, reply)
        self._stations.answered(ask.read.unit_offset)
        if self.silences:
            log.info("unit %s: answers again", self.name)
        self._silence.count, self.trouble = 0, self._stations.trouble(self.unit_id)
        cycle.busy = verdict is Verdict.BUSY
        if cycle.busy:
            self.trouble = "asks for patience (exception 5 or 6)"
            cycle.pending.appendleft(index)
            self._ask_from_s = now_s + BUSY_S
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
        others = all_ids - {offset} - self._stations.resting(now_s)
        if not others:
            self._stations.forget()
            return False
        least_s = 0.0 if self.numbered else overdue_s(self.timeout_s)
        self._stations.fell_silent(offset, now_s, self.times.timeout_s, least_s)
        cycle.give_up(index)
        if self.trouble != (trouble := self._stations.trouble(self.unit_id)):
            log.warning("unit %s: %s", self.name, trouble)
        self.trouble = trouble
        return True

    def _probed(self, ask: Ask, verdict: Verdict, now_s: float) -> None:
        if verdict in UNHEARD:
            self._fell_silent(ask, verdict, now_s)
            return
        self._silence.probed(ask.read)
        self.release_s = min(self.release_s, max(now_s, self._data_from_s))

    def _conversed(self, ask: Ask, reply: Reply, verdict: Verdict, now_s: float) -> None:
        if not self._conversation.under_way or ask.read != self._conversation.read:
            return  # it was broken off, or begun anew, meanwhile
        self._conversation.tries += 1
        proves = bool(self._conversation.proves)
        if verdict is Verdict.BUSY and not (proves and self._conversation.tries >= BUSY_MOST):
            self._ask_from_s = now_s + BUSY_S
            return
        if self._worth_another(verdict, self._conversation.tries):
            return
        if proves and (verdict in UNHEARD or verdict is Verdict.BUSY):
            self._conversation.end()
            self._same.open(now_s)
            if verdict is Verdict.SILENT and not self.numbered:
                self._data_from_s = ask.at_s + overdue_s(self.timeout_s)
            return
        try:
            said = self._conversation.answered(NO_REPLY if verdict in UNHEARD else reply)
        except IdentityMismatch as error:
            if self.connection is None or not self.connection.foreign:
                self.connection = self._connected(error.layout, foreign=True)
            self._same.forget_suspect()
            self.mismatch(self, str(error))
            self._fell_silent(ask, verdict, now_s, str(error))
        except ConnectError as error:
            if self._unknown:
                self.connection = None
            self._fell_silent(ask, verdict, now_s, str(error))
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
            return
        if self._same.suspect(label, said, self.connection.layout.identity[label], now_s):
            self._begin_conversation(now_s)

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
        self.mismatch(self, "")
        self.release_s = now_s
        if not self.numbered:  # learn now, while nothing is missing, whether short reads are answered
            self._silence.lost = self.connection.reads[0]
            self.release_s += self.period_s

    def _connected(self, layout: Layout, *, foreign: bool = False) -> Connection:
        """Announce a layout."""
        layout = shared(layout)
        return Connection(layout, self.connected(self, layout), foreign=foreign)

    def _parted(self, connection: Connection, index: int) -> Connection | None:
        """Return the connection with a refused read taken apart, from the next cycle on."""
        parted = connection.layout.split(index)
        if parted is None:
            return None
        layout, note = parted
        log.warning("unit %s: %s", self.name, note)
        self._cuts = layout.plan.cuts
        return Connection(layout, connection.schema)

    def _fell_silent(self, ask: Ask, verdict: Verdict, now_s: float, trouble: str = "") -> None:
        """Leave the unit alone for a while: it did not answer, or not as the unit that it should be."""
        self._conversation.end()
        if not trouble and self.connection is not None:
            trouble = UNHEARD[verdict]
        if verdict in UNHEARD and self._strangers:
            trouble = f"is not understood: {ANOTHER_MASTER}; {REMEDY}"
        if trouble and trouble != self.trouble:
            log.warning("unit %s: %s", self.name, trouble)
        self.trouble = trouble or self.trouble
        self._in_vain = True
        self._silence.count += 1
        self._ask_from_s = now_s + backoff_s(self.silences, self.times.timeout_s)
        if verdict not in UNHEARD:
            return
        if ask.purpose != PROBE:
            self._silence.lost = ask.read
        if verdict is Verdict.SILENT and not self.numbered and ask.read == self._silence.lost:
            self._data_from_s = ask.at_s + overdue_s(self.timeout_s)

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
            self._conversation.end()
            if now_s - self._moved_s < self.period_s:  # one that moves all the time is followed once a period
                self._ask_from_s = self._moved_s + self.period_s
            self._moved_s = now_s
        elif cycle.sound and not cycle.left:
            self.heard_s = stamp.boottime_ns / 1e9
            self.intervals.add(now_s)
        if cycle.overran:
            self.release_s = now_s  # the period is too short: what the replies allow, then
        self._emit(connection, stamp)

    def _emit(self, connection: Connection, stamp: Stamp) -> None:
        layout = connection.layout
        if connection.foreign:
            connection.image.word_quality[:] = Quality.MISMATCH
        raw = np.zeros(layout.n, np.int64)
        quality = np.empty(layout.n, np.uint8)
        layout.decode(connection.image, raw, quality)
        self._in_vain = False
        self.counters.frames += 1
        self.emit(Frame(self.name, self.rack, connection.schema, stamp, raw, quality), layout)
