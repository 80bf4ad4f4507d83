"""What all units of one kind hold once, and what each has for itself."""

import numpy as np
import pytest

from agent.detect.kernels.debounce import Delays
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import places, watch_of

CELLS, SENSORS = 16, 8


def delays(watch: UnitDetectors) -> list[Delays]:
    """Its delays whose channels have limits of their own."""
    return [judge.delays for judge in watch._judges if len(judge.delays.limit)]


def test_two_units_of_one_kind_have_their_limits_once_and_their_states_each() -> None:
    one, other = watch_of(CELLS, SENSORS), watch_of(CELLS, SENSORS)
    assert one.limits.values is other.limits.values
    assert one._banks.gate.limits is other._banks.gate.limits
    assert one._banks.measuring.inner is other._banks.measuring.inner
    assert delays(one)
    assert all(a.limit is b.limit for a, b in zip(delays(one), delays(other), strict=True))
    assert one._banks.gate.memory is not other._banks.gate.memory
    assert one._banks.measuring.last is not other._banks.measuring.last
    assert all(a.tier is not b.tier for a, b in zip(delays(one), delays(other), strict=True))


def test_another_chemistry_has_limits_of_its_own() -> None:
    units = places(CELLS, SENSORS)
    one, other = (UnitDetectors(*units, 1.0, Settings(chemistry=chemistry)) for chemistry in ("LFP", "NMC"))
    assert not np.array_equal(one.limits.values, other.limits.values)
    assert one.limits.values is not other.limits.values


def test_what_is_held_once_is_not_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        watch_of(CELLS, SENSORS).limits.values[:] = 0.0
