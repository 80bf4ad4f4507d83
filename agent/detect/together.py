"""Several units silent at once: one cause, one alarm. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.knowledge import stale_s
from agent.detect.rows import rows_of
from agent.detect.table import Row

AT_ONCE_S = 60.0  # units that fall silent within so long of each other share a cause
LEAST_UNITS = 2
LEAST_S = 10.0  # of silence, however short the period
_ROWS = rows_of("silent-together")
_TIER = next(tier for tier, row in enumerate(_ROWS) if row)


@dataclass(frozen=True, slots=True)
class UnitContact:
    """A unit: when it was last read whole, s (None: never), its period, s, and its bus."""

    last_s: float | None
    period_s: float
    bus: str


class Together:
    """Watches all units of a site."""

    def __init__(self, book: AlarmBook | None = None) -> None:
        self.book = book or AlarmBook()
        self._text = ""
        self._waits_since_s: float | None = None

    def judge(self, t_s: float, units: Mapping[str, UnitContact]) -> list[AlarmEvent]:
        """Judge all units, by name, at `t_s`; return what happened to the alarm."""
        silent = {
            name: unit.last_s
            for name, unit in units.items()
            if unit.last_s is not None and t_s - unit.last_s > max(stale_s(unit.period_s), LEAST_S)
        }
        last = sorted(silent.values())
        close = [b - a <= AT_ONCE_S for a, b in zip(last, last[LEAST_UNITS - 1 :], strict=False)]
        if any(close):
            self._text = _words(units, silent, t_s - last[0])
        stands = any(close) or (len(silent) >= LEAST_UNITS and not self.book.empty())
        if self.book.standing():  # units not heard since the start are no sign that it is over
            never = sum(unit.last_s is None for unit in units.values())
            stands = len(silent) + never >= LEAST_UNITS
        if self.book.empty() and not stands:
            self._waits_since_s = None
            return []
        if self.book.empty() and self._others_may_follow(t_s, units, silent):
            return []

        def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
            n = len(silent)
            said = self._text
            return AlarmEvent(
                row.detector, row.severity, "NEW", "", "", n, row.limit, row.unit, said, t_s, count=n
            )

        return self.book.change("silent-together", _ROWS, [(0, "", _TIER if stands else 0)], t_s, explain)

    def _others_may_follow(
        self, t_s: float, units: Mapping[str, UnitContact], silent: Mapping[str, float]
    ) -> bool:
        """Return whether a unit is overdue that is not silent yet: the alarm waits for it, for its text
        names all units that are silent. It waits for LEAST_S at most: a unit may answer now and then.
        """
        overdue = any(
            unit.last_s is not None and t_s - unit.last_s > stale_s(unit.period_s)
            for name, unit in units.items()
            if name not in silent
        )
        if self._waits_since_s is None:
            self._waits_since_s = t_s
        return overdue and t_s - self._waits_since_s <= LEAST_S


def _words(units: Mapping[str, UnitContact], silent: Mapping[str, float], for_s: float) -> str:
    buses = sorted({units[name].bus for name in silent})
    names = ", ".join(sorted(silent))
    whole = all(set(n for n, u in units.items() if u.bus == bus) <= set(silent) for bus in buses)
    if len(buses) == 1 and whole:
        cause = f"all units of {buses[0]}: look at its adapter, cable and supply first"
    elif len(buses) == 1:
        cause = f"on {buses[0]}: a cable beyond the last unit that answers, or a common supply"
    else:
        cause = f"on {len(buses)} buses: look for a common supply or switch, and for people at the racks"
    return (
        f"{len(silent)} units fell silent together ({names}), {for_s:.0f} s before this was raised; {cause}."
    )
