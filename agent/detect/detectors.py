"""What the detectors of a unit are, one row each, and how each says what it found: figures into words."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agent.detect.alarms import explanation
from agent.detect.alarms.explanation import Case
from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, Floats
from agent.detect.kernels import (
    conductance,
    heating,
    imbalance,
    inputs,
    load,
    resistance,
    slope,
    surroundings,
)
from agent.detect.kernels.banks import Channels
from agent.detect.kernels.judge_unit import Banks
from agent.detect.places import string_of
from agent.detect.settings import Settings

Say = Callable[[Case], AlarmEvent]
#: Whose slope is told as a forecast, and where it stands in the verdict.
HEAT = {"thermal-slope": heating.AGAINST, "thermal-rate": heating.ALONE, "thermal-rest": heating.AT_REST}
#: A detector: what its channels are called in the book, the channels, (n, k) scores and its column of them,
#: (n, j) what they are made of and its column of that (NaN: this frame told nothing), and how it says what it
#: found.
Detector = tuple[str, Bank, Floats, int, Floats, int, Say]


class Teller:
    """Reads the banks of one unit, and nothing else."""

    def __init__(self, the_banks: Banks, channels: Channels) -> None:
        self._banks, self._channels = the_banks, channels

    def detectors(self, settings: Settings) -> list[Detector]:
        """Return the table of the unit's detectors."""
        b, where = self._banks, self._channels
        temps, volts, groups, circuits = where.temps, where.volts, where.groups, where.circuits
        heat, cells, around = b.heat.verdict, b.cells.verdict, b.around
        temp, volt, median = (b.temps.value, 0), (b.volts.value, 0), (around.median, 0)
        over_room, loaded = (around.group, surroundings.OVER), (around.circuit, surroundings.OVERLOAD)
        table: list[Detector] = [
            ("last-resort", temps, b.trips.score, 0, b.temps.raw, 0, self._trip),
            ("thermal-slope", temps, heat, heating.AGAINST, *temp, self._slope),
            ("thermal-rate", temps, heat, heating.ALONE, *temp, self._rate),
            ("thermal-rest", temps, heat, heating.AT_REST, *temp, self._rest),
            ("over-temperature", temps, heat, heating.HOT, *temp, self._hot),
            ("cooling", groups, around.group, surroundings.COOLING, *median, self._cooling),
            ("cooling-lost", groups, around.conductance, conductance.TIMES, *median, self._cooling_lost),
            ("cooling-degraded", groups, around.group, surroundings.DEGRADED, *over_room, self._degraded),
            ("cell-imbalance", volts, cells, imbalance.SUDDEN, *volt, self._imbalance),
            ("cell-drift", volts, cells, imbalance.DRIFTING, *volt, self._drift),
            ("resistance", volts, b.resistances.cell, resistance.SCORE, *volt, self._resistance),
            ("overload", circuits, *loaded, *loaded, self._overload),
            ("blind", temps, b.temps.score, inputs.BLIND, b.temps.age_s, 0, self._blind_temps),
            ("blind-voltage", volts, b.volts.score, inputs.BLIND, b.volts.age_s, 0, self._blind_volts),
            ("sensor-fault", temps, b.temps.score, inputs.FAULTY, *temp, self._fault_temps),
        ]
        if settings.chemistry == "VRLA":
            amps = b.load.state, load.NOW
            table += [
                ("vrla-over-room", temps, around.over_room, 0, *temp, self._over_room),
                (
                    "vrla-float-current",
                    circuits,
                    around.circuit,
                    surroundings.FLOAT_RATIO,
                    *amps,
                    self._float,
                ),
            ]
        return table

    def _trip(self, case: Case) -> AlarmEvent:
        return explanation.last_resort(case, self._banks.temps.raw[case.c])

    def _slopes(self) -> slope.Slopes:
        b = self._banks
        return slope.Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats)

    def _slope(self, case: Case) -> AlarmEvent:
        seen = heating.seen(self._slopes(), self._banks.heat.verdict, case.c, heating.AGAINST)
        return explanation.thermal_slope(case, seen, self._banks.temps.value[case.c], self._evidence(case))

    def forecast(self, event: AlarmEvent) -> str:
        """Return where the heat of an alarm leads by the last frame; "" where that is beyond no doubt."""
        column, temps = HEAT.get(event.detector), self._channels.temps
        at = list(zip(temps.places, temps.quantities, strict=True))
        if column is None or (event.location, event.quantity) not in at:
            return ""
        c = at.index((event.location, event.quantity))
        slopes, verdict = self._slopes(), self._banks.heat.verdict
        seen = heating.seen(slopes, verdict, c, column)
        if not seen.own > 2.0 * seen.noise or heating.slackens(slopes, verdict, c, column):
            return ""
        return explanation.forecast(self._banks.temps.value[c], seen)

    def _rate(self, case: Case) -> AlarmEvent:
        seen = heating.seen(self._slopes(), self._banks.heat.verdict, case.c, heating.ALONE)
        return explanation.thermal_rate(case, seen, self._banks.temps.value[case.c], self._evidence(case))

    def _rest(self, case: Case) -> AlarmEvent:
        seen = heating.seen(self._slopes(), self._banks.heat.verdict, case.c, heating.AT_REST)
        return explanation.thermal_rate(case, seen, self._banks.temps.value[case.c], self._evidence(case))

    def _evidence(self, case: Case) -> tuple[str, str]:
        """Return what else speaks for heat at a place, and what against it."""
        place, b = case.bank.places[case.c], self._banks
        low = [
            where
            for where, score, deviation in zip(
                self._channels.volts.places,
                b.cells.verdict[:, imbalance.SUDDEN],
                b.cells.verdict[:, imbalance.DEVIATION],
                strict=True,
            )
            if score > 0.0 and deviation < 0.0 and string_of(where) == string_of(place)
        ]
        if low:
            return f"cell voltage sank beside its siblings: {', '.join(low[:3])}", ""
        seen = bool(np.isfinite(b.volts.value).any())
        return "", "no cell voltage of this string has moved" if seen else "no cell voltage is seen"

    def _hot(self, case: Case) -> AlarmEvent:
        return explanation.over_temperature(case, self._banks.temps.value[case.c])

    def _cooling(self, case: Case) -> AlarmEvent:
        around = self._banks.around
        certain = around.group[case.c, surroundings.COOLING]
        return explanation.cooling(case, certain, around.median[case.c], self._channels.groups.places[case.c])

    def _cooling_lost(self, case: Case) -> AlarmEvent:
        lost, scope = self._banks.around.conductance[case.c], self._channels.groups.places[case.c]
        usual = math.exp(lost[conductance.LN_BASE])
        return explanation.cooling_lost(case, lost[conductance.TIMES], lost[conductance.NOW], usual, scope)

    def _degraded(self, case: Case) -> AlarmEvent:
        group = self._banks.around.group[case.c]
        scope = self._channels.groups.places[case.c]
        return explanation.cooling_degraded(
            case, group[surroundings.DEGRADED], group[surroundings.FAST], scope
        )

    def _imbalance(self, case: Case) -> AlarmEvent:
        seen, volts = self._banks.cells.verdict[case.c], self._banks.volts.value[case.c]
        k = int(np.argmax(self._banks.cells.left[case.c, : imbalance.DRIFT]))
        return explanation.cell_imbalance(
            case,
            seen[imbalance.SUDDEN],
            seen[imbalance.DEVIATION],
            seen[imbalance.EXPECTED],
            float(np.sqrt(seen[imbalance.NOISE2 + k])),
            volts,
        )

    def _drift(self, case: Case) -> AlarmEvent:
        seen, state = self._banks.cells.verdict[case.c], self._banks.cells.state[case.c]
        k = imbalance.DRIFT + int(np.argmax(self._banks.cells.left[case.c, imbalance.DRIFT :]))
        return explanation.cell_drift(
            case,
            seen[imbalance.DRIFTING],
            state[imbalance.MEAN + k],
            seen[imbalance.EXPECTED],
            float(np.sqrt(seen[imbalance.NOISE2 + k])),
            float(imbalance.SCALES_S[k]),
        )

    def _resistance(self, case: Case) -> AlarmEvent:
        cell = self._banks.resistances.cell[case.c]
        return explanation.resistance(
            case, cell[resistance.SCORE], cell[resistance.OHM], cell[resistance.SIBLINGS_OHM]
        )

    def _overload(self, case: Case) -> AlarmEvent:
        ratio = self._banks.around.circuit[case.c, surroundings.OVERLOAD]
        amps, watts = self._banks.load.state[case.c, [load.SLOW, load.POWER]]
        _, _, *most_w = self._banks.around.circuit[case.c, surroundings.LIMITS]
        if watts == watts and ratio == max(watts / most_w[0], -watts / most_w[1]):
            said = explanation.overload(case, ratio, "power", f"{watts / 1e3:.1f} kW")
            return replace(said, quantity="power")
        return explanation.overload(case, ratio, "current", f"{amps:.1f} A")

    def _over_room(self, case: Case) -> AlarmEvent:
        b = self._banks
        return explanation.vrla_over_room(case, b.around.over_room[case.c], b.temps.value[case.c])

    def _float(self, case: Case) -> AlarmEvent:
        s = self._banks.around.circuit[case.c]
        now, usual = s[surroundings.FLOAT], s[surroundings.FLOAT_BASELINE]
        return explanation.float_current(case, s[surroundings.FLOAT_RATIO], now, usual)

    def _blind_temps(self, case: Case) -> AlarmEvent:
        return explanation.blind(case, self._banks.temps.age_s[case.c])

    def _blind_volts(self, case: Case) -> AlarmEvent:
        return explanation.blind(case, self._banks.volts.age_s[case.c])

    def _fault_temps(self, case: Case) -> AlarmEvent:
        memory = self._banks.temps.memory[case.c]
        return explanation.sensor_fault(
            case,
            self._banks.temps.value[case.c],
            memory[inputs.BEFORE],
            memory[inputs.STANDS_S],
            bool(memory[inputs.SUSPECT] > 0.0),
        )
