"""What loose-contact says of whole frames."""

import numpy as np
import pytest

from tests.agent.detect.racks import Floats, feed, healthy, raised, watch_of

GROUP = [0, 1, 0, 1, 0, 0]
N, CELL = len(GROUP), 4


def chattering(frames: Floats, seed: int = 1) -> Floats:
    rng, volts = np.random.default_rng(seed), 3.3
    for frame in frames:
        volts = float(rng.choice([3.3, 3.1, 2.7, 1.4, 3.8])) if rng.random() < 0.1 else volts
        frame[CELL] = round(volts + rng.normal(0.0, 0.001), 3)
    return frames


def test_a_contact_that_chatters_is_one_alarm_that_stands() -> None:
    events = feed(watch_of(8, period_s=60.0), chattering(healthy(2880, 8)), dt_s=60.0)
    place = f"string1/module1/cell{CELL + 1}"
    told = [e for e in events if e.detector == "loose-contact"]
    assert [(e.state, e.severity, e.location) for e in told] == [("NEW", "warning", place)]
    after = [e for e in events if e.state == "NEW" and e.t_s > told[0].t_s]
    assert not after, "nothing else is raised once it is known"
    assert "measuring wire" in told[0].text


def test_wrong_frames_loads_and_a_cell_that_leaves_are_no_loose_contact() -> None:
    frames = healthy(400, 8)
    frames[[100, 160, 220], CELL] -= 0.5  # six jumps, of which two have nearly faded: within three hours
    frames[300:, CELL] -= 0.5
    frames[50:350:10] -= np.linspace(0.2, 0.4, 8)  # a load that pulls all of them, and not alike
    assert not raised(feed(watch_of(8, period_s=120.0), frames, dt_s=120.0), "loose-contact")


@pytest.mark.parametrize("volts", [2.0, 3.0])
def test_a_cell_that_is_still_for_hours_is_believed_again(volts: float) -> None:
    frames = np.concatenate([chattering(healthy(180, 8)), healthy(400, 8)])
    frames[180 + 200 :, CELL] = volts
    told = raised(feed(watch_of(8, period_s=60.0), frames, dt_s=60.0), "cell-imbalance", "cell-collapse")
    assert told


def never_still(frames: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    for i, frame in enumerate(frames):
        volts = rng.choice([2.9, 2.2, 1.4, 3.6]) if i % 3 else 3.3
        frame[CELL] = round(float(volts) + rng.normal(0.0, 0.001), 3)
    return frames


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_contact_that_jumps_in_each_frame_is_one_alarm_at_the_end_and_none_critical(
    seed: int, period_s: float
) -> None:
    frames = healthy(200 + int(900 / period_s), 8, seed=seed)
    never_still(frames[200:], seed)
    watch = watch_of(8, period_s=period_s)
    events = [e for e in feed(watch, frames, dt_s=period_s) if e.state == "NEW"]
    assert {e.severity for e in events} == {"warning"}
    assert next(e.t_s for e in events if e.detector == "loose-contact") <= 210 * period_s
    assert len(events) <= 2, "one more at most, until it is known"
    assert [alarm.family for alarm in watch.book.standing()] == ["loose-contact"]


@pytest.mark.parametrize("steps", [[1.4], [2.9, 1.4], [3.0, 2.6, 2.1, 1.4]])
@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0])
def test_a_cell_that_collapses_in_one_step_or_in_many_is_told_without_a_doubt(
    steps: list[float], period_s: float
) -> None:
    frames = healthy(400, 8)
    frames[200 : 200 + len(steps), CELL], frames[200 + len(steps) :, CELL] = steps, steps[-1]
    deep = 200 + int(np.argmax(np.array(steps) < 2.4))
    events = feed(watch_of(8, period_s=period_s), frames, dt_s=period_s)
    first = next(e for e in events if e.detector == "cell-collapse")
    assert first.t_s == (deep + max(2, int(np.ceil(5.0 / period_s)) + 1)) * period_s


def test_a_cell_that_came_back_and_collapses_is_told_half_a_minute_later_at_most() -> None:
    frames = healthy(400, 8)
    frames[195, CELL], frames[200:, CELL] = 1.4, 1.4
    (first,) = [e for e in feed(watch_of(8), frames) if e.detector == "cell-collapse"]
    assert first.t_s <= 200.0 + 30.0 + 5.0
