"""A unit that is not what its profile describes: one alarm, gone when the right one answers. And one that is
another than it was: told once, for somebody to read, and over at once.
"""

from agent.detect.alarms.book import AlarmBook, Explain
from agent.detect.alarms.states import AlarmEvent
from agent.detect.table import Row, rows_of

_ROWS = rows_of("identity")
_TIER = next(tier for tier, row in enumerate(_ROWS) if row)
_EXCHANGED = rows_of("exchanged")
_EXCHANGED_TIER = next(tier for tier, row in enumerate(_EXCHANGED) if row)


def judge(book: AlarmBook, said: str, t_s: float) -> list[AlarmEvent]:
    """Take what was found when a unit was asked who it is; return what happened to the alarm in `book`.

    said: what it is and what it should be, in words; "" when it is what it should be.
    """
    return book.change("identity", _ROWS, [(0, "", _TIER if said else 0)], t_s, _explain(said, t_s))


def exchanged(book: AlarmBook, said: str, t_s: float) -> list[AlarmEvent]:
    """Tell that another unit is there, and who it was and is; nothing waits for whoever reads it."""
    events = []
    for tier in (_EXCHANGED_TIER, 0):
        events += book.change("exchanged", _EXCHANGED, [(0, "", tier)], t_s, _explain(said, t_s))
    return events


def _explain(said: str, t_s: float) -> Explain:
    def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        return AlarmEvent(
            row.detector, row.severity, "NEW", "", "", 1.0, row.limit, row.unit, said, t_s, since_s=t_s
        )

    return explain
