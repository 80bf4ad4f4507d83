"""Minute and hour figures: what they say, and that arrival changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.quality import Quality
from agent.wire import CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from collector.figures.figures import CLOCKS, HOUR_S, Arrays, Extremes, Figures
from collector.figures.minute import Channels, minute_figures, minutes_of
from tests.collector.figures.frames import (
    AGENT,
    DESCRIPTION,
    SECOND_NS,
    UNIT,
    UTC_S,
    Frame,
    Kept,
    batch_of,
    plainly,
    second_by_second,
)
from tests.collector.places import PLACES, Place


@pytest.fixture
def kept(place: Place) -> Iterator[Kept]:
    opened = Kept(place)
    yield opened
    opened.close()
    assert opened.told == []


def agree(figures: list[Figures], expected: dict[int, dict[str, object]]) -> None:
    assert [one.span.utc_s for one in figures] == list(expected)
    for one, said in zip(figures, expected.values(), strict=True):
        assert one.arrays is not None
        for name, value in said.items():
            if name in (*Arrays.FLOATS, "good_s"):
                np.testing.assert_allclose(getattr(one.arrays, name), value, rtol=1e-6, err_msg=name)
            elif name in Extremes._fields:
                assert getattr(one.extremes, name) == value, name
            else:
                assert getattr(one, name) == value, name


qualities = st.sampled_from([Quality.GOOD] * 4 + [Quality.MISSING, Quality.OUT_OF_RANGE, Quality.NO_REPLY])
times = st.lists(st.integers(0, 4 * 150), min_size=1, max_size=30, unique=True)  # quarters of a second


@st.composite
def sealed(draw: st.DrawFn) -> tuple[list[Frame], list[Batch]]:
    """Frames of two minutes and a half, and the batches that hold them."""
    frames = []
    for quarter in sorted(draw(times)):
        quality = tuple(int(draw(qualities)) for _ in range(4))
        raw = tuple(0 if q == Quality.NO_REPLY else draw(st.integers(-99, 99)) for q in quality)
        frames.append(Frame(UTC_S * SECOND_NS + quarter * SECOND_NS // 4, raw, quality))
    cuts = sorted(draw(st.sets(st.integers(1, len(frames)), max_size=4)))
    pieces = [frames[a:b] for a, b in zip([0, *cuts], [*cuts, len(frames)], strict=True) if a < b]
    return frames, [batch_of(i, piece) for i, piece in enumerate(pieces, 1)]


@given(sealed())
def test_figures_are_those_of_the_plain_twin(made: tuple[list[Frame], list[Batch]]) -> None:
    frames, batches = made
    minutes = sorted({utc_s for batch in batches for utc_s in minutes_of(batch)})
    figures = list(minute_figures(AGENT, UNIT, batches, minutes, Channels.of(DESCRIPTION)))
    agree(figures, plainly(frames))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made=sealed(), data=st.data())
def test_late_healed_and_repeated_batches_come_to_the_same_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[Frame], list[Batch]], data: st.DataObject
) -> None:
    in_any_order("sqlite", tmp_path_factory.mktemp("kept"), made, data)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made=sealed(), data=st.data())
def test_so_they_do_in_postgresql(
    tmp_path: Path, made: tuple[list[Frame], list[Batch]], data: st.DataObject
) -> None:
    in_any_order("postgresql", tmp_path, made, data)


def in_any_order(
    scheme: str, folder: Path, made: tuple[list[Frame], list[Batch]], data: st.DataObject
) -> None:
    frames, batches = made
    again = [replace(batch, epoch=b"n" * 16) for batch in batches]  # salvaged into another epoch
    kept = Kept(Place(scheme, PLACES[scheme].new(folder)))
    try:
        for batch in data.draw(st.permutations([*batches, *data.draw(st.permutations(again))])):
            kept.take(batch)
            if data.draw(st.booleans()):
                kept.make()  # of what is there by now
        kept.make()
        agree(kept.minutes(), plainly(frames))
        agree(kept.hours(), _without_means(plainly(frames, HOUR_S)))
    finally:
        kept.close()


def _without_means(of_hours: dict[int, dict[str, object]]) -> dict[int, dict[str, object]]:
    """An hour's mean weighs its minutes by good seconds, not by frames: quarters of a second differ."""
    return {utc_s: {k: v for k, v in said.items() if k != "mean"} for utc_s, said in of_hours.items()}


