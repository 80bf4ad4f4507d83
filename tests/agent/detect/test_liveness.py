"""Liveness: what stands still is told from what is quiet, by the unit's own noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.alarms.states import AlarmEvent
from agent.detect.credible import WITHIN_S
from agent.detect.kernels.stillness import LEAST_S, follow
from agent.detect.knowledge import Knowledge
from agent.detect.known import knowledge
from agent.detect.liveness import Liveness, LivenessState
from agent.detect.together import Together, UnitContact
from agent.quality import Quality

HOUR = 3600
GOOD = Quality.GOOD


class Watched:
    """A unit of cells, and of what else is said, fed second by second."""

    def __init__(self, cells: int, others: tuple[str, ...] = (), changes_within_s: float = np.inf) -> None:
        quantities = ["cell_voltage"] * cells + list(others)
        promised = np.array([changes_within_s if q == "heartbeat" else np.inf for q in quantities])
        places = [f"string1/module1/cell{i + 1}" for i in range(cells)] + [""] * len(others)
        self.live = Liveness(places, quantities, promised, 1.0)
        self.t_s = 0.0

    def feed(self, frames: np.ndarray, quality: Quality = GOOD) -> list[tuple[float, AlarmEvent]]:
        """Return what happened, each with the seconds since this began."""
        events, begin_s = [], self.t_s
        for raw in frames:
            self.t_s += 1.0
            read = np.full(len(raw), quality, np.uint8)
            self.quality, found = self.live.judge(self.t_s, raw.astype(np.int64), read)
            assert set(read) == {quality}, "the frame stays as it was made"
            events += [(self.t_s - begin_s, event) for event in found]
        return events


def noisy(seconds: int, cells: int, sd: float, seed: int = 1) -> np.ndarray:
    """Cell voltages in register steps."""
    rng = np.random.default_rng(seed)
    level = 3300 + 3 * rng.standard_normal(cells)
    return np.round(level + sd * rng.standard_normal((seconds, cells)))


def test_a_held_frame_is_heard_within_five_minutes_and_its_values_are_frozen() -> None:
    unit = Watched(16)
    frames = noisy(HOUR, 16, sd=0.5)
    assert unit.feed(frames) == []
    ((after_s, event),) = unit.feed(np.repeat(frames[-1:], 400, axis=0))
    assert (event.detector, event.severity, event.state) == ("held-frame", "warning", "NEW")
    assert LEAST_S <= after_s <= WITHIN_S
    assert set(unit.quality) == {Quality.FROZEN}
    assert unit.live.state().frozen
    (_, over), *_ = unit.feed(frames[:10])
    assert over.state == "CLEARED-NEW"
    assert set(unit.quality) == {GOOD}


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_float_string_may_stand_still_for_hours_and_is_never_called_healthy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = Watched(4)
    still = np.full((4 * HOUR, 4), 54_00)
    for at in rng.integers(0, 4 * HOUR, 12):  # a step of 10 mV now and then
        still[at:, rng.integers(4)] += rng.choice((-1, 1))
    assert unit.feed(still) == []
    assert unit.feed(np.repeat(still[-1:], 2 * HOUR, axis=0)) == []
    liveness = unit.live.state()
    assert liveness.unproven
    assert knowledge(0.5, 1.0, unit.quality, liveness) is Knowledge.PARTIAL


def test_what_was_learned_under_load_is_not_held_against_a_string_at_rest() -> None:
    unit = Watched(8)
    falling = 3300 - np.arange(HOUR)[:, None] // np.arange(3, 11)  # steps in one direction teach nothing
    assert unit.feed(falling) == []
    assert unit.feed(np.repeat(falling[-1:], HOUR, axis=0)) == []


def test_what_was_seen_for_ten_minutes_proves_nothing_yet() -> None:
    unit = Watched(16)
    frames = noisy(700, 16, sd=0.5)
    assert unit.feed(frames) == []
    assert unit.feed(np.repeat(frames[-1:], 250, axis=0)) == []


def test_a_promised_heartbeat_that_stands_still_is_heard_while_everything_else_moves() -> None:
    unit = Watched(8, ("heartbeat",), changes_within_s=30.0)
    beat = (np.arange(600) // 10)[:, None]
    moving = np.hstack([noisy(600, 8, 0.5), beat])
    assert unit.feed(moving) == []
    moving[:, -1] = beat[-1]
    ((after_s, event),) = unit.feed(moving[:200])
    assert event.detector == "heartbeat"
    assert after_s <= 60
    assert set(unit.quality) == {Quality.FROZEN}


def test_a_heartbeat_that_runs_again_ends_its_alarm_and_no_other() -> None:
    unit = Watched(8, ("heartbeat", "heartbeat"), changes_within_s=30.0)
    cells, runs, stands = noisy(120, 8, sd=0.5), np.arange(120)[:, None], np.zeros((120, 1))
    unit.feed(np.hstack([cells, runs, runs]))
    ((_, first),) = unit.feed(np.hstack([cells, stands, runs]))
    assert (first.name, first.state) == ("heartbeat:.heartbeat~1", "NEW")
    said = [(event.name, event.state) for _, event in unit.feed(np.hstack([cells, runs, runs]))]
    assert said == [(first.name, "CLEARED-NEW")]
    ((_, second),) = unit.feed(np.hstack([cells, runs, stands]))
    assert second.name == "heartbeat:.heartbeat~2"


def test_a_heartbeat_nobody_promised_is_believed_once_it_was_seen_to_run() -> None:
    stopped = Watched(2, ("heartbeat",))
    assert stopped.feed(np.full((HOUR, 3), 7)) == []
    running = Watched(2, ("heartbeat",))
    frames = np.hstack([np.full((600, 2), 3300), (np.arange(600) // 10)[:, None]])
    assert running.feed(frames) == []
    ((after_s, event),) = running.feed(np.repeat(frames[-1:], 300, axis=0))
    assert event.detector == "heartbeat"
    assert after_s <= 60


def test_one_stuck_sensor_is_named_and_the_others_stay_good() -> None:
    unit = Watched(16)
    assert unit.feed(noisy(HOUR, 16, 0.7)) == []
    frames = noisy(600, 16, 0.7, seed=2)
    frames[:, 4] = frames[0, 4]
    ((after_s, event),) = unit.feed(frames)
    assert (event.detector, event.location) == ("stuck-sensor", "string1/module1/cell5")
    assert after_s <= WITHIN_S
    assert unit.quality[4] == Quality.FROZEN
    assert (np.delete(unit.quality, 4) == GOOD).all()


def test_a_value_of_which_a_critical_alarm_tells_is_not_called_stuck_beside_it() -> None:
    unit = Watched(16)
    frames = noisy(2 * HOUR, 16, sd=0.7)
    unit.feed(frames[:HOUR])
    frames[HOUR:, 4] = 0
    told, events = [np.array([4])], []
    for i, raw in enumerate(frames[HOUR:]):
        _, found = unit.live.judge(
            unit.t_s + i + 1.0, raw.astype(np.int64), np.zeros(16, np.uint8), lambda: told[0]
        )
        events += [(i, event.detector) for event in found]
        if i == 1800:
            told[0] = np.zeros(0, np.int64)  # its alarm is over, and it still does not move
    assert events == [(1801, "stuck-sensor")]


@pytest.mark.parametrize("seed", range(4))
def test_a_coarse_register_that_trembles_only_at_its_thresholds_is_never_called_stuck(seed: int) -> None:
    """Means of four probes in steps of 0.1 K, noise of 0.03 K, a compressor's 0.2 K every 15 min."""
    unit, rng = Watched(8), np.random.default_rng(seed)
    t_s = np.arange(6 * HOUR)[:, None, None]
    degc = 25 + rng.normal(0, 0.3, (8, 4)) + 0.2 * np.sin(2 * np.pi * t_s / 900) + t_s / (6 * HOUR)
    probes = np.round((degc + rng.normal(0, 0.03, degc.shape)) / 0.1) * 0.1
    assert unit.feed(np.round(probes.mean(axis=2) / 0.1)) == []


