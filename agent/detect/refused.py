"""The alarm of safety points that a unit refuses: nobody watches them, and the unit says so itself. Pure."""

from collections.abc import Sequence

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.explanations.said import Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import ADVICE, TIERS, WARNING, Row

NAME = "refused-point"
NAMED = 6  # points, before the others are counted
REFUSED = Sentence(
    NAME,
    "the unit refuses {points}: not watched. A wrong profile, another firmware, or fewer sensors: see its "
    "manual, and leave out of the profile what it does not have",
)
SAYS = (REFUSED,)

_ROWS = rows_of(NAME)


def judge(book: AlarmBook, refused: Sequence[str], of: int, t_s: float) -> list[AlarmEvent]:
    """Raise, renew or end the alarm; return the events.

    refused: the safety points that the unit refuses, in words, of so many that its profile has.
    """
    severity = WARNING if 2 * len(refused) >= of else ADVICE
    told = said(REFUSED, points=in_words(refused))

    def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        return AlarmEvent(
            row.detector, row.severity, "NEW", "", "", float(len(refused)), row.limit, row.unit, t_s=t_s,
            since_s=t_s, **told.told(),
        )  # fmt: skip

    tier = TIERS.index(severity) if refused else 0
    events = book.change(NAME, _ROWS, [(0, "", tier)], t_s, explain)
    if refused:
        book.retell((NAME, 0), told)
    return events


def in_words(refused: Sequence[str]) -> str:
    """Return points in words, the first few by name."""
    named = ", ".join(refused[:NAMED])
    return f"{named} and {len(refused) - NAMED} more" if len(refused) > NAMED else named
