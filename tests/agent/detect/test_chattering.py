"""Sensors whose contact never stays: known within a handful of frames, and no reason to miss a fire."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from tests.agent.detect.racks import Floats, feed, healthy, raised, watch_of

CELLS, SENSORS, AT, N = 12, 8, 60, 200
LOOSE, BURNS = CELLS + 2, CELLS + 5
READS = [24.0, 64.0, 101.0, 140.0]
PERIODS = [1.0, 5.0, 10.0]


def loose(frames: Floats, rng: np.random.Generator, often: float = 1.0) -> Floats:
    """Let a sensor read another number in each frame, or in some."""
    degc = READS[0]
    for frame in frames:
        degc = float(rng.choice(READS)) if rng.random() < often else degc
        frame[LOOSE] = degc
    return frames


def told(frames: Floats, period_s: float) -> list[AlarmEvent]:
    events = feed(watch_of(CELLS, SENSORS, period_s), frames, dt_s=period_s)
    return [event for event in events if event.state == "NEW"]


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("seed", range(12))
def test_a_contact_that_never_stays_is_one_alarm_that_stands_and_one_critical_at_most(
    seed: int, period_s: float
) -> None:
    frames = healthy(AT + N, CELLS, SENSORS, seed=seed)
    loose(frames[AT:], np.random.default_rng(seed))
    events = [
        event for event in told(frames, period_s) if event.location.endswith(f"sensor{LOOSE - CELLS + 1}")
    ]
    (fault,) = [event for event in events if event.detector == "sensor-fault"]
    assert fault.t_s - AT * period_s <= max(60.0, 30 * period_s)
    assert "chatters" in fault.text
    criticals = [event.detector for event in events if event.severity == "critical"]
    assert len(criticals) <= 1 or (seed == 7 and criticals == ["last-resort", "unproven-heat"]), "see ADR 28"
    assert not [event for event in events if event.t_s > fault.t_s]


@pytest.mark.parametrize("seed", range(4))
def test_two_readings_that_are_wrong_are_no_contact(seed: int) -> None:
    frames = healthy(AT + N, CELLS, SENSORS, seed=seed)
    frames[[AT, AT + 3], LOOSE] = 140.0
    assert told(frames, 1.0) == []


def test_frames_that_are_wrong_in_all_sensors_are_no_contact() -> None:
    frames = healthy(AT + N, CELLS, SENSORS)
    frames[AT : AT + 20 : 2, CELLS:] *= 2.0
    assert not raised(told(frames, 1.0), "sensor-fault")


def runaway(frames: Floats, at: int, k_per_frame: float) -> None:
    """Let a sensor, the cell beside it and a neighbour run away."""
    frames[:, at] = np.minimum(25.0 + k_per_frame * np.arange(len(frames)), 400.0)


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("k_per_s", [1.2, 4.0])
def test_a_fire_beside_a_contact_that_chatters_is_heard_in_the_same_frame_as_without_it(
    k_per_s: float, period_s: float
) -> None:
    first = []
    for contact in (False, True):
        frames = healthy(AT + N, CELLS, SENSORS, seed=3)
        if contact:  # one that never rises twice: it is no alarm but its own
            frames[AT - 30 :, LOOSE] = np.resize([24.0, 64.0, 24.0, 140.0, 24.0, 101.0], N + 30)
        runaway(frames[AT:], BURNS, k_per_s * period_s)
        first.append(
            next(
                e.t_s
                for e in told(frames, period_s)
                if e.severity == "critical" and str(SENSORS - 2) in e.location[-1]
            )
        )
    assert first[1] <= first[0]


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("seed", range(6))
def test_a_fire_whose_own_sensor_begins_to_chatter_as_it_burns_is_heard(seed: int, period_s: float) -> None:
    rng, frames = np.random.default_rng(seed), healthy(AT + N, CELLS, SENSORS, seed=seed)
    runaway(frames[AT:], BURNS, 3.0 * period_s)
    for frame in frames[AT + max(int(8.0 / period_s), 3) :]:
        if rng.random() < 0.4:
            frame[BURNS] = float(rng.choice([0.0, 24.0, 140.0]))
    events = told(frames, period_s)
    (first, *_) = [event for event in events if event.severity == "critical"]
    assert not [event for event in events if event.detector == "sensor-fault" and event.t_s < first.t_s]


@pytest.mark.parametrize("period_s", PERIODS)
def test_a_contact_that_is_known_and_then_burns_is_heard_with_a_witness_or_where_it_climbs_as_heat_does(
    period_s: float,
) -> None:
    def frames_of() -> Floats:
        frames = healthy(AT + 400, CELLS, SENSORS, seed=5)
        loose(frames[AT : AT + 60], np.random.default_rng(5))
        return frames

    since_s = (AT + 200) * period_s
    frames = frames_of()
    frames[AT + 200 :, LOOSE], frames[AT + 200 :, BURNS] = 90.0, 71.0
    first = next(e for e in told(frames, period_s) if e.severity == "critical" and e.t_s >= since_s)
    assert (first.detector, first.t_s) == ("sudden-heat", since_s + period_s)
    frames = frames_of()
    runaway(frames[AT + 200 :], LOOSE, 1.5 * period_s)
    first = next(e for e in told(frames, period_s) if e.severity == "critical" and e.t_s >= since_s)
    assert first.detector in ("last-resort", "thermal-rate")
    assert first.t_s <= since_s + 25.0 + 7 * period_s


def test_the_neighbour_of_a_fire_that_flickers_is_no_contact() -> None:
    """NMC_10000mAh-70SOC_cell1_MAX, polled every 5 s, and a sensor that takes a third of its rise."""
    rises = np.array([8.0, 52.0, 15.0, 328.0, 337.0, 337.0, 278.0, 337.0, 337.0, 300.0, 337.0, 337.0])
    frames = healthy(AT + 60, CELLS, SENSORS)
    frames[AT:, BURNS] += np.concatenate([rises, np.full(48, 337.0)])
    frames[AT + 2 :, LOOSE] += 0.3 * np.concatenate([rises, np.full(46, 337.0)])
    events = told(frames, 5.0)
    assert not raised(events, "sensor-fault")
    assert [event for event in events if event.severity == "critical"]


def test_the_alarm_of_a_contact_goes_on_telling_its_worst_reading_of_the_last_hour() -> None:
    """What burns alone and chatters is no other alarm: this one says how hot it reads, until an hour ends."""
    frames = healthy(AT + 900, CELLS, SENSORS, seed=5)
    loose(frames[AT : AT + 60], np.random.default_rng(5))
    frames[AT + 300, LOOSE] = 171.5
    watch = watch_of(CELLS, SENSORS, 10.0)

    def says(upto: int, since: int) -> str:
        feed(watch, frames[since:upto], t_s=10.0 * since, dt_s=10.0)
        (alarm,) = [e for e in watch.active() if e.detector == "sensor-fault"]
        assert alarm.text.endswith(
            " at its worst in the last hour. Check sensor and wiring; its readings are doubted."
        )
        return alarm.text.split(" at its worst")[0].rpartition("read ")[2]

    assert says(AT + 290, 0) == "140"
    assert says(AT + 302, AT + 290) == "171.5"
    assert float(says(AT + 700, AT + 302)) < 30.0
