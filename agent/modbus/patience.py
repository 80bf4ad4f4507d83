"""When a unit may be asked, and how long its answer is waited for. Pure.

A silent unit is probed, after longer and longer pauses, with a read so short that its reply cannot be taken
for the one that is missing. Until that one is overdue, a line without transaction ids carries no read of
values to the unit: see `timing.overdue_s`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from agent.modbus.adu import data_bytes
from agent.modbus.cycle import CONNECT, PROBE, Candidate
from agent.modbus.owed import OTHER_TABLE, Owed, shape_of
from agent.modbus.read_request import Outcome
from agent.modbus.states import CONVERSING, PROBED, State
from agent.modbus.sub_units import SubUnits
from agent.modbus.timing import ResponseTimes, backoff_s, overdue_s
from agent.modbus.verdict import Verdict
from drivers.registers import Read

TRIES = 2  # of one read in one cycle: a frame that noise hit is worth another,
TRIES_LOSSY = 5  # and where the line loses replies, a cycle of many reads would never be whole without more
# So many of the last requests were answered, and one of the last reads of values and identity: the unit is
# there. So many were not: the line to it loses replies.
LAST, THERE, LOSSY = 16, 3, 4
PARTS = 9  # registers, below which a probe asks for part of a block
BUSY_S = 0.2  # what a busy unit is left alone for
OTHERS_WITHIN_S = 10.0  # probes and first conversations give way to safety points for no longer than this
PROBE_AGAIN_S = 1.0  # after a probe under which the port was lost
# A unit that shares its line and never answered is not waited for longer than this, but for every fourth
# probe, which waits for as long as the slowest unit may take.
STRANGER_S, STRANGER_PATIENCE = 0.3, 4
WHOLE_READ_PROBES = 3  # where short reads were never answered, every third probe is a whole one
PATIENT = 4  # silences, from which on a unit alone on its port is given all the time it may take


@dataclass(eq=False)
class Patience:
    """The pauses and the time-out of one unit. All times are CLOCK_BOOTTIME, s.

    longest_s: the longest that the unit may take to begin an answer. has_transaction_ids: its port knows a
    late reply by its number. alone: no other unit is on this port.
    """

    longest_s: float
    has_transaction_ids: bool
    alone: bool = False
    silences: int = 0  # in a row
    in_vain: bool = False  # it was asked since its last frame, and did not answer
    waiting: bool = False  # for the answer to a probe, or to a read of its identification
    anything_s: float = 0.0  # before this it is asked nothing,
    values_s: float = 0.0  # before this no values: a late reply could be taken for theirs,
    who_s: float = 0.0  # and before this not who it is: its profile could not be followed
    sub_units: SubUnits = field(default_factory=SubUnits)
    owed: Owed = field(default_factory=Owed)  # without transaction ids
    _heard: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST))
    _heard_whole: deque[bool] = field(
        default_factory=lambda: deque(maxlen=LAST)
    )  # no short probes among them
    _changed_s: float = -inf  # when a factor or a count changed last
    _lost: Read | None = None  # the read that was not answered; a probe must be, first
    _answered: Read | None = None  # the read that was answered last
    _of_lost: bool = False  # the last probe asked for what was lost
    _unlike: bool = False  # the answer to the last probe looks like no other read's: probes need no pause
    _answers_short: bool = False  # has answered a read of part of a block,
    _answers_other: bool = False  # and one of a table that its plan has not

    def __post_init__(self) -> None:
        self.times = ResponseTimes(self.longest_s)

    @property
    def next_s(self) -> float:
        """When anything but a probe may be asked."""
        return max(self.anything_s, self.values_s)

    @property
    def is_there(self) -> bool:
        """Whether the unit has answered enough of the last requests: what was not answered got lost."""
        return self._heard.count(True) >= THERE and True in self._heard_whole

    @property
    def loses(self) -> bool:
        """Whether the unit is there, and too many of the last reads were not answered."""
        return self._heard.count(False) >= LOSSY and self.is_there

    @property
    def pause_s(self) -> float:
        """How long the unit is left alone after its last silence."""
        others_s = 0.0 if self.alone else self.timeout_s
        return backoff_s(self.silences, others_s) if self.silences else 0.0

    # ---- what is asked

    def candidate(self, state: State, period_s: float, who: Read | None) -> Candidate | None:
        """Return what a unit in this state is to be asked that is no read of its plan; None: nothing yet.

        who: what a conversation about its identity asks next. Where a late reply could be taken for the
        answer, a probe goes first.
        """
        if self.waiting:
            return None
        if state in CONVERSING and who is not None and self.owed.like(who):
            return Candidate(PROBE, self.anything_s, self.anything_s + OTHERS_WITHIN_S)
        if state in PROBED:
            return Candidate(PROBE, self.anything_s, self.anything_s + OTHERS_WITHIN_S)
        if state is State.PROVING:  # its safety points wait for it
            return Candidate(CONNECT, self.next_s, self.next_s + period_s, safety=True)
        if state in CONVERSING:
            return Candidate(CONNECT, self.next_s, self.next_s + OTHERS_WITHIN_S)
        return None

    def probe(self, others: Sequence[Read], who: Read | None, now_s: float) -> Read:
        """Return a read that shows whether the unit is there, and whose reply looks like no other's.

        others: what else it may be asked. who: what a conversation with it waits for.
        """
        lost = self._lost or who
        assert lost is not None
        asked = self._in_turn(lost)
        if self.has_transaction_ids:
            return asked
        lost_before_s, short = now_s - overdue_s(self.longest_s), replace(asked, count=1)
        whole = not self._answers_short and self.silences % WHOLE_READ_PROBES == 0
        if whole and shape_of(short) != shape_of(lost):
            self.owed.forget(lost.unit_offset, lost_before_s)
            return lost
        shapes = {shape_of(read) for read in (lost, *others)}
        parts = [replace(asked, count=n) for n in range(1, min(asked.count + (asked != lost), PARTS))]
        unlike = [part for part in parts if shape_of(part) not in shapes]
        self._unlike = bool(unlike)
        if unlike:  # the shortest, or one whose answer tells that no late one to it comes any more
            return next((part for part in unlike if not self.owed.like(part)), unlike[0])
        of_other = [replace(lost, area=OTHER_TABLE[lost.area], count=n) for n in range(1, PARTS)]
        other = next((read for read in of_other if not self.owed.like(read)), of_other[0])
        choices = (short, *sorted(others, key=data_bytes), lost, other)
        free = next((read for read in choices if not self.owed.like(read)), None)
        if free is None and not self._answers_other:
            self.owed.forget(lost.unit_offset, lost_before_s)
            return other if self.silences % 2 else lost
        return free or other

    def _in_turn(self, lost: Read) -> Read:
        """Return what a probe asks for: the lost read, every other time the one that was answered last.

        For a unit may never answer that one, and all the others.
        """
        self._of_lost = not self._of_lost
        return lost if self._of_lost else self._answered or lost

    def is_answer(
        self, read: Read, at_s: float, verdict: Verdict, others: Sequence[Read] | None = None
    ) -> bool:
        """Note what came of a read asked at `at_s`; return whether it counts, or may be a late reply.

        others: of a probe: what else the unit may be asked. Its answer counts where no late one can be taken
        for theirs from now on.
        """
        if self.has_transaction_ids:
            return True
        if verdict in (Verdict.SILENT, Verdict.GATEWAY):
            self.owed.unanswered(read, at_s)
            return True
        if verdict is Verdict.DAMAGED:
            self.owed.damaged(read, at_s)
            return True
        alone = self.owed.answered(read, at_s, refused=verdict is not Verdict.SOUND)
        if others is None:
            return alone
        lost = (self._lost,) if self._lost else ()
        self._answers_short |= read not in (*lost, self._answered)
        self._answers_other |= all(read.area is not other.area for other in (*lost, *others))
        return not any(self.owed.like(other) for other in (*lost, *others))

    @property
    def timeout_s(self) -> float:
        """How long an answer is waited for."""
        if self.is_stranger and self.silences % STRANGER_PATIENCE != STRANGER_PATIENCE - 1:
            return min(self.longest_s, STRANGER_S)
        return self.times.timeout_s

    @property
    def probe_timeout_s(self) -> float:
        """How long the answer to a probe is waited for."""
        if self.alone and not (self.has_transaction_ids and self.times.learnt and self.silences < PATIENT):
            return self.longest_s
        return self.timeout_s

    @property
    def is_stranger(self) -> bool:
        """Whether the unit has never answered, and others wait for their turn."""
        return not (self.alone or self.times.heard)

    def must_probe(self, read: Read) -> bool:
        """Whether to probe a unit that was just understood, as if `read` had been lost.

        On a line without transaction ids: now, while nothing is missing, it shows whether short reads are
        answered.
        """
        if not self.has_transaction_ids:
            self._lost = read
        return not self.has_transaction_ids

    def worth_another(self, verdict: Verdict, tries: int) -> bool:
        """Whether to ask again at once: not where a late reply could be taken for the second one's."""
        went_wrong = verdict in (Verdict.DAMAGED, Verdict.FAILED)
        if not went_wrong and not (verdict is Verdict.SILENT and self.has_transaction_ids):
            return False
        most = TRIES_LOSSY if self.loses else TRIES
        return tries < most and not self.silences and not self.is_stranger

    # ---- what came of it

    def answered(self, outcome: Outcome, response_s: float | None) -> None:
        """Note what came of a request. response_s: how long its answer took to begin; None: none came."""
        if outcome.request.cycle is None:
            self.waiting = False
        if outcome.verdict is Verdict.SOUND and outcome.request.purpose != PROBE:
            self._answered = outcome.request.read
        self._heard.append(not outcome.unheard)
        if outcome.request.purpose != PROBE or outcome.request.read == self._lost:
            self._heard_whole.append(not outcome.unheard)  # of them an answered short read says nothing
        if response_s is not None and outcome.verdict is not Verdict.GATEWAY:
            self.times.add(response_s)

    def probed(self, read: Read) -> None:
        """Note that a probe was answered."""
        if read in (self._lost, self._answered):
            self.silences = 0
        else:
            self._answers_short = True
        self._lost = None

    def unclear(self, now_s: float) -> None:
        """Note that a probe was answered, and that it may have been a late reply: another one follows."""
        self.waiting, self.anything_s = False, now_s

    def probe_cut_off(self, now_s: float) -> None:
        """Note that the port was lost under a probe."""
        self.waiting, self.anything_s = False, now_s + PROBE_AGAIN_S

    def answers(self, offset: int) -> None:
        """Note that a unit id answers, by its offset."""
        self.silences = 0
        self.sub_units.answered(offset)

    def busy(self, now_s: float) -> None:
        """Note that the unit asks for patience."""
        self.anything_s = now_s + BUSY_S

    def heard_late(self, response_s: float) -> None:
        """Note that a reply came after its time-out: that was too short, and nothing is missing any more."""
        self.times.add(response_s)
        self.values_s = 0.0

    def is_back(self, now_s: float) -> None:
        """Note that a unit that was silent is there, as a late reply shows."""
        self.silences, self.anything_s, self._lost = 0, now_s, None

    def missing(self, outcome: Outcome) -> None:
        """Note that a reply may still come, where it could be taken for another's."""
        if outcome.verdict is Verdict.SILENT and not self.has_transaction_ids:
            self.values_s = outcome.request.at_s + overdue_s(self.longest_s)

    def fell_silent(self, outcome: Outcome) -> None:
        """Leave the unit alone, longer each time: it did not answer, or not as the unit that it should be."""
        self.in_vain = True
        self.silences += 1
        if self.is_there and outcome.unheard:
            self.silences = min(self.silences, 1 if self.has_transaction_ids or self._unlike else 2)
        self.anything_s = outcome.at_s + self.pause_s
        if not outcome.unheard:
            return
        if outcome.request.purpose != PROBE:
            self._lost, self._of_lost = outcome.request.read, False
        if outcome.request.read == self._lost:
            self.missing(outcome)

    def goes_on_without(self, offset: int, reads: Sequence[Read], now_s: float) -> bool:
        """Leave a silent unit id alone; False where no other unit id of `reads` is left to ask.

        offset: of the unit id, as in `Read`.
        """
        if {read.unit_offset for read in reads} <= {offset} | self.sub_units.resting(now_s):
            self.sub_units.forget()
            return False
        self.owed.forget(offset, inf)  # it is left alone until nothing can be on its way
        least_s = 0.0 if self.has_transaction_ids else overdue_s(self.longest_s)
        self.sub_units.fell_silent(offset, now_s, self.times.timeout_s, least_s)
        return True

    def changed(self, now_s: float, period_s: float) -> None:
        """Note that a factor or a count changed; where one changes all the time: once a period."""
        if now_s - self._changed_s < period_s:
            self.anything_s = self._changed_s + period_s
        self._changed_s = now_s

    def exchanged(self) -> None:
        """Forget the response times: they were another unit's."""
        self.times = ResponseTimes(self.longest_s)