def test_an_hours_mean_weighs_minutes_by_their_good_seconds(kept: Kept) -> None:
    kept.take(batch_of(1, [*second_by_second(UTC_S, 50, 2), *second_by_second(UTC_S + 60, 10, 8)]))
    kept.make()
    (hour,) = kept.hours()
    assert hour.arrays is not None
    assert hour.arrays.mean.tolist() == [(50 * 2.0 + 10 * 5.0) / 60] * 4
    assert hour.arrays.last.tolist() == [5.0] * 4
    assert (hour.frames, hour.data_s, hour.data_minutes, hour.safety_minutes) == (60, 60, 2, 2)


def test_a_minute_with_all_values_bad_is_a_minute_without_data(kept: Kept) -> None:
    kept.take(batch_of(1, second_by_second(UTC_S, 10, 0, Quality.NO_REPLY)))
    kept.take(batch_of(2, second_by_second(UTC_S + 60, 10)))
    kept.make()
    bad, fine = kept.minutes()
    assert (bad.frames, bad.data_s, bad.safety_s, bad.data_minutes, bad.safety_minutes) == (10, 0, 0, 0, 0)
    assert bad.arrays is not None
    assert all(np.isnan(getattr(bad.arrays, name)).all() for name in Arrays.FLOATS)
    assert bad.arrays.good_s.tolist() == [0] * 4
    assert fine.data_s == 10
    (hour,) = kept.hours()
    assert (hour.data_minutes, hour.safety_minutes) == (1, 1)
    assert hour.arrays is not None
    assert hour.arrays.last.tolist() == [4.0] * 4


def test_half_of_the_temperatures_and_half_of_the_voltages_are_safety_data(kept: Kept) -> None:
    good, lost = int(Quality.GOOD), int(Quality.NO_REPLY)
    for i, quality in enumerate(
        [(good, lost, good, good), (good, good, lost, good), (lost, lost, good, good)]
    ):
        kept.take(batch_of(i + 1, [Frame((UTC_S + 60 * i) * SECOND_NS, (0,) * 4, quality)]))
    kept.make()
    assert [(one.safety_s, one.data_s) for one in kept.minutes()] == [(1, 1), (0, 1), (0, 1)]


def test_the_worst_clock_of_a_minute_is_told(kept: Kept) -> None:
    clock = np.array([CLOCK_SYNCHRONISED] * 9 + [0], np.uint8)
    kept.take(batch_of(1, second_by_second(UTC_S, 10), clock=clock))
    kept.take(batch_of(2, second_by_second(UTC_S + 60, 10)))
    simulated = np.full(10, CLOCK_SYNCHRONISED | CLOCK_SIMULATED, np.uint8)
    kept.take(batch_of(3, second_by_second(UTC_S + 120, 10), clock=simulated))
    kept.make()
    told = [CLOCKS[one.clock] for one in kept.minutes()]
    assert told == ["unsynchronised", "synchronised", "simulated"]


def test_views_say_in_sql_what_the_arrays_hold(kept: Kept) -> None:
    frames = [
        Frame(UTC_S * SECOND_NS, (6600, -7, 123_456_789, 1), (0, 0, 0, int(Quality.MISSING))),
        Frame((UTC_S + 1) * SECOND_NS, (-6601, 0, -2, 1), (0, 0, 0, int(Quality.MISSING))),
    ]
    kept.take(batch_of(1, frames))
    kept.make()
    for view, held in (("minute_value", kept.minutes()), ("hour_value", kept.hours())):
        (figures,) = held
        arrays = figures.arrays
        assert arrays is not None
        found = kept.select(f"SELECT place, min, max, mean, last, good_s FROM {view} ORDER BY place")
        expected = [
            (
                f"cell{i}",
                *(None if np.isnan(v := getattr(arrays, n)[i]) else float(v) for n in Arrays.FLOATS),
                int(arrays.good_s[i]),
            )
            for i in range(4)
        ]
        assert found == expected
    (unit,) = kept.select("SELECT unit, data_s, hottest, hottest_place, spread, clock FROM unit_hour")
    assert unit == (UNIT, 2, np.float32(123_456_789 * 0.5 + 1), "cell2", 3303.5, "synchronised")
