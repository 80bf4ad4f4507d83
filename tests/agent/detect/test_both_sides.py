"""Both sides of a jump to a heat: with a witness it is a fire with the next frame, alone it is told as
unproven, and a bad frame is neither; at each period.
"""

import re
from collections.abc import Callable

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import Floats, feed, healthy, places, raised, watch_of

CELLS, SENSORS, N, AT = 12, 8, 400, 300
PERIODS = [1.0, 5.0, 10.0, 30.0]
HOT = [CELLS + 2, CELLS + 3, CELLS + 5]
THERMAL = (
    "last-resort", "sudden-heat", "thermal-slope", "thermal-rate", "thermal-rest", "thermal-onset",
    "over-temperature",
)  # fmt: skip


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


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize("reads_then", [np.nan, 215.0])
@pytest.mark.parametrize("sensors", [1, SENSORS])
def test_a_sensor_alone_that_was_hot_when_it_was_read_last_is_unproven(
    sensors: int, reads_then: float, period_s: float
) -> None:
    """What burns cuts its wires, and an open input reads a code."""
    frames = healthy(N, CELLS, sensors)
    frames[AT, CELLS], frames[AT + 1 :, CELLS] = 95.0, reads_then
    events = feed(watch_of(CELLS, sensors, period_s), frames, dt_s=period_s)
    (alone,) = [e for e in events if e.severity == "critical"]
    assert alone.detector == "unproven-heat"
    assert alone.t_s == AT * period_s + max(30.0, 2.0 * period_s)
    assert "read 95 degC, 2" in alone.text
    assert "had not been read since" in alone.text
    assert not raised(events, "blind", "sensor-fault", *THERMAL)


def breaks(frames: Floats, at: int, gone: int = 20) -> None:
    """Let a cable break with a hot reading, and come back."""
    frames[at, HOT[0]], frames[at + 1 : at + 1 + gone, HOT[0]] = 95.0 + 0.01 * at, np.nan


def test_a_cable_that_breaks_again_and_again_is_one_alarm_that_stands_until_it_was_home_for_a_day() -> None:
    """A break every two hours or so, too seldom to chatter; frames of a minute."""
    frames = healthy(7200, CELLS, SENSORS)  # five days
    for at in (300, 420, 560, 640, 790, 1000, 1150, 1300, 1500, 1602, 6000):
        breaks(frames, at)
    watch = watch_of(CELLS, SENSORS, 60.0)
    events = feed(watch, frames[:1700], dt_s=60.0)
    assert [(e.detector, e.t_s) for e in events if e.severity == "critical"] == [
        ("unproven-heat", 302 * 60.0)
    ]
    (alarm,) = [e for e in watch.active() if e.severity == "critical"]
    watch.book.do("acknowledge", alarm.name, 1e5)  # type: ignore[arg-type]
    events = feed(watch, frames[1700:], t_s=1700 * 60.0, dt_s=60.0)
    told = [(e.detector, e.state, e.t_s / 60.0) for e in events if e.severity == "critical"]
    assert told == [("unproven-heat", "NEW", 6002.0)], "home for a day since"


def test_a_heat_that_stays_is_told_beside_a_cable_that_broke_and_came_home() -> None:
    frames = healthy(800, CELLS, SENSORS)
    breaks(frames, 100)
    breaks(frames, 300)
    frames[500:, HOT[0]] = 91.0
    critical = criticals(frames, 10.0)
    assert [(e.detector, e.t_s, e.text.split(",")[0]) for e in critical] == [
        ("unproven-heat", 1030.0, "string1/module1/sensor3 alone read 96 degC"),
        ("unproven-heat", 5030.0, "string1/module1/sensor3 alone read 91 degC when raised"),
    ]
    assert len({e.name for e in critical}) == 2


