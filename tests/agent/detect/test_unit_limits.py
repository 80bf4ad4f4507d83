"""Which limit holds for a value, and whose it is."""

import numpy as np
import pytest

from agent.detect import limits
from agent.detect.limits import (
    CELL_V,
    CHEMISTRY,
    NOBODY,
    PROFILE,
    SHIPPED,
    SITE,
    WHOSE,
    SiteLimit,
    cells_in,
    load_of,
)
from agent.detect.settings import Settings

INF = np.inf
VOLTS = (0, 1)
QUANTITIES = ["cell_voltage", "module_voltage", "cell_temperature", "current", "power"]


def profile(**tiers: list[tuple[float, float]]) -> np.ndarray:
    """Limits of a profile for some quantities, innermost tier first; none for all others."""
    found = limits.nowhere(len(QUANTITIES))
    for quantity, of in tiers.items():
        found[QUANTITIES.index(quantity), : len(of)] = of
    return found


def test_without_a_word_temperatures_alone_have_limits() -> None:
    found = Settings().unit_limits(QUANTITIES)
    assert found.values[:2].tolist() == [[[-INF, INF]] * 3] * 2
    assert found.values[2].tolist() == [[-INF, INF], [-INF, 60.0], [-INF, 75.0]]
    assert found.sources[2].tolist() == [[NOBODY, NOBODY], [NOBODY, SHIPPED], [NOBODY, SHIPPED]]
    assert found.values[3:].tolist() == [[[-INF, INF]] * 3] * 2
    assert not found.sources[[0, 1, 3, 4]].any()
    assert np.isinf(found.load).all()
    assert found.dead_band[0].tolist() == [0.01] * 3
    assert found.dead_band[2, 1:].tolist() == [3.0, 5.0]


def test_of_a_chemistry_the_safety_tier_of_a_cell_alone_is_known() -> None:
    found = Settings(chemistry="LFP").unit_limits(QUANTITIES)
    assert found.values[0].tolist() == [[-INF, INF], [-INF, INF], [1.8, 3.9]]
    assert found.sources[0].tolist() == [[NOBODY] * 2, [NOBODY] * 2, [CHEMISTRY] * 2]
    assert not found.sources[1].any(), "nobody says how many cells a block has"


def test_a_block_has_the_limits_of_its_cells_one_after_the_other() -> None:
    assert [cells_in("module_voltage", n) for n in (6, 1)] == [6.0, 1.0]
    assert cells_in("cell_voltage", 6) == 1.0
    unknown = Settings(chemistry="VRLA").unit_limits(QUANTITIES)
    assert unknown.dead_band[1].tolist() == [0.01] * 3, "of one cell, where nobody says how many there are"
    for quantity, n in (("module_voltage", None), ("string_voltage", 6), ("soc", 6)):
        assert np.isnan(cells_in(quantity, n))
    six = Settings(chemistry="VRLA", cells_per_block=6).unit_limits(QUANTITIES)
    np.testing.assert_allclose(six.values[1, 2], [6 * 1.2, 6 * 2.75])
    np.testing.assert_allclose(six.dead_band[1], 0.06)


def test_the_word_of_the_profile_counts_before_that_of_the_chemistry_and_of_all_cells() -> None:
    given = profile(
        cell_voltage=[(2.8, 3.55), (2.65, INF), (-INF, 3.65)],
        cell_temperature=[(0.0, 45.0), (-INF, 50.0)],
        current=[(-100.0, 50.0), (-120.0, 60.0), (-150.0, 70.0)],
        power=[(-5e3, INF)],
    )
    found = Settings(chemistry="LFP", max_charge_a=7.0).unit_limits(QUANTITIES, given)
    assert found.values[0].tolist() == [[2.8, 3.55], [2.65, INF], [1.8, 3.65]]
    assert found.sources[0].tolist() == [[PROFILE, PROFILE], [PROFILE, NOBODY], [CHEMISTRY, PROFILE]]
    assert found.values[2].tolist() == [[0.0, 45.0], [-INF, 50.0], [-INF, 75.0]]
    assert found.sources[2].tolist() == [[PROFILE] * 2, [NOBODY, PROFILE], [NOBODY, SHIPPED]]
    assert found.load.tolist() == [[7.0, 100.0, INF, 5e3], [60.0, 120.0, INF, 6e3], [70.0, 150.0, INF, INF]]
    assert found.load_sources.tolist() == [
        [SITE, PROFILE, NOBODY, PROFILE],
        [PROFILE, PROFILE, NOBODY, PROFILE],
        [PROFILE, PROFILE, NOBODY, NOBODY],
    ]  # fmt: skip


