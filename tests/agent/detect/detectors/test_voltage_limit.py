"""What voltage-limit says of whole frames."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.settings import Settings
from agent.detect.watch import Learned, UnitDetectors
from agent.quality import Quality
from tests.agent.detect.racks import Floats, feed, places

PERIODS = [1.0, 5.0, 10.0, 30.0]
CELLS = 16
#: As docs/adding-a-battery.md gives them.
TIERS = [(2.8, 3.55), (2.65, 3.6), (2.5, 3.65)]


def watch_of(period_s: float, chemistry: str = "LFP", tiers: object = None, n: int = CELLS) -> UnitDetectors:
    where, quantities, steps = places(n)
    profile = None if tiers is None else np.array([tiers] * n, float)
    return UnitDetectors(where, quantities, steps, period_s, Settings(chemistry=chemistry), profile)


def quiet(n: int, cells: int = CELLS, volts: float = 3.3) -> Floats:
    """Return frames of cells that stand still."""
    rng = np.random.default_rng(5)
    return np.round(volts + 0.001 * rng.standard_normal((n, cells)), 3)


def said(events: list[AlarmEvent], severity: str = "critical") -> list[AlarmEvent]:
    return [
        e for e in events if e.detector == "voltage-limit" and e.severity == severity and e.state == "NEW"
    ]


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize(
    ("volts", "side"), [(3.95, "over"), (1.7, "below"), (5.6, "over"), (0.0, "below"), (-0.4, "below")]
)
def test_a_cell_beyond_a_safety_limit_is_critical_within_10_s_or_3_frames(
    period_s: float, volts: float, side: str
) -> None:
    frames = quiet(60)
    frames[30:, 4] = volts
    (first, *_) = said(feed(watch_of(period_s), frames, dt_s=period_s))
    since_s = first.t_s - 30 * period_s
    assert max(5.0, 2 * period_s) <= since_s <= max(10.0, 2 * period_s)
    limit = 3.9 if side == "over" else 1.8
    assert first.location == "string1/module1/cell5"
    assert (first.value, first.limit, first.value_unit) == (volts, limit, "V")
    assert first.text == (
        f"string1/module1/cell5 was at {volts:.3f} V when raised, {side} its safety limit of {limit:g} V, "
        "of the chemistry."
    )


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("lasts", [1, 2])
def test_one_or_two_bad_frames_are_no_alarm(period_s: float, lasts: int) -> None:
    frames = quiet(200)
    for at, volts in ((20, 4.2), (60, 0.4), (100, 5.4), (140, 1.65)):
        frames[at : at + lasts] = volts
        frames[at + lasts + 1, 3] = volts  # and again, after one good frame
    assert not said(feed(watch_of(period_s), frames, dt_s=period_s))


@pytest.mark.parametrize("cells", [1, 3, 16])
def test_the_tiers_of_a_profile_are_advice_warning_and_critical_and_one_alarm(cells: int) -> None:
    frames = quiet(900, cells)
    frames[100:400] += 0.27  # and not to one number, which would be no measurement
    frames[400:700] += 0.32
    frames[700:] += 0.37
    events = feed(watch_of(1.0, tiers=TIERS, n=cells), frames)
    ours = [e for e in events if e.detector == "voltage-limit"]
    assert [(e.severity, e.t_s, e.limit) for e in ours if e.state == "NEW"] == [
        ("advice", 160.0, 3.55), ("warning", 430.0, 3.6), ("critical", 705.0, 3.65),
    ]  # fmt: skip
    assert len({e.name for e in ours}) == 1
    assert " V when raised, over its operating limit of 3.55 V, of the profile." in ours[0].text


def test_a_value_on_its_limit_and_within_the_dead_band_after_it() -> None:
    watch, frames = watch_of(1.0, tiers=TIERS), quiet(400)
    frames[:, 2] = 3.65  # the limit itself: a warning, for it is beyond 3.6
    assert not said(events := feed(watch, frames[:100]))
    assert said(events, "warning")
    frames[100:110, 2], frames[110:, 2] = 3.651, 3.645
    (critical,) = said(feed(watch, frames[100:], t_s=100.0))
    watch.book.do("acknowledge", critical.name, 400.0)  # type: ignore[arg-type]
    assert watch.tiers("voltage-limit")[2] == 3, "within 10 mV of its limit it has not come back"
    frames[:, 2] = 3.639
    feed(watch, frames[:70], t_s=500.0)
    assert watch.tiers("voltage-limit")[2] == 2


def test_all_cells_over_at_once_are_one_alarm_named_by_the_worst() -> None:
    frames = quiet(200)
    frames[100:] += 0.65
    frames[100:, 11] = 4.19
    (first,) = said(feed(watch_of(1.0), frames))
    assert first.location == "string1/module1/cell12"
    assert first.count == CELLS


def test_a_value_that_the_gate_holds_back_or_that_was_not_read_is_judged_as_what_it_is() -> None:
    watch, frames = watch_of(1.0), quiet(200)
    frames[100:, 3] = np.where(np.arange(100) % 2, 5.3, 4.3)  # no two agree: the gate lets none of them pass
    assert said(feed(watch, frames))[0].t_s == 105.0
    watch, quality = watch_of(1.0), np.zeros(CELLS, np.uint8)
    quality[3] = Quality.OUT_OF_RANGE
    frames[:, 3] = 4.3
    assert not [e for t in range(100) for e in watch.judge(float(t), frames[0], quality)]


#: Of each chemistry what an ordinary cell of it reaches: end of a discharge, and boost, equalising or full
#: charge, in the cold. From the sources of docs/detection.md, and from memory where that says so.
ORDINARY = {
    "LFP": (2.0, 3.8), "NMC": (2.5, 4.4), "NCA": (2.5, 4.3), "LCO": (2.5, 4.5), "LMO": (2.5, 4.3),
    "LTO": (1.5, 2.9), "VRLA": (1.6, 2.64), "NiCd": (0.9, 1.75),
}  # fmt: skip


@pytest.mark.parametrize("chemistry", ORDINARY)
def test_nothing_that_a_chemistry_ordinarily_does_is_an_alarm(chemistry: str) -> None:
    low, high = ORDINARY[chemistry]
    course = np.interp(np.arange(160), [0, 40, 80, 120, 159], [low, high, high, low, low])
    frames = np.round(np.clip(course[:, None] + quiet(160, 3, volts=0.0), low, high), 3)
    events = feed(watch_of(10.0, chemistry, n=3), frames, dt_s=10.0)
    assert not [e for e in events if e.detector in ("voltage-limit", "limits-in-doubt")]


@pytest.mark.parametrize(("beyond", "doubted"), [(1, False), (4, False), (5, True)])
def test_more_than_a_quarter_of_the_cells_doubt_a_chemistry(beyond: int, doubted: bool) -> None:
    frames = quiet(100)
    frames[:, :beyond] = 4.0 + 0.001 * np.arange(beyond)
    events = feed(watch_of(1.0), frames)
    assert bool(said(events)) != doubted
    assert any(e.detector == "limits-in-doubt" for e in events) == doubted


def test_one_cell_of_two_or_three_doubts_nothing() -> None:
    for cells in (1, 2, 3):
        frames = quiet(60, cells)
        frames[:, 0] = 4.0
        assert said(feed(watch_of(1.0, n=cells), frames))


def test_limits_that_the_profile_gives_are_not_doubted() -> None:
    events = feed(watch_of(1.0, tiers=TIERS), quiet(100, volts=3.7))
    assert said(events)
    assert not [e for e in events if e.detector == "limits-in-doubt"]


def test_the_doubt_ends_with_what_raised_it_and_does_not_come_back_after_the_first_minute() -> None:
    watch = watch_of(1.0)
    assert not said(feed(watch, quiet(100, volts=4.0)))
    feed(watch, quiet(100), t_s=100.0)
    assert said(feed(watch, quiet(100, volts=4.0), t_s=200.0))


@pytest.mark.parametrize(("chemistry", "criticals"), [("LFP", True), ("LTO", False)])
def test_a_restart_is_no_first_minute_but_another_chemistry_is(chemistry: str, criticals: bool) -> None:
    before = watch_of(1.0)
    feed(before, quiet(100))
    learned: Learned = before.learned()
    watch = watch_of(1.0, chemistry)
    assert not watch.take_up(learned, 100.0)
    assert bool(said(feed(watch, quiet(100, volts=4.0), t_s=101.0))) == criticals


@pytest.mark.parametrize(("tiers", "low", "high"), [(TIERS, 2.5, 3.65), (None, 1.8, 3.9)])
def test_cells_that_rise_and_fall_together_are_critical_on_both_sides(
    tiers: object, low: float, high: float
) -> None:
    """A charger that does not stop, then a load that does not: 3.35 to 4.25 to 1.7 V."""
    course = np.interp(np.arange(240), [0, 40, 110, 140, 239], [3.35, 3.35, 4.25, 4.25, 1.7])
    rng = np.random.default_rng(1)
    frames = np.round(course[:, None] + 0.001 * rng.standard_normal((240, 6)), 3)
    told = {e.limit: e.t_s for e in said(feed(watch_of(10.0, tiers=tiers, n=6), frames, dt_s=10.0))}
    assert set(told) == {low, high}
    assert told[high] <= 10.0 * (np.argmax(course > high + 0.003) + 2)
    assert told[low] <= 10.0 * (np.argmax(course < low - 0.003) + 2)


def blocks(cells_per_block: int | None) -> Callable[[Floats], list[AlarmEvent]]:
    where = [f"string1/block{i + 1}" for i in range(8)]
    settings = Settings(chemistry="VRLA", cells_per_block=cells_per_block)
    watch = UnitDetectors(where, ["module_voltage"] * 8, np.full(8, 0.01), 10.0, settings)
    return lambda frames: said(feed(watch, frames, dt_s=10.0))


def test_a_block_is_judged_by_its_cells_and_by_nothing_where_nobody_says_how_many_it_has() -> None:
    frames = quiet(100, 8, volts=13.5)
    frames[50:, 2] = 16.6
    (first,) = blocks(6)(frames)
    assert first.limit == 16.5
    assert not blocks(None)(frames)


@pytest.mark.parametrize("period_s", [1.0, 10.0])
def test_a_cell_at_0_v_is_one_alarm(period_s: float) -> None:
    frames = quiet(200)
    frames[100:, 3] = 0.0
    told = [e for e in feed(watch_of(period_s), frames, dt_s=period_s) if e.state == "NEW"]
    assert [(e.detector, e.severity, e.location) for e in told] == [
        ("voltage-limit", "critical", "string1/module1/cell4")
    ]


def test_a_cell_over_and_another_under_its_limit_are_both_told() -> None:
    frames = quiet(200)
    frames[100:, [3, 7]] = 4.3, 1.5
    told = said(feed(watch_of(1.0), frames))
    assert {(e.location, e.limit) for e in told} == {
        ("string1/module1/cell4", 3.9),
        ("string1/module1/cell8", 1.8),
    }
