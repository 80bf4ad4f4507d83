"""Leaps of sensors from any state, against their slow twin."""

import math
from dataclasses import astuple

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels import heating, leaps
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.leaps import Contact, take

GROUP = [0, 0, 0, 1]  # of sensors, in two places
N, HOT_DEGC = len(GROUP), 60.0
SAID = {"": leaps.NOTHING, "leapt": leaps.LEAPT, "chatters": leaps.CHATTERS}


def any_state(rng: np.random.Generator) -> Floats:
    """Return sensors that have leapt, or not, some seconds or hours ago."""
    leap = np.zeros((N, leaps.COLUMNS))
    leap[:, leaps.LAST] = rng.choice([np.nan, 20.0, 25.0, 55.0, 60.0, 80.0], N)
    leap[:, leaps.BEFORE] = rng.choice([10.0, 34.0, 40.0, -12.0, -40.0], N)
    leap[:, leaps.AGO_S] = rng.choice([0.0, 0.0, 5.0, 60.0, 150.0, 1e4], N)
    for count, most in ((leaps.LEAPS, 8.0), (leaps.TURNS, 6.0), (leaps.HOMES, 3.0)):
        leap[:, count] = rng.choice([0.0, 0.05, 1.0, 1.0], N) * rng.uniform(0.0, most, N)
    leap[:, leaps.HOME] = rng.choice([-np.inf, 15.0, 20.0, 24.0], N)
    leap[:, leaps.SAYS] = rng.choice([*SAID.values()], N)
    return leap


def test_from_any_state_a_frame_of_leaps_is_counted_as_the_twin_counts_it() -> None:
    rng, found = np.random.default_rng(1), dict.fromkeys(SAID, 0)
    for _ in range(3000):
        leap, temps, heat = any_state(rng), inputs_of(GROUP), heating.new_heat(N, 0)
        twins = [Contact(*row[:2], *row[2 : leaps.SAYS]) for row in leap.tolist()]
        dt_s = float(rng.choice([0.2, 1.0, 4.9, 5.0, 5.1, 10.0, 14.9, 15.0, 30.0, 300.0]))
        at = np.where(np.isnan(leap[:, leaps.LAST]), 25.0, leap[:, leaps.LAST])
        x = at + rng.choice([0.0, 3.0, 9.9, 10.0, -10.0, 19.9, 20.1, -29.9, 30.0, 35.1, -40.0, 45.0], N)
        x[rng.random(N) < 0.1] = np.nan
        slope = rng.choice([np.nan, 0.0, 0.0, 0.09, 0.1, 0.2], (N, 2))
        heat.verdict[:, [heating.AGAINST, heating.ALONE]] = slope
        step = float(rng.choice([0.1, 2.0]))
        temps.step[:] = step
        usual = at - rng.choice([0.0, 2.9, 3.0, 5.9, 6.0], N)
        heats = [bool(np.nanmax([*slope[c], -1.0]) >= 0.1) for c in range(N)]
        heats = [hot or at[c] - usual[c] >= max(3.0, 3.0 * step) for c, hot in enumerate(heats)]
        for c in range(N):
            assert leaps.leaps(dt_s, float(x[c]), leap, c) == (leap[c, leaps.MOVED] != 0.0)
        leaps.count_leaps(dt_s, HOT_DEGC, temps, heat, usual, leap)
        said = []
        for one in (slice(0, 3), slice(3, 4)):
            said += take(twins[one], dt_s, HOT_DEGC, x[one].tolist(), heats[one], [False] * len(x[one]))
        np.testing.assert_allclose(leap[:, : leaps.SAYS], [astuple(twin) for twin in twins], rtol=1e-9)
        assert leap[:, leaps.SAYS].tolist() == [SAID[word] for word in said]
        for word in said:
            found[word] += 1
    assert min(found.values()) > 50, found


def test_a_reading_that_is_missing_is_no_leap_and_the_last_one_stays() -> None:
    leap = np.zeros((1, leaps.COLUMNS))
    leap[0, leaps.LAST] = 25.0
    assert not leaps.leaps(1.0, math.nan, leap, 0)
    assert leap[0, leaps.LAST] == 25.0
    assert leaps.leaps(1.0, 35.0, leap, 0)
