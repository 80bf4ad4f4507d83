"""Both sides of a jump to a heat: with a witness it is a fire with the next frame, alone it is told as
unproven, and a bad frame is neither; at each period.
"""

from collections.abc import Callable

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from tests.agent.detect.racks import Floats, feed, healthy, raised, watch_of

CELLS, SENSORS, N, AT = 12, 8, 400, 300
PERIODS = [1.0, 5.0, 10.0, 30.0]
HOT = [CELLS + 2, CELLS + 3, CELLS + 5]
THERMAL = ("last-resort", "sudden-heat", "thermal-slope", "thermal-rate", "thermal-rest", "over-temperature")


def frames_of(fault: Callable[[Floats], None], seed: int = 1) -> Floats:
    """Return a quiet unit's frames, spoilt from AT on."""
    frames = healthy(N, CELLS, SENSORS, seed=seed)
    fault(frames[AT:])
    return frames


def criticals(frames: Floats, period_s: float) -> list[AlarmEvent]:
    events = feed(watch_of(CELLS, SENSORS, period_s), frames, dt_s=period_s)
    return [e for e in events if e.severity == "critical" and e.state == "NEW"]


def burns(frames: Floats) -> None:
    frames[:, HOT] = [68.0, 88.0, 74.0]


def burns_beside_a_cell(frames: Floats) -> None:
    frames[:, HOT[0]], frames[:, 4] = 71.0, 0.7


def burns_beside_a_cell_that_vanishes(frames: Floats) -> None:
    frames[:, HOT[0]], frames[:, 4] = 71.0, np.nan


def burns_and_is_not_read_any_more(frames: Floats) -> None:
    frames[:, HOT] = [68.0, 88.0, 74.0]
    frames[1:, HOT] = np.nan


def burns_slowly_beside(frames: Floats) -> None:
    frames[:, HOT[0]] = 70.0
    frames[:, HOT[1]] += 5.0


def burns_out(frames: Floats) -> None:
    frames[0, HOT], frames[0, 4] = [35.0, 92.0, 29.0], 2.9
    frames[1:, HOT], frames[1:, 4] = [34.0, 45.0, 30.0], 3.0


FIRES = [
    burns, burns_beside_a_cell, burns_out, burns_beside_a_cell_that_vanishes, burns_and_is_not_read_any_more,
    burns_slowly_beside,
]  # fmt: skip


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("fire", FIRES, ids=lambda fire: fire.__name__)
def test_heat_with_a_witness_is_critical_with_the_next_frame(
    fire: Callable[[Floats], None], period_s: float
) -> None:
    events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(fire), dt_s=period_s)
    first = next(e for e in events if e.severity == "critical" and e.state == "NEW")
    assert first.t_s <= (AT + 1) * period_s
    assert first.detector in ("sudden-heat", "last-resort")
    assert not raised(events, "sensor-fault", "unproven-heat")


@pytest.mark.parametrize("silence_s", [100.0, 10_800.0])
def test_heat_after_a_silence_is_critical_with_its_second_frame(silence_s: float) -> None:
    watch, frames = watch_of(CELLS, SENSORS, 10.0), frames_of(burns)
    feed(watch, frames[:AT], dt_s=10.0)
    events = feed(watch, frames[AT:], t_s=10.0 * AT + silence_s, dt_s=10.0)
    (first, *_) = [e for e in events if e.severity == "critical"]
    assert (first.detector, first.t_s) == ("sudden-heat", 10.0 * (AT + 1) + silence_s)


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("degc", [61.0, 84.0, 150.0, 300.0])
def test_a_sensor_alone_is_unproven_after_half_a_minute_and_no_thermal_alarm_while_it_stands(
    degc: float, period_s: float
) -> None:
    def jumps(frames: Floats) -> None:
        frames[:, HOT[0]] = degc

    events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(jumps), dt_s=period_s)
    assert raised(events, *THERMAL, "sensor-fault") == []
    (alone,) = [e for e in events if e.detector == "unproven-heat"]
    assert alone.severity == "critical"
    assert alone.t_s == AT * period_s + max(30.0, period_s)
    assert f"alone read {degc:.0f} degC" in alone.text


def test_a_period_that_is_a_little_short_does_not_delay_what_is_unproven_by_a_frame() -> None:
    def jumps(frames: Floats) -> None:
        frames[:, HOT[0]] = 84.0

    watch = watch_of(CELLS, SENSORS, 30.0)
    (alone,) = [e for e in feed(watch, frames_of(jumps), dt_s=29.99) if e.detector == "unproven-heat"]
    assert alone.t_s == pytest.approx((AT + 1) * 29.99)


