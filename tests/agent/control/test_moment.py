"""The figures that trends keep are those that the view shows as live, whatever is known of the values."""

from itertools import product
from math import isnan

import numpy as np
import pytest

from agent.clock import Stamp
from agent.control.last_good import LastGood
from agent.control.moment import boxes, figures_now, outline_now
from agent.control.status import Latest, points
from agent.detect.knowledge import UNSEEN, Knowledge
from agent.detect.places import TEMPERATURES, VOLTAGES
from agent.frame import Frame
from agent.quality import Quality
from agent.view.site import unit_view
from agent.view.tiles import tiles
from agent.view.trends import Trends
from agent.view.words import place
from drivers.connect import assume
from drivers.layout import Layout
from drivers.profile.load import load_profile, parse_profile, shipped_profiles
from tests.agent.view.sites import NOW, unit

NOW_S, PACE_S = 1000.0, 5.0
AGES_S = (0.5, 14.0, 16.0, 29.0, 31.0, 70.0, np.inf)  # on both sides of every limit; never read
#: Each place has both a voltage and temperatures, which speak for it in turn.
TWO_IN_ONE = "schema = 1\nmodel = 'two-in-one'\ntopology = { cells = 6 }\n" + "".join(
    f"[[point]]\nname = '{name}'\nquantity = '{quantity}'\naddress = {address}\ncount = 6\nplace = 'cell'\n"
    f"scale = 0.001\nunit = '{unit}'\npoll = '{poll}'\n"
    for name, quantity, address, unit, poll in (
        ("early", "cell_temperature", 0, "degC", "state"),
        ("volts", "cell_voltage", 10, "V", "safety"),
        ("late", "module_temperature", 20, "degC", "safety"),
    )
)
HEAD, EARLY, VOLTS, LATE = TWO_IN_ONE.split("[[point]]")
ORDERS = {
    f"two in one, {k}": "[[point]]".join((HEAD, *parts))
    for k, parts in enumerate(((EARLY, VOLTS, LATE), (LATE, EARLY, VOLTS), (EARLY, VOLTS), (VOLTS, LATE)))
}
NAMES = [*(name for name in shipped_profiles() if "sunspec" not in name), *ORDERS]


def read(layout: Layout, dice: np.random.Generator, ages_s: tuple[float, ...]) -> Latest:
    """A unit whose values were read at various times; some were missing."""
    last = LastGood(layout.n)
    last.at_s[:] = NOW_S - dice.choice(ages_s, layout.n)
    last.value[:] = np.where(np.isfinite(last.at_s), dice.normal(20.0, 5.0, layout.n).round(3), np.nan)
    quality = dice.choice([Quality.GOOD, Quality.MISSING, Quality.NO_REPLY], layout.n).astype(np.uint8)
    frame = Frame("rack-1", "rack-1", b"", Stamp(0, 0, True), np.zeros(layout.n, np.int64), quality)
    return Latest(frame, layout, last.value, last)


def shown(latest: Latest, knowledge: Knowledge) -> dict[str, float | None]:
    """What the view of the unit shows as live."""
    said = unit("rack-1", knowledge, pace_s=PACE_S)
    figures = unit_view(said, points(latest, NOW_S), [], Trends(), NOW, {})["figures"]
    return {f["key"]: f["value"] if f["sight"] == "live" else None for f in figures}


@pytest.mark.parametrize("name", NAMES)
def test_a_moment_is_what_the_view_shows_as_live(name: str) -> None:
    dice, told = np.random.default_rng(1), 0
    layout = assume(parse_profile(ORDERS[name]) if name in ORDERS else load_profile(name))
    for ages_s, knowledge in product((AGES_S[:1], AGES_S[:3], AGES_S, AGES_S[-1:]), Knowledge):
        latest = read(layout, dice, ages_s)
        found = figures_now(latest, knowledge, PACE_S, NOW_S)
        now = {key: None if isnan(x) else x for key, x in found.items()}
        assert now == pytest.approx(shown(latest, knowledge)), (ages_s, knowledge)
        told += any(x is not None for x in now.values())
        assert knowledge not in UNSEEN or not any(now.values())
    assert told, "no figure was ever live"


@pytest.mark.parametrize("name", NAMES)
def test_an_outline_is_what_the_tile_of_the_whole_view_shows(name: str) -> None:
    dice, told = np.random.default_rng(2), 0
    layout = assume(parse_profile(ORDERS[name]) if name in ORDERS else load_profile(name))
    for ages_s, knowledge in product((AGES_S[:1], AGES_S[:3], AGES_S, AGES_S[-1:]), Knowledge):
        latest = read(layout, dice, ages_s)
        whole = unit_view(
            unit("rack-1", knowledge, pace_s=PACE_S), points(latest, NOW_S), [], Trends(), NOW, {}
        )
        (tile,) = tiles([whole], [])
        found = outline_now(latest, knowledge, PACE_S, NOW_S)
        told_of = (tile["hottest_degc"], tile["away_mv"])
        assert found[:2] == pytest.approx(told_of), (ages_s, knowledge)
        if found.away_mv is not None:
            assert tile["away_at"] == place(found.away_at)
        assert tile["hottest_at"] == found.hottest_at
        assert boxes(latest) == len(whole["cells"])
        told += told_of != (None, None)
    assert told or not {*VOLTAGES, *TEMPERATURES} & {*layout.quantities}, "nothing was ever known"


def test_of_a_unit_that_was_never_read_nothing_is_known() -> None:
    assert all(isnan(x) for x in figures_now(None, Knowledge.NEVER, PACE_S, NOW_S).values())
    assert outline_now(None, Knowledge.NEVER, PACE_S, NOW_S) == (None, None, "", "")
