"""A restart is a gap to the detectors: what they had learned, and what stands, is there again."""

import numpy as np
import pytest

from agent.detect import keeping
from agent.detect.alarms.states import Action
from agent.detect.kernels.slope import SLOPE
from agent.detect.kernels.validity import HELD
from agent.detect.settings import Settings
from agent.detect.together import Together, UnitContact
from agent.detect.unit import UnitJudges
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import feed, healthy, places, raised
from tests.agent.detect.second_copies import copies


def watch_of(settings: Settings | None = None) -> UnitDetectors:
    where, quantities, steps = places(8, 8)
    return UnitDetectors([*where, "string1"], [*quantities, "current"], np.append(steps, 0.1), 5.0, settings)


def frames_of(n: int, seed: int = 1) -> np.ndarray:
    frames = healthy(n, 8, 8, seed=seed)
    current = 20.0 * (np.arange(n) // 400 % 2) + np.random.default_rng(seed).normal(0, 0.2, n)
    frames[:, :8] -= 0.0005 * current[:, None]
    return np.column_stack([frames, current.round(1)])


def again(watch: UnitDetectors, later_s: float = 0.0, sure: bool = True) -> UnitDetectors:
    """The watch of the next process."""
    other, learned = watch_of(), watch.learned()
    assert other.take_up(learned, learned.t_s + later_s, sure) == []
    other.book.from_plain(watch.book.to_plain())
    assert not other.stand_again(watch.standing(), learned.t_s)
    return other


@pytest.mark.parametrize("gap_s", [6.0, 400.0, 86400.0, 90 * 86400.0])
def test_a_watch_that_was_restarted_judges_as_one_that_heard_nothing_meanwhile(gap_s: float) -> None:
    watch, frames = watch_of(), frames_of(6000)
    frames[4200:, 11] += 0.02 * np.arange(1800)  # a sensor heats across the restart
    feed(watch, frames[:4400], dt_s=5.0)
    other = again(watch)
    at_s = 4399 * 5.0 + gap_s
    events, others = (feed(one, frames[4400:], at_s, 5.0) for one in (watch, other))
    assert raised(events), "the case must show something"
    assert raised(others) == raised(events)
    assert [e.t_s for e in others] == pytest.approx([e.t_s for e in events], abs=60.0)
    assert other.coverage() == watch.coverage()


def test_the_first_frame_is_doubted_and_fitted_as_any_other() -> None:
    watch, frames = watch_of(), frames_of(6001)
    feed(watch, frames[:6000], dt_s=5.0)
    other = again(watch)
    frames[6000, 12] += 9.0  # a glitch
    for one in (watch, other):
        feed(one, frames[6000:], 30_000.0)
        assert one._banks.gate.verdict[12] == HELD
    fits = [one._banks.temperature.fit[:, :, SLOPE] for one in (watch, other)]
    assert np.isfinite(fits[0][0, 1:]).all(), "the shortest scale has too few samples"
    assert np.array_equal(np.isfinite(fits[0]), np.isfinite(fits[1]))


def test_an_alarm_whose_cause_went_during_the_restart_is_over() -> None:
    watch, frames = watch_of(), frames_of(400)
    frames[100:300, 12] = np.nan
    feed(watch, frames[:300], dt_s=5.0)
    (alarm,) = watch.active()
    other = again(watch)
    other.book.do(Action.ACKNOWLEDGE, alarm.name, 1500.0)
    assert [e.state for e in feed(other, frames[300:], 1500.0, 5.0)] == ["NORMAL"]


def test_a_boot_whose_length_is_not_known_keeps_what_was_learned_and_no_window() -> None:
    watch = watch_of()
    feed(watch, frames_of(8000), dt_s=5.0)
    other = again(watch, later_s=-1e6, sure=False)
    assert not np.isfinite(other._banks.gate.memory).any()
    assert other.coverage() == watch.coverage()
    warmer = frames_of(3000, seed=2)
    warmer[:, 8:16] += 6.0  # another day
    assert not raised(feed(other, warmer, 0.0, 5.0))


def test_a_part_of_another_version_begins_anew_and_the_others_do_not() -> None:
    watch = watch_of()
    feed(watch, frames_of(8000), dt_s=5.0)
    learned = watch.learned()
    learned.parts["cells"][0] += 1
    other = watch_of()
    assert other.take_up(learned, learned.t_s) == ["cells"]
    assert not other._banks.cells.state.any()
    assert np.array_equal(other._banks.own.age_s, watch._banks.own.age_s.astype("<f4"))


@pytest.mark.parametrize("part", [None, [1], [1, b"short"], [1, "text"], {"a": 1}, [None, None]])
def test_what_is_no_part_changes_nothing(part: object) -> None:
    array = np.ones((3, 2))
    assert not keeping.unpack_arrays(part, 1, [array])
    assert (array == 1.0).all()


def test_new_limits_hold_at_once_over_what_was_learned_under_the_old() -> None:
    watch = watch_of(Settings(max_charge_a=100.0))
    feed(watch, frames_of(200), dt_s=5.0)
    other = watch_of(Settings(max_charge_a=10.0))
    assert other.take_up(watch.learned(), watch.t_s) == []
    assert raised(feed(other, frames_of(600)[400:], 1000.0, 5.0), "overload")


def test_a_blind_sensor_is_blind_after_a_restart_and_not_absent() -> None:
    watch, frames = watch_of(), frames_of(400)
    frames[100:, 12] = np.nan
    feed(watch, frames[:300], dt_s=5.0)
    (alarm,) = watch.active()
    watch.book.do(Action.ACKNOWLEDGE, alarm.name, 0.0)
    other = again(watch)
    assert not feed(other, frames[300:], 1500.0, 5.0)
    assert [a.state for a in other.active()] == ["ACK"]
    assert other.coverage().blind == 1


def test_an_alarm_that_nobody_judges_any_more_is_over() -> None:
    watch, frames = watch_of(), frames_of(400)
    frames[100:, 12] = np.nan
    feed(watch, frames[:300], dt_s=5.0)
    other = watch_of(Settings(shadow=frozenset({"blind"})))
    other.book = watch.book
    assert [e.state for e in other.stand_again(watch.standing(), 1500.0)] == ["CLEARED-NEW"]


class Values:
    """Four cells, and a word of alarms."""

    places, quantities = ["cell1", "cell2", "cell3", "cell4", ""], ["cell_voltage"] * 4 + ["alarms"]
    resolution, limits = np.array([0.001] * 4 + [1.0]), np.tile([-np.inf, np.inf], (5, 3, 1))
    changes_within_s = np.full(5, np.inf)
    sayings = tuple((4, f"word.bit{k}", "warning", f"bit {k}") for k in range(4))

    @classmethod
    def alarms(cls, raw: np.ndarray, quality: np.ndarray) -> list[tuple[int, str, str, str]]:
        return [saying for k, saying in enumerate(cls.sayings) if raw[4] >> k & 1 and not quality[4]]


def hear(judges: UnitJudges, raw: list[int], t_s: float, n: int = 1) -> list[tuple[str, str]]:
    """Let a unit say the same `n` times, a second apart."""
    events, words = [], np.array(raw)
    for i in range(n):
        quality = np.zeros(5, np.uint8)
        events += judges.judge(t_s + i, words, quality, lambda q: words * np.where(q == 0, 0.001, np.nan))
    return [(event.detector, event.state) for event in events]


def successor(judges: UnitJudges) -> UnitJudges:
    other, kept = UnitJudges(Values(), 1.0), judges.learned_state()
    other.take_up(kept, kept.t_s, True)
    assert not other.stand_again(judges.books, judges.book_context(), kept.t_s)
    return other


def test_what_a_unit_reports_is_known_by_its_text_and_ends_with_it() -> None:
    judges = UnitJudges(Values(), 1.0)
    assert hear(judges, [3300] * 4 + [4], 0.0) == [("reported", "NEW")]
    judges.reported.book.do(Action.ACKNOWLEDGE, "word.bit2:", 1.0)
    other = successor(judges)
    assert hear(other, [3301] * 4 + [4], 5.0) == []
    assert hear(other, [3300] * 4 + [6], 6.0) == [("reported", "NEW")], "another bit is another alarm"
    assert hear(other, [3301] * 4 + [2], 7.0, n=70) == [("reported", "NORMAL")]
    assert [a.text[-6:] for a in other.reported.book.active()] == ["bit 1."]


def test_a_bit_that_went_during_the_restart_is_over() -> None:
    judges = UnitJudges(Values(), 1.0)
    hear(judges, [3300] * 4 + [4], 0.0)
    judges.reported.book.do(Action.ACKNOWLEDGE, "word.bit2:", 1.0)
    assert hear(successor(judges), [3301] * 4 + [0], 5.0, n=70) == [("reported", "NORMAL")]


def test_a_unit_that_was_frozen_is_not_taken_for_a_living_one_after_a_restart() -> None:
    rng, judges = np.random.default_rng(1), UnitJudges(Values(), 1.0)
    for t_s in range(2500):
        hear(judges, [*(3300 + rng.integers(-3, 4, 4)).tolist(), 0], float(t_s))
    events = hear(judges, [3300] * 4 + [0], 2500.0, n=60)
    assert events == [("held-frame", "NEW")]
    other = successor(judges)
    assert hear(other, [3300] * 4 + [0], 2570.0) == []
    assert other.liveness.state().frozen
    assert ("held-frame", "CLEARED-NEW") in hear(other, [3301] * 4 + [0], 2571.0)


def test_units_that_were_silent_together_are_so_until_they_are_heard_again() -> None:
    heard = {name: UnitContact(0.0, 1.0, "lan") for name in ("a", "b", "c")}
    together = Together()
    assert [e.state for t_s in (5.0, 100.0, 101.0) for _, e in together.judge(t_s, heard)] == ["NEW"]
    never = dict.fromkeys(heard, UnitContact(None, 1.0, "lan"))
    other = Together(together.book)
    assert not other.judge(120.0, never)
    for t_s in (121.0, 132.0):
        told = other.judge(t_s, dict.fromkeys(heard, UnitContact(t_s - 0.5, 1.0, "lan")))
    assert ("", "CLEARED-NEW") in [(unit, e.state) for unit, e in told]
    assert not Together(other.book).judge(140.0, never), "what was over does not come back with a start"


def test_times_of_alarms_go_with_the_clock() -> None:
    watch, frames = watch_of(), frames_of(400)
    frames[100:, 12] = np.nan
    feed(watch, frames[:300], dt_s=5.0)
    (alarm,) = watch.active()
    watch.book.do(Action.SHELVE, alarm.name, 1500.0, until_s=2000.0)
    plain = watch.book.to_plain()
    watch.book.from_plain(plain, later_s=-1400.0)
    assert [a.t_s for a in watch.active()] == [alarm.t_s - 1400.0], "when it was raised"
    assert not watch.book.unshelve_due(599.0)
    assert [e.state for e in watch.book.unshelve_due(600.0)] == ["NEW"]


#: What each frame makes anew, what layout and settings say, and what is to be forgotten.
NOT_KEPT = {
    "gate": "si quality limits value verdict",
    "temps": "at group member start step circuit rest raw value usable restart median away",
    "volts": "at group member start step circuit rest raw value usable restart median away",
    "load": "at at_power at_ambient ambient regime inverse",
    "temperature": "step fit",
    "gain": "step fit",
    "heat": "signal gain verdict",
    "cells": "at_soc knot gain",
    "around": "median nothing restart over_room",
    "group_temperature": "step fit",
    "group_gain": "step noise age_s learned fit",
    "drops": "group",
    "measuring": "quantity kind possible inner reach step age_s seen why",
    "doubt": "score heard hot x risen at_insulation said_s leap",
    "ledger": "seconds",
    "detectors.resistance": "rest ohm median",
    "detectors.last_resort": "state score",
}
NOT_KEPT_EITHER = ["repeats", "measured", "detectors.overload"]


def test_every_array_is_kept_or_known_not_to_be() -> None:
    banks = watch_of()._banks._asdict()
    banks |= {f"detectors.{name}": bank for name, bank in banks.pop("detectors")._asdict().items()}
    there_are = [
        name if isinstance(bank, np.ndarray) else f"{name}.{part}"
        for name, bank in banks.items()
        for part in ([""] if isinstance(bank, np.ndarray) else bank._fields)
    ]
    kept = {path for paths in keeping.PARTS.values() for path in paths}
    beside = tuple(f"detectors.{name.replace('-', '_')}." for name in copies("KEPT"))
    there_are = [path for path in there_are if not f"{path}.".startswith(beside)]
    kept = {path for path in kept if not f"{path}.".startswith(beside)}
    not_kept = [f"{bank}.{part}" for bank, parts in NOT_KEPT.items() for part in parts.split()]
    assert sorted([*kept, *not_kept, *NOT_KEPT_EITHER]) == sorted(there_are), (
        "declare `kept`, or write a new detector's parts into KEPT of its twin test, {} for none"
    )


def test_a_cell_that_drifts_does_not_come_back_for_being_restarted() -> None:
    watch, frames = watch_of(), frames_of(12_000)
    frames[6000:, 2] += 0.03
    feed(watch, frames, dt_s=5.0)
    assert {a.detector for a in watch.active()} & {"cell-drift", "cell-imbalance"}
    left = watch._banks.cells.left
    assert left.any()
    assert np.array_equal(again(watch)._banks.cells.left, left.astype("<f4"))
