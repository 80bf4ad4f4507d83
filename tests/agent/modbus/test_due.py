"""How much of the time in which a unit was due it answered: what nobody asked counts as not answered."""

import pytest
from simulated_line import Simulation, mute, well

from agent.modbus.unit import Unit


def polled(seconds: float, *behaviours: object, **more: object) -> tuple[Simulation, Unit]:
    line = Simulation()
    units = [line.unit(k, **more) for k, _ in enumerate(behaviours, 1)]
    line.behaviour.update(dict(enumerate(behaviours, 1)))  # type: ignore[arg-type]
    line.start(*units)
    line.run(seconds)
    return line, units[0]


def test_a_unit_that_answers_has_answered_all_the_time() -> None:
    _, unit = polled(60, well, well)
    assert unit.due.share == pytest.approx(1.0)
    assert unit.due.due_s == pytest.approx(60.0, abs=2.0)


@pytest.mark.parametrize("transactions", [False, True])
def test_a_unit_that_falls_silent_is_asked_seldom_and_the_time_counts_in_full(transactions: bool) -> None:
    line, unit = polled(300, well, well, has_transaction_ids=transactions)
    line.behaviour[1] = mute
    line.run(900)
    assert unit.counters.errors / unit.counters.reads < 0.3, "by its reads it looks well"
    assert unit.due.share == pytest.approx(0.25, abs=0.01)
    assert unit.counters.in_vain > 10


def test_a_unit_that_never_answered_answered_nothing() -> None:
    _, unit = polled(60, mute, well)
    assert unit.due.share == 0.0


def test_a_port_that_is_not_open_answers_nothing_and_nobody_asks() -> None:
    line, unit = polled(60, well)
    reads = unit.counters.reads
    for _ in range(60):
        line.clock.now_s += 1.0
        line.schedule.idle(line.clock.now_s)
    line.run(1)
    assert unit.counters.reads - reads <= 4
    assert unit.due.share == pytest.approx(0.5, abs=0.03)


def test_an_agent_that_slept_has_not_asked() -> None:
    line, unit = polled(60, well)
    line.clock.now_s += 60.0
    line.run(2)
    assert unit.due.share == pytest.approx(0.5, abs=0.03)


def test_a_line_too_slow_for_the_period_is_late_and_answers() -> None:
    _, unit = polled(120, well, well, well, period_s=0.05)
    assert unit.counters.late_cycles > 50
    assert unit.due.share == pytest.approx(1.0, abs=0.01)
