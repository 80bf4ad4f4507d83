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
