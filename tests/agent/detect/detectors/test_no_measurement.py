"""What no-measurement says of whole frames."""

import math

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from agent.quality import Quality
from tests.agent.detect.racks import Floats, healthy, places, raised

CELLS, SENSORS = 6, 6


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


@pytest.mark.parametrize("period_s", [1.0, 10.0])
@pytest.mark.parametrize("amps", [0.0, 30.0])
def test_three_sensors_that_leap_to_one_heat_are_one_alarm(amps: float, period_s: float) -> None:
    spoil = spoilt(math.nan, math.nan)
    spoil[CELLS : CELLS + 3] = 85.0
    (alarm,) = [e for e in told(spoil, period_s, amps, lasts=100) if e.state == "NEW"]
    assert (alarm.detector, alarm.severity, alarm.count) == ("unproven-heat", "critical", 3)


@pytest.mark.parametrize(
    ("others", "more"), [(1, " 1 more reads none either."), (2, " 2 more read none either.")]
)
def test_what_else_is_no_measurement_is_counted(others: int, more: str) -> None:
    spoil = spoilt(66.0, math.nan)
    spoil[CELLS - others : CELLS] = 67.0 + np.arange(others)
    (alarm,) = [e for e in told(spoil) if e.state == "NEW"]
    assert more in alarm.text


@pytest.mark.parametrize("period_s", [1.0, 10.0, 30.0])
@pytest.mark.parametrize("code", [Quality.MISSING, Quality.OUT_OF_RANGE])
@pytest.mark.parametrize("amps", [0.0, -30.0])
def test_a_current_that_is_a_code_is_a_warning_and_never_critical(
    amps: float, code: int, period_s: float
) -> None:
    """Whether it flows is what nobody knows then."""
    spoil = np.array([math.nan] * (CELLS + SENSORS) + [math.inf])
    assert raised(told(spoil, period_s, amps, code=code)) == [("no-measurement", "warning", "string1")]
    assert raised(told(spoil, period_s, amps, code=code, lasts=2)) == []
    assert raised(told(spoil, period_s, amps, code=Quality.NO_REPLY)) == []


def test_a_current_that_was_never_measured_is_no_alarm() -> None:
    watch, quality = unit(10.0), np.zeros(CELLS + SENSORS + 1, np.uint8)
    quality[-1] = Quality.MISSING
    frames = np.column_stack([healthy(100, CELLS, SENSORS), np.full(100, math.nan)])
    assert not [e for i, frame in enumerate(frames) for e in watch.judge(10.0 * i, frame, quality)]
