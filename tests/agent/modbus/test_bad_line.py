"""What check says of lines that lose replies and of dead neighbours, held against what comes of them."""

from itertools import pairwise

import pytest

from agent.bench.poll import lossy, wires
from agent.bench.poll.engine import profile_of
from agent.modbus.bad_line import LOST, behind_waiting, lossy_s, others_dead
from agent.modbus.proof import BusLoad, load_of
from drivers.connect import assume
from drivers.line import Line
from tests.agent.modbus.test_lossy_line import Gateway, Network, behind_gateway, cells
from tests.breadth import sampled

TCP, RTU = Line.tcp(round_trip_s=0.005), Line.rtu(9600, turnaround_s=0.02)


def loads_of(
    reads: int, registers: int, units: int, *, numbered: bool, timeout_s: float = 1.0
) -> list[BusLoad]:
    line = TCP if numbered else RTU
    layout = assume(profile_of(*((200 * k, registers) for k in range(reads))), line=line)
    return [
        load_of(f"unit-{k}", layout, line, 1.0, timeout_s, has_transaction_ids=numbered)
        for k in range(1, units + 1)
    ]


@pytest.mark.parametrize(
    ("reads", "registers", "units", "numbered", "damaged"),
    [
        (1, 40, 1, True, 0.0),
        (4, 100, 1, True, 0.0),
        (20, 40, 1, True, 0.0),
        (1, 40, 2, False, LOST / 2),
        (1, 20, 4, False, LOST / 2),
        (1, 40, 2, False, 0.0),
    ],
)
def test_the_estimate_of_a_lossy_line_is_what_comes_of_it(
    reads: int, registers: int, units: int, numbered: bool, damaged: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossy, "LASTS_S", sampled(200.0, 400.0))
    loads = loads_of(reads, registers, units, numbered=numbered)
    ports = [
        wires.tcp(lossy.LOST, seed)
        if numbered
        else wires.rtu(9600, lossy.LOST_OR_DAMAGED if damaged else lossy.LOST, seed)
        for seed in range(sampled(max(1, 4 // units), 4))  # of units beside each other, each gives intervals
    ]
    profile = profile_of(*((200 * k, registers) for k in range(reads)))
    found = lossy.quantile(lossy._intervals(ports, profile, TCP if numbered else RTU, units), 0.99)
    assert 0.8 * found <= lossy_s(loads[0], loads, damaged) <= 2.0 * found


def test_the_rows_of_the_bench_can_be_carried_and_a_serial_unit_of_many_reads_cannot() -> None:
    connection, line = loads_of(4, 100, 1, numbered=True), loads_of(1, 40, 2, numbered=False)
    assert lossy_s(connection[0], connection) <= 10
    assert lossy_s(line[0], line, LOST / 2) <= 10 < lossy_s(line[0], line)
    quicker = loads_of(1, 40, 2, numbered=False, timeout_s=0.6)
    assert lossy_s(quicker[0], quicker) <= 10, "a shorter time-out helps, as is said"
    many = loads_of(12, 40, 1, numbered=False)
    assert lossy_s(many[0], many) > 60


def test_each_loss_more_makes_it_later() -> None:
    found = [
        lossy_s(one := loads_of(k, 40, 1, numbered=n)[0], [one]) for n in (True, False) for k in (1, 2, 5, 9)
    ]
    assert found[:4] == sorted(found[:4])
    assert found[4:] == sorted(found[4:])
    shared = loads_of(1, 40, 6, numbered=False)
    assert lossy_s(shared[0], shared) > lossy_s(shared[0], shared[:2])


@pytest.mark.parametrize("timeout_s", [0.5, 2.0])
def test_one_that_lives_among_twenty_dead_is_no_later_than_is_said(timeout_s: float) -> None:
    network = Network(lost=0.0, dead=frozenset(range(1, 21)))
    profile = cells(2, 60)
    units = [
        network.unit(k, profile=profile, has_transaction_ids=True, timeout_s=timeout_s) for k in range(1, 22)
    ]
    loads = loads_of(2, 60, 21, numbered=True, timeout_s=timeout_s)
    said = others_dead(loads[-1], loads)
    network.start(*units)
    began_s = network.clock.now_s
    network.run(300)
    whole = network.times(units[-1])
    assert 0.4 * said.first_s <= whole[0] - began_s <= said.first_s
    assert max(after - before for before, after in pairwise(whole)) <= said.age_s


def test_a_unit_that_is_alone_waits_for_nobody() -> None:
    (alone,) = loads_of(2, 60, 1, numbered=True)
    assert others_dead(alone, [alone]).age_s == pytest.approx(1.0 + alone.safety_s)


@pytest.mark.parametrize("says_so", [True, False])
def test_one_behind_a_gateway_that_waits_is_no_later_than_is_said(says_so: bool) -> None:
    loads = loads_of(4, 100, 21, numbered=True, timeout_s=2.0)
    said = behind_waiting(loads[-1], loads)
    assert said is not None
    times = behind_gateway(Gateway(lost=0.0, says_so=says_so), 21, 300)
    assert 0.8 * said.first_s <= times[0] <= said.first_s
    assert max(after - before for before, after in pairwise(times)) <= said.age_s


def test_a_serial_line_has_no_gateway_that_waits() -> None:
    loads = loads_of(1, 40, 3, numbered=False)
    assert behind_waiting(loads[0], loads) is None
