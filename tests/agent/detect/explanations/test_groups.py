"""Explanations in a unit of several groups and circuits, and of what is the whole unit."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.detect.channels import Channels, channels_of
from agent.detect.detectors import (
    blind,
    cooling,
    cooling_degraded,
    cooling_lost,
    overload,
    vrla_float_current,
)
from agent.detect.explanations.case import Case
from agent.detect.kernels import surroundings as around
from agent.detect.kernels.banks import Banks
from agent.detect.rows import rows_of
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks

LIMITS = Settings(max_charge_a=20.0, max_discharge_a=100.0, max_charge_w=1000.0, max_discharge_w=5000.0)
WHOLE, FIRST, SECOND = "", "string1", "string2"


def unit_of(*circuits: str) -> tuple[Banks, Channels]:
    """A unit of three groups of sensors: of two strings, and of what is in none."""
    places = [*(f"{s}/sensor{i}" for s in (FIRST, SECOND) for i in range(4)), "sensor9", *circuits]
    quantities = [*["cell_temperature"] * 9, *["current"] * len(circuits)]
    channels = channels_of(places, quantities, np.full(len(places), 0.1))
    assert channels.groups.places == (FIRST, SECOND, WHOLE)
    assert channels.circuits.places == circuits
    return new_banks(channels, LIMITS.unit_limits(channels.quantities)), channels


def case_of(detector: str, c: int, unit: tuple[Banks, Channels]) -> Case:
    banks, channels = unit
    row = rows_of(detector)[2] or rows_of(detector)[1]
    assert row is not None
    bank = channels.circuits if detector in ("overload", "vrla-float-current") else channels.groups
    return Case(row, bank, c, {c}, 1000.0, banks, channels)


GROUPS = pytest.mark.parametrize(
    ("g", "called"), [(0, "string1"), (1, "string2"), (2, "the unit")], ids=["first", "second", "whole"]
)


@GROUPS
def test_of_a_group_that_heats_its_own_figures_are_told(g: int, called: str) -> None:
    banks, _ = unit = unit_of(FIRST)
    banks.around.group[:, around.COOLING] = [0.11, 0.22, 0.33]
    banks.around.median[:] = [31.0, 32.0, 33.0]
    event = cooling.explain(case_of("cooling", g, unit))
    assert event.text.startswith(
        f"All sensors of {called} heat together, certain rise 0.{g + 1}{g + 1} K/min, about {31 + g}.0 degC"
    )


@GROUPS
def test_of_a_group_that_is_cooled_worse_its_own_figures_are_told(g: int, called: str) -> None:
    banks, _ = unit = unit_of(FIRST)
    state = banks.detectors.cooling_lost
    state[:, cooling_lost.TIMES] = [2.0, 3.0, 4.0]
    state[:, cooling_lost.NOW], state[:, cooling_lost.LN_BASE] = 1.0 / 7200.0, math.log(1.0 / 3600.0)
    event = cooling_lost.explain(case_of("cooling-lost", g, unit))
    name = called[0].upper() + called[1:] if g == 2 else called
    assert event.text.startswith(
        f"{name} lost two thirds of the heat of a load in 60 min, when raised in 2.0 h"
    )
    assert event.value == 2.0 + g
    banks.around.group[:, around.DEGRADED] = [2.0, 3.0, 4.0]
    banks.around.group[:, around.FAST] = [5.0, 7.0, 9.0]
    event = cooling_degraded.explain(case_of("cooling-degraded", g, unit))
    assert event.text.startswith(
        f"{name} was {5 + 2 * g}.0 K warmer than its room when raised, {2 + g}.0 K more"
    )


def test_a_tenth_of_the_usual_conductance_is_hardly_any() -> None:
    banks, _ = unit = unit_of(FIRST)
    banks.detectors.cooling_lost[0, cooling_lost.LN_BASE] = 0.0
    for now, told in ((0.1, "hardly at all"), (0.1001, "in ")):
        banks.detectors.cooling_lost[0, cooling_lost.NOW] = now
        assert f"when raised {told}" in cooling_lost.explain(case_of("cooling-lost", 0, unit)).text


@pytest.mark.parametrize("circuits", [(FIRST, SECOND), (WHOLE,)])
def test_of_a_circuit_its_own_figures_are_told(circuits: tuple[str, ...]) -> None:
    banks, _ = unit = unit_of(*circuits)
    n = len(circuits)
    circuit = banks.around.circuit
    circuit[:, around.FLOAT], circuit[:, around.FLOAT_RATIO] = [0.5, 0.7][:n], [3.0, 4.0][:n]
    banks.detectors.overload[:] = [[30.0, -30.0, np.nan, np.nan], [24.0, -24.0, 1200.0, -1200.0]][:n]
    for c, place in enumerate(circuits):
        called = place or "the unit"
        event = vrla_float_current.explain(case_of("vrla-float-current", c, unit))
        assert event.text.startswith(
            f"The float current of {called} was 0.{5 + 2 * c} A when raised, {3 + c}.0"
        )
        member, limit = ("overload-power", 1000.0) if c else ("overload", 20.0)
        case = case_of("overload", c, unit)
        row = replace(case.row, limit=limit)
        event = overload.explain(replace(case, row=row, member=member, whose="set by the site"))
        what, now, most = ("power", "1.2 kW", "1 kW") if c else ("current", "30.0 A", "20 A")
        assert event.text == (
            f"The {what} of {called} was {now} when raised, {120 if c else 150} % of the {most} from which "
            f"on it is a warning (set by the site)."
        )


@pytest.mark.parametrize(
    ("members", "called"),
    [({4, 5}, "2 channels of string2"), ({0, 8}, "2 channels of the unit"), ({8}, "sensor9")],
)
def test_channels_without_a_value_are_called_by_the_place_that_they_share(
    members: set[int], called: str
) -> None:
    banks, channels = unit_of(FIRST)
    banks.temps.age_s[:] = 75.0
    row = rows_of("blind")[2]
    assert row is not None
    event = blind.explain(Case(row, channels.temps, max(members), members, 1000.0, banks, channels))
    assert event.text.startswith(f"{called} had given no usable value for 75 s when raised")
