"""Two alarms of identity. `judge`: the unit is not what its profile describes; over when the right one
answers. `exchanged`: another unit answers than before; raised and over at once, and waits to be acknowledged.
"""

from agent.detect.alarms.book import AlarmBook, Explain
from agent.detect.alarms.states import AlarmEvent
from agent.detect.explanations.said import Said, Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import Row

MISMATCH = Sentence("identity", "{mismatch}")
EXCHANGED = Sentence(
    "exchanged", "{exchange}; what was learned of the old one is dropped, limits are judged as before"
)
SAYS = (MISMATCH, EXCHANGED)

_ROWS = rows_of("identity")
_TIER = next(tier for tier, row in enumerate(_ROWS) if row)
_EXCHANGED = rows_of("exchanged")
_EXCHANGED_TIER = next(tier for tier, row in enumerate(_EXCHANGED) if row)


def judge(book: AlarmBook, mismatch: str, t_s: float) -> list[AlarmEvent]:
    """Raise or end the alarm by what a unit says of its identity; return the events.

    mismatch: what it is and what it should be, in words; "" when it is what it should be.
    """
    told = said(MISMATCH, mismatch=mismatch)
    return book.change("identity", _ROWS, [(0, "", _TIER if mismatch else 0)], t_s, _explain(told, t_s))


def exchanged(book: AlarmBook, exchange: str, t_s: float) -> list[AlarmEvent]:
    """Raise and end the alarm of an exchange; `exchange`: who the unit was and is. Return the events."""
    events, told = [], said(EXCHANGED, exchange=exchange)
    for tier in (_EXCHANGED_TIER, 0):
        events += book.change("exchanged", _EXCHANGED, [(0, "", tier)], t_s, _explain(told, t_s))
    return events


def _explain(told: Said, t_s: float) -> Explain:
    def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        return AlarmEvent(
            row.detector,
            row.severity,
            "NEW",
            "",
            "",
            1.0,
            row.limit,
            row.unit,
            t_s=t_s,
            since_s=t_s,
            **told.told(),
        )

    return explain
