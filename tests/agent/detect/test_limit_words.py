"""What people are told of limits that are not there, and of those that a site made wider."""

import numpy as np
import pytest

from agent.detect.limit_words import notes, unknown, widened
from agent.detect.limits import SAFETY, SiteLimit, nowhere
from agent.detect.settings import Settings

CELLS = ["cell_voltage", "cell_voltage", "cell_temperature"]
BLOCKS = ["module_voltage", "current"]
INF = float("inf")


@pytest.mark.parametrize(
    ("quantities", "settings", "why"),
    [
        (CELLS, Settings(), "no voltage limit known: set chemistry"),
        (CELLS, Settings(chemistry="LFP"), ""),
        (BLOCKS, Settings(), "no voltage limit known: set chemistry"),
        (BLOCKS, Settings(chemistry="VRLA"), "no voltage limit known: set cells_per_block"),
        (BLOCKS, Settings(chemistry="VRLA", cells_per_block=6), ""),
        (CELLS[2:], Settings(), ""),
        (["", "voltage", "current"], Settings(), ""),
        (CELLS, Settings(limits=(SiteLimit("cell_voltage", 0, high=3.6),)), ""),
        ([*CELLS, "module_voltage"], Settings(chemistry="LFP"), ""),
        (["module_voltage", *CELLS], Settings(), "no voltage limit known: set chemistry"),
    ],
)
def test_why_voltages_have_no_limit_is_said_with_what_to_set(
    quantities: list[str], settings: Settings, why: str
) -> None:
    assert unknown(quantities, settings.unit_limits(quantities), settings.chemistry) == why
    assert notes(quantities, settings) == (why, ())


def test_of_cells_of_which_the_profile_limits_one_the_other_is_missed() -> None:
    profile = nowhere(3)
    profile[0, 0, 1] = 3.6
    assert notes(CELLS, Settings(), profile).unknown
    profile[1, 2, 0] = 2.5
    assert not notes(CELLS, Settings(), profile).unknown


def test_each_side_that_a_site_made_wider_is_said_once_with_who_answers_for_it() -> None:
    profile = nowhere(3)
    profile[:2, SAFETY] = 2.5, 3.65
    review = {"reviewed_by": "A. Engineer", "why": "cells of maker B"}
    limits = (SiteLimit("cell_voltage", SAFETY, 2.3, 3.8, **review), SiteLimit("cell_voltage", 1, 2.0, 4.0))
    found = list(widened(CELLS, Settings(limits=limits), profile))
    assert [(w.side, w.limit, w.instead_of, w.key) for w in found] == [
        ("lowest", 2.3, 2.5, ("cell_voltage", 0)), ("highest", 3.8, 3.65, ("cell_voltage", 1)),
    ]  # fmt: skip
    assert notes(CELLS, Settings(limits=limits), profile).widened[1] == (
        "cell_voltage: the highest safety limit 3.8 V is wider than 3.65 V of the profile; reviewed by "
        "A. Engineer: cells of maker B"
    )
    nobody = Settings(limits=(SiteLimit("cell_voltage", SAFETY, 2.3),))
    assert len(list(widened(CELLS, nobody, profile))) == 1
    assert not notes(CELLS, nobody, profile).widened, "it does not hold"
    narrower = Settings(limits=(SiteLimit("cell_voltage", SAFETY, 2.6, 3.6),))
    assert not list(widened(CELLS, narrower, profile))
    warm = Settings(limits=(SiteLimit("cell_temperature", SAFETY, high=90.0, **review),))
    assert notes(CELLS, warm).widened == (
        "cell_temperature: the highest safety limit 90 degC is wider than 75 degC of lithium cells in "
        "general; reviewed by A. Engineer: cells of maker B",
    )
    assert np.isinf(profile[2]).all()
