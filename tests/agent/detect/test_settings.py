"""What a site says about its detectors."""

import math

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.limits import PROFILE, SHIPPED, SITE, SiteLimit
from agent.detect.rows import ROWS
from agent.detect.settings import Settings

NOBODY = (math.inf,) * 4


def test_who_says_nothing_has_the_table_as_it_is_and_no_limits() -> None:
    settings = Settings()
    assert settings.rows() == ROWS
    assert settings.load_limits() == NOBODY
    assert (settings.shadow, settings.chemistry) == (frozenset(), "")


def test_a_row_is_changed_alone() -> None:
    settings = Settings({("over-temperature", "warning"): {"limit": 55.0, "latch": True}})
    changed = [(row, was) for row, was in zip(settings.rows(), ROWS, strict=True) if row != was]
    ((row, was),) = changed
    assert (row.detector, row.severity, row.limit, row.latch) == ("over-temperature", "warning", 55.0, True)
    assert (row.on_delay_s, row.off_delay_s, row.dead_band) == (
        was.on_delay_s,
        was.off_delay_s,
        was.dead_band,
    )


@pytest.mark.parametrize("name", ["limit", "on_delay_s", "off_delay_s", "dead_band", "latch"])
def test_numbers_and_latch_of_a_row_can_be_changed(name: str) -> None:
    settings = Settings({("blind", "advice"): {name: 7.0}})
    assert [
        getattr(row, name) for row in settings.rows() if (row.detector, row.severity) == ("blind", "advice")
    ] == [7.0]


@pytest.mark.parametrize(
    ("overrides", "shadow", "said"),
    [
        ({("thermal", "advice"): {"limit": 1.0}}, set(), "no detector 'thermal' with severity 'advice'"),
        (
            {("last-resort", "advice"): {}},
            set(),
            "no detector 'last-resort' with severity 'advice'",
        ),
        ({("blind", "advice"): {"unit": 1.0}}, set(), "blind advice: 'unit' is none of limit, on_delay_s"),
        ({}, {"blind", "zeal", "heat"}, "shadow: no detector heat, zeal; there are voltage-limit"),
        ({("voltage-limit", "critical"): {"limit": 3.9}}, set(), "a limit of a row holds for no value"),
        ({}, {"identity"}, "shadow: no detector identity"),
    ],
)
def test_what_makes_no_sense_is_refused(
    overrides: dict[tuple[str, str], dict[str, float]], shadow: set[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(overrides, frozenset(shadow))


def limits(*tiers: tuple[float, float]) -> Floats:
    """Return (n, 3, 2) limits: of each value the innermost tier, within two that are wider."""
    return np.array([[(low, high), (2 * low, 2 * high), (3 * low, 3 * high)] for low, high in tiers])


def test_the_lowest_limit_of_the_profile_counts_of_each_direction() -> None:
    quantities = ["cell_voltage", "current", "power", "current"]
    profile = limits((2.8, 3.6), (-100.0, 50.0), (-4000.0, 3000.0), (-90.0, 60.0))
    assert Settings().unit_limits(quantities, profile).load[0].tolist() == [50.0, 90.0, 3000.0, 4000.0]
    assert Settings().unit_limits(quantities[:1], profile[:1]).load[0].tolist() == list(NOBODY)


@pytest.mark.parametrize(("tier", "severity"), list(enumerate(["advice", "warning", "critical"])))
def test_a_row_of_temperatures_is_the_word_of_the_site_for_its_tier_alone(tier: int, severity: str) -> None:
    site = Settings({("over-temperature", severity): {"limit": 40.0, "dead_band": 1.5}})
    found = site.unit_limits(["cell_temperature"], limits((-10.0, 25.0)))
    values, sources, bands = [25.0, 50.0, 75.0], [PROFILE] * 3, [3.0, 3.0, 5.0]
    values[tier], sources[tier], bands[tier] = 40.0, SITE, 1.5
    assert found.values[0, :, 1].tolist() == values
    assert found.sources[0, :, 1].tolist() == sources
    assert found.dead_band[0].tolist() == bands
    later = Settings({("over-temperature", severity): {"on_delay_s": 7.0}})
    assert later.unit_limits(["cell_temperature"]).sources.max() == SHIPPED, "a delay is no limit"


def test_of_rows_whose_limits_are_of_each_value_delays_may_be_changed() -> None:
    settings = Settings({("voltage-limit", "critical"): {"on_delay_s": 7.0}})
    (row,) = [row for row in settings.rows() if (row.detector, row.severity) == ("voltage-limit", "critical")]
    assert row.on_delay_s == 7.0


@pytest.mark.parametrize("at", range(4))
def test_what_the_site_says_counts_before_the_profile(at: int) -> None:
    names = ["max_charge_a", "max_discharge_a", "max_charge_w", "max_discharge_w"]
    site = Settings(**{names[at]: 7.0})
    expected, whose = [50.0, 100.0, 3000.0, 4000.0], [PROFILE] * 4
    expected[at], whose[at] = 7.0, SITE
    found = site.unit_limits(["current", "power"], limits((-100.0, 50.0), (-4000.0, 3000.0)))
    assert found.load[0].tolist() == expected
    assert found.load_sources[0].tolist() == whose


def test_its_hash_is_another_with_anything_that_decides_and_with_nothing_else() -> None:
    some = [
        Settings(),
        Settings({("blind", "advice"): {"limit": 2.0}}),
        Settings(shadow=frozenset({"blind"})),
        Settings(shadow=frozenset({"blind", "resistance"})),
        Settings(chemistry="VRLA"),
        Settings(max_charge_a=1.0),
        Settings(max_discharge_a=1.0),
        Settings(max_charge_w=1.0),
        Settings(max_discharge_w=1.0),
        Settings(cells_per_block=6),
        Settings(limits=(SiteLimit("cell_voltage", 2, 2.5, 3.6),)),
        Settings(limits=(SiteLimit("cell_voltage", 2, 2.5, 3.65),)),
    ]
    assert len({settings.digest() for settings in some}) == len(some)
    assert {len(settings.digest()) for settings in some} == {12}
    assert Settings(shadow=frozenset({"resistance", "blind"})).digest() == some[3].digest()
    assert Settings({("blind", "advice"): {"limit": 1.0}}).digest() == some[0].digest()
    quantities, profile = ["cell_voltage", "current"], limits((2.8, 3.6), (-100.0, 50.0))
    of_profile = Settings().digest(Settings().unit_limits(quantities, profile))
    assert of_profile == Settings().digest(Settings().unit_limits(quantities, profile.copy()))
    profile[0, 2, 1] -= 0.01
    assert of_profile != Settings().digest(Settings().unit_limits(quantities, profile)), "of the profile too"
