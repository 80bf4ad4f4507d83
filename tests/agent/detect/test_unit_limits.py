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


def site(tier: int, low: float = -INF, high: float = INF, **review: str) -> Settings:
    return Settings(chemistry="LFP", limits=(SiteLimit("cell_voltage", tier, low, high, **review),))


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
    found = site(tier, 2.5, 3.65).unit_limits(QUANTITIES, given)
    assert found.values[0, tier].tolist() == [2.5, 3.65]
    assert not found.widened.any()


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