def test_a_row_that_the_site_changed_counts_before_the_profile() -> None:
    site = Settings({("over-temperature", "critical"): {"limit": 50.0, "dead_band": 1.5}})
    given = profile(cell_temperature=[(0.0, 45.0), (-10.0, 52.0), (-20.0, 55.0)])
    found = site.unit_limits(QUANTITIES, given)
    assert found.values[2].tolist() == [[0.0, 45.0], [-10.0, 52.0], [-20.0, 50.0]]
    assert found.sources[2].tolist() == [[PROFILE] * 2, [PROFILE] * 2, [PROFILE, SITE]]
    assert found.dead_band[2, 1:].tolist() == [3.0, 1.5]


def test_the_lowest_load_that_a_tier_lets_pass_counts() -> None:
    given = np.array([[(-9.0, 5.0)] * 3, [(-8.0, 6.0), (-10.0, 4.0), (-INF, INF)]])
    load, whose = load_of(["current", "current"], given, np.array([[[1, 2]] * 3, [[3, 4]] * 3], np.uint8))
    assert load.tolist() == [[5.0, 8.0, INF, INF], [4.0, 9.0, INF, INF], [5.0, 9.0, INF, INF]]
    assert whose.tolist() == [[2, 3, 0, 0], [4, 1, 0, 0], [2, 1, 0, 0]]
    same = np.array([[(-9.0, 5.0)] * 3] * 2)
    _, whose = load_of(["current", "current"], same, np.array([[[1, 2]] * 3, [[3, 4]] * 3], np.uint8))
    assert whose[:, :2].tolist() == [[2, 1]] * 3, "of two that say the same the first"


def site(tier: int, low: float = -INF, high: float = INF, **review: str) -> Settings:
    return Settings(chemistry="LFP", limits=(SiteLimit("cell_voltage", tier, low, high, **review),))


def lowest(low: float, **review: str) -> tuple[SiteLimit, ...]:
    return site(limits.SAFETY, low, **review).limits


@pytest.mark.parametrize("tier", range(3))
def test_a_site_may_tighten_each_tier(tier: int) -> None:
    given = profile(cell_voltage=[(2.8, 3.55), (2.65, 3.6), (2.5, 3.65)])
    found = site(tier, 2.9, 3.5).unit_limits(QUANTITIES, given)
    assert found.values[0, tier].tolist() == [2.9, 3.5]
    assert found.sources[0, tier].tolist() == [SITE, SITE]
    assert not found.widened.any()
    assert (np.delete(found.sources[0], tier, axis=0) == PROFILE).all()


@pytest.mark.parametrize("tier", [limits.OPERATING, limits.RECOMMENDED])
def test_a_site_may_widen_what_is_not_the_safety_tier(tier: int) -> None:
    given = profile(cell_voltage=[(2.8, 3.55), (2.65, 3.6), (2.5, 3.65)])
    found = site(tier, 2.4, 3.7).unit_limits(QUANTITIES, given)
    assert found.values[0, tier].tolist() == [2.4, 3.7]
    assert not found.widened.any(), "beyond the safety tier too: that one speaks first, and is as it was"


@pytest.mark.parametrize(
    ("review", "holds"),
    [
        ({}, False),
        ({"reviewed_by": "A"}, False),
        ({"why": "b"}, False),
        ({"reviewed_by": "A", "why": "b"}, True),
    ],
)
def test_a_site_widens_the_safety_tier_only_where_somebody_answers_for_it(
    review: dict[str, str], holds: bool
) -> None:
    given = profile(cell_voltage=[(2.8, 3.55), (2.65, 3.6), (-INF, 3.65)])
    found = site(limits.SAFETY, 1.7, 3.7, **review).unit_limits(QUANTITIES, given)
    assert found.widened[0].tolist() == [1, 1], "wider than the chemistry below, and than the profile above"
    assert found.values[0, 2].tolist() == ([1.7, 3.7] if holds else [1.8, 3.65])
    assert found.sources[0, 2].tolist() == ([SITE, SITE] if holds else [CHEMISTRY, PROFILE])
    mixed = site(limits.SAFETY, 2.0, 3.7, **review).unit_limits(QUANTITIES, given)
    assert mixed.widened[0].tolist() == [0, 1]
    assert mixed.values[0, 2].tolist() == [2.0, 3.7 if holds else 3.65]
    for ends, wide in (({"low": 1.7}, [1, 0]), ({"high": 3.7}, [0, 1])):
        one = site(limits.SAFETY, **ends, **review).unit_limits(QUANTITIES, given)
        assert one.widened[0].tolist() == wide, "of an end that the site leaves open it says nothing"
    wide_and_narrow = (*lowest(1.7, **review), *lowest(2.0))
    both = Settings(chemistry="LFP", limits=wide_and_narrow).unit_limits(QUANTITIES, given)
    assert both.values[0, 2, 0] == 2.0, "the narrower of two, whether the wider one holds or not"
    first = Settings(limits=site(limits.SAFETY, 1.7, 3.7).limits).unit_limits(QUANTITIES)
    assert first.values[0, 2].tolist() == [1.7, 3.7], "where nobody else says anything nothing is widened"


