"""Two units that are one, by their serial numbers or by their numbers; and two that are only alike."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.doubles import GONE, LEAST_S, LOOK_S, RESTARTED_S, Asked, Doubles
from agent.quality import Quality

VALUES = 20
Numbers = Callable[[float, np.random.Generator], np.ndarray]
SITE = {"a": Asked("lan", 1, "p", ""), "b": Asked("lan", 2, "p", ""), "c": Asked("lan", 3, "p", "")}


def marked(good: np.ndarray) -> np.ndarray:
    return np.where(good, Quality.GOOD, Quality.STALE).astype(np.uint8)


class Room:
    """Two units, a frame of each a second, `b` a third of a second after `a`."""

    def __init__(self, a: Numbers, b: Numbers, units: dict[str, Asked] | None = None) -> None:
        self.numbers, self.units, self.doubles = {"a": a, "b": b}, units or SITE, Doubles()
        self.t_s, self.dice, self.events = 1000.0, np.random.default_rng(1), list[AlarmEvent]()

    def run(self, seconds: float) -> list[AlarmEvent]:
        before, end_s = len(self.events), self.t_s + seconds
        while self.t_s < end_s:
            for unit, later_s in (("a", 0.0), ("b", 0.33)):
                now_s = self.t_s + later_s
                state = round(self.t_s) % 10 == (0 if unit == "a" else 4)  # read in every tenth cycle
                good = np.arange(VALUES) < (VALUES if state else VALUES - 2)
                raw = np.where(good, self.numbers[unit](now_s, self.dice), 0)
                self.doubles.took(unit, raw, marked(good))
            self.t_s += 1.0
            self.events += self.doubles.judge(self.t_s, self.units)
        return self.events[before:]


def noisy(seed: int, refresh_s: float = 1.0) -> Numbers:
    """Give numbers of a battery at float, that its unit measures every so many seconds: 1 mV of noise."""

    def numbers(t_s: float, _dice: np.random.Generator) -> np.ndarray:
        own = np.random.default_rng(seed).integers(-3, 4, VALUES)
        noise = np.random.default_rng([seed, int(t_s / refresh_s)]).integers(-1, 2, VALUES)
        return 3350 + own + noise

    return numbers


def still(_t_s: float, _dice: np.random.Generator) -> np.ndarray:
    return np.full(VALUES, 3350)


def flickering(every: int) -> Numbers:
    """Give one number in all values, of which now and then one flickers for a moment."""

    def numbers(_t_s: float, dice: np.random.Generator) -> np.ndarray:
        raw = np.full(VALUES, 335)
        if dice.integers(every) == 0:
            raw[dice.integers(VALUES)] += 1
        return raw

    return numbers


def on_one_busbar(seed: int) -> Numbers:
    """Give the pack voltage that two cabinets share, which changes all the time, and cells at rest."""

    def numbers(t_s: float, _dice: np.random.Generator) -> np.ndarray:
        raw = np.full(VALUES, 3350) + np.random.default_rng(seed).integers(-2, 3, VALUES)
        raw[:3] = 5360 + int(t_s) % 7, 0, 100
        return raw

    return numbers


def discharged_alike(seed: int) -> Numbers:
    """Give coarse cells of two cabinets that are discharged together, each in steps of its own."""
    phase = np.random.default_rng(seed).uniform(0, 1, VALUES)
    return lambda t_s, _dice: (335 - (t_s - 1000) / 60 + phase).astype(np.int64)


@pytest.mark.parametrize("refresh_s", [1.0, 2.0, 5.0])
def test_the_same_changing_numbers_in_every_value_are_told_after_minutes_with_both_names(
    refresh_s: float,
) -> None:
    room = Room(noisy(7, refresh_s), noisy(7, refresh_s))
    assert room.run(LEAST_S) == []
    (event,) = room.run(60)
    assert (event.detector, event.severity, event.state) == ("same-unit", "advice", "NEW")
    assert event.text.startswith("a and b had said the same changing numbers, in every value, for ")
    assert room.run(600) == [], "once"


def test_it_is_over_when_they_differ_and_told_anew_when_they_are_one_again() -> None:
    room = Room(noisy(7), noisy(7))
    assert len(room.run(RESTARTED_S)) == 1
    room.numbers["b"] = noisy(8)
    (event,) = room.run((GONE + 1) * LOOK_S)
    assert event.state == "CLEARED-NEW"
    assert room.run(600) == []
    room.numbers["b"] = noisy(7)
    assert [event.state for event in room.run(600)] == ["NEW"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (still, still),
        (noisy(1), noisy(2)),
        (flickering(10), flickering(10)),
        (flickering(100), flickering(100)),
        (on_one_busbar(1), on_one_busbar(1)),
        (on_one_busbar(1), on_one_busbar(2)),
        (discharged_alike(1), discharged_alike(2)),
        (still, flickering(30)),
    ],
    ids=[
        "still",
        "noisy",
        "flickering",
        "seldom",
        "one busbar, same cells",
        "one busbar",
        "discharged",
        "one still",
    ],
)
def test_two_that_are_only_alike_are_not_told(a: Numbers, b: Numbers) -> None:
    assert Room(a, b).run(7200) == []


@pytest.mark.parametrize(
    "units",
    [
        {"a": Asked("lan", 1, "p", ""), "b": Asked("other", 2, "p", "")},  # nobody answers over two buses
        {"a": Asked("lan", 1, "p", ""), "b": Asked("lan", 2, "q", "")},
        {"a": Asked("lan", 1, "p", ""), "b": Asked("lan", 1, "p", "")},  # instances behind one unit id
    ],
)
def test_numbers_are_compared_of_two_unit_ids_of_one_kind_on_one_bus(units: dict[str, Asked]) -> None:
    assert Room(noisy(7), noisy(7), units).run(600) == []


def test_who_is_not_polled_any_more_is_no_double() -> None:
    room = Room(noisy(7), noisy(7))
    room.run(RESTARTED_S)
    (event,) = room.doubles.judge(room.t_s + 60, {"a": SITE["a"]})
    assert event.state == "CLEARED-NEW"


def test_one_serial_number_of_several_is_one_alarm_with_all_names() -> None:
    doubles = Doubles()
    units = {name: asked._replace(serial="SN-1") for name, asked in SITE.items()}
    (event,) = doubles.judge(1000.0, units)
    assert (event.detector, event.severity, event.value) == ("same-unit", "advice", 3)
    assert event.text.startswith("a and b and c report the same serial number, SN-1: one may answer")
    assert doubles.judge(1010.0, units) == []
    (over,) = doubles.judge(1000.0 + RESTARTED_S, units | {n: units[n]._replace(serial=n) for n in "bc"})
    assert over.state == "CLEARED-NEW"


def test_many_that_are_one_are_one_alarm_that_names_the_first() -> None:
    doubles, own = Doubles(), noisy(7)
    units = {f"u{k:02}": Asked("lan", k, "p", "") for k in range(12)}
    events: list[AlarmEvent] = []
    for second in range(400):
        raw = own(float(second), np.random.default_rng(0))
        for name in list(units)[: 2 if second < 60 else 12]:
            doubles.took(name, raw, marked(np.ones(VALUES, bool)))
        events += doubles.judge(1000.0 + second, units)
    assert [event.count for event in events] == [1]
    (alarm,) = doubles.book.active()
    assert alarm.text.startswith("u00, u01, u02, u03, u04, u05, u06, u07, ... had said the same changing")
    assert "Look whether 12 are there" in alarm.text


@pytest.mark.parametrize(
    "units",
    [
        SITE,  # none has a serial number
        {n: a._replace(serial=f"SN-{n}") for n, a in SITE.items()},
        {"a": Asked("lan", 1, "p", "7"), "b": Asked("lan", 2, "q", "7")},  # of another kind
        {"a": Asked("lan", 1, "p", "7"), "b": Asked("lan", 1, "p", "7")},  # instances behind one unit id
    ],
)
def test_other_serial_numbers_are_not_told(units: dict[str, Asked]) -> None:
    assert Doubles().judge(1000.0, units) == []


def test_what_was_told_before_a_restart_is_told_once() -> None:
    room = Room(noisy(7), noisy(7))
    room.run(RESTARTED_S)
    room.doubles = Doubles(room.doubles.book)
    assert room.run(600) == []
    room.numbers["b"] = noisy(8)
    assert [event.state for event in room.run(60)] == ["CLEARED-NEW"]