def test_a_fire_beside_a_cable_that_broke_is_told_as_if_it_had_not() -> None:
    frames = healthy(800, CELLS, SENSORS)
    breaks(frames, 100)
    burns(frames[500:])
    assert [(e.detector, e.t_s) for e in criticals(frames, 10.0)] == [
        ("unproven-heat", 1030.0), ("sudden-heat", 5010.0),
    ]  # fmt: skip


def test_a_heat_that_stood_and_is_not_read_any_more_is_one_alarm() -> None:
    def stands(frames: Floats) -> None:
        frames[:20, HOT[0]], frames[20:, HOT[0]] = 84.0, np.nan

    assert [e.t_s for e in criticals(frames_of(stands), 10.0)] == [10.0 * AT + 30.0]


@pytest.mark.parametrize(("step", "sensors"), [(1.0, 2), (1.0, 3), (0.1, 4)])
def test_a_sensor_that_stands_still_beside_a_fire_is_no_sensor_fault(step: float, sensors: int) -> None:
    """Its siblings' median moves, and frames are held before and meanwhile: it is far from the fire."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        quiet = np.repeat(healthy(120, CELLS, sensors, seed=seed), [1] * 119 + [90], axis=0)
        fire = np.repeat(healthy(40, CELLS, sensors, seed=seed + 9)[rng.integers(0, 40, 20)], 2, axis=0)
        fire[:, CELLS + 1 :] = quiet[-1, CELLS + 1 :]
        rise = 0.05 * np.arange(40) * 10.0 * np.exp(np.arange(40) / 8.0)
        fire[:, CELLS : CELLS + max(1, sensors // 2)] += np.minimum(np.repeat(rise[::2], 2), 500.0)[:, None]
        frames = np.concatenate([quiet, fire])
        frames[:, CELLS:] = np.round(frames[:, CELLS:] / step) * step
        where, quantities, steps = places(CELLS, sensors)
        steps[CELLS:] = step
        watch = UnitDetectors(where, quantities, steps, 10.0)
        events = feed(watch, frames, dt_s=10.0)
        assert [e for e in events if e.severity == "critical"]
        assert raised(events, "sensor-fault") == []


@pytest.mark.parametrize("period_s", PERIODS)
def test_a_hot_frame_and_one_that_is_not_read_are_nothing(period_s: float) -> None:
    def blinks(frames: Floats) -> None:
        frames[0, HOT[0]], frames[1, HOT[0]] = 95.0, np.nan

    assert criticals(frames_of(blinks), period_s) == []


@pytest.mark.parametrize("period_s", PERIODS)
def test_sensors_that_all_leap_in_one_frame_and_are_gone_are_blind(period_s: float) -> None:
    def restarts(frames: Floats) -> None:
        frames[0, CELLS:] += 70.0
        frames[1:, CELLS:] = np.nan

    events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(restarts), dt_s=period_s)
    assert not [e for e in events if e.severity == "critical"]
    assert raised(events, "blind")


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
    assert re.search("read (101|140) at its worst in the last hour", fault.text)


def hears(
    degc: float, *, at: int = HOT[0], said_s: float = np.inf, ohm: float | None = None
) -> list[AlarmEvent]:
    """Return what is said of a sensor that jumps alone, polled every 10 s, beside the unit's own words."""
    frames = healthy(N, CELLS, SENSORS)
    frames[AT:, at] = degc
    where, quantities, step = places(CELLS, SENSORS)
    insulation = np.full(N, 2e6)
    insulation[AT:] = 2e6 if ohm is None else ohm
    frames = np.column_stack([frames, insulation])
    watch = UnitDetectors([*where, ""], [*quantities, "insulation_resistance"], np.append(step, 1e3), 10.0)
    events, quality = [], np.zeros(frames.shape[1], np.uint8)
    for i, frame in enumerate(frames[: AT + 20]):
        said = said_s + 10.0 * (i - AT) if i >= AT else np.inf
        events += watch.judge(10.0 * i, frame, quality, said_s=said)
    return [e for e in events if e.state == "NEW"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"said_s": 0.0}, "the unit itself has raised an alarm"),
        ({"said_s": 60.0}, "the unit itself has raised an alarm"),
        ({"ohm": 4e5}, "the insulation fell to 400000 ohm"),
        ({"ohm": 4e5, "said_s": 9.0}, "the insulation fell to 400000 ohm"),
    ],
)
def test_the_units_own_words_are_a_witness(words: dict[str, float], told: str) -> None:
    (event,) = hears(84.0, **words)
    assert (event.detector, event.t_s) == ("sudden-heat", 10.0 * (AT + 1))
    assert f"not alone: {told}." in event.text


