"""What standing-imbalance says of whole frames."""

import pytest

from tests.agent.detect.racks import feed, healthy, raised, watch_of

N, CELL = 8, 4
PLACE = f"string1/module1/cell{CELL + 1}"


@pytest.mark.parametrize("volts", [-0.1, 0.1, -0.4, 0.4, -0.8])
@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
def test_a_cell_that_stands_off_from_the_first_frame_on_is_told_within_a_minute(
    volts: float, period_s: float
) -> None:
    frames = healthy(100, N)
    frames[:, CELL] += volts
    (event,) = [e for e in feed(watch_of(N, period_s=period_s), frames, dt_s=period_s) if e.state == "NEW"]
    severity = "warning" if abs(volts) > 0.33 else "advice"
    assert (event.detector, event.severity, event.location) == ("standing-imbalance", severity, PLACE)
    assert event.t_s <= 60.0


def test_a_cell_that_steps_away_later_is_told_as_that_and_not_as_standing() -> None:
    frames = healthy(800, N)
    frames[500:, CELL] -= 0.2
    told = raised(feed(watch_of(N, period_s=10.0), frames, dt_s=10.0))
    assert ("cell-imbalance", "warning", PLACE) in told
    assert "standing-imbalance" not in {detector for detector, _, _ in told}


def test_a_cell_that_is_off_for_two_frames_is_not_standing_off() -> None:
    frames = healthy(60, N)
    frames[:2, CELL] -= 0.3
    assert not raised(feed(watch_of(N, period_s=10.0), frames, dt_s=10.0), "standing-imbalance")


def test_a_cell_that_was_put_right_is_no_alarm_any_more() -> None:
    frames = healthy(800, N)
    frames[:300, CELL] -= 0.15
    events = feed(watch_of(N, period_s=10.0), frames, dt_s=10.0)
    states = [e.state for e in events if e.detector == "standing-imbalance"]
    assert states == ["NEW", "CLEARED-NEW"]
