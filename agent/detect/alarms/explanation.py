"""Sentences a technician can act on: what was seen, against what, since when, how far beyond noise.

They are read long after they were said: a figure in one is of when the alarm was raised, and says so. What is
so now is looked up by whoever shows them (`agent.control.present`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, common_place
from agent.detect.duration import duration
from agent.detect.kernels.heating import Seen
from agent.detect.table import Row

#: Where a forecast ends, degC: SEI decomposes and heats by itself from about here (Feng 2018; calorimetry).
FORECAST_TO_DEGC = 80.0


@dataclass(frozen=True, slots=True)
class Case:
    """What an explanation is about: a row of the alarm table, a channel of a bank, all its channels in the
    alarm, and the time.
    """

    row: Row
    bank: Bank
    c: int
    members: set[int]
    t_s: float

    def name(self) -> str:
        """Return how to call the channel at the start of a sentence."""
        return name_of(self.bank.places[self.c], self.bank.quantities[self.c])

    def event(
        self,
        value: float,
        text: str,
        *,
        since_s: float | None = None,
        beyond: float = 0.0,
        expected: float = 0.0,
        forecast: str = "",
        evidence: tuple[str, str] = ("", ""),
    ) -> AlarmEvent:
        """Return the event with all that is the same for every detector."""
        return AlarmEvent(
            detector=self.row.detector,
            severity=self.row.severity,
            state="NEW",
            location=self.bank.places[self.c],
            quantity=self.bank.quantities[self.c],
            value=round(float(value), 4),
            limit=self.row.limit,
            value_unit=self.row.unit,
            text=text + others(self.members),
            t_s=self.t_s,
            since_s=self.t_s if since_s is None else float(since_s),
            beyond_noise=round(float(beyond), 1),
            expected=round(float(expected), 4),
            forecast=forecast,
            evidence_for=evidence[0],
            evidence_against=evidence[1],
        )


def name_of(place: str, quantity: str) -> str:
    """Return how to call a channel at the start of a sentence; "cell5" needs no "Cell" before it."""
    what = {"voltage": "Cell", "temperature": "Sensor", "current": "Circuit"}.get(
        quantity.rpartition("_")[2], "Channel"
    )
    if place.rpartition("/")[2].startswith(what.lower()):
        return place
    return f"{what} {place}" if place else f"{what} of the unit"


def others(members: set[int]) -> str:
    """Return the end of a sentence that tells how many more show the same."""
    more = len(members) - 1
    return f" {more} more in the same place show it too." if more > 0 else ""


def forecast(temp_degc: float, seen: Seen) -> str:
    """Return how soon the temperature gets to FORECAST_TO_DEGC at this slope, with its two-sigma interval."""
    left = FORECAST_TO_DEGC - temp_degc
    low, high = seen.own - 2.0 * seen.noise, seen.own + 2.0 * seen.noise
    if not (left > 0.0 and seen.own > 0.0):
        return ""
    latest = duration(60.0 * left / low) if low > 0.0 else "never"
    return (
        f"at this rate {FORECAST_TO_DEGC:.0f} degC in {duration(60.0 * left / seen.own)}"
        f" ({duration(60.0 * left / high)} to {latest})"
    )


def _from_then(said: str) -> str:
    return f"{said}, from when it was raised" if said else ""


def as_finely(value: float, beside: float) -> str:
    """Write a value with as many decimals as two digits of another take: finer was not measured."""
    decimals = max(0, 1 - math.floor(math.log10(abs(beside)))) if beside else 2
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: never "-0.0"


def risen(seen: Seen, where: str = "") -> str:
    """Return how far a sensor has come; "" where it is below where it was (after a fall), or nobody knows."""
    if not seen.for_s > 0.0:
        return ""
    return f", {seen.rise_k:.1f} K up{where} in about {duration(seen.for_s)}"


def thermal_slope(case: Case, seen: Seen, temp: float, evidence: tuple[str, str]) -> AlarmEvent:
    """Explain heating against siblings."""
    text = (
        f"{case.name()} heats {seen.against:.2g} K/min faster than its siblings "
        f"({seen.own:.2g} against {as_finely(seen.own - seen.against, seen.own)} K/min), "
        f"{temp:.1f} degC when raised{risen(seen, ' among them')}; "
        f"{seen.against / seen.noise:.0f} times its noise, {seen.certain:.2g} K/min beyond doubt "
        f"(limit {case.row.limit:g})."
    )
    return case.event(
        seen.certain,
        text,
        since_s=case.t_s - seen.for_s,
        beyond=seen.against / seen.noise,
        forecast=_from_then(forecast(temp, seen)),
        evidence=evidence,
    )


def thermal_rate(case: Case, seen: Seen, temp: float, evidence: tuple[str, str]) -> AlarmEvent:
    """Explain heating of a sensor by itself."""
    rest = " while nothing loads the battery" if case.row.detector == "thermal-rest" else ""
    text = (
        f"{case.name()} heats {seen.own:.2g} K/min{rest}, {temp:.1f} degC when raised{risen(seen)}; "
        f"{seen.own / seen.noise:.0f} times its noise, {seen.certain:.2g} K/min beyond doubt "
        f"(limit {case.row.limit:g})."
    )
    return case.event(
        seen.certain,
        text,
        since_s=case.t_s - seen.for_s,
        beyond=seen.own / seen.noise,
        forecast=_from_then(forecast(temp, seen)),
        evidence=evidence,
    )


def over_temperature(case: Case, temp: float) -> AlarmEvent:
    """Explain a temperature over its limit."""
    text = f"{case.name()} was at {temp:.1f} degC when raised (limit {case.row.limit:g} degC)."
    return case.event(temp, text, expected=case.row.limit)


def last_resort(case: Case, temp: float) -> AlarmEvent:
    """Explain the rule of GB 38031."""
    text = (
        f"{case.name()} shows thermal runaway: {temp:.1f} degC when raised and "
        f"rising by at least 1 K/s for more than 3 s, hot or with a cell that lost a quarter of its voltage "
        f"(GB 38031)."
    )
    return case.event(temp, text)


def cell_imbalance(
    case: Case, left_mv: float, deviation_v: float, expected_v: float, noise_v: float, volts: float
) -> AlarmEvent:
    """Explain a cell that left its siblings within seconds or minutes."""
    text = (
        f"{case.name()} was {1e3 * abs(deviation_v):.0f} mV {_side(deviation_v)} the median of its siblings "
        f"when raised, usually {1e3 * expected_v:+.0f} mV; {volts:.3f} V; moved {left_mv:.0f} mV, "
        f"{1e-3 * left_mv / noise_v:.0f} times noise and the spread of the others "
        f"(limit {case.row.limit:g} mV)."
    )
    return case.event(left_mv, text, beyond=1e-3 * left_mv / noise_v, expected=1e3 * expected_v)


def cell_drift(
    case: Case, left_mv: float, mean_v: float, expected_v: float, noise_v: float, over_s: float
) -> AlarmEvent:
    """Explain a cell that leaves its siblings over hours or days."""
    leaks = " A cell that sinks so discharges itself." if mean_v < 0.0 else ""
    text = (
        f"{case.name()} had drifted {left_mv:.0f} mV {_side(mean_v)} where it usually is among its siblings "
        f"({1e3 * expected_v:+.0f} mV) when raised, averaged over about {duration(over_s)} of readings; "
        f"{1e-3 * left_mv / noise_v:.0f} times what it and the others wander by "
        f"(limit {case.row.limit:g} mV)."
        f"{leaks}"
    )
    return case.event(
        left_mv, text, beyond=1e-3 * left_mv / noise_v, expected=1e3 * expected_v, since_s=case.t_s - over_s
    )


def _side(volts: float) -> str:
    return "below" if volts < 0 else "above"


def resistance(case: Case, ratio: float, ohm: float, siblings_ohm: float) -> AlarmEvent:
    """Explain a cell or connection of high resistance."""
    text = (
        f"{case.name()} answered load steps with {1e3 * ohm:.2f} mohm, its siblings with "
        f"{1e3 * siblings_ohm:.2f}, when raised: {ratio:.1f} times (limit {case.row.limit:g}). "
        f"A loose or corroded connection, or an old cell."
    )
    return case.event(ratio, text, expected=1.0)


def cooling(case: Case, slope: float, temp: float, scope: str) -> AlarmEvent:
    """Explain a whole group that heats without load."""
    text = (
        f"All sensors of {scope or 'the unit'} heat together, {slope:.2g} K/min beyond doubt, about "
        f"{temp:.1f} degC when raised, without a load that explains it (limit {case.row.limit:g} K/min). "
        f"Check the cooling of the room."
    )
    return replace(case.event(slope, text), location=scope)


def cooling_lost(case: Case, times: float, now_per_s: float, usual_per_s: float, scope: str) -> AlarmEvent:
    """Explain a group that gets rid of the heat of its load more slowly than it used to."""
    usual_s = 1.0 / usual_per_s
    now = f"in {duration(1.0 / now_per_s)}" if now_per_s > 0.1 * usual_per_s else "hardly at all"
    text = (
        f"{scope or 'The unit'} lost two thirds of the heat of a load in {duration(usual_s)}, when raised "
        f"{now}: cooled {times:.1f} times worse beyond doubt (limit {case.row.limit:g}). Check fans, filters "
        f"and whether air gets in and out."
    )
    return replace(case.event(times, text, expected=1.0), location=scope)


def cooling_degraded(case: Case, left_k: float, over_k: float, scope: str) -> AlarmEvent:
    """Explain a group that stands ever further above its room."""
    text = (
        f"{scope or 'The unit'} was {over_k:.1f} K warmer than its room when raised, {left_k:.1f} K more "
        f"than it used to be (limit {case.row.limit:g} K). Check filters and fans."
    )
    return replace(case.event(left_k, text, expected=over_k - left_k), location=scope)


def vrla_over_room(case: Case, over_k: float, temp: float) -> AlarmEvent:
    """Explain a lead battery that is warmer than its room."""
    text = (
        f"{case.name()} was {over_k:.1f} K warmer than the room when raised, at {temp:.1f} degC "
        f"(limit {case.row.limit:g} K); a floating lead battery stays within 3 K, and beyond 10 K thermal "
        f"runaway is to be suspected."
    )
    return case.event(over_k, text)


def float_current(case: Case, ratio: float, now_a: float, usual_a: float) -> AlarmEvent:
    """Explain a float current that grows."""
    text = (
        f"The float current of {case.bank.places[case.c] or 'the unit'} was {now_a:.3g} A when raised, "
        f"{ratio:.1f} times what it had been (limit {case.row.limit:g}): dry-out, a failing cell, or heat."
    )
    return case.event(ratio, text, expected=usual_a)


def overload(case: Case, ratio: float, what: str, now: str) -> AlarmEvent:
    """Explain a current, or a power, over its limit."""
    place = case.bank.places[case.c] or "the unit"
    text = f"The {what} of {place} was {now} when raised, {100 * ratio:.0f} % of what is allowed."
    return case.event(ratio, text, expected=1.0)


def blind(case: Case, age_s: float) -> AlarmEvent:
    """Explain what cannot be seen."""
    place = common_place([case.bank.places[m] for m in case.members])
    what = (
        f"{len(case.members)} channels of {place or 'the unit'}"
        if len(case.members) > 1
        else name_of(place, case.bank.quantities[case.c])
    )
    text = (
        f"{what} had given no usable value for {duration(age_s)} when raised: its state is not known, it "
        f"may be anything. Check cable, sensor and unit."
    )
    event = case.event(age_s, "", since_s=case.t_s - age_s)
    return replace(event, text=text, location=place, value_unit="s")


def sensor_fault(case: Case, value: float, before: float, stands_s: float, suspect: bool) -> AlarmEvent:
    """Explain a sensor that cannot be believed."""
    if suspect:
        what = f"stepped from {before:.4g} to a reading no heat or load could bring so fast"
    else:
        what = f"had said {value:.4g} for {duration(stands_s)} when raised while its siblings moved"
    return case.event(value, f"{case.name()} {what}. Check sensor and wiring; its readings are doubted.")


def finite(event: AlarmEvent) -> AlarmEvent:
    """Replace what is not a number in an event by 0: no alarm carries NaN."""
    numbers = ("value", "limit", "since_s", "beyond_noise", "expected")
    finite_ones: dict[str, Any] = {name: _or_0(getattr(event, name)) for name in numbers}
    return replace(event, **finite_ones)


def _or_0(x: float) -> float:
    return x if math.isfinite(x) else 0.0
