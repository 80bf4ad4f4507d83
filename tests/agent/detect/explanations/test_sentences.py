"""What each explanation says, word by word, of arrays whose figures are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, Channels, channels_of
from agent.detect.detectors import (
    blind,
    cell_collapse,
    cell_drift,
    cell_imbalance,
    cooling,
    cooling_degraded,
    cooling_lost,
    filled_values,
    last_resort,
    lone_cell,
    loose_contact,
    over_temperature,
    overload,
    resistance,
    sensor_fault,
    standing_imbalance,
    sudden_heat,
    thermal_onset,
    thermal_slope,
    under_temperature,
    unproven_heat,
    voltage_limit,
    vrla_float_current,
    vrla_over_room,
)  # fmt: skip
from agent.detect.explanations import heat, said
from agent.detect.explanations.case import Case, who
from agent.detect.kernels import doubt, heating, imbalance, slope
from agent.detect.kernels import inputs as input_columns
from agent.detect.kernels import surroundings as around
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.heating import Heating
from agent.detect.rows import rows_of
from agent.detect.settings import Settings
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row
from agent.detect.unit_arrays import new_banks

STRING = "string1"
CELLS = [f"{STRING}/module1/cell{i}" for i in range(1, 6)]
SENSORS = [f"{STRING}/module1/sensor{i}" for i in range(1, 6)]
LIMITS = Settings(max_charge_a=20.0, max_discharge_a=100.0)
T_S = 1000.0


def a_unit() -> tuple[Banks, Channels]:
    quantities = ["current", *["cell_voltage"] * 5, *["cell_temperature"] * 5]
    channels = channels_of([STRING, *CELLS, *SENSORS], quantities, np.array([0.1, *[0.001] * 5, *[0.1] * 5]))
    return new_banks(channels, LIMITS.unit_limits(channels.quantities)), channels


def row_of(detector: str, severity: str = WARNING) -> Row:
    return next(row for row in rows_of(detector) if row and row.severity == severity)


def case_of(
    row: Row, bank: Bank, c: int, unit: tuple[Banks, Channels], members: frozenset[int] = frozenset({0})
) -> Case:
    return Case(row, bank, c, set(members), T_S, *unit)


def assert_event(event: AlarmEvent, **fields: object) -> None:
    """A float is what it was rounded to."""
    found = {name: getattr(event, name) for name in fields}
    assert found == fields


def test_a_cell_that_left_its_siblings() -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[2] = 3.2104
    banks.cells.verdict[2, [imbalance.SUDDEN, imbalance.DEVIATION, imbalance.EXPECTED]] = 24.0, -0.0306, 0.002
    banks.cells.left[2] = [0.01, 0.024, 0.5, 0.9]
    banks.cells.verdict[2, imbalance.NOISE2 :] = [9e-6, 4e-6, 1.0, 1.0]
    event = cell_imbalance.explain(
        case_of(row_of("cell-imbalance"), channels.volts, 2, unit, frozenset({1, 2}))
    )
    assert event.text == (
        "string1/module1/cell3 was 31 mV below the median of its siblings when raised, usually +2 "
        "mV; 3.210 V; moved 33 mV, 16 times noise and the spread of the others (limit 12 mV). 1 "
        "more in the same place show it too."
    )
    assert_event(event, value=32.6, beyond_noise=16.3, expected=2.0)
    banks.cells.verdict[2, imbalance.SUDDEN] = 40.0  # of which this reading is the least
    event = cell_imbalance.explain(case_of(row_of("cell-imbalance"), channels.volts, 2, unit))
    assert_event(event, value=40.0, beyond_noise=20.0)


@pytest.mark.parametrize(
    ("severity", "tier"), [(ADVICE, "operating"), (WARNING, "recommended"), (CRITICAL, "safety")]
)
@pytest.mark.parametrize(("limit_v", "cell_v", "side"), [(3.65, 3.712, "over"), (-2.5, 2.41, "below")])
def test_a_voltage_beyond_a_limit_of_each_tier(
    severity: str, tier: str, limit_v: float, cell_v: float, side: str
) -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[:] = [3.1, 3.2, cell_v, 3.4, 3.5]
    row = replace(row_of("voltage-limit", severity), limit=limit_v)
    case = replace(case_of(row, channels.volts, 2, unit), whose="of the profile")
    event = voltage_limit.explain(case)
    assert event.text == (
        f"string1/module1/cell3 was at {cell_v:.3f} V when raised, {side} its {tier} limit of "
        f"{abs(limit_v):g} V, of the profile."
    )
    assert_event(event, value=cell_v, limit=abs(limit_v), expected=abs(limit_v), value_unit="V")


def test_a_sensor_that_is_too_cold() -> None:
    banks, channels = unit = a_unit()
    banks.temps.value[:] = [1.0, 2.0, -12.34, 4.0, 5.0]
    row = replace(row_of("under-temperature", WARNING), limit=10.0)  # of the temperature's negative
    case = replace(case_of(row, channels.temps, 2, unit), whose="set by the site")
    event = under_temperature.explain(case)
    assert event.text == (
        "string1/module1/sensor3 was at -12.3 degC when raised, below -10 degC, set by the site."
    )
    assert_event(event, value=-12.34, limit=-10.0, expected=-10.0, value_unit="degC")


def test_a_cell_that_collapsed() -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[2], banks.volts.median[2] = 0.4, 3.9
    banks.detectors.cell_collapse[2, cell_collapse.SCORE] = 89.6
    event = cell_collapse.explain(case_of(row_of("cell-collapse", CRITICAL), channels.volts, 2, unit))
    assert event.text == (
        "string1/module1/cell3 stood 3500 mV below the median of its siblings when raised, at 0.400 V of "
        "3.900 V: 90 % (limit 25 %). A short inside, a cell that is empty, or its measuring wire."
    )
    assert_event(event, value=89.6)


def test_a_cell_that_collapsed_with_most_of_its_string() -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[:], banks.volts.median[:] = [1.95, 2.0, 1.8, 3.3, 2.67], [2.0, 1.95, 2.0, 1.9, 2.0]
    banks.detectors.cell_collapse[2, cell_collapse.SCORE] = 45.45
    event = cell_collapse.explain(case_of(row_of("cell-collapse", CRITICAL), channels.volts, 2, unit))
    assert event.text == (
        "string1/module1/cell3 stood 870 mV below the few cells that stayed up when raised, at 1.800 V of "
        "2.670 V: 45 % (limit 25 %), and so does most of its string. Shorts inside, cells that are empty, or "
        "what measures them."
    )
    banks.volts.group[3:] = 1  # those that stayed are of another string
    assert (
        "below the median"
        in cell_collapse.explain(case_of(row_of("cell-collapse", CRITICAL), channels.volts, 2, unit)).text
    )
    banks.volts.group[3:] = 0
    banks.volts.raw[2] = 1.49  # a quarter below the median too: that tells it
    assert (
        "below the median"
        in cell_collapse.explain(case_of(row_of("cell-collapse", CRITICAL), channels.volts, 2, unit)).text
    )


def test_a_cell_that_stands_far_from_its_siblings() -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[2], banks.volts.away[2] = 3.75, -0.1504
    banks.detectors.standing_imbalance[2] = 3.85
    case = case_of(row_of("standing-imbalance", ADVICE), channels.volts, 2, unit)
    event = standing_imbalance.explain(case)
    assert event.text == (
        "string1/module1/cell3 stood 150 mV below the median of its siblings when raised, at 3.750 V, and "
        "usually does: 3.9 % of the median (limit 2.5 %)."
    )
    assert_event(event, value=3.85)
    banks.volts.away[2] = 0.1504
    assert "150 mV above" in standing_imbalance.explain(case).text


def test_a_cell_that_drifts() -> None:
    banks, channels = unit = a_unit()
    banks.cells.verdict[2, [imbalance.DRIFTING, imbalance.EXPECTED]] = 21.0, -0.003
    banks.cells.left[2] = [9.0, 9.0, 0.01, 0.021]
    banks.cells.state[2, imbalance.MEAN : imbalance.MEAN + 4] = [1.0, 1.0, 1.0, -0.021]
    banks.cells.verdict[2, imbalance.NOISE2 :] = [1.0, 1.0, 1.0, 9e-6]
    case = case_of(row_of("cell-drift"), channels.volts, 2, unit)
    event = cell_drift.explain(case)
    assert event.text == (
        "string1/module1/cell3 had drifted 21 mV below where it usually is among its siblings (-3 "
        "mV) when raised, averaged over about 24.0 h of readings; 7 times what it and the others "
        "wander by (limit 20 mV). A cell that sinks so discharges itself."
    )
    assert_event(event, value=21.0, beyond_noise=7.0, expected=-3.0, since_s=T_S - 86400.0)
    banks.cells.state[2, imbalance.MEAN + 3] = 0.0
    assert "above" in cell_drift.explain(case).text
    assert "discharges" not in cell_drift.explain(case).text


def test_cells_whose_values_are_filled_in() -> None:
    banks, channels = unit = a_unit()
    of = filled_values
    banks.detectors.filled_values.state[2, [of.SCORE, of.RUN_S]] = 4.0, 120.0
    case = case_of(row_of("filled-values"), channels.volts, 2, unit, frozenset({1, 2}))
    assert filled_values.explain(case).text == (
        "string1/module1/cell3 and 3 more had said one and the same number, to the last digit, for 2 min "
        "when raised, while the others parted from each other: the unit writes a mean where it reads "
        "nothing. Nobody watches these cells."
    )
    assert_event(filled_values.explain(case), value=4.0)


def test_a_lone_cell_that_fell() -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[2] = 3.2
    banks.detectors.lone_cell[2, [lone_cell.LEVEL, lone_cell.SCORE]] = 3.3, 3.03
    banks.detectors.lone_cell[2, lone_cell.FLOWED] = lone_cell.RESTED
    case = case_of(row_of("lone-cell"), channels.volts, 2, unit)
    at = "string1/module1/cell3 was at 3.200 V when raised, 100 mV below where it had stood in the last "
    at += "minutes, "
    assert lone_cell.explain(case).text == f"{at}while no current flowed (limit 3 %)."
    assert_event(lone_cell.explain(case), value=3.03)
    banks.detectors.lone_cell[2, lone_cell.FLOWED] = lone_cell.UNMEASURED
    other = f"{at}and nobody measures the current that could explain it (limit 3 %)."
    assert lone_cell.explain(case).text == other


def test_a_contact_that_chatters() -> None:
    banks, channels = unit = a_unit()
    banks.detectors.loose_contact[2, loose_contact.WORST] = -1.9
    event = loose_contact.explain(case_of(row_of("loose-contact"), channels.volts, 2, unit))
    assert event.text == (
        "string1/module1/cell3 chatters: its voltage jumps again and again while its siblings stand still, "
        "and was -1900 mV from their median at its worst in the last hour when raised. A loose contact of "
        "its measuring wire, most likely; it is not compared with its siblings meanwhile."
    )
    assert_event(event, value=-1900.0)


def test_a_connection_of_high_resistance() -> None:
    banks, channels = unit = a_unit()
    columns = [resistance.SCORE, resistance.OHM, resistance.SIBLINGS_OHM]
    banks.detectors.resistance.cell[4, columns] = 2.72, 0.00136, 0.0005
    event = resistance.explain(case_of(row_of("resistance"), channels.volts, 4, unit))
    assert event.text == (
        "string1/module1/cell5 answered load steps with 1.36 mohm, its siblings with 0.50, when "
        "raised: 2.7 times (limit 2.5). A loose or corroded connection, or an old cell."
    )
    assert_event(event, value=2.72, expected=1.0, limit=2.5, value_unit="times", location=CELLS[4])


def heats(banks: Banks, c: int) -> None:
    """Let a sensor heat 1.2 K/min, its siblings 0.3, at the third scale, by 5 K so far; it is 41.26 degC."""
    banks.temps.value[c] = 41.26
    verdict = banks.heat.verdict
    verdict[c, [heating.AGAINST, heating.ALONE, heating.AT_REST]] = 0.62, 0.71, 0.73
    verdict[c, [heating.AGAINST_SCALE, heating.ALONE_SCALE]] = 2.0, 2.0
    for signal, k_per_min in ((banks.temperature, 1.2), (banks.gain, 0.9)):
        signal.fit[c, :, slope.SLOPE] = k_per_min / 60.0
        signal.learned[c, 2, slope.POSSIBLE] = 5.95 * 0.15 / 60.0
    m = banks.moments[c]
    m[:, slope.S0], m[:, slope.S1], m[:, slope.S2] = 1.0, 0.0, 1.0
    m[:, slope.X0], m[:, slope.G0] = 5.0, 2.0
    m[slope.BEFORE, slope.S0] = 3.0


def test_a_sensor_that_heats_against_its_siblings() -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    event = thermal_slope.explain(case_of(row_of("thermal-slope", CRITICAL), channels.temps, 1, unit))
    assert event.text == (
        "string1/module1/sensor2 heats 0.9 K/min faster than its siblings (1.2 against 0.3 "
        "K/min), 41.3 degC when raised, 2.0 K up among them in about 2 min; 6 times its noise, "
        "certain rise 0.62 K/min (limit 0.5)."
    )
    assert_event(
        event, value=0.62, beyond_noise=6.0, since_s=pytest.approx(T_S - 2.0 / (0.9 / 60.0)),
        forecast="at this rate 80 degC in 32 min (26 min to 43 min), from when it was raised",
        evidence_against="no cell voltage is seen", evidence_for="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("detector", "value", "rest", "limit"),
    [("thermal-rate", 0.71, "", "3"), ("thermal-rest", 0.73, " while nothing loads the battery", "0.5")],
)
def test_a_sensor_that_heats_by_itself(detector: str, value: float, rest: str, limit: str) -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    event = heat.alone(case_of(row_of(detector), channels.temps, 1, unit))
    assert event.text == (
        f"string1/module1/sensor2 heats 1.2 K/min{rest}, 41.3 degC when raised, 5.0 K up in about "
        f"4 min; 8 times its noise, certain rise {value} K/min (limit {limit})."
    )
    assert_event(event, value=value, beyond_noise=8.0, since_s=T_S - 250.0)


@pytest.mark.parametrize(
    ("cell", "sign"),
    [
        (-1, "and rises on, while nothing loads the battery"),
        (2, "while string1/module1/cell3 fell to 3.150 V"),
    ],
)
def test_a_sensor_that_rises_and_the_second_sign(cell: int, sign: str) -> None:
    banks, channels = unit = a_unit()
    banks.volts.raw[2], banks.temps.raw[1] = 3.15, 27.3
    banks.detectors.thermal_onset.score[1] = 1.94, cell
    event = thermal_onset.explain(case_of(row_of("thermal-onset"), channels.temps, 1, unit))
    assert event.text == (
        f"string1/module1/sensor2 was at 27.3 degC when raised, 1.9 K above all that it read before the last "
        f"two minutes, {sign} (limit 1 K)."
    )
    assert_event(event, value=1.94)


@pytest.mark.parametrize(
    ("low", "told"),
    [
        ([], ""),
        ([0], "cell voltage sank beside its siblings: string1/module1/cell1"),
        (
            [0, 1, 2, 3],
            f"cell voltage sank beside its siblings: {', '.join(CELLS[:3])}",
        ),
    ],
)
def test_cells_that_sank_beside_their_siblings_are_evidence_of_heat(low: list[int], told: str) -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    banks.volts.value[4] = 3.3
    banks.cells.verdict[:, imbalance.SUDDEN] = 0.0
    banks.cells.verdict[:, imbalance.DEVIATION] = -0.1
    banks.cells.verdict[low, imbalance.SUDDEN] = 12.0
    banks.cells.verdict[4, [imbalance.SUDDEN, imbalance.DEVIATION]] = 12.0, 0.1  # it rose
    event = heat.alone(case_of(row_of("thermal-rate"), channels.temps, 1, unit))
    against = "" if low else "no cell voltage of this string has moved"
    assert_event(event, evidence_for=told, evidence_against=against)


def test_a_cell_that_sank_in_another_string_or_stands_is_no_evidence_of_heat() -> None:
    places = [*CELLS, *(cell.replace(STRING, "string9") for cell in CELLS), *SENSORS]
    quantities = ["cell_voltage"] * 10 + ["cell_temperature"] * 5
    channels = channels_of(places, quantities, np.full(15, 0.001))
    banks = new_banks(channels, LIMITS.unit_limits(quantities))
    heats(banks, 1)
    banks.volts.value[4] = 3.3
    banks.cells.verdict[:, imbalance.SUDDEN] = 0.0
    banks.cells.verdict[[2, 8], imbalance.SUDDEN] = 12.0
    banks.cells.verdict[:, imbalance.DEVIATION] = 0.0
    banks.cells.verdict[8, imbalance.DEVIATION] = -0.1
    event = heat.alone(case_of(row_of("thermal-rate"), channels.temps, 1, (banks, channels)))
    assert_event(event, evidence_for="", evidence_against="no cell voltage of this string has moved")


def test_a_temperature_over_its_limit_and_thermal_runaway() -> None:
    banks, channels = unit = a_unit()
    banks.doubt.hot[3], banks.temps.raw[3] = 61.04, 131.06
    case = case_of(row_of("over-temperature"), channels.temps, 3, unit)
    event = over_temperature.explain(replace(case, whose="of the profile"))
    assert event.text == (
        "string1/module1/sensor4 was at 61.0 degC when raised (limit 60 degC, of the profile)."
    )
    assert_event(event, value=61.04, expected=60.0, since_s=T_S, t_s=T_S, state="NEW", severity=WARNING)
    event = last_resort.explain(case_of(row_of("last-resort", CRITICAL), channels.temps, 3, unit))
    assert event.text == (
        "string1/module1/sensor4 shows thermal runaway: 131.1 degC when raised and rising by at "
        "least 1 K/s for more than 3 s, hot or with a cell that lost a quarter of its voltage (GB "
        "38031)."
    )
    assert_event(event, value=131.06, detector="last-resort", quantity="cell_temperature")


RISING = Heating(certain=1.0, own=1.5, against=1.5, noise=0.25, rise_k=0.7, for_s=28.0)


@pytest.mark.parametrize(
    ("degc", "own", "noise", "words"),
    [
        (50.0, 1.5, 0.25, "at this rate 80 degC in 20 min (15 min to 30 min)"),
        (79.0, 1.0, 0.5, "at this rate 80 degC in 60 s (30 s to never)"),
        (79.0, 1.0, 0.6, "at this rate 80 degC in 60 s (27 s to never)"),
        (80.0, 1.5, 0.25, ""),
        (81.0, 1.5, 0.25, ""),
        (50.0, 0.0, 0.25, ""),
        (50.0, -1.0, 0.25, ""),
    ],
)
def test_a_forecast_ends_where_sei_decomposes(degc: float, own: float, noise: float, words: str) -> None:
    ahead = heat.forecast(degc, RISING._replace(own=own, noise=noise))
    assert (ahead.text if ahead else "") == words


def test_the_forecast_of_now_is_that_of_the_last_frame_and_none_within_noise() -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    event = heat.alone(case_of(row_of("thermal-rate"), channels.temps, 1, unit))
    told = heat.forecast_now(event, banks, channels)
    assert told is not None
    assert event.ahead == told.numbers()
    assert event.forecast == f"{told.text}, from when it was raised"
    assert "80 degC in 32 min" in event.forecast
    other = over_temperature.explain(case_of(row_of("over-temperature"), channels.temps, 1, unit))
    assert heat.forecast_now(other, banks, channels) is None
    banks.temperature.fit[1, 0, slope.SLOPE] = 0.1 / 60.0  # a shorter scale sees less: it slackens
    assert heat.forecast_now(event, banks, channels) is None
    heats(banks, 1)
    banks.temperature.learned[1, 2, slope.POSSIBLE] = 5.95 * 0.61 / 60.0
    assert heat.forecast_now(event, banks, channels) is None
    banks.temperature.learned[1, 2, slope.POSSIBLE] = 5.95 * 0.59 / 60.0
    assert heat.forecast_now(event, banks, channels) is not None


def test_no_forecast_is_made_of_a_sensor_that_is_none_of_the_unit() -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    event = heat.alone(case_of(row_of("thermal-rate"), channels.temps, 1, unit))
    assert heat.forecast_now(replace(event, location="string2/sensor1"), banks, channels) is None


@pytest.mark.parametrize(("noise", "told"), [(0.5, False), (0.4999, True)])
def test_a_slope_of_two_sigmas_is_within_noise(
    noise: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    banks, channels = unit = a_unit()
    heats(banks, 1)
    event = heat.alone(case_of(row_of("thermal-rate"), channels.temps, 1, unit))
    monkeypatch.setattr(heating, "heating_of", lambda *of: RISING._replace(own=1.0, noise=noise))
    assert bool(heat.forecast_now(event, banks, channels)) == told


def test_channels_without_a_usable_value() -> None:
    banks, channels = unit = a_unit()
    banks.temps.age_s[2], banks.volts.age_s[2] = 75.0, 7200.0
    event = blind.explain(case_of(row_of("blind"), channels.temps, 2, unit, frozenset({2})))
    assert event.text == (
        "string1/module1/sensor3 had given no usable value for 75 s when raised: its state is not "
        "known, it may be anything. Check cable, sensor and unit."
    )
    assert_event(event, value=75.0, value_unit="s", since_s=T_S - 75.0, location=SENSORS[2])
    event = blind.explain(case_of(row_of("blind"), channels.volts, 2, unit, frozenset({2, 3})))
    assert event.text == (
        "2 channels of string1/module1 had given no usable value for 2.0 h when raised: its state "
        "is not known, it may be anything. Check cable, sensor and unit."
    )
    assert_event(event, value=7200.0, location=f"{STRING}/module1")


def test_a_sensor_that_cannot_be_believed() -> None:
    banks, channels = unit = a_unit()
    banks.temps.value[0] = 55.678
    banks.temps.memory[0, [input_columns.BEFORE, input_columns.SUSPECT]] = 24.1, 10.0
    case = case_of(row_of("sensor-fault", "advice"), channels.temps, 0, unit)
    assert sensor_fault.explain(case).text == (
        "string1/module1/sensor1 stepped from 24.1 to 55.7 degC, which no heat or load could "
        "bring so fast. Check sensor and wiring; its readings are doubted."
    )
    banks.temps.memory[0, [input_columns.SUSPECT, input_columns.STANDS_S]] = 0.0, 660.0
    assert sensor_fault.explain(case).text == (
        "string1/module1/sensor1 had said 55.68 for 11 min when raised while its siblings moved. "
        "Check sensor and wiring; its readings are doubted."
    )
    assert sensor_fault.explain(case).value == 55.678


def test_a_group_that_heats_or_is_cooled_worse() -> None:
    banks, channels = unit = a_unit()
    group = banks.around.group
    group[0, [around.COOLING, around.DEGRADED, around.FAST]] = 0.1234, 2.0, 5.0
    banks.around.median[0] = 33.33
    event = cooling.explain(case_of(row_of("cooling"), channels.groups, 0, unit))
    assert event.text == (
        "All sensors of string1 heat together, certain rise 0.12 K/min, about 33.3 degC when "
        "raised, without a load that explains it (limit 0.1 K/min). Check the cooling of the "
        "room."
    )
    assert event.value == 0.1234
    event = cooling_degraded.explain(case_of(row_of("cooling-degraded", "advice"), channels.groups, 0, unit))
    assert event.text == (
        "string1 was 5.0 K warmer than its room when raised, 2.0 K more than it used to be (limit "
        "2 K). Check filters and fans."
    )
    assert_event(event, value=2.0, expected=3.0)


@pytest.mark.parametrize(
    ("share", "now"), [(0.25, "in 8.0 h"), (0.1001, "in 20.0 h"), (0.0999, "hardly at all")]
)
def test_a_group_that_loses_the_heat_of_its_load_more_slowly(share: float, now: str) -> None:
    banks, channels = unit = a_unit()
    row = banks.detectors.cooling_lost[0]
    row[[cooling_lost.TIMES, cooling_lost.NOW]] = 2.345, share / 7200.0
    row[cooling_lost.LN_BASE] = math.log(1.0 / 7200.0)
    event = cooling_lost.explain(case_of(row_of("cooling-lost"), channels.groups, 0, unit))
    assert event.text == (
        f"string1 lost two thirds of the heat of a load in 2.0 h, when raised {now}: cooled 2.3 "
        "times worse, as is certain (limit 2). Check fans, filters and whether air gets in and out."
    )
    assert_event(event, value=2.345, expected=1.0)


def test_a_lead_battery_over_its_room_and_its_float_current() -> None:
    banks, channels = unit = a_unit()
    banks.around.over_room[1], banks.temps.value[1] = 10.26, 35.26
    event = vrla_over_room.explain(case_of(row_of("vrla-over-room", CRITICAL), channels.temps, 1, unit))
    assert event.text == (
        "string1/module1/sensor2 was 10.3 K warmer than the room when raised, at 35.3 degC (limit "
        "10 K); a floating lead battery stays within 3 K, and beyond 10 K thermal runaway is to "
        "be suspected."
    )
    assert event.value == 10.26
    columns = [around.FLOAT, around.FLOAT_BASELINE, around.FLOAT_RATIO]
    banks.around.circuit[0, columns] = 1.23456, 0.4, 3.09
    event = vrla_float_current.explain(case_of(row_of("vrla-float-current"), channels.circuits, 0, unit))
    assert event.text == (
        "The float current of string1 was 1.23 A when raised, 3.1 times what it had been (limit "
        "3): dry-out, a failing cell, or heat."
    )
    assert_event(event, value=3.09, expected=0.4)


@pytest.mark.parametrize(
    ("member", "now", "limit", "quantity", "unit", "what"),
    [
        ("overload", 26.0, 20.0, "current", "A",
         "current of string1 was 26.0 A when raised, 130 % of the 20 A"),
        ("overload-discharge", -130.0, 100.0, "current", "A",
         "current of string1 was -130.0 A when raised, 130 % of the 100 A"),
        ("overload-power", 2600.0, 2000.0, "power", "W",
         "power of string1 was 2.6 kW when raised, 130 % of the 2 kW"),
        ("overload-power-discharge", -6500.0, 5000.0, "power", "W",
         "power of string1 was -6.5 kW when raised, 130 % of the 5 kW"),
    ],
)  # fmt: skip
def test_a_load_over_its_limit(
    member: str, now: float, limit: float, quantity: str, unit: str, what: str
) -> None:
    banks, channels = whole = a_unit()
    banks.detectors.overload[0, overload.MEMBERS.index(member)] = abs(now)
    case = case_of(replace(row_of("overload"), limit=limit), channels.circuits, 0, whole)
    event = overload.explain(replace(case, member=member, whose="of the profile"))
    assert event.text == f"The {what} from which on it is a warning (of the profile)."
    assert_event(event, quantity=quantity, value=now, expected=limit, limit=limit, location=STRING)
    assert event.value_unit == unit


@pytest.mark.parametrize(
    ("place", "quantity", "name"),
    [
        ("string1/cell5", "cell_voltage", "string1/cell5"),
        ("string1/b5", "cell_voltage", "Cell string1/b5"),
        ("string1", "current", "Circuit string1"),
        ("pack", "module_temperature", "Sensor pack"),
        ("", "battery_temperature", "Sensor of the unit"),
        ("", "power", "Channel of the unit"),
    ],
)
def test_a_channel_is_called_by_its_place_and_its_noun_once(place: str, quantity: str, name: str) -> None:
    assert said.said(said.Sentence("who", "{who}"), who=who(place, quantity)).text == name


def test_a_heat_that_has_a_witness() -> None:
    banks, channels = unit = a_unit()
    state = banks.doubt.state
    state[1, [doubt.BEFORE, doubt.WORST, doubt.DOUBTED_S]] = 24.0, 88.04, 10.0
    case = case_of(row_of("sudden-heat", CRITICAL), channels.temps, 1, unit, frozenset({0, 1}))
    lost = sudden_heat.explain(case)
    banks.doubt.x[1] = 88.04
    for witness, at, x, told in (
        (doubt.SENSOR, 3, 64.04, "string1/module1/sensor4 rose to 64.0 degC"),
        (doubt.CELL_FELL, 4, 2.604, "string1/module1/cell5 fell by 2.60 V"),
        (doubt.CELL_GONE, 0, math.nan, "string1/module1/cell1 is not read any more"),
        (doubt.INSULATION, 0, 12000.0, "the insulation fell to 12000 ohm"),
        (doubt.UNIT, 0, 9.0, "the unit itself has raised an alarm"),
        (doubt.NOBODY, 0, math.nan, "a second reading says so"),
    ):
        state[1, doubt.WITNESS : doubt.READ] = witness, at, x
        event = sudden_heat.explain(case)
        assert event.text == (
            "string1/module1/sensor2 rose from 24.0 to 88.0 degC between two readings when raised, and not "
            f"alone: {told}. Take it for a fire until it is seen to be none. 1 more in the same place show "
            "it too."
        )
    gone = "readings and could not be read any more when"
    assert lost.text == event.text.replace("readings when", gone)
    assert_event(event, value=88.04, since_s=T_S - 10.0, location=SENSORS[1])


def test_a_heat_that_is_alone() -> None:
    banks, channels = unit = a_unit()
    banks.doubt.state[1, [doubt.BEFORE, doubt.DOUBTED_S]] = 24.4, 30.0
    banks.doubt.x[1] = 84.4
    event = unproven_heat.explain(case_of(row_of("unproven-heat", CRITICAL), channels.temps, 1, unit))
    assert event.text == (
        "string1/module1/sensor2 alone read 84 degC when raised, for 30 s, 24 before: heat, or a broken "
        "sensor. Look from outside; do not open."
    )
    assert_event(event, value=84.4, since_s=T_S - 30.0)
    row = row_of("unproven-heat", CRITICAL)
    several = unproven_heat.explain(case_of(row, channels.temps, 1, unit, frozenset({1, 2})))
    assert several.text == (
        "string1/module1/sensor2 read 84 degC when raised, for 30 s, 24 before: heat, or a broken sensor. "
        "Look from outside; do not open. 1 more in the same place show it too."
    )


def test_a_sensor_that_chatters() -> None:
    banks, channels = unit = a_unit()
    banks.temps.value[1] = 23.0
    banks.doubt.state[1, [doubt.CHATTERS_S, doubt.WORST]] = 5.0, 140.04
    event = sensor_fault.explain(case_of(row_of("sensor-fault", "advice"), channels.temps, 1, unit))
    assert event.text == (
        "string1/module1/sensor2 chatters: it jumps again and again, and read 140 at its worst in the last "
        "hour. Check sensor and wiring; its readings are doubted."
    )
