"""One unit under watch: frames in, alarm events out. The arrays of all detectors live here, made once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.detect import debounce, explain, heating, imbalance, liveness, slope, trip, validity
from agent.detect.alarms import AlarmEvent, Does
from agent.detect.book import AlarmBook
from agent.detect.channels import (
    TEMPERATURES,
    VOLTAGES,
    Bank,
    Codes,
    Flags,
    Floats,
    Ints,
    make_bank,
    string_of,
)
from agent.detect.inputs import Inputs, blind_limit_s, new_inputs, take_inputs
from agent.detect.rows import Row, rows_of

#: No temperature or voltage register is finer than this in effect; an unknown step (0) is taken for it too.
FINEST_K, FINEST_V = 0.01, 0.0005
POLLS_COUNTED = (
    3.0  # a frame stands for no more than this many polls as evidence, however long the gap before it
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many channels the detectors can judge, and why not the others.

    learning: fast heating and large deviations are heard, slow ones not yet as well as they will be.
    """

    judged: int = 0
    learning: int = 0
    blind: int = 0
    no_sensor: int = 0

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(
            self.judged + other.judged,
            self.learning + other.learning,
            self.blind + other.blind,
            self.no_sensor + other.no_sensor,
        )


class _Judge:
    """A detector's way from scores to tiers: its rows, delays and standing tiers."""

    def __init__(self, detector: str, bank: Bank, score: Floats, limit: float | None = None) -> None:
        self.detector = detector
        self.bank = bank
        self.score = score
        self.rows: tuple[Row | None, ...] = rows_of(detector)
        self.table = debounce.table_of(self.rows)
        if limit is not None:
            self.table[self.table[:, debounce.LIMIT] < np.inf, debounce.LIMIT] = limit
        self.over_s = np.full((bank.n, len(self.rows)), -1.0)
        self.under_s = np.zeros(bank.n)
        self.tier: Ints = np.zeros(bank.n, np.int64)
        self.changed: Ints = np.zeros(bank.n, np.int64)

    def changes(self, counted_s: float) -> list[tuple[int, str, int]] | None:
        """Return (channel, scope, new tier) of what changed in this frame; None when nothing did."""
        count = debounce.debounce(
            counted_s, self.score, self.table, self.over_s, self.under_s, self.tier, self.changed
        )
        if count == 0:
            return None
        bank = self.bank
        return [(int(c), bank.scope[bank.group[c]], int(self.tier[c])) for c in self.changed[:count]]


