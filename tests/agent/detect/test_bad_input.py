"""What registers, clocks and lines do to a unit's judges: none of it is called a fault of the battery, and a
fault that comes afterwards is heard about as fast as without.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Codes, Floats, Ints
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from drivers.connect import assume
from drivers.layout import Layout
from drivers.profile.load import parse_profile
from tests.agent.detect.racks import si_of
from tests.forked import forked

# No valid ranges, no sentinels: what a profile does not say is left to the detectors.
PROFILE = """
schema = 1
model = "bare"
topology = {{ modules = 1, cells = {cells} }}
[[point]]
name = "pack_current"
address = 0
type = "i32"
scale = 0.1
unit = "A"
[[point]]
name = "ambient_temperature"
address = 2
type = "i16"
scale = 0.1
unit = "degC"
[[point]]
name = "cell_voltage"
address = 100
count = {cells}
place = "cell"
scale = 0.001
unit = "V"
[[point]]
name = "cell_temperature"
address = 200
count = {cells}
place = "cell"
type = "i16"
scale = 0.1
unit = "degC"
"""
PERIOD_S = 10.0
FRAMES, INSULT, FAULT = 2520, 2160, 2280  # learn for six hours; what is bad is over 15 min before the fault
BATTERY = (
    "last-resort", "thermal-slope", "thermal-rate", "thermal-rest", "thermal-onset", "over-temperature",
    "cooling", "cooling-lost", "cooling-degraded", "cell-imbalance", "cell-drift", "resistance", "overload",
)  # fmt: skip


@dataclass
class Story:
    """What a unit says: t_s (frames,), raw and quality (frames, values)."""

    layout: Layout
    t_s: Floats
    raw: Ints
    quality: Codes

    def at(self, quantity: str) -> Ints:
        """Where the values of a quantity are."""
        return np.flatnonzero(np.array(self.layout.quantities) == quantity)

    def judged(self) -> list[AlarmEvent]:
        """Return all that its judges say; `t_s` of an event is that of its frame."""
        return self._judged_by(UnitJudges(self.layout, PERIOD_S), 0, FRAMES)

    def judged_after_learning(self) -> list[AlarmEvent]:
        """Return the same, faster: before INSULT a unit at rest says what every unit of its size has said."""
        at_rest, judges, said = learned(self.at("cell_voltage").size)
        assert np.array_equal(self.raw[:INSULT], at_rest.raw[:INSULT])
        assert np.array_equal(self.quality[:INSULT], at_rest.quality[:INSULT])
        assert np.array_equal(self.t_s[:INSULT], at_rest.t_s[:INSULT])
        return said + forked(partial(self._judged_by, judges, INSULT, FRAMES))

    def _judged_by(self, judges: UnitJudges, first: int, end: int) -> list[AlarmEvent]:
        events = []
        for i in range(first, end):
            raw, quality = self.raw[i], self.quality[i]
            raw[quality != Quality.GOOD] = 0
            events += judges.judge(float(self.t_s[i]), raw, quality, partial(si_of, self.layout, raw))
        return events


@cache
def learned(cells: int) -> tuple[Story, UnitJudges, list[AlarmEvent]]:
    """Return a unit at rest, judges that have learned from its frames before INSULT, and what they said."""
    told = story(cells)
    judges = UnitJudges(told.layout, PERIOD_S)
    return told, judges, told._judged_by(judges, 0, INSULT)


def story(cells: int = 16, k_per_min: float = 0.0, millivolts: int = 0) -> Story:
    """Return a resting unit; from FAULT on its cell 6 heats, and the voltage of its cell 12 is another."""
    rng = np.random.default_rng(1)
    unit = assume(parse_profile(PROFILE.format(cells=cells)))
    shape = FRAMES, cells
    told = Story(
        unit,
        PERIOD_S * np.arange(FRAMES),
        np.zeros((FRAMES, unit.n), np.int64),
        np.zeros((FRAMES, unit.n), np.uint8),
    )
    degc = 25.0 + 0.3 * rng.standard_normal(cells) + 0.05 * rng.standard_normal(shape)
    volts = 3.33 + 0.003 * rng.standard_normal(cells) + 0.0005 * rng.standard_normal(shape)
    degc[FAULT:, 5 % cells] += k_per_min * PERIOD_S / 60.0 * np.arange(FRAMES - FAULT)
    volts[FAULT:, 11 % cells] += 1e-3 * millivolts
    told.raw[:, told.at("cell_temperature")] = np.rint(10.0 * degc)
    told.raw[:, told.at("cell_voltage")] = np.rint(1000.0 * volts)
    told.raw[:, told.at("current")] = np.rint(rng.standard_normal((FRAMES, 1)))
    told.raw[:, told.at("ambient_temperature")] = np.rint(240.0 + 0.3 * rng.standard_normal((FRAMES, 1)))
    return told


Insult = Callable[[Story], None]


def reads(value: int, *quantities: str, frames: int = 12, only: int | None = None) -> Insult:
    """Return what makes values of some quantities read a raw value."""

    def insult(told: Story) -> None:
        for quantity in quantities:
            at = told.at(quantity)
            told.raw[INSULT : INSULT + frames, at if only is None else at[only : only + 1]] = value

    return insult


def both(*insults: Insult) -> Insult:
    """Return insults that happen at once."""
    return lambda told: [insult(told) for insult in insults] and None


def unread(frames: int, *quantities: str) -> Insult:
    """Return what leaves some quantities, or all, without an answer."""

    def insult(told: Story) -> None:
        for quantity in quantities or set(told.layout.quantities):
            told.quality[INSULT : INSULT + frames, told.at(quantity)] = Quality.NO_REPLY

    return insult


def clock(leap_s: float) -> Insult:
    """Return what lets the time leap, forwards or back."""

    def insult(told: Story) -> None:
        told.t_s[INSULT:] += leap_s

    return insult


def stands_still(told: Story) -> None:
    """Let the time stand still for five minutes."""
    told.t_s[INSULT : INSULT + 30] = told.t_s[INSULT]
    told.t_s[INSULT + 30 :] -= 300.0


def trembles(told: Story) -> None:
    """Let the time go to and fro for five minutes."""
    told.t_s[INSULT : INSULT + 30] += np.random.default_rng(2).normal(0.0, 40.0, 30)


def rubbish(told: Story) -> None:
    """Let every register read anything that registers like to read, but what might be heat."""
    codes = np.array([0, 1, -1, 0x7FFF, -0x8000, 0xFFFF, 4710, 66000, 2**31 - 1, -(2**31)])
    told.raw[INSULT : INSULT + 30] = np.random.default_rng(9).choice(codes, (30, told.layout.n))


T, V, A, ROOM = "cell_temperature", "cell_voltage", "current", "ambient_temperature"
ENDS = {
    "0x7FFF": 0x7FFF,
    "0x8000": -0x8000,
    "0xFFFF": 0xFFFF,
    "-1": -1,
    "0": 0,
    "2^31-1": 2**31 - 1,
    "-2^31": -(2**31),
}
INSULTS: dict[str, Insult] = {
    **{f"all temperatures read {name}": reads(value, T) for name, value in ENDS.items()},
    **{f"one temperature reads {name}": reads(value, T, only=5) for name, value in ENDS.items()},
    **{f"all voltages read {name}": reads(value, V) for name, value in ENDS.items()},
    **{f"one voltage reads {name}": reads(value, V, only=11) for name, value in ENDS.items()},
    **{f"the current reads {name}": reads(value, A, frames=2) for name, value in ENDS.items()},
    **{f"everything reads {name}": reads(value, T, V, A, ROOM) for name, value in ENDS.items()},
    "all numbers are as large as they can be": reads(2**63 - 1, T, V, A, ROOM),
    "all numbers are as small as they can be": reads(-(2**63), T, V, A, ROOM),
    "rooms of 394 degC, cells of 66 V": both(reads(3940, ROOM, T), reads(66000, V)),
    "0 V and open sensors": both(reads(0, V), reads(4710, T)),
    "0 V and an open sensor for one frame": both(reads(0, V, frames=1), reads(4710, T, frames=1, only=5)),
    "0 V and hot sensors": both(reads(0, V), reads(1500, T)),
    "any register reads anything": rubbish,
    "nothing is read for two minutes": unread(12),
    "nothing is read for ten minutes": unread(60),
    "no temperature is read for ten minutes": unread(60, T),
    "no current is read for ten minutes": unread(60, A),
    **{f"{gap_s:.0f} s are missing": clock(gap_s) for gap_s in (7.0, 30.0, 600.0, 7200.0, 86400.0, 1e7)},
    **{f"the clock goes back by {back_s:.0f} s": clock(-back_s) for back_s in (3.0, 60.0, 7200.0, 1e7)},
    "time stands still": stands_still,
    "time goes to and fro": trembles,
}  # fmt: skip


def sound(events: list[AlarmEvent]) -> bool:
    """Is every number in every alarm one, and so every word."""
    numbers = [getattr(e, f.name) for e in events for f in fields(e) if isinstance(getattr(e, f.name), float)]
    return bool(np.isfinite(numbers).all()) and not any("nan" in e.text or "inf " in e.text for e in events)


def heard_after_s(events: list[AlarmEvent], told: Story, detectors: tuple[str, ...], place: str) -> float:
    """Return how long after the fault it was told at its place; infinite: not at all."""
    found = [e.t_s for e in events if e.state == "NEW" and e.detector in detectors and e.location == place]
    return min(found, default=np.inf) - float(told.t_s[FAULT])


HEAT = ("thermal-slope", "thermal-rest", "thermal-rate")


@pytest.fixture(scope="module")
def usual_s() -> tuple[float, float, float]:
    """How soon a unit that was never insulted is heard: a slow ramp, a steeper one, a cell that steps."""
    slow, steep = story(k_per_min=0.1), story(k_per_min=0.5, millivolts=-17)
    said, other = slow.judged(), steep.judged()
    return (
        heard_after_s(said, slow, HEAT, "cell6"),
        heard_after_s(other, steep, HEAT, "cell6"),
        heard_after_s(other, steep, ("cell-imbalance",), "cell12"),
    )


@pytest.mark.parametrize("insult", INSULTS.values(), ids=INSULTS)
def test_a_unit_that_was_insulted_is_called_sound_and_hears_as_well_as_before(
    insult: Insult, usual_s: tuple[float, float, float]
) -> None:
    slow, steep = story(k_per_min=0.1), story(k_per_min=0.5, millivolts=-17)
    for told in (slow, steep):
        insult(told)
    said, other = slow.judged_after_learning(), steep.judged_after_learning()
    assert sound(said + other)
    assert {e.location for e in said if e.detector in BATTERY} == {"cell6"}
    assert {e.location for e in other if e.detector in BATTERY} == {"cell6", "cell12"}
    found_s = (
        heard_after_s(said, slow, HEAT, "cell6"),
        heard_after_s(other, steep, HEAT, "cell6"),
        heard_after_s(other, steep, ("cell-imbalance",), "cell12"),
    )
    assert np.array(found_s) == pytest.approx(usual_s, rel=0.35, abs=PERIOD_S)


@pytest.mark.parametrize(
    ("insult", "detector"),
    [
        (reads(0x7FFF, T, frames=20), "no-measurement"),
        (reads(0xFFFF, V, frames=20), "no-measurement"),
        (unread(20), "blind"),
    ],
)
def test_what_lasts_is_told_as_blindness_or_as_no_measurement_and_so_is_its_end(
    insult: Insult, detector: str
) -> None:
    told = story()
    insult(told)
    events = told.judged_after_learning()
    assert {e.detector for e in events} == {detector}
    assert [e.state for e in events].count("NEW") == [e.state for e in events].count("CLEARED-NEW") > 0


@pytest.mark.parametrize("insult", INSULTS.values(), ids=INSULTS)
def test_a_lone_cell_is_called_sound_and_heard_too(insult: Insult) -> None:
    told = story(cells=1, k_per_min=8.0)
    insult(told)
    events = told.judged_after_learning()
    assert sound(events)
    assert {e.location for e in events if e.detector in BATTERY} == {"cell1"}
    assert 0.0 < heard_after_s(events, told, HEAT, "cell1") < 300.0


def test_sensors_that_were_missing_for_hours_are_heard_like_others_once_they_are_there() -> None:
    told = story(k_per_min=0.5)
    told.quality[:1080] = Quality.NO_REPLY
    events = told.judged()
    assert sound(events)
    assert {e.location for e in events if e.detector in BATTERY} == {"cell6"}
    assert heard_after_s(events, told, HEAT, "cell6") < 180.0
