"""A state of charge beyond its limits: advice, of each circuit that tells one."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels
from agent.detect.detectors.soc_limit import judge_soc_limit, new_soc_limit
from agent.detect.limits import SiteLimit
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import feed

ORDER = 125
ROWS = """
soc-limit          soc         advice    inf     %       60    300   1      -        3
"""
KEPT: dict[object, list[str]] = {}

LIMIT = Settings(limits=(SiteLimit("soc", 0, 10.0, 95.0),))


@pytest.mark.parametrize(
    ("places", "quantities", "at"),
    [
        (["string1", "string2", "string1", "string2"], ["current", "current", "soc", "soc"], [2, 3]),
        (["string1", "string2", "string2"], ["current", "current", "soc"], [-1, 2]),
        (["string1", "string2", ""], ["current", "current", "soc"], [2, -1]),
        (["", ""], ["soc", "current"], [0]),
        ([""], ["soc"], [0]),
        ([""], ["current"], [-1]),
    ],
)
def test_each_circuit_is_scored_by_the_state_of_charge_of_its_place(
    places: list[str], quantities: list[str], at: list[int]
) -> None:
    channels = Channels(places, quantities, np.ones(len(places)))
    limits = Settings().unit_limits(quantities)
    gate, found = new_banks(channels, limits).gate, new_soc_limit(channels, limits)
    gate.value[:] = 50.0 + np.arange(len(places))
    judge_soc_limit(gate, found)
    expected = [gate.value[i] if i >= 0 else np.nan for i in at]
    np.testing.assert_array_equal(found.score, [[x, -x] for x in expected])


def heard(soc: float, settings: Settings, place: str = "") -> list[AlarmEvent]:
    watch = UnitDetectors(["string1", place], ["current", "soc"], np.ones(2), 10.0, settings)
    return feed(watch, np.tile([0.0, soc], (12, 1)), dt_s=10.0)


@pytest.mark.parametrize(
    ("soc", "said"), [(9.0, "9.0 % when raised, below 10 %"), (96.0, "96.0 % when raised, over 95 %")]
)
@pytest.mark.parametrize("place", ["", "string1"])
def test_it_is_advice_and_names_its_own_place(soc: float, said: str, place: str) -> None:
    (event,) = heard(soc, LIMIT, place)
    assert event.text == f"The state of charge of {place or 'the unit'} was {said}, set by the site."
    assert (event.severity, event.location, event.quantity) == ("advice", place, "soc")
    assert event.name == f"soc-limit:{place}"


def test_at_its_limits_and_without_them_nothing_is_said() -> None:
    assert not heard(10.0, LIMIT)
    assert not heard(95.0, LIMIT)
    assert not heard(1.0, Settings())
