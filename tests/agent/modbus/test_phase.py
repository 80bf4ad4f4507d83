"""Cycles that began together do not stay together, and none waits for longer than its period."""

from collections import Counter
from itertools import pairwise

import pytest

from agent.modbus.phase import NEARER, TURNS, next_release_s, phase_of
from agent.modbus.unit import Unit
from tests.agent.modbus.simulated_line import Simulation

BOOT_S = 123_456.789
NAMES = [f"rack-{k}" for k in range(512)]


def releases(name: str, period_s: float, count: int, first_s: float = BOOT_S) -> list[float]:
    found = [first_s]
    for _ in range(count):
        found.append(next_release_s(found[-1], period_s, phase_of(name)))
    return found


@pytest.mark.parametrize("period_s", [0.1, 1.0, 2.7, 10.0])
def test_no_interval_is_longer_than_the_period_nor_much_shorter(period_s: float) -> None:
    for name in NAMES[:50]:
        at_s = releases(name, period_s, 40)
        steps = [(b - a) / period_s for a, b in pairwise(at_s)]
        assert max(steps) <= 1 + 1e-9
        assert min(steps) >= 1 - NEARER - 1e-9
        assert steps[8:] == pytest.approx([1.0] * len(steps[8:])), "it is at its phase, and stays there"


def test_what_began_at_once_is_spread_over_the_period() -> None:
    last = [releases(name, 1.0, 8)[-1] % 1.0 for name in NAMES]
    turns = Counter(round(TURNS * at) % TURNS for at in last)
    assert len(turns) == TURNS
    assert max(turns.values()) < 2 * 512 / TURNS
    assert [at * TURNS % 1.0 for at in last] == pytest.approx([0.0] * 512, abs=1e-3), "together in each"


def test_a_phase_is_the_same_in_every_life() -> None:
    assert phase_of("rack-1") == pytest.approx(0.8125)
    for name in NAMES[:50]:
        (first, other) = (releases(name, 1.0, 30, s)[-1] % 1.0 for s in (BOOT_S, 7.3))
        assert min(abs(first - other), 1 - abs(first - other)) < 2e-3


def begun(simulation: Simulation, unit: Unit) -> list[float]:
    """When the cycles of a unit began, by their first requests."""
    first: dict[int, float] = {}
    for ask in simulation.asked:
        if ask.cycle is not None and ask.unit_id == unit.unit_id:
            first.setdefault(id(ask.cycle), ask.at_s)
    return [*first.values()]


def test_a_unit_alone_on_its_port_goes_to_its_phase_and_one_that_shares_it_stays() -> None:
    alone, shared = Simulation(baud=115200), Simulation(baud=115200)
    unit, one, other = alone.unit(1), shared.unit(1), shared.unit(2)
    alone.start(unit)
    shared.start(one, other)
    for simulation in (alone, shared):
        simulation.run(60.0)
    at_s = begun(alone, unit)[-20:]
    assert [at % 1.0 for at in at_s] == pytest.approx([phase_of(unit.name)] * 20, abs=0.02)
    assert unit.counters.late_cycles == 0
    last = begun(shared, one)[-20:]
    assert [at % 1.0 for at in last] == pytest.approx([last[0] % 1.0] * 20, abs=0.02)
    assert last[0] % 1.0 != pytest.approx(phase_of(one.name), abs=0.02)
