"""Who a unit is: what it is asked before it is polled, or about one mark later on, and the verdict. Pure."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

from agent.message import told_by
from agent.modbus.adu import data_bytes
from agent.modbus.came import Came, Kind
from agent.modbus.patience import Patience
from agent.modbus.ports import NO_REPLY
from agent.modbus.read_request import Outcome
from agent.modbus.sameness import Judgement, Said, Sameness
from agent.modbus.states import Event
from agent.modbus.tries import Tries
from agent.modbus.verdict import Verdict
from drivers.connect import ConnectError, IdentityMismatch, connect, prove
from drivers.halves import Cut
from drivers.identity import told
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

TRIES = 5  # of one read of a conversation that has had an answer: what is missing was lost on the way
MARK_TRIES = 2  # of a mark at once: it is asked again soon, and its values wait
BUSY_MOST = 3  # how often a unit is asked for a mark, for which its values wait
CANNOT_BE_ASKED_S = 10.0  # before a profile that cannot be followed is tried again
LAYOUT_PARTS = ("values", "plan", "guards", "identity", "notes", "marks")
_LAYOUTS: WeakValueDictionary[tuple[bytes, int, int], Layout] = WeakValueDictionary()


class Conclusion(NamedTuple):
    """What follows from an answer about who a unit is.

    event: None: nothing yet. layout: of a unit that is understood, or of another kind. text: what is wrong;
    of a unit that is understood: how it differs from the one that was there before.
    """

    event: Event | None = None
    layout: Layout | None = None
    text: str = ""


NOTHING = Conclusion()


@dataclass(eq=False)
class Identification:
    """The conversation with a unit about what it is, as its profile says, and whether it is still the same.

    read: what is to be asked next, or was asked last. cuts: where its reads must be apart, see `connect`.
    """

    profile: Profile
    line: Line
    instance: int
    same: Sameness
    patience: Patience
    read: Read | None = None
    tries: Tries = field(default_factory=Tries)  # of that read
    cuts: frozenset[Cut] = frozenset()
    _heard: bool = False  # something in this conversation was answered
    _sound: bool = False  # with values
    _wrong: Came | None = None  # what came first in it that says nothing of the registers
    _label: str = ""  # of the mark that is asked for; "" where all of them are
    _conversation: Generator[Read, Reply, Layout | Said] | None = field(default=None, repr=False)

    def begin(self, now_s: float) -> Conclusion:
        """Ask for everything; where the profile leaves nothing to be asked, that shows it at once.

        BROKEN_OFF where the profile cannot be followed: no request of a sound plan leads to it.
        """
        self._label, self._heard = "", False
        self._sound, self._wrong = False, None
        conversation = connect(self.profile, line=self.line, instance=self.instance, cuts=self.cuts)
        try:
            said = self._go_on(conversation, None)
        except ConnectError as error:
            self.cuts, self.patience.who_s = frozenset(), now_s + CANNOT_BE_ASKED_S
            return Conclusion(Event.BROKEN_OFF, text=told_by(error))
        return self._judged(said, now_s) if isinstance(said, Layout) else NOTHING

    def begin_mark(self, layout: Layout, now_s: float) -> bool:
        """Ask for the best mark that the unit has given; False where nothing tells it from another."""
        begun = self._mark(layout)
        if not begun:
            self.same.settled(now_s)
        return begun

    @property
    def wrong(self) -> Came | None:
        """What speaks against the way to the unit, and not its profile, of a conversation without values."""
        return None if self._sound else self._wrong

    def in_vain(self) -> bool:
        """Note that a probe was not answered; return whether that is enough."""
        return self.tries.count() >= TRIES

    def answered(self, outcome: Outcome, known: Layout | None) -> Conclusion:
        """Take what came of `read`. known: the layout of the unit whose mark was asked for."""
        tries = self.tries.count(asked=outcome.asked)
        self._sound |= outcome.verdict is Verdict.SOUND
        if outcome.verdict not in (Verdict.SOUND, Verdict.ILLEGAL) and outcome.came.kind is not Kind.NOTHING:
            self._wrong = self._wrong or outcome.came
        busy = outcome.verdict is Verdict.BUSY
        if busy and not (self._label and tries >= BUSY_MOST):
            self.patience.busy(outcome.at_s)
            return NOTHING
        tired = self._label and tries >= MARK_TRIES
        if not tired and self.patience.worth_another(outcome.verdict, tries):
            return NOTHING
        went_wrong = outcome.unheard or outcome.verdict is Verdict.FAILED
        if went_wrong and self._heard and not self._label and tries < TRIES:
            self.patience.missing(outcome)
            return NOTHING
        self._heard |= not outcome.unheard
        if self._label and (busy or outcome.unheard):
            self.same.open(outcome.at_s)
            sizes = map(data_bytes, known.plan.reads if known else (outcome.request.read,))
            if data_bytes(outcome.request.read) in sizes:
                self.patience.missing(outcome)
            return Conclusion(Event.VOUCHED)
        return self._take(NO_REPLY if outcome.unheard else outcome.reply, known, outcome.at_s)

    def _take(self, reply: Reply, known: Layout | None, now_s: float) -> Conclusion:
        assert self._conversation is not None
        try:
            said = self._go_on(self._conversation, reply)
        except IdentityMismatch as error:
            self.same.forget_suspect()
            return Conclusion(Event.OTHER_KIND, shared(error.layout), told_by(error))
        except ConnectError as error:
            return Conclusion(Event.BROKEN_OFF, text=told_by(error))
        if isinstance(said, Layout):
            return self._judged(said, now_s)
        if said is None:
            return NOTHING
        assert known is not None
        return Conclusion(self._judged_mark(said, known, now_s))

    def _judged(self, layout: Layout, now_s: float) -> Conclusion:
        judgement, text = self.same.judge(layout, now_s)
        if judgement is Judgement.OPEN:
            return Conclusion(Event.ASKED_WHO)
        return Conclusion(Event.UNDERSTOOD, shared(layout), text)

    def _judged_mark(self, said: Said, known: Layout, now_s: float) -> Event:
        label = self._label
        if not told(said) and self._mark(known, after=label):
            return Event.ASKED_MARK
        doubtful = self.same.suspect(label, said, known.identity[label], now_s)
        return Event.ASKED_WHO if doubtful else Event.VOUCHED

    def _mark(self, layout: Layout, after: str = "") -> bool:
        """Begin with the best mark, or with the next one `after` another; False where there is none."""
        given = [mark for mark in layout.marks if told(layout.identity.get(mark.value.label, ""))]
        labels = [mark.value.label for mark in given]
        rest = given[labels.index(after) + 1 :] if after in labels else given
        if rest:
            self._label = rest[0].value.label
            self._go_on(prove(self.profile, layout, self.line, rest[0]), None)
        return bool(rest)

    def _go_on(
        self, conversation: Generator[Read, Reply, Layout | Said], reply: Reply | None
    ) -> Layout | Said | None:
        self._conversation, self.tries = conversation, Tries()
        try:
            self.read = next(conversation) if reply is None else conversation.send(reply)
        except StopIteration as done:
            self._conversation = None
            said: Layout | Said = done.value
            return said
        return None


def shared(layout: Layout) -> Layout:
    """Return the layout of all units that say the same of themselves: it is much of their memory."""
    key = layout.profile_hash, layout.instance, layout.n
    known = _LAYOUTS.get(key)
    if known is None or any(getattr(known, part) != getattr(layout, part) for part in LAYOUT_PARTS):
        known = _LAYOUTS[key] = layout
    return known