def test_a_gap_and_a_time_that_stands_still_are_no_evidence_of_a_dead_heartbeat() -> None:
    unit = Watched(4, ("heartbeat",), changes_within_s=30.0)
    beat = (np.arange(600) // 10)[:, None]
    assert unit.feed(np.hstack([noisy(600, 4, 0.5), beat])) == []
    again = np.hstack([noisy(1, 4, 0.5, seed=2), beat[-1:]])
    unit.t_s += HOUR  # the box was busy; the counter has come round to the same number
    assert unit.feed(again) == []
    for _ in range(100):
        unit.t_s -= 1.0
        assert unit.feed(again) == []


def test_silence_is_not_standing_still() -> None:
    unit = Watched(16)
    frames = noisy(HOUR, 16, 0.5)
    unit.feed(frames)
    assert unit.feed(np.repeat(frames[-1:], 600, axis=0), Quality.NO_REPLY) == []
    assert unit.feed(frames[-5:]) == []


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=30),
    st.lists(st.sampled_from([0, 4, 5]), min_size=90, max_size=90),
)
def test_the_kernel_counts_as_a_plain_loop_does(rows: list[list[int]], codes: list[int]) -> None:
    last, seen, counts = np.zeros(3, np.int64), np.zeros(3, np.uint8), np.zeros((3, 6))
    teaches = np.array([1, 1, 0], np.uint8)
    history: list[list[int]] = [[], [], []]
    for k, row in enumerate(rows):
        quality = np.array(codes[3 * k : 3 * k + 3], np.uint8)
        _, moved, turned = follow(1.0, np.array(row, np.int64), quality, teaches, last, seen, counts)
        steps = []
        for i in range(3):
            if quality[i] != 0:
                continue
            before = [x for x in history[i] if x != row[i]][-1:] if history[i][-1:] != [row[i]] else []
            step = not history[i] or bool(before)
            changes = [b - a for a, b in zip(history[i], history[i][1:], strict=False) if b != a]
            turn = bool(changes and before and (row[i] - before[-1]) * changes[-1] < 0 and teaches[i])
            steps.append((step, turn))
            history[i].append(row[i])
        assert moved == any(step for step, _ in steps)
        assert turned == any(turn for _, turn in steps)


