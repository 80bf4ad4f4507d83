"""Which unit of a bus may speak next: earliest deadline first, safety points before everything else. Pure.

Theory. Reads cannot be interrupted, so this is non-preemptive EDF: as long as the line has time for all
cycles, each ends within its period and the longest single read; what else a read of the longest kind (a
probe of a silent unit, a state point) can cost is computed in `proof`. Below safety stand state points,
probes and the first conversation with a unit; what has waited beyond its own deadline is urgent too, so that
a bus with too much to do starves nobody for ever. Silent units get a share of the line by that, and no more:
twenty dead ones have more to be asked than it has time for, and must not delay the living one.
"""

from collections.abc import Sequence
from math import inf

from agent.modbus.cycle import CONNECT, PROBE, Candidate
from agent.modbus.read_request import ReadRequest
from agent.modbus.unit import Unit

OF_NO_PLAN = frozenset({PROBE, CONNECT})
SILENT_SHARE = 0.2  # of the line's time, for what silent units are asked when it has waited too long
# A gateway waits on its line for a unit that is dead, usually 1 s, and lets the next request wait. It seems
# to be behind where no answer has come for so long, or where one came late, or not from a unit that is there,
# within so long: then probes are so far apart, until a unit that was gone is back.
PROBES_APART_S = 1.5
UNHEARD_S, BEHIND_S = 5.0, 60.0


class Schedule:
    """The units behind one port, and whose turn it is."""

    def __init__(self, units: Sequence[Unit], start_s: float) -> None:
        self.units = units
        self._asked: tuple[Unit, float] | None = None  # who has the line with no read of its plan, since when
        self._hurry_from_s = -inf  # before this no such request comes before a safety point
        self._probed_s = self._behind_s = -inf  # when a probe was sent last, and a gateway seemed behind
        self._heard_s = start_s  # when an answer came last
        for k, unit in enumerate(units):
            unit.patience.alone = len(units) == 1
            # spread over their first period, so that their requests do not queue
            unit.release_s = start_s + unit.period_s * k / len(units)

    def next(self, now_s: float) -> tuple[Unit, ReadRequest] | float:
        """Return whom to ask now, and what; or until when there is nothing to ask."""
        if self._asked is not None:
            (unit, since_s), self._asked = self._asked, None
            if unit.patience.silences:
                self._hurry_from_s = now_s + (now_s - since_s) * (1 / SILENT_SHARE - 1)
        wake_s, chosen = self._choose(now_s)
        if chosen is None:
            return wake_s
        unit, candidate = chosen
        if candidate.purpose == PROBE:
            self._probed_s = now_s
        if candidate.purpose in OF_NO_PLAN and not candidate.safety:
            self._asked = unit, now_s
        return unit, unit.request(candidate, now_s)

    def took(self, unit: Unit, *, probe: bool, answered: bool, now_s: float) -> None:
        """Note whether a request was answered, before the unit is told."""
        if not answered:
            if unit.patience.is_there:
                self.behind(now_s)
            return
        self._heard_s = now_s
        if probe and not unit.patience.is_there:
            self._behind_s = -inf

    def behind(self, now_s: float) -> None:
        """Note that an answer came late, or not from a unit that is there."""
        self._behind_s = now_s

    def _probes_from_s(self, now_s: float) -> float:
        """Return from when a silent unit may be probed, for the sake of a gateway that is behind."""
        behind = now_s - self._heard_s > UNHEARD_S or now_s - self._behind_s < BEHIND_S
        gateway = len(self.units) > 1 and self.units[0].patience.has_transaction_ids
        return self._probed_s + PROBES_APART_S if behind and gateway else -inf

    def due(self, now_s: float) -> float:
        """Return when there is something to ask, and ask nothing."""
        wake_s, chosen = self._choose(now_s)
        return wake_s if chosen is None else now_s

    def _choose(self, now_s: float) -> tuple[float, tuple[Unit, Candidate] | None]:
        best: tuple[int, float] | None = None
        chosen: tuple[Unit, Candidate] | None = None
        wake_s = inf
        silent_may, probes_from_s = now_s >= self._hurry_from_s, self._probes_from_s(now_s)
        for unit in self.units:
            unit.advance(now_s, can_ask=True)
            wake_s = min(wake_s, unit.release_s)
            candidate = unit.candidate()
            if candidate is None:
                continue
            at_s = candidate.at_s
            if candidate.purpose == PROBE and not unit.patience.is_there:
                at_s = max(at_s, probes_from_s)
            if at_s > now_s:
                wake_s = min(wake_s, at_s)
                continue
            may = silent_may or candidate.purpose not in OF_NO_PLAN
            urgent = candidate.safety or (may and candidate.deadline_s <= now_s)
            key = (0 if urgent else 1 + (candidate.purpose == PROBE), candidate.deadline_s)
            if best is None or key < best:
                best, chosen = key, (unit, candidate)
        return wake_s, chosen

    def idle(self, now_s: float) -> float:
        """Let the units say that nothing can be asked; return when they will have more to say."""
        for unit in self.units:
            unit.advance(now_s, can_ask=False)
        return min(unit.release_s for unit in self.units)
