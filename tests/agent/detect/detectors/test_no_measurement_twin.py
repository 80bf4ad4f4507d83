"""Channels without a measurement: against the slow twin, and through a whole unit, on both sides."""

import math

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels
from agent.detect.detectors import no_measurement
from agent.detect.detectors.no_measurement import AGO_S, FRAMES, HEARD, READ, SCORE, WHY, judge_no_measurement
from agent.detect.kernels import measured as reasons
from agent.detect.kernels.arrays import Part
from agent.detect.kernels.inputs import BLIND
from agent.detect.kernels.load import CHARGE, DISCHARGE, REST, UNKNOWN
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks
from agent.detect.watch import UnitDetectors
from agent.quality import Quality
from tests.agent.detect.racks import Floats, healthy, places, raised

ROWS = """
no-measurement     -           critical   2      -       0     10   0      -
no-measurement     -           warning    1      -       0     10   0      -
"""
KEPT = {
    Part("no-measurement", 1): [
        "detectors.no_measurement.sensors", "detectors.no_measurement.cells",
        "detectors.no_measurement.regime",
    ]
}  # fmt: skip

CELLS, SENSORS = 6, 6
GOOD, NOT_READ, CODE, INVALID, BEYOND, ZEROS, TOGETHER = range(7)


class Twin:
    """One channel, told plainly. bad: its frames without a measurement so far: seconds before it, why."""

    def __init__(self) -> None:
        self.bad: list[tuple[float, int]] = []
        self.grave = False

    def take(self, dt_s: float, why: int, grave: bool) -> float:
        """Return its score."""
        if why == GOOD:
            self.bad, self.grave = [], False
        elif why == NOT_READ:
            self.bad += [(-1.0, why)] if self.bad else []
        else:
            self.bad.append((dt_s, why))
        bad = [one_s for one_s, said in self.bad if said != NOT_READ][1:]
        lasts = sum(bad) >= 10.0 and len(bad) >= 2
        self.grave = self.grave or (lasts and len(bad) >= 3 and grave and why != NOT_READ)
        return 2.0 if self.grave else 1.0 if lasts else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_channels_are_scored_as_the_twin_scores_them(seed: int) -> None:
    rng, seen = np.random.default_rng(seed), {0.0: 0, 1.0: 0, 2.0: 0}
    where = [f"string{1 + i // 4 % 2}/at{i}" for i in range(16)]
    quantities = ["cell_temperature"] * 8 + ["cell_voltage"] * 8
    channels = Channels([*where, "string1", "string2"], [*quantities, "current", "current"], np.full(18, 0.1))
    for _ in range(40):
        banks = new_banks(channels, Settings().unit_limits(channels.quantities))
        regimes = [UNKNOWN] * banks.load.at.size
        twins = [Twin() for _ in range(16)]
        ages = rng.choice([0.0, 5.0, np.inf], 16, p=[0.6, 0.2, 0.2])
        calm = rng.random() < 0.5
        for _frame in range(15):
            dt_s = float(rng.choice([1.0, 5.0, 10.0]))
            banks.temps.age_s[:], banks.volts.age_s[:] = ages[:8], ages[8:]
            chance = [0.1, 0.1, 0.2, 0.15, 0.15, 0.15, 0.15] if calm else [1 / 7] * 7
            banks.measuring.why[:] = rng.choice(7, 18, p=chance)
            banks.measured[:] = rng.random(18) < 0.5
            banks.load.regime[:] = rng.choice([REST, CHARGE, DISCHARGE, UNKNOWN], banks.load.at.size)
            banks.temps.raw[:], banks.volts.raw[:] = rng.choice([math.nan, 3.0], 8), 3.0
            for bank in (banks.temps, banks.volts):
                bank.score[:, BLIND] = rng.choice([0.0, 1.0, 2.0, np.nan], 8)
            blind = np.concatenate([banks.temps.score[:, BLIND], banks.volts.score[:, BLIND]])
            own = banks.detectors.no_measurement
            judge_no_measurement(
                dt_s, banks.gate, banks.measuring, banks.measured, banks.temps, banks.volts, banks.load, own
            )
            for j, at in enumerate(banks.load.at):
                if banks.measured[at] and banks.load.regime[j] != UNKNOWN:
                    regimes[j] = int(banks.load.regime[j])
            why = banks.measuring.why[:16].tolist()
            for i, twin in enumerate(twins):
                group = [d for d in range(16) if d // 8 == i // 8 and d // 4 == i // 4]
                known = [d for d in group if ages[d] < np.inf]
                said = why[i]
                if ages[i] == np.inf and said != NOT_READ and (known or said not in (ZEROS, TOGETHER)):
                    said = GOOD  # no sensor
                in_use = regimes[(i // 4) % 2] in (CHARGE, DISCHARGE)
                most = sum(why[d] in (CODE, BEYOND) for d in known) > len(known) / 2
                score = twin.take(dt_s, said, in_use and (said not in (CODE, BEYOND) or most))
                state = (own.sensors if i < 8 else own.cells)[i % 8]
                assert state[SCORE] == score
                assert np.isnan(state[HEARD]) == (why[i] == NOT_READ)
                found = (banks.temps if i < 8 else banks.volts).score[i % 8, BLIND]
                np.testing.assert_equal(found, 0.0 if score > 0.0 and blind[i] > 0.0 else blind[i])
                seen[score] += 1
    assert min(seen.values()) > 100, seen


def unit(period_s: float, amps: bool = True, **settings: object) -> UnitDetectors:
    """Return the watch over a string of cells and sensors, its current measured or not; limits as of LFP."""
    where, quantities, step = places(CELLS, SENSORS)
    if amps:
        where, quantities, step = [*where, "string1"], [*quantities, "current"], np.append(step, 0.1)
    return UnitDetectors(where, quantities, step, period_s, Settings(chemistry="LFP"))


def told(
    spoil: Floats | None, period_s: float = 1.0, amps: float | None = 0.0, lasts: int = 40, code: int = 0
) -> list[AlarmEvent]:
    """Return what is said of a quiet unit, of which `lasts` frames are spoilt: where `spoil` is not NaN it is
    read, where it is infinite it has quality `code`.
    """
    frames = healthy(200 + lasts + 60, CELLS, SENSORS)
    if amps is not None:
        frames = np.column_stack([frames, np.full(len(frames), amps)])
    watch, events = unit(period_s, amps is not None), []
    for i, frame in enumerate(frames):
        quality = np.zeros(len(frame), np.uint8)
        if 200 <= i < 200 + lasts and spoil is not None:
            frame = np.where(np.isnan(spoil), frame, spoil)
            quality[np.isinf(frame)] = code
            frame[np.isinf(frame)] = np.nan
        events += watch.judge(i * period_s, frame, quality)
    return events


def spoilt(cells: float, sensors: float, amps: float | None = math.nan) -> Floats:
    frame = [cells] * CELLS + [sensors] * SENSORS
    return np.array([*frame, amps] if amps is not None else frame)


KINDS = {
    "zeros": spoilt(0.0, 0.0, 0.0),
    "zeros but the current": spoilt(0.0, 0.0),
    "one number": spoilt(4.8, math.nan),
    "what no cell has": spoilt(65.535, math.nan),
}


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("amps", [0.0, 30.0, -30.0])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_measurement_is_told_after_ten_seconds_or_two_frames_and_critical_in_use(
    kind: str, amps: float, period_s: float
) -> None:
    events = [e for e in told(KINDS[kind], period_s, amps) if e.detector == "no-measurement"]
    first = events[0]
    assert first.severity == "warning" or period_s == 1.0
    assert first.t_s - 200 * period_s == max(10.0, 2 * period_s)
    loud = [e for e in events if e.severity == "critical" and e.state == "NEW"]
    assert [e.t_s - 200 * period_s for e in loud] == ([max(10.0, 3 * period_s)] if amps else [])
    assert events[-1].state.startswith("CLEARED") or events[-1].state == "NORMAL"
    assert len([e for e in events if e.state == "NEW"]) <= 2, "one alarm, not one a channel"


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("lasts", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_three_frames_in_use_are_not_critical(kind: str, lasts: int, period_s: float) -> None:
    events = told(KINDS[kind], period_s, 30.0, lasts)
    assert "critical" not in {e.severity for e in events}
    assert lasts == 3 or not raised(events)


@pytest.mark.parametrize("quality", [Quality.MISSING, Quality.OUT_OF_RANGE])
def test_a_channel_that_is_told_here_is_not_told_as_blind_too(quality: Quality) -> None:
    events = told(spoilt(math.inf, math.nan), amps=30.0, lasts=200, code=quality)
    assert raised(events) == [
        ("no-measurement", "critical", "string1/module1"),
    ]
    (alarm,) = [e for e in events if e.state == "NEW"]
    said = "says that it has none" if quality == Quality.MISSING else "reads what its profile does not let"
    assert f"string1/module1 {said}" in alarm.text
    assert "in 6 cells: no measurement" in alarm.text


@pytest.mark.parametrize(
    ("quality", "severity"), [(Quality.MISSING, "warning"), (Quality.OUT_OF_RANGE, "critical")]
)
def test_a_sensor_alone_that_says_it_has_none_is_a_warning_in_use_too(
    quality: Quality, severity: str
) -> None:
    one = spoilt(math.nan, math.nan)
    one[CELLS] = math.inf
    assert raised(told(one, amps=30.0, code=quality)) == [
        ("no-measurement", severity, "string1/module1/sensor1")
    ]


@pytest.mark.parametrize("quality", [Quality.NO_REPLY, Quality.STALE, Quality.REFUSED])
def test_what_is_not_read_is_blind_and_nothing_else(quality: Quality) -> None:
    events = told(spoilt(math.inf, math.inf), lasts=100, code=quality)
    assert {e.detector for e in events} == {"blind"}


def test_where_no_current_is_measured_it_stays_a_warning() -> None:
    assert {s for _, s, _ in raised(told(spoilt(0.0, 0.0, None), amps=None))} == {"warning"}


def test_a_unit_that_says_zeros_of_its_current_too_is_in_use_as_it_last_was() -> None:
    assert ("no-measurement", "critical") in {(d, s) for d, s, _ in raised(told(KINDS["zeros"], amps=-30.0))}


def test_a_place_without_a_sensor_is_quiet_and_a_unit_dead_since_its_start_is_not() -> None:
    watch, events = unit(1.0), []
    frames = np.column_stack([healthy(60, CELLS, SENSORS), np.zeros(60)])
    frames[:, 3:6], frames[:, CELLS] = 65.535, -40.0
    for i, frame in enumerate(frames):
        quality = np.zeros(frame.size, np.uint8)
        quality[CELLS + 1] = Quality.MISSING
        events += watch.judge(float(i), frame, quality)
    assert raised(events) == []
    watch, events = unit(1.0), []
    for i in range(60):
        events += watch.judge(float(i), np.full(13, 0.0), np.zeros(13, np.uint8))
    (alarm,) = [e for e in events if e.state == "NEW"]
    assert (alarm.detector, alarm.severity) == ("no-measurement", "warning")


def test_its_words() -> None:
    (alarm,) = [e for e in told(KINDS["what no cell has"]) if e.state == "NEW"]
    assert alarm.text == (
        "When raised, for 10 s: string1/module1 reads 65.535 V in 6 cells: no measurement (no battery has "
        "it). No limit can be judged there."
    )
    assert (alarm.value, alarm.location, alarm.since_s) == (65.535, "string1/module1", 200.0)
    first = next(e for e in told(KINDS["zeros"], amps=9.0, period_s=30.0) if e.severity == "critical")
    assert first.text == (
        "When raised, for 2 min: string1/module1 reads 0 degC in 6 sensors: no measurement (voltages and "
        "temperatures are 0 together). No limit can be judged there. The battery is being charged or "
        "discharged."
    )


def test_its_reasons_are_all_told() -> None:
    assert set(no_measurement.REASONS) == {
        reasons.CODE, reasons.INVALID, reasons.BEYOND, reasons.ZEROS, reasons.TOGETHER,
    }  # fmt: skip
    assert {AGO_S, FRAMES, WHY, READ, SCORE, HEARD} == set(range(no_measurement.COLUMNS))