@pytest.mark.parametrize(
    ("age_s", "quality", "liveness", "known"),
    [
        (None, [0], None, Knowledge.NEVER),
        (0.5, [0, 0], None, Knowledge.LIVE),
        (0.5, [0, 1, 5], None, Knowledge.LIVE),
        (0.5, [0, 4], None, Knowledge.PARTIAL),
        (3.5, [0], None, Knowledge.STALE),
        (61.0, [0], None, Knowledge.BLIND),
        (0.5, [6], LivenessState(40.0, True, True), Knowledge.STALE),
        (0.5, [6], LivenessState(400.0, True, True), Knowledge.BLIND),
        (0.5, [0], LivenessState(400.0, False, False), Knowledge.PARTIAL),
        (0.5, [0], LivenessState(400.0, True, False), Knowledge.LIVE),
    ],
)
def test_knowledge_is_what_was_seen_and_how_long_ago(
    age_s: float | None, quality: list[int], liveness: LivenessState | None, known: Knowledge
) -> None:
    assert knowledge(age_s, 1.0, np.array(quality, np.uint8), liveness) is known


def test_units_that_fall_silent_together_are_one_alarm_with_a_cause() -> None:
    together = Together()
    units = {f"rack-{k}": UnitContact(1000.0 + k, 1.0, "lan" if k < 2 else "rs485") for k in range(4)}
    assert together.judge(1004.0, units) == []
    ((_, event),) = together.judge(1020.0, units)
    assert event.detector == "silent-together"
    assert "on 2 buses: look for a common supply or switch" in event.text
    assert together.judge(1025.0, units) == []
    for back_s in (1030.0, 1040.0):
        back = {name: UnitContact(back_s, unit.period_s, unit.bus) for name, unit in units.items()}
        told = together.judge(back_s + 1.0, back)
    assert [event.state for unit, event in told if not unit] == ["CLEARED-NEW"]
    assert [unit for unit, _ in told if unit] == sorted(units)


def test_one_silent_unit_or_two_an_hour_apart_are_not_together() -> None:
    together = Together()
    units = {
        "a": UnitContact(1000.0, 1.0, "lan"),
        "b": UnitContact(1099.0, 1.0, "lan"),
        "c": UnitContact(None, 1.0, "lan"),
    }
    assert together.judge(1100.0, units) == []
    assert together.judge(5000.0, {**units, "b": UnitContact(4700.0, 1.0, "lan")}) == []


def test_all_units_of_a_bus_point_at_the_bus() -> None:
    together = Together()
    units = {
        "a": UnitContact(1000.0, 1.0, "rs485"),
        "b": UnitContact(1001.0, 1.0, "rs485"),
        "c": UnitContact(1050.0, 1.0, "lan"),
    }
    ((_, event),) = together.judge(1051.0, units)
    assert "all units of rs485: look at its adapter, cable and supply first" in event.text


def test_units_of_one_line_that_are_asked_one_after_the_other_are_named_together() -> None:
    together = Together()
    last_s = {"a": 1000.0, "b": 1000.2, "c": 1002.0, "d": 1002.2}
    units = {name: UnitContact(s, 1.0, "rs485") for name, s in last_s.items()}
    assert together.judge(1011.5, units) == []  # c and d are overdue, and not silent yet
    ((_, event),) = together.judge(1012.5, units)
    assert event.text.startswith("4 units fell silent together (a, b, c, d)")
    assert "all units of rs485" in event.text


def test_a_unit_that_answers_now_and_then_holds_nothing_up() -> None:
    together = Together()
    units = {"a": UnitContact(1000.0, 1.0, "rs485"), "b": UnitContact(1000.0, 1.0, "rs485")}
    said = [
        together.judge(t_s, {**units, "c": UnitContact(t_s - 5.0, 1.0, "rs485")})
        for t_s in (1011.0, 1016.0, 1021.0, 1022.0)
    ]
    assert [len(events) for events in said] == [0, 0, 0, 1]


def test_a_heartbeat_nobody_promised_speaks_for_what_has_not_moved_since() -> None:
    unit = Watched(4, ("heartbeat",))
    frames = np.hstack([noisy(600, 4, 0.7), np.arange(600)[:, None]])
    assert unit.feed(frames) == []
    frames[:, [2, -1]] = frames[-1, [2, -1]]  # it stops, and so does one cell; the others are read
    ((_, event),) = unit.feed(frames[:200])
    assert (event.detector, event.severity) == ("heartbeat", "warning")
    assert "those that have not moved since are not fresh" in event.text
    assert list(unit.quality) == [GOOD, GOOD, Quality.FROZEN, GOOD, Quality.FROZEN]
    assert not unit.live.state().frozen
    ((_, event),) = unit.feed(np.hstack([noisy(200, 4, 0.7), np.arange(200)[:, None]]))
    assert event.state == "CLEARED-NEW"
    assert set(unit.quality) == {GOOD}