def test_of_several_words_of_a_site_the_narrowest_holds() -> None:
    several = (SiteLimit("cell_temperature", 2, high=55.0), SiteLimit("cell_temperature", 2, high=50.0))
    rows = {("over-temperature", "critical"): {"limit": 52.0}}
    assert Settings(rows, limits=several).unit_limits(QUANTITIES).values[2, 2, 1] == 50.0
    assert Settings(rows, limits=several[:1]).unit_limits(QUANTITIES).values[2, 2, 1] == 52.0
    loads = (SiteLimit("current", 0, -50.0, 30.0),)
    assert Settings(max_charge_a=20.0, limits=loads).unit_limits(QUANTITIES).load[0, :2].tolist() == [
        20.0,
        50.0,
    ]


@pytest.mark.parametrize(
    ("settings", "given", "degc"),
    [
        (Settings(), {}, 60.0),
        (Settings(), {"cell_temperature": [(0.0, 45.0)]}, 60.0),
        (Settings(), {"cell_temperature": [(0.0, 45.0), (-10.0, 50.0), (-20.0, 60.0)]}, 60.0),
        (Settings(limits=(SiteLimit("cell_temperature", 2, high=50.0),)), {}, 50.0),
        (Settings({("over-temperature", "warning"): {"limit": 50.0}}), {}, 50.0),
        (Settings(), {"cell_temperature": [(0.0, 45.0), (-10.0, 70.0), (-20.0, 75.0)]}, 75.0),
        (Settings(limits=(SiteLimit("cell_temperature", 2, high=70.0),)), {}, 70.0),
    ],
)
def test_from_a_safety_limit_on_a_temperature_is_a_heat(
    settings: Settings, given: dict[str, list[tuple[float, float]]], degc: float
) -> None:
    found = settings.unit_limits(QUANTITIES, profile(**given))
    assert limits.heat_from(found, np.array([2])) == degc


@pytest.mark.parametrize("chemistry", CELL_V)
def test_a_chemistry_lets_pass_what_an_ordinary_cell_of_it_reaches(chemistry: str) -> None:
    """From memory of data sheets: end of discharge, and the highest of charge or equalising."""
    low, high = CELL_V[chemistry]
    reached = {
        "LFP": (2.0, 3.8), "NMC": (2.5, 4.4), "NCA": (2.5, 4.3), "LCO": (2.5, 4.5), "LMO": (2.5, 4.3),
        "LTO": (1.5, 2.9), "VRLA": (1.6, 2.6), "NiCd": (0.9, 1.75),
    }  # fmt: skip
    assert low < reached[chemistry][0]
    assert reached[chemistry][1] < high


def test_each_source_has_words() -> None:
    assert len(set(WHOSE)) == len(WHOSE) == 1 + max(NOBODY, SITE, PROFILE, CHEMISTRY, SHIPPED)


def test_what_a_chemistry_gives_is_this() -> None:
    assert CELL_V == {
        "LFP": (1.8, 3.9), "NMC": (1.9, 4.45), "NCA": (1.9, 4.4), "LCO": (1.9, 4.6), "LMO": (1.9, 4.4),
        "LTO": (0.9, 3.1), "VRLA": (1.2, 2.75), "NiCd": (0.5, 1.85),
    }  # fmt: skip


def test_a_limit_may_stand_where_it_can_be_reached_and_a_chemistry_is_called_so() -> None:
    degc = (-50.0, 200.0)
    assert {
        "cell_voltage": (0.0, 5.5), "module_voltage": (0.0, 1000.0), "cell_temperature": degc,
        "module_temperature": degc, "battery_temperature": degc, "current": (-2e4, 2e4), "power": (-1e6, 1e6),
        "soc": (0.0, 100.0),
    } == limits.REACHED  # fmt: skip
    called = {
        "LFP": "LFP LIFEPO4", "NMC": "NMC NCM", "NCA": "NCA", "LCO": "LCO", "LMO": "LMO", "LTO": "LTO",
        "VRLA": "VRLA AGM GEL LEAD-ACID LEAD", "NiCd": "NICD NI-CD",
    }  # fmt: skip
    assert {name: of for of, names in called.items() for name in names.split()} == limits.CHEMISTRIES


