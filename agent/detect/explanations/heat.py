"""Explanations of the detectors of heat: slopes of temperature, limits of temperature, thermal runaway."""

import math

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels
from agent.detect.duration import duration
from agent.detect.explanations.case import Case
from agent.detect.kernels import heating, imbalance
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.heating import Heating
from agent.detect.kernels.slope import Slopes
from agent.detect.places import string_of

#: Where a forecast ends, degC: SEI decomposes and heats by itself from about here (Feng 2018; calorimetry).
FORECAST_TO_DEGC = 80.0

#: Detector of a slope -> its column in the verdict.
COLUMNS = {"thermal-slope": heating.AGAINST, "thermal-rate": heating.ALONE, "thermal-rest": heating.AT_REST}


def thermal_slope(case: Case) -> AlarmEvent:
    """Explain a sensor that heats faster than its siblings."""
    heat, temp = _heating(case), case.banks.temps.value[case.c]
    text = (
        f"{case.name()} heats {heat.against:.2g} K/min faster than its siblings "
        f"({heat.own:.2g} against {as_finely(heat.own - heat.against, heat.own)} K/min), "
        f"{temp:.1f} degC when raised{risen(heat, ' among them')}; "
        f"{heat.against / heat.noise:.0f} times its noise, {heat.certain:.2g} K/min beyond doubt "
        f"(limit {case.row.limit:g})."
    )
    return _slope_event(case, heat, text, beyond=heat.against / heat.noise)


def thermal_rate(case: Case) -> AlarmEvent:
    """Explain a sensor that heats, whatever its siblings do: at any time, or at rest."""
    heat, temp = _heating(case), case.banks.temps.value[case.c]
    rest = " while nothing loads the battery" if case.row.detector == "thermal-rest" else ""
    text = (
        f"{case.name()} heats {heat.own:.2g} K/min{rest}, {temp:.1f} degC when raised{risen(heat)}; "
        f"{heat.own / heat.noise:.0f} times its noise, {heat.certain:.2g} K/min beyond doubt "
        f"(limit {case.row.limit:g})."
    )
    return _slope_event(case, heat, text, beyond=heat.own / heat.noise)


def over_temperature(case: Case) -> AlarmEvent:
    """Explain a temperature over its limit."""
    temp = case.banks.temps.value[case.c]
    text = f"{case.name()} was at {temp:.1f} degC when raised (limit {case.row.limit:g} degC)."
    return case.event(temp, text, expected=case.row.limit)


def last_resort(case: Case) -> AlarmEvent:
    """Explain the rule of GB 38031."""
    temp = case.banks.temps.raw[case.c]
    text = (
        f"{case.name()} shows thermal runaway: {temp:.1f} degC when raised and "
        f"rising by at least 1 K/s for more than 3 s, hot or with a cell that lost a quarter of its voltage "
        f"(GB 38031)."
    )
    return case.event(temp, text)


def forecast_now(event: AlarmEvent, banks: Banks, channels: Channels) -> str:
    """Return the forecast of an alarm by the last frame; "" where the slope is within noise, or slackens."""
    column, temps = COLUMNS.get(event.detector), channels.temps
    sensors = list(zip(temps.places, temps.quantities, strict=True))
    if column is None or (event.location, event.quantity) not in sensors:
        return ""
    c = sensors.index((event.location, event.quantity))
    slopes, verdict = _slopes(banks), banks.heat.verdict
    heat = heating.heating_of(slopes, verdict, c, column)
    if not heat.own > 2.0 * heat.noise or heating.slackens(slopes, verdict, c, column):
        return ""
    return forecast(banks.temps.value[c], heat)


def forecast(temp_degc: float, heat: Heating) -> str:
    """Return how soon the temperature gets to FORECAST_TO_DEGC at this slope, with its two-sigma interval."""
    left = FORECAST_TO_DEGC - temp_degc
    low, high = heat.own - 2.0 * heat.noise, heat.own + 2.0 * heat.noise
    if not (left > 0.0 and heat.own > 0.0):
        return ""
    latest = duration(60.0 * left / low) if low > 0.0 else "never"
    return (
        f"at this rate {FORECAST_TO_DEGC:.0f} degC in {duration(60.0 * left / heat.own)}"
        f" ({duration(60.0 * left / high)} to {latest})"
    )


def risen(heat: Heating, where: str = "") -> str:
    """Return how far a sensor has risen, and in what time; "" where it has not, or that is not known."""
    if not heat.for_s > 0.0:
        return ""
    return f", {heat.rise_k:.1f} K up{where} in about {duration(heat.for_s)}"


def as_finely(value: float, other: float) -> str:
    """Return a value with as many decimals as `other` has with two digits: finer was not measured."""
    decimals = max(0, 1 - math.floor(math.log10(abs(other)))) if other else 2
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: never "-0.0"


def _slope_event(case: Case, heat: Heating, text: str, beyond: float) -> AlarmEvent:
    until = forecast(case.banks.temps.value[case.c], heat)
    return case.event(
        heat.certain,
        text,
        since_s=case.t_s - heat.for_s,
        beyond=beyond,
        forecast=f"{until}, from when it was raised" if until else "",
        evidence=_evidence(case),
    )


def _evidence(case: Case) -> tuple[str, str]:
    """Return the evidence for heat at the channel, and against it, in the cell voltages of its string."""
    verdict, places = case.banks.cells.verdict, case.channels.volts.places
    low = [
        place
        for place, score, deviation in zip(
            places, verdict[:, imbalance.SUDDEN], verdict[:, imbalance.DEVIATION], strict=True
        )
        if score > 0.0 and deviation < 0.0 and string_of(place) == string_of(case.place)
    ]
    if low:
        return f"cell voltage sank beside its siblings: {', '.join(low[:3])}", ""
    known = bool(np.isfinite(case.banks.volts.value).any())
    return "", "no cell voltage of this string has moved" if known else "no cell voltage is seen"


def _heating(case: Case) -> Heating:
    banks = case.banks
    return heating.heating_of(_slopes(banks), banks.heat.verdict, case.c, COLUMNS[case.row.detector])


def _slopes(banks: Banks) -> Slopes:
    return Slopes(banks.temperature, banks.gain, banks.moments, banks.scales, banks.repeats)