@pytest.mark.parametrize("words", [{}, {"said_s": 61.0}, {"ohm": 6e5}, {"ohm": 0.0}])
def test_old_words_and_an_insulation_that_wanders_or_is_zero_are_none(words: dict[str, float]) -> None:
    assert [e.detector for e in hears(84.0, **words)] == ["unproven-heat"]
    assert hears(30.0, said_s=0.0, ohm=1e4) == [], "nothing is hot"


@pytest.mark.parametrize("period_s", PERIODS)
def test_the_hottest_is_named_and_who_its_witness_was(period_s: float) -> None:
    told = {
        burns: "sensor string1/module1/sensor6 rose to 74.0 degC",
        burns_beside_a_cell: "string1/module1/cell5 fell by",
        burns_beside_a_cell_that_vanishes: "string1/module1/cell5 is not read any more",
        burns_slowly_beside: "string1/module1/sensor4 rose to",
    }
    for fire, witness in told.items():
        events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(fire), dt_s=period_s)
        sudden = next(e for e in events if e.detector == "sudden-heat")
        assert witness.removeprefix("sensor ") in sudden.text
        assert sudden.location == f"string1/module1/sensor{4 if fire is burns else 3}"


@pytest.mark.parametrize("period_s", PERIODS)
def test_of_cells_that_fall_beside_a_heat_the_deepest_is_named_by_how_far_it_is_down(period_s: float) -> None:
    """One that fell a while ago is hardly below what it was in the last minute, and 1.3 V below others."""

    def heats_late(frames: Floats) -> None:
        frames[:, [2, 6]] -= [0.3, 1.3]
        frames[int(60.0 / period_s) :, HOT[0]] = 84.0

    events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(heats_late), dt_s=period_s)
    sudden = next(e for e in events if e.detector == "sudden-heat")
    assert re.search(r"alone: string1/module1/cell7 fell by 1\.(29|30|31) V", sudden.text)


@pytest.mark.parametrize("period_s", PERIODS)
def test_a_frame_of_zeros_or_of_an_open_input_takes_no_heat_back(period_s: float) -> None:
    for bad in (slice(None), HOT[0]):

        def heats(frames: Floats, bad: slice | int = bad) -> None:
            frames[:, HOT[0]] = 84.0
            frames[int(20.0 / period_s) + 1, bad] = 0.0 if bad == slice(None) else -40.0

        found = criticals(frames_of(heats), period_s)
        assert [e.detector for e in found] == ["unproven-heat"]
        assert found[0].t_s <= AT * period_s + 60.0 + period_s


def test_cells_that_read_no_measurement_are_no_witnesses_but_one_that_vanishes_into_a_code_is() -> None:
    def one_number(frames: Floats) -> None:
        frames[:, HOT[0]], frames[:, 2:6] = 71.0, 0.4

    def gone(frames: Floats) -> None:
        frames[:, HOT[0]], frames[:, 4] = 71.0, 65.535

    where, quantities, step = places(CELLS, SENSORS)
    for fault, detector in ((one_number, "unproven-heat"), (gone, "sudden-heat")):
        watch = UnitDetectors(where, quantities, step, 1.0, Settings(chemistry="LFP"))
        events = feed(watch, frames_of(fault))
        critical = [e.detector for e in events if e.severity == "critical" and e.state == "NEW"]
        assert critical[0] == detector