class RackWatch:
    """The detectors of one unit.

    places, quantities, resolution: per value of the unit's frame (see `drivers.layout.Layout`); resolution is
    the SI size of one register step. period_s: how often frames are meant to come.
    """

    def __init__(
        self, places: Sequence[str], quantities: Sequence[str], resolution: Floats, period_s: float
    ) -> None:
        n = len(places)
        self.period_s = period_s
        self.book = AlarmBook()
        self._t_s = np.nan
        self._limits = validity.limits_of(list(quantities))
        self._memory, self._held = np.full((n, 5), np.nan), np.zeros(n, np.int64)
        self._value, self._verdict = np.full(n, np.nan), np.zeros(n, np.uint8)
        self._temps = _Temperatures(make_bank(places, quantities, resolution, TEMPERATURES, FINEST_K))
        self._volts = _Voltages(make_bank(places, quantities, resolution, VOLTAGES, FINEST_V))
        self._blind_s = blind_limit_s(period_s)
        self._drop_group = self._volts.groups_in(self._temps.bank)
        self._dropped = np.zeros(len(self._temps.bank.scope) + 1, np.uint8)
        temps, volts = self._temps, self._volts
        self._judges: list[tuple[_Judge, Callable[[int, Row, set[int]], AlarmEvent]]] = [
            (_Judge("last-resort", temps.bank, temps.trip_score), self._say_trip),
            (_Judge("thermal-slope", temps.bank, temps.relative[:, heating.SCORE]), self._say_slope),
            (_Judge("thermal-rate", temps.bank, temps.own[:, heating.SCORE]), self._say_rate),
            (
                _Judge("cell-imbalance", volts.bank, volts.cells.verdict[:, imbalance.SCORE]),
                self._say_imbalance,
            ),
            (_Judge("blind", temps.bank, temps.inputs.blind, self._blind_s), self._say_blind_temps),
            (_Judge("blind", volts.bank, volts.inputs.blind, self._blind_s), self._say_blind_volts),
        ]

    def judge(self, t_s: float, si: Floats, quality: Codes) -> list[AlarmEvent]:
        """Judge one frame; return what happened to alarms, most often nothing.

        t_s: s, any monotonic clock. si (n,) float64: SI values. quality (n,) uint8: `agent.quality.Quality`.
        A frame whose time is not a number or stands still brings nothing new and is left out; time that goes
        backwards starts the slopes afresh.
        """
        if not np.isfinite(t_s) or t_s == self._t_s:
            return []
        dt_s = t_s - self._t_s
        self._t_s = t_s
        if not dt_s > 0:  # the first frame, or a clock that was set back
            self._start_afresh()
            dt_s = self.period_s
        validity.gate(t_s, si, quality, self._limits, self._memory, self._held, self._value, self._verdict)
        temps, volts = self._temps, self._volts
        take_inputs(dt_s, si, self._value, self._verdict, temps.inputs)
        take_inputs(dt_s, si, self._value, self._verdict, volts.inputs)
        imbalance.judge_imbalance(dt_s, volts.inputs, volts.cells)
        heating.judge_heating(dt_s, temps.inputs, temps.slopes, temps.own, temps.relative)
        trip.voltage_drop(
            dt_s, volts.inputs.raw, volts.inputs.usable, volts.highest, self._drop_group, self._dropped
        )
        trip.trip(
            t_s,
            temps.inputs.raw,
            temps.inputs.usable,
            temps.bank.group,
            self._dropped,
            temps.trip_state,
            temps.trip_score,
        )
        return self._take(t_s, min(dt_s, POLLS_COUNTED * self.period_s))

    def _take(self, t_s: float, counted_s: float) -> list[AlarmEvent]:
        events: list[AlarmEvent] = []
        for judge, say in self._judges:
            changes = judge.changes(counted_s)
            if changes is not None:
                events += self.book.change(judge.detector, judge.rows, changes, t_s, say)
        if not self.book.empty():
            events += self.book.unshelve_due(t_s)
        return events

    def _start_afresh(self) -> None:
        self._memory[:] = np.nan
        self._held[:] = 0
        self._temps.start_afresh()

    def active(self) -> list[AlarmEvent]:
        """Return the alarms that are not over, highest priority first."""
        return self.book.active()

    def acknowledge(self, detector: str, location: str, t_s: float) -> list[AlarmEvent]:
        """Acknowledge the alarms of a detector at a place. ValueError when there is none."""
        return self.book.do(Does.ACKNOWLEDGE, detector, location, t_s)

    def coverage(self) -> Coverage:
        """Return how many channels are judged, learning, blind, or have no sensor."""
        temps, volts = self._temps, self._volts
        return _cover(temps.inputs, temps.learnt(), self._blind_s) + _cover(
            volts.inputs, volts.learnt(), self._blind_s
        )

    def _say_trip(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        return explain.last_resort(row, self._temps.bank, c, members, self._temps.inputs.raw, self._t_s)

    def _say_slope(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        t = self._temps
        seen = heating.seen(t.slopes, t.relative, c, t.slopes.gain)
        return explain.thermal_slope(row, t.bank, c, members, seen, t.inputs.value, self._t_s)

    def _say_rate(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        t = self._temps
        seen = heating.seen(t.slopes, t.own, c, t.slopes.temperature)
        return explain.thermal_rate(row, t.bank, c, members, seen, t.inputs.value, self._t_s)

    def _say_imbalance(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        v = self._volts
        return explain.cell_imbalance(row, v.bank, c, members, v.cells.verdict[c], v.inputs.value, self._t_s)

    def _say_blind_temps(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        return explain.blind(
            row, self._temps.bank, c, members, self._temps.inputs.age_s, self._blind_s, self._t_s
        )

    def _say_blind_volts(self, c: int, row: Row, members: set[int]) -> AlarmEvent:
        return explain.blind(
            row, self._volts.bank, c, members, self._volts.inputs.age_s, self._blind_s, self._t_s
        )


class _Temperatures:
    """The arrays of everything that looks at temperatures."""

    def __init__(self, bank: Bank) -> None:
        n = bank.n
        self.bank = bank
        self.inputs = new_inputs(bank)
        self.slopes = slope.new_slopes(bank.step)
        self.own, self.relative = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
        self.trip_state, self.trip_score = trip.new_state(n), np.full(n, np.nan)

    def start_afresh(self) -> None:
        slope.forget_values(self.slopes)
        self.trip_state[:] = trip.new_state(self.bank.n)

    def learnt(self) -> Flags:
        learnt: Flags = self.slopes.temperature.learned[:, slope.BEFORE, slope.WINDOWS] >= slope.PRIOR_WINDOWS
        return learnt


class _Voltages:
    """The arrays of everything that looks at cell voltages."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.inputs = new_inputs(bank)
        self.cells = imbalance.new_cells(bank.member)
        self.highest = np.zeros(bank.n)

    def groups_in(self, temps: Bank) -> Ints:
        """Return for each cell the group of sensors its voltage drop counts for; one past the last: none."""
        by_scope = {scope: g for g, scope in enumerate(temps.scope)}
        nowhere = len(temps.scope)
        return np.array(
            [by_scope.get(string_of(place), by_scope.get("", nowhere)) for place in self.bank.places],
            np.int64,
        )

    def learnt(self) -> Flags:
        learnt: Flags = self.cells.state[:, imbalance.AGE] >= imbalance.LEARNT_S
        return learnt


def _cover(inputs: Inputs, learnt: Flags, limit_s: float) -> Coverage:
    never = np.isinf(inputs.age_s)
    lost = ~never & (inputs.age_s >= limit_s)
    seen = ~never & ~lost
    return Coverage(
        judged=int(np.count_nonzero(seen & learnt)),
        learning=int(np.count_nonzero(seen & ~learnt)),
        blind=int(np.count_nonzero(lost)),
        no_sensor=int(np.count_nonzero(never)),
    )


def warm_up() -> None:
    """Compile or load every kernel, so that no poll waits for one."""
    places = [f"string1/module1/cell{i}" for i in range(1, 5)] * 2
    quantities = ["cell_temperature"] * 4 + ["cell_voltage"] * 4
    watch = RackWatch(places, quantities, np.full(8, 0.1), 1.0)
    si, quality = np.array([25.0] * 4 + [3.3] * 4), np.zeros(8, np.uint8)
    for t_s in range(3):
        watch.judge(float(t_s), si, quality)
    liveness.warm_up()
