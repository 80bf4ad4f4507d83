"""What the sentences of heating share: how a sensor heats, how long it has left, what cells say of it."""

import math

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels
from agent.detect.explanations.ahead import Ahead, ahead
from agent.detect.explanations.case import NOTHING, Case
from agent.detect.explanations.said import Field, Said, Sentence, said
from agent.detect.kernels import heating, imbalance
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.heating import Heating
from agent.detect.kernels.slope import Slopes
from agent.detect.places import string_of

#: Detector of a slope -> its column in the verdict.
COLUMNS = {
    "thermal-slope": heating.AGAINST, "thermal-rate": heating.ALONE, "thermal-rest": heating.AT_REST,
    "thermal-onset": heating.AT_REST,
}  # fmt: skip


ALONE = Sentence(
    "thermal-rate",
    "{who} heats {own_k_per_s*60:.2g} K/min{rest}, {temperature_degc:.1f} degC when raised{risen}; "
    "{noise_times:.0f} times its noise, certain rise {certain_k_per_s*60:.2g} K/min (limit "
    "{limit_k_per_s*60:g}).",
)
REST = Sentence("#while-at-rest", " while nothing loads the battery")
UP = Sentence("#up", ", {rise_k:.1f} K up in about {rise_s:duration}")
SAYS = (ALONE, REST, UP)


def alone(case: Case) -> AlarmEvent:
    """Explain a sensor that heats, whatever its siblings do: at any time, or at rest."""
    heat, temp = heating_at(case), case.banks.temps.value[case.c]
    text = said(
        ALONE,
        who=case.who,
        own_k_per_s=heat.own / 60.0,
        rest=REST if case.row.detector == "thermal-rest" else NOTHING,
        temperature_degc=temp,
        noise_times=heat.own / heat.noise,
        certain_k_per_s=heat.certain / 60.0,
        limit_k_per_s=case.row.limit / 60.0,
        **risen(heat, UP),
    )
    return slope_event(case, heat, text, beyond=heat.own / heat.noise)


def forecast_now(event: AlarmEvent, banks: Banks, channels: Channels) -> Ahead | None:
    """Return the forecast of an alarm by the last frame; None where its slope is noise, or slackens."""
    column = COLUMNS.get(event.detector)
    if column is None:
        return None
    sensors = list(zip(channels.temps.places, channels.temps.quantities, strict=True))
    if (event.location, event.quantity) not in sensors:
        return None
    c = sensors.index((event.location, event.quantity))
    slopes, verdict = _slopes(banks), banks.heat.verdict
    heat = heating.heating_of(slopes, verdict, c, column)
    if not heat.own > 2.0 * heat.noise or heating.slackens(slopes, verdict, c, column):
        return None
    return forecast(banks.temps.value[c], heat)


def forecast(temp_degc: float, heat: Heating) -> Ahead | None:
    """Return how soon the temperature gets to what must not be reached at this slope."""
    return ahead(float(temp_degc), float(heat.own), float(heat.noise))


def risen(heat: Heating, up: Sentence) -> dict[str, Field]:
    """Return how far a sensor has risen, and in what time; nothing where it has not, or that is not known."""
    if not heat.for_s > 0.0:
        return {"risen": NOTHING}
    return {"risen": up, "rise_k": heat.rise_k, "rise_s": heat.for_s}


def as_finely(value: float, other: float) -> tuple[float, int]:
    """Return a value, and with how many decimals: as `other` with two digits; finer was not measured."""
    decimals = max(0, 1 - math.floor(math.log10(abs(other)))) if other else 2
    return round(value, decimals) + 0.0, decimals  # + 0.0: never "-0.0"


def slope_event(case: Case, heat: Heating, text: Said, beyond: float) -> AlarmEvent:
    """Return the event of a slope, with its forecast and the evidence of cells."""
    until = forecast(case.banks.temps.value[case.c], heat)
    return case.event(
        heat.certain,
        text,
        since_s=case.t_s - heat.for_s,
        beyond=beyond,
        forecast=f"{until.text}, from when it was raised" if until else "",
        ahead=until.numbers() if until else {},
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


def heating_at(case: Case) -> Heating:
    """Return how the channel of a case heats."""
    banks = case.banks
    return heating.heating_of(_slopes(banks), banks.heat.verdict, case.c, COLUMNS[case.row.detector])


def _slopes(banks: Banks) -> Slopes:
    return Slopes(banks.temperature, banks.gain, banks.moments, banks.scales, banks.repeats)