def test_what_may_have_limits_is_said_in_these_units() -> None:
    assert limits.LIMITED == {
        "cell_voltage": "V", "module_voltage": "V", "cell_temperature": "degC", "module_temperature": "degC",
        "battery_temperature": "degC", "current": "A", "power": "W", "soc": "%",
    }  # fmt: skip
    assert WHOSE == (
        "", "set by the site", "of the profile", "of the chemistry", "of lithium cells in general",
    )  # fmt: skip
    assert Settings().unit_limits(["soc", "cell_voltage"]).dead_band.tolist() == [[1.0] * 3, [0.01] * 3]


def test_a_value_that_reads_its_limit_is_inside_it_on_both_sides() -> None:
    given = profile(cell_voltage=[(2.8, 3.55), (2.65, 3.6), (2.5, 3.65)])
    found = Settings().unit_limits(QUANTITIES, given)
    index = np.array([0, 2])
    over, under = limits.above(found, index), limits.below(found, index)
    assert over.limit[0].tolist() == [3.55 + 1e-9, 3.6 + 1e-9, 3.65 + 1e-9]
    assert under.limit[0].tolist() == [1e-9 - 2.8, 1e-9 - 2.65, 1e-9 - 2.5]
    assert limits.above(found, index, 0.0).limit[1].tolist() == [INF, 60.0, 75.0]
    assert over.source[0].tolist() == under.source[0].tolist() == [PROFILE] * 3
    assert over.source[1].tolist() == [NOBODY, SHIPPED, SHIPPED]
    assert under.source[1].tolist() == [NOBODY] * 3
    assert under.dead_band[1].tolist() == over.dead_band[1].tolist() == [3.0, 3.0, 5.0]


def test_loads_are_told_from_their_tiers_on_or_from_so_many_times_the_operating_one() -> None:
    load = np.array([[100.0, 50.0, INF, 10.0], [150.0, INF, INF, INF], [200.0, 80.0, INF, INF]])
    sources = np.array([[SITE, PROFILE, 0, PROFILE], [PROFILE, 0, 0, 0], [SITE, PROFILE, 0, 0]], np.uint8)
    rows = limits.Rows(np.array([1.0, 1.2, INF]), np.array([0.05, 0.12, 0.1]), np.zeros(3, bool))
    told, whose, band = limits.loads(load, sources, rows)
    assert told.tolist() == [[100.0, 50.0, INF, 10.0], [150.0, 60.0, INF, 12.0], [200.0, 80.0, INF, INF]]
    assert whose[1].tolist() == [PROFILE, PROFILE, NOBODY, PROFILE]
    np.testing.assert_allclose(band, [[5.0, 2.5, 0.0, 0.5], [15.0, 6.0, 0.0, 1.2], [20.0, 8.0, 0.0, 0.0]])
    site = limits.Rows(np.array([0.9, 1.1, 0.8]), rows.dead_band, np.array([False, True, False]))
    told, whose, _ = limits.loads(load, sources, site)
    np.testing.assert_allclose(told[:, 0], [90.0, 110.0, 160.0])
    assert whose[:, 0].tolist() == [SITE, SITE, SITE]


def test_a_site_limit_says_nothing_of_what_it_leaves_out() -> None:
    assert SiteLimit("soc", 0)[2:4] == (-INF, INF)
    low = Settings(limits=(SiteLimit("cell_voltage", 2, low=2.0),)).unit_limits(QUANTITIES)
    assert low.values[0, 2].tolist() == [2.0, INF]
    assert low.sources[0, 2].tolist() == [SITE, NOBODY]
    given = profile(cell_voltage=[(2.8, 3.55), (2.65, 3.6), (2.5, 3.65)])
    same = site(limits.SAFETY, 2.5, 3.65).unit_limits(QUANTITIES, given)
    assert not same.widened.any(), "as wide is not wider"


def test_of_sensors_with_limits_of_their_own_the_lowest_begins_a_heat() -> None:
    given = limits.nowhere(2)
    given[1, :, 1] = 70.0, 72.0, 80.0
    found = Settings().unit_limits(["cell_temperature"] * 2, given)
    assert limits.heat_from(found, np.array([0, 1])) == 60.0
    assert limits.heat_from(found, np.array([1])) == 80.0
    assert limits.heat_from(found, np.array([], int)) == INF
