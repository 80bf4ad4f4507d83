"""A unit that is not what its profile describes: one alarm, gone when the right one answers."""

from agent.detect.alarms import AlarmEvent
from agent.detect.book import AlarmBook
from agent.detect.rows import Row, rows_of

_ROWS = rows_of("identity")
_TIER = next(tier for tier, row in enumerate(_ROWS) if row)


def judge(book: AlarmBook, said: str, t_s: float) -> list[AlarmEvent]:
    """Take what was found when a unit was asked who it is; return what happened to the alarm in `book`.

    said: what it is and what it should be, in words; "" when it is what it should be.
    """

    def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        return AlarmEvent(
            row.detector, row.severity, "NEW", "", "", 1.0, row.limit, row.unit, said, t_s, since_s=t_s
        )

    return book.change("identity", _ROWS, [(0, "", _TIER if said else 0)], t_s, explain)