def restarted(watch: UnitDetectors, power_cut: bool, before: UnitDetectors) -> UnitDetectors:
    """Return the watch of the next process; a power cut leaves what had been learned `before`."""
    other, learned = watch_of(CELLS, SENSORS, 10.0), (before if power_cut else watch).learned()
    assert other.take_up(learned, watch.t_s) == []
    other.book.from_plain(watch.book.to_plain())
    assert not other.stand_again(watch.standing(), watch.t_s)
    return other


@pytest.mark.parametrize("power_cut", [False, True])
@pytest.mark.parametrize("away_s", [20.0, 3600.0])
@pytest.mark.parametrize("fire", [burns, None], ids=["sudden", "alone"])
def test_a_heat_that_was_told_is_no_news_after_a_restart(
    fire: Callable[[Floats], None] | None, away_s: float, power_cut: bool
) -> None:
    def alone(frames: Floats) -> None:
        frames[:, HOT[0]] = 84.0

    frames = frames_of(fire or alone)
    watch, before = watch_of(CELLS, SENSORS, 10.0), watch_of(CELLS, SENSORS, 10.0)
    feed(before, frames[:AT], dt_s=10.0)
    told = feed(watch, frames[: AT + 10], dt_s=10.0)
    assert [d for d, s, _ in raised(told) if s == "critical"] == ["sudden-heat" if fire else "unproven-heat"]
    other = restarted(watch, power_cut, before)
    events = feed(other, frames[AT + 10 :], t_s=10.0 * (AT + 9) + away_s, dt_s=10.0)
    assert [e for e in events if e.severity == "critical"] == [], "neither told again, nor over"
    assert other.active()[0].detector == ("sudden-heat" if fire else "unproven-heat")
    healthy_again = np.full((1000, CELLS + SENSORS), 25.0)
    healthy_again[:, :CELLS] = 3.3
    feed(other, healthy_again, t_s=1e5, dt_s=10.0)
    assert other.standing() == []


@pytest.mark.parametrize("power_cut", [False, True])
@pytest.mark.parametrize("away_s", [20.0, 3600.0])
@pytest.mark.parametrize("hot", [HOT[:1], HOT])
def test_a_heat_first_seen_after_a_restart_is_told(hot: list[int], away_s: float, power_cut: bool) -> None:
    def heats(frames: Floats) -> None:
        frames[:, hot] = [84.0, 71.0, 66.0][: len(hot)]

    frames = frames_of(heats)
    watch = watch_of(CELLS, SENSORS, 10.0)
    feed(watch, frames[:AT], dt_s=10.0)
    other = restarted(watch, power_cut, watch)
    begins_s = 10.0 * (AT - 1) + away_s
    events = feed(other, frames[AT:], t_s=begins_s, dt_s=10.0)
    (first, *_) = [e for e in events if e.severity == "critical"]
    told = ("unproven-heat", 30.0) if len(hot) == 1 else ("sudden-heat", 10.0)
    assert (first.detector, first.t_s - begins_s) == told


@pytest.mark.parametrize("period_s", PERIODS)
def test_a_sensor_that_stepped_and_then_reads_heat_is_no_sensor_fault(period_s: float) -> None:
    def steps_then_heats(frames: Floats) -> None:
        frames[:, HOT[0]] = 45.0
        frames[20:, HOT[0]] = 45.0 + np.minimum(0.1 * period_s * np.arange(len(frames) - 20), 40.0)

    events = feed(watch_of(CELLS, SENSORS, period_s), frames_of(steps_then_heats), dt_s=period_s)
    hot_s = next((e.t_s for e in events if e.severity == "critical"), np.inf)
    assert hot_s <= (AT + 20) * period_s + 150.0 + 2 * period_s
    assert not raised(events, "sensor-fault")
