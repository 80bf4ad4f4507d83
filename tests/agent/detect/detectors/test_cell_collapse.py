"""What cell-collapse says of whole frames."""

import pytest

from agent.detect.alarms.states import AlarmEvent
from tests.agent.detect.racks import feed, healthy, raised, watch_of

N, COLLAPSE_AT, CELL = 8, 60, 4


def events_of(fall_v: float, period_s: float, frames_low: int = 99) -> list[AlarmEvent]:
    frames = healthy(120, N)
    frames[COLLAPSE_AT : COLLAPSE_AT + frames_low, CELL] -= fall_v
    return [e for e in feed(watch_of(N, period_s=period_s), frames, dt_s=period_s) if e.state == "NEW"]


@pytest.mark.parametrize("fall_v", [0.9, 2.0, 3.2])
@pytest.mark.parametrize(("period_s", "after_s"), [(1.0, 7.0), (5.0, 15.0), (10.0, 20.0), (30.0, 60.0)])
def test_a_cell_that_collapses_is_critical_in_the_third_frame_or_after_ten_seconds(
    fall_v: float, period_s: float, after_s: float
) -> None:
    event = next(e for e in events_of(fall_v, period_s) if e.severity == "critical")
    assert (event.detector, event.location) == ("cell-collapse", f"string1/module1/cell{CELL + 1}")
    assert event.t_s - COLLAPSE_AT * period_s <= after_s
    told_mv = float(event.text.split(" mV below")[0].split()[-1])
    assert told_mv == pytest.approx(1e3 * fall_v, abs=15.0)


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("frames_low", [1, 2])
def test_one_or_two_frames_are_no_collapse(period_s: float, frames_low: int) -> None:
    for fall_v in (0.9, 2.0, 3.2):
        assert not [e for e in events_of(fall_v, period_s, frames_low) if e.severity == "critical"]


def test_a_cell_that_stands_so_from_the_first_frame_on_is_one_critical_alarm() -> None:
    frames = healthy(60, N)
    frames[:, CELL] -= 1.4
    assert raised(feed(watch_of(N), frames)) == [
        ("cell-collapse", "critical", f"string1/module1/cell{CELL + 1}")
    ]


def test_a_fifth_below_the_others_is_no_collapse() -> None:
    assert not [e for e in events_of(0.66, 10.0) if e.detector == "cell-collapse"]


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize(("cells", "stayed"), [(8, 3), (8, 2), (16, 7), (16, 4)])
def test_most_cells_of_a_string_that_collapse_are_critical_too(
    cells: int, stayed: int, period_s: float
) -> None:
    frames = healthy(120, cells)
    frames[COLLAPSE_AT:, : cells - stayed] -= 1.1
    frames[COLLAPSE_AT:, 1] -= 0.2
    events = feed(watch_of(cells, period_s=period_s), frames, dt_s=period_s)
    first = next(e for e in events if e.severity == "critical")
    assert (first.detector, first.location) == ("cell-collapse", "string1/module1/cell2")
    assert first.t_s - COLLAPSE_AT * period_s <= max(10.0, 2.0 * period_s)
    assert "mV below the few cells that stayed up" in first.text


@pytest.mark.parametrize("period_s", [1.0, 10.0, 30.0])
def test_one_cell_above_the_rest_and_two_bad_frames_are_no_collapse_of_the_rest(period_s: float) -> None:
    for high, frames_low in ((1, 60), (4, 2)):
        frames = healthy(120, N)
        frames[COLLAPSE_AT : COLLAPSE_AT + frames_low, high:] -= 1.1
        events = feed(watch_of(N, period_s=period_s), frames, dt_s=period_s)
        assert not [e for e in events if e.severity == "critical"]
