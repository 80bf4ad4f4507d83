"""The alarm of a unit that is not read: one, in place of one for each of its channels. Pure."""

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, called
from agent.detect.explanations.said import Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import WARNING, Row

_ROWS = rows_of("blind")
_TIER, _ROW = next((tier, row) for tier, row in enumerate(_ROWS) if row and row.severity == WARNING)

LATE = 1 / 8  # of the age at which it is blind: more than one poll
FIRST_LOOK_S = 10.0  # for a unit to answer after a start, however long it was not seen before that

NOT_SEEN = Sentence(
    "unseen",
    "not seen for {for_s:.0f} s when this was raised: {why}. Its battery may be in any state; look at its "
    "power, cable and unit id: cellwarden doctor",
)
IN_PART = Sentence(
    "seen-in-part",
    "read only in part for {for_s:.0f} s when this was raised: {why}. What is not read may be in any state: "
    "cellwarden status",
)
SAYS = (NOT_SEEN, IN_PART)


class Unseen:
    """Watches one unit from when it is first to be polled, whether or not it ever answers.

    book: its alarm, as it was before a restart. in_vain_s: for how long it had not been seen by then.
    """

    def __init__(self, book: AlarmBook, in_vain_s: float = 0.0) -> None:
        self.book = book
        self._before_s = in_vain_s
        self._seen_s: float | None = None  # when it was seen last, or first looked for
        self._back_s: float | None = None  # since when it is seen again
        self._limit_s = 0.0

    def judge(
        self, t_s: float, heard_s: float | None, limit_s: float, why: str, *, named: bool, part: bool = False
    ) -> list[AlarmEvent]:
        """Judge a unit at `t_s`; return what happened to the alarm.

        heard_s: when it was last read whole, None: not since it is polled as it is now. limit_s: the age at
        which its state is not known any more. why: the cause, as far as it is known. named: another
        alarm that stands already says why it is not read, or it had no time to answer yet. part: some of
        its values are read.
        """
        self._limit_s = limit_s
        if self._seen_s is None:
            self._seen_s = t_s - min(self._before_s, max(limit_s - FIRST_LOOK_S, 0.0))
        if heard_s is not None and heard_s > self._seen_s:
            self._seen_s = heard_s
        standing = bool(self.book.standing())
        if self.lost(t_s):
            self._back_s = None
            return [] if standing or named else self._change(t_s, _TIER, why, part=part)
        if not standing or heard_s is None:
            return []
        if self._back_s is None:
            self._back_s = heard_s
        return self._change(t_s, 0, why) if heard_s - self._back_s >= _ROW.off_delay_s else []

    def lost(self, t_s: float) -> bool:
        """Whether the unit is out of sight at `t_s`."""
        return self._seen_s is not None and t_s - self._seen_s > self._limit_s

    def for_s(self, t_s: float) -> float:
        """For how long the unit was not seen at `t_s`; 0: it was not looked for yet."""
        return 0.0 if self._seen_s is None else max(t_s - self._seen_s, 0.0)

    def in_vain_s(self, t_s: float) -> float:
        """For how many whole seconds the unit is looked for in vain, to be kept over a restart; 0: it is
        not late yet, or its alarm stands.
        """
        if self._seen_s is None or self.book.standing():
            return 0.0
        age_s = min(t_s - self._seen_s, self._limit_s)
        return float(int(age_s)) if age_s > LATE * self._limit_s else 0.0

    def _change(self, t_s: float, tier: int, why: str, *, part: bool = False) -> list[AlarmEvent]:
        assert self._seen_s is not None
        seen_s, limit_s, sentence = self._seen_s, self._limit_s, IN_PART if part else NOT_SEEN

        def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
            return AlarmEvent(
                row.detector, row.severity, "NEW", "", "", t_s - seen_s, limit_s, "s", t_s=t_s,
                since_s=seen_s, name=called("unseen", ""),
                **said(sentence, for_s=t_s - seen_s, why=why).told(),
            )  # fmt: skip

        return self.book.change("blind", _ROWS, [(0, "", tier)], t_s, explain)