@pytest.mark.parametrize("falls_to_v", [3.1, 2.3])
def test_a_cell_alone_is_a_witness_where_it_falls_by_more_than_any_load_takes(falls_to_v: float) -> None:
    frames = healthy(N, 1, 1)
    frames[AT:] = [falls_to_v, 157.0]
    first, *_ = [e for e in feed(watch_of(1, 1, 30.0), frames, dt_s=30.0) if e.severity == "critical"]
    assert (first.detector, first.t_s) == (
        "sudden-heat" if falls_to_v < 2.4 else "unproven-heat",
        30.0 * (AT + 1),
    )


def test_a_witness_after_a_minute_ends_the_doubt() -> None:
    def spreads(frames: Floats) -> None:
        frames[:, HOT[0]] = 71.0
        frames[60:, HOT[1]] = 64.0

    critical = criticals(frames_of(spreads), 1.0)
    assert [(e.detector, e.t_s) for e in critical] == [
        ("unproven-heat", AT + 30.0),
        ("sudden-heat", AT + 61.0),
    ]


def test_a_second_fault_that_takes_itself_back_makes_no_fire_of_the_first() -> None:
    def faults(frames: Floats) -> None:
        frames[:, HOT[0]] = 71.0
        frames[60, HOT[1]] = 64.0
        frames[80, 4] = 0.7

    assert [e.detector for e in criticals(frames_of(faults), 1.0)] == ["unproven-heat"]


@pytest.mark.parametrize("degc", [215.0, 255.0, 471.0, 511.0, 3276.7, 6553.5, 1200.0])
def test_a_code_of_an_open_input_is_no_heat(degc: float) -> None:
    def opens(frames: Floats) -> None:
        frames[:, HOT[0]] = degc

    assert criticals(frames_of(opens), 1.0) == []


GLITCHES: dict[str, Callable[[Floats], None]] = {
    "zeros": lambda f: f.fill(0.0),
    "one code everywhere": lambda f: f.fill(64.0),
    "sensors of one code": lambda f: f[:, CELLS:].fill(85.0),
    "times ten": lambda f: np.multiply(f, 10.0, out=f),
    "a tenth": lambda f: np.multiply(f, 0.1, out=f),
    "sensors times ten": lambda f: np.multiply(f[:, CELLS:], 10.0, out=f[:, CELLS:]),
    "sensors in Fahrenheit": lambda f: np.add(1.8 * f[:, CELLS:], 32.0, out=f[:, CELLS:]),
    "sensors 40 K too high": lambda f: np.add(f[:, CELLS:], 40.0, out=f[:, CELLS:]),
    "volts as temperatures": lambda f: np.multiply(f[:, :SENSORS], 100.0, out=f[:, CELLS:]),
    "bytes shifted": lambda f: np.multiply(f, 256.0, out=f),
    "another healthy unit": lambda f: np.add(f, [0.05] * CELLS + [6.0] * SENSORS, out=f),
    "a sensor and nothing else": lambda f: f[:, HOT[0]].fill(90.0),
    "a cell and nothing else": lambda f: f[:, 4].fill(0.7),
}


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("name", GLITCHES)
def test_a_glitch_of_one_or_two_frames_is_not_critical(name: str, period_s: float) -> None:
    for seed in range(5):
        for lasts in (1, 2):
            frames = healthy(N, CELLS, SENSORS, seed=seed)
            GLITCHES[name](frames[AT : AT + lasts])
            stood = period_s == 30.0 and lasts == 2 and name == "a sensor and nothing else"
            lone = ["unproven-heat"] if stood else []
            assert [e.detector for e in criticals(frames, period_s)] == lone


def test_a_loose_contact_is_one_alarm_that_stands_and_one_unproven_heat_at_most() -> None:
    rng, degc, frames = np.random.default_rng(9), 64.0, healthy(10_080, CELLS, SENSORS, temp_sd=0.02)
    for frame in frames:  # a week, a frame a minute
        if rng.random() < 0.1:
            degc = float(rng.choice([64.0, 64.0, 64.0, 23.0, 23.0, 101.0, 140.0]))
        frame[HOT[0]] = degc
    events = feed(watch_of(CELLS, SENSORS, 60.0), frames, dt_s=60.0)
    assert raised(events, *THERMAL) == []
    assert len(raised(events, "sensor-fault")) == 1
    assert len(raised(events, "unproven-heat")) <= 1
    (fault,) = [e for e in events if e.detector == "sensor-fault"]
    assert "chatters" in fault.text
    assert "140" in fault.text
