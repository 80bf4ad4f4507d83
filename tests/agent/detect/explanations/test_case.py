"""The parts that are the same in all explanations: of which channel, and how its figures are rounded."""

from typing import Any

import numpy as np
import pytest

from agent.detect.channels import Bank, channels_of
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.rows import rows_of
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks

PLACES, QUANTITIES = ("a", "", "b/sensor3"), ("module_voltage", "current", "cell_temperature")
SO = said(Sentence("so", "So."))


def case_of(c: int, members: frozenset[int] = frozenset({0})) -> Case:
    """A case of one of three channels of which each is of another quantity."""
    row = rows_of("cell-imbalance")[2]
    assert row is not None
    zeros = np.zeros(3, np.int64)
    bank = Bank(zeros, zeros, zeros, zeros[:2], np.ones(3), PLACES, QUANTITIES, ("",))
    channels = channels_of(["x"], ["cell_voltage"], np.ones(1))
    return Case(
        row,
        bank,
        c,
        set(members),
        1000.0,
        new_banks(channels, Settings().unit_limits(channels.quantities)),
        channels,
    )


@pytest.mark.parametrize(("c", "name"), [(0, "Cell a"), (1, "Circuit of the unit"), (2, "b/sensor3")])
def test_a_channel_is_called_by_its_own_place_and_quantity(c: int, name: str) -> None:
    case = case_of(c)
    event = case.event(1.0, said(Sentence("who", "{who}"), who=case.who))
    assert (case.place, event.text) == (PLACES[c], name)
    assert (event.location, event.quantity) == (PLACES[c], QUANTITIES[c])


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"value": 1.23456}, "value", 1.2346),
        ({"expected": 1.23456}, "expected", 1.2346),
        ({"beyond": 1.26}, "beyond_noise", 1.3),
        ({"since_s": 12.3456789}, "since_s", 12.3456789),
        ({}, "since_s", 1000.0),
        ({}, "beyond_noise", 0.0),
        ({}, "expected", 0.0),
    ],
)
def test_figures_are_rounded_and_times_are_not(given: dict[str, Any], field: str, told: float) -> None:
    arguments = {"value": 0.0, "said": SO, **given}
    assert getattr(case_of(0).event(**arguments), field) == told


@pytest.mark.parametrize(
    ("members", "told"),
    [([], "So."), ([0], "So."), ([0, 2], "So. 1 more in the same place show it too.")],
)
def test_how_many_more_show_it(members: list[int], told: str) -> None:
    assert case_of(0, frozenset(members)).event(0.0, SO).text == told
