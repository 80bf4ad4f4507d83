"""How much is known of a unit: every rule just before and just after its number, and the order of rules."""

import math
from itertools import product

import numpy as np
import pytest

from agent.detect.knowledge import SEEN, UNSEEN, WORST_LAST, blind_s, stale_s
from agent.detect.known import knowledge
from agent.detect.liveness import LivenessState
from agent.quality import Quality


@pytest.mark.parametrize(
    ("period_s", "stale", "blind"),
    [(0.1, 0.3, 60.0), (1.0, 3.0, 60.0), (14.9, 44.7, 60.0), (15.1, 45.3, 60.4), (30.0, 90.0, 120.0)],
)
def test_a_unit_is_stale_after_three_polls_and_blind_after_a_minute_or_as_many(
    period_s: float, stale: float, blind: float
) -> None:
    assert stale_s(period_s) == pytest.approx(stale)
    assert blind_s(period_s) == pytest.approx(blind)


def test_the_worst_knowledge_is_last() -> None:
    assert [str(known) for known in WORST_LAST] == ["LIVE", "PARTIAL", "STALE", "BLIND", "NEVER"]
    assert {str(known) for known in SEEN} == {"LIVE", "PARTIAL"}
    assert {str(known) for known in UNSEEN} == {"BLIND", "NEVER"}


MOVES, STILL, UNPROVEN = (
    LivenessState(400.0, True, False), LivenessState(45.0, True, True), LivenessState(400.0, False, False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("age_s", "period_s", "known"),
    [
        (0.0, 1.0, "LIVE"),
        (3.0, 1.0, "LIVE"),
        (3.1, 1.0, "STALE"),
        (60.0, 1.0, "STALE"),
        (60.1, 1.0, "BLIND"),
        (90.0, 30.0, "LIVE"),
        (90.1, 30.0, "STALE"),
        (120.0, 30.0, "STALE"),
        (120.1, 30.0, "BLIND"),
        (None, 1.0, "NEVER"),
    ],
)
def test_knowledge_fades_with_the_age_of_the_last_reading(
    age_s: float | None, period_s: float, known: str
) -> None:
    good = np.zeros(3, np.uint8)
    assert knowledge(age_s, period_s, good, None) == known
    assert knowledge(age_s, period_s, good, MOVES) == known
    assert knowledge(age_s, period_s, None, None) == "NEVER"


@pytest.mark.parametrize(
    ("age_s", "judged_age_s", "known"),
    [
        (None, 60.0, "PARTIAL"),
        (None, 60.1, "NEVER"),
        (60.0, 0.0, "STALE"),
        (60.1, 60.0, "PARTIAL"),
        (60.1, 60.1, "BLIND"),
        (math.inf, 1.0, "PARTIAL"),
    ],
)
def test_a_unit_that_is_never_read_whole_and_tells_a_part_is_partial(
    age_s: float | None, judged_age_s: float, known: str
) -> None:
    codes = np.array([0, Quality.NO_REPLY, 0], np.uint8)
    assert knowledge(age_s, 1.0, codes, None, judged_age_s) == known
    assert knowledge(age_s, 1.0, codes, MOVES, judged_age_s) == known
    frozen = LivenessState(400.0, True, True)
    assert knowledge(age_s, 1.0, codes, frozen, judged_age_s) not in SEEN, "what stands still tells nothing"
    assert knowledge(None, 1.0, None, None, judged_age_s) == "NEVER"


@pytest.mark.parametrize("quality", Quality)
def test_a_value_that_was_asked_for_and_is_lost_makes_a_unit_partial(quality: Quality) -> None:
    whole = quality in (Quality.GOOD, Quality.MISSING, Quality.STALE)
    codes = np.array([0, quality, 0], np.uint8)
    assert knowledge(0.0, 1.0, codes, None) == ("LIVE" if whole else "PARTIAL")


@pytest.mark.parametrize(
    ("judged_age_s", "period_s", "known"),
    [
        (60.0, 1.0, "LIVE"),
        (60.1, 1.0, "PARTIAL"),
        (120.0, 30.0, "LIVE"),
        (120.1, 30.0, "PARTIAL"),
        (math.inf, 30.0, "PARTIAL"),
    ],
)
def test_a_unit_of_which_nothing_is_judged_is_partial(
    judged_age_s: float, period_s: float, known: str
) -> None:
    assert knowledge(0.0, period_s, np.zeros(1, np.uint8), None, judged_age_s) == known


@pytest.mark.parametrize(
    ("age_s", "known"), [(0.0, "PARTIAL"), (10.0, "STALE"), (1e4, "BLIND"), (None, "NEVER")]
)
def test_a_unit_whose_voltages_have_no_limit_is_partial_at_best(age_s: float | None, known: str) -> None:
    assert knowledge(age_s, 1.0, np.zeros(1, np.uint8), None, limited=False) == known


@pytest.mark.parametrize(
    ("still_s", "provable", "frozen", "age_s", "known"),
    [
        (3.0, True, True, 0.0, "LIVE"),
        (3.1, True, True, 0.0, "STALE"),
        (60.1, True, True, 0.0, "BLIND"),
        (3.1, True, True, 61.0, "BLIND"),  # the older of the two counts
        (1e9, True, False, 0.0, "LIVE"),
        (300.0, False, False, 0.0, "LIVE"),
        (300.1, False, False, 0.0, "PARTIAL"),
    ],
)
def test_values_that_stand_still_are_as_old_as_their_last_movement(
    still_s: float, provable: bool, frozen: bool, age_s: float, known: str
) -> None:
    state = LivenessState(still_s, provable, frozen)
    assert knowledge(age_s, 1.0, np.zeros(1, np.uint8), state) == known


def test_knowledge_is_as_a_plain_reading_of_its_rules() -> None:
    ages = (None, 0.0, 4.0, 61.0, 1e9)
    states = (None, MOVES, STILL, UNPROVEN)
    for age_s, state, code, judged_s in product(ages, states, Quality, (0.0, 61.0)):
        expected = "LIVE"
        if code not in (Quality.GOOD, Quality.MISSING, Quality.STALE) or judged_s > 60.0 or state is UNPROVEN:
            expected = "PARTIAL"
        old_s = max(age_s or 0.0, 45.0 if state is STILL else 0.0)
        part = judged_s <= 60.0 and state is not STILL
        expected = "BLIND" if old_s > 60.0 else "STALE" if old_s > 3.0 else expected
        expected = "NEVER" if age_s is None else expected
        expected = "PARTIAL" if part and expected in ("BLIND", "NEVER") else expected
        codes = np.array([code], np.uint8)
        assert knowledge(age_s, 1.0, codes, state, judged_s) == expected
        if judged_s == 0.0 and age_s is not None and age_s <= 60.0:
            assert knowledge(age_s, 1.0, codes, state) == expected
