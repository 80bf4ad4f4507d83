"""What a unit refuses: found by halving, with safety points in time meanwhile; kept, and asked again."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from simulated_line import Behaviour, Simulation, sealed

from agent.modbus.learned import DAY_S, Learned
from agent.modbus.ports import Answer
from agent.modbus.read_request import ReadRequest
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.profile.load import Profile, parse_profile
from drivers.registers import Reply

CELLS, DEADLINE_S, ANSWER_S = 260, 10.0, 0.005
ODD = frozenset(range(1, CELLS, 2))  # 130 of them


def cells(first: int = 0, count: int = CELLS, poll: str = "safety", more: str = "") -> Profile:
    points = [
        f'[[point]]\nname = "cell_voltage_{k + 1}"\naddress = {first + k}\npoll = "{poll}"\n'
        for k in range(count)
    ]
    return parse_profile('schema = 1\nmodel = "holey"\n' + more + "".join(points))


@dataclass
class Network(Simulation):
    """Units on Modbus TCP that answer in 5 ms, and refuse what touches `missing` with exception `code`."""

    missing: frozenset[int] = ODD
    code: int = 2
    most: int = 125  # registers in one read
    text: int = 0x4142  # what registers from 1000 on hold

    def _carry(self, ask: ReadRequest) -> Answer:
        self.clock.now_s += ANSWER_S
        addresses = range(ask.read.address, ask.read.address + ask.read.count)
        if self.missing & set(addresses) or len(addresses) > self.most:
            return Answer(Reply((), Quality.REFUSED, self.code), ANSWER_S)
        words = [self.text if a >= 1000 else a for a in addresses]
        return Answer(Reply(np.array(words, np.uint16)), ANSWER_S)


def lacks(missing: frozenset[int]) -> Behaviour:
    """Refuse what touches `missing`, as a unit on a serial line that takes 20 ms."""

    def behave(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        first, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        if missing & set(range(first, first + count)):
            return [(0.02, sealed(bytes((request[0], request[1] | 0x80, 2))))]
        return [(0.02, reply)]

    return behave


def good(line: Simulation, name: str = "unit-1") -> int:
    """How many values of the last frame of a unit are good."""
    return int((next(f for _, f in reversed(line.frames) if f.unit == name).quality == Quality.GOOD).sum())


def one(network: Network, **rest: object) -> Unit:
    unit = network.unit(1, has_transaction_ids=True, **rest)
    network.start(unit)
    return unit


def longest_s(line: Simulation, name: str, index: int) -> float:
    """The longest time between two frames of a unit in which a value is good, once it was."""
    at = [t for t, f in line.frames if f.unit == name and f.quality[index] == Quality.GOOD]
    return max((b - a for a, b in pairwise(at)), default=0.0)


def test_130_holes_are_found_within_thirty_seconds_on_tcp_and_then_not_asked_for() -> None:
    network = Network()
    unit = one(network, profile=cells())
    network.run(30)
    assert good(network) == CELLS - len(ODD)
    assert len(unit.learned.blocks) == len(ODD)
    assert all(block.learned for block in unit.learned.blocks.values())
    asked = len(network.asked)
    network.run(10)
    assert len(network.asked) - asked == 10 * (CELLS - len(ODD))


def test_what_is_found_in_how_many_questions() -> None:
    network = Network()
    one(network, profile=cells())
    while good(network) < CELLS - len(ODD) if network.frames else True:
        network.run(1)
    assert len(network.asked) <= 2 * CELLS + 3 * CELLS  # and what is known is read meanwhile


@pytest.mark.parametrize("poll", ["safety", "state"])
def test_130_holes_are_found_within_three_minutes_at_9600_baud_and_safety_points_are_in_time(
    poll: str,
) -> None:
    line = Simulation(baud=9600)
    holey = line.unit(1, profile=cells(poll=poll, more='[[point]]\nname = "string_current"\naddress = 400\n'))
    sound = line.unit(2, profile=cells(count=40))
    line.behaviour = {1: lacks(ODD)}
    line.start(holey, sound)
    began_s = line.clock.now_s
    line.run(180)
    assert sum(block.learned for block in holey.learned.blocks.values()) == len(ODD)
    last = {i for _, f in line.frames[-60:] if f.unit == "unit-1" for i in np.flatnonzero(f.quality == 0)}
    assert len(last) == CELLS - len(ODD) + 1
    assert max(longest_s(line, "unit-2", k) for k in range(40)) <= DEADLINE_S
    safety = range(CELLS + 1) if poll == "safety" else [CELLS]
    assert max(longest_s(line, "unit-1", k) for k in safety) <= DEADLINE_S
    firsts = [t for t, f in line.frames if f.unit == "unit-2" and (f.quality == 0).all()]
    assert firsts[0] - began_s <= DEADLINE_S


def test_one_hole_costs_two_reads_and_not_one_for_each_halving() -> None:
    network = Network(missing=frozenset({77}))
    unit = one(network, profile=cells(count=120))
    network.run(30)
    assert good(network) == 119
    assert unit.connection is not None
    assert sorted(read.count for read in unit.connection.reads) == [1, 42, 77]


@pytest.mark.parametrize(("most", "code"), [(10, 2), (10, 3), (1, 2)])
def test_a_unit_that_refuses_long_reads_is_read_in_short_ones(most: int, code: int) -> None:
    network = Network(missing=frozenset(), most=most, code=code)
    unit = one(network, profile=cells(count=100))
    network.run(120)
    asked = len(network.asked)
    network.run(10)
    assert good(network) == 100
    assert (len(network.asked) - asked) / 10 <= 2 * 100 / most
    assert unit.connection is not None
    assert not unit.learned.lacking(unit.connection.layout)


def test_a_gap_that_is_refused_is_read_round_and_others_are_read_over() -> None:
    network = Network(missing=frozenset({50}))
    points = "".join(
        f'[[point]]\nname = "cell_voltage_{k + 1}"\naddress = {2 * k}\n' for k in range(60) if k != 25
    )
    unit = one(network, profile=parse_profile('schema = 1\nmodel = "gappy"\n' + points))
    network.run(30)
    assert good(network) == 59
    assert unit.connection is not None
    assert [(r.address, r.count) for r in unit.connection.reads] == [(0, 49), (52, 67)]


def test_a_unit_that_refuses_everything_teaches_nothing_and_is_read_at_once_when_it_is_ready() -> None:
    network = Network(missing=frozenset(range(100)))
    unit = one(network, profile=cells(count=100))
    network.run(60)
    assert not unit.learned.blocks
    network.missing = frozenset()
    network.run(2)
    assert good(network) == 100
    network.run(20)
    asked = len(network.asked)
    network.run(10)
    assert len(network.asked) - asked == 10


def test_a_hole_is_asked_again_more_and_more_seldom_daily_at_last_and_read_once_it_is_answered() -> None:
    network = Network(missing=frozenset({5}))
    unit = one(network, profile=cells(count=10), period_s=60.0)
    network.run(3 * DAY_S)
    times = [ask.at_s for ask in network.asked if (ask.read.address, ask.read.count) == (5, 1)]
    pauses_s = [b - a for a, b in pairwise(times)]
    assert pauses_s[-1] == pytest.approx(DAY_S, rel=0.01)
    assert all(b >= 0.9 * a for a, b in pairwise(pauses_s[2:]))
    network.missing = frozenset()
    network.run(DAY_S + 200)
    assert good(network) == 10
    assert not unit.learned.blocks
    assert unit.connection is not None
    assert [(r.address, r.count) for r in unit.connection.reads] == [(0, 10)]


def test_a_hole_is_asked_again_after_a_reconnection_and_not_where_that_is_a_habit() -> None:
    network = Network(missing=frozenset({5}))
    unit = one(network, profile=cells(count=10))
    network.run(3600)
    for habit, more in ((True, 0), (False, 1)):
        asked = sum(ask.read.count == 1 for ask in network.asked)
        unit.reconnected(network.clock.now_s, habit=habit)
        network.run(5)
        assert sum(ask.read.count == 1 for ask in network.asked) - asked == more


@pytest.mark.parametrize("code", [1, 3])
def test_other_exceptions_than_2_leave_nothing_out(code: int) -> None:
    network = Network(missing=frozenset({5}), code=code)
    unit = one(network, profile=cells(count=10))
    network.run(30)
    asked = len(network.asked)
    network.run(10)
    assert unit.connection is not None
    assert sum(ask.read.address == 5 and ask.read.count == 1 for ask in network.asked[asked:]) == 10
    assert unit.learned.to_plain(0) == {}
    assert [v.name for v in unit.learned.lacking(unit.connection.layout)] == ["cell_voltage_6"]


def test_where_all_safety_points_are_refused_they_are_asked_in_each_cycle() -> None:
    network = Network(missing=frozenset(range(10)))
    more = '[[point]]\nname = "soc"\naddress = 300\npoll = "state"\n'
    one(network, profile=cells(count=1, more=more))
    network.run(60)
    asked = len(network.asked)
    network.run(10)
    assert sum(ask.read.address == 0 for ask in network.asked[asked:]) == 10


WHO = '[[point]]\nname = "serial"\naddress = 1000\ntype = "ascii"\nregisters = 2\n'


def test_what_is_learned_holds_over_a_restart_and_not_for_another_unit_firmware_or_profile() -> None:
    network = Network()
    profile = cells(more=WHO)
    unit = one(network, profile=profile)
    network.run(30)
    kept = unit.learned.to_plain(7)
    assert len(kept["blocks"]) == len(ODD)
    otherwise = cells(more=WHO.replace("serial", "serial_number"))
    for text, asked_for, left in ((0x4142, profile, len(ODD)), (0x4344, profile, 0), (0x4142, otherwise, 0)):
        again = Network(text=text)
        found = again.unit(1, profile=asked_for, has_transaction_ids=True, learned=Learned.from_plain(kept))
        again.start(found)
        again.run(2.2)
        assert good(again) == CELLS - len(ODD)
        assert len(found.learned.to_plain(9).get("blocks", [])) == left
        again.run(30)
        assert good(again) == CELLS - len(ODD)
        assert found.learned.to_plain(9)["blocks"][0][-1] == (7 if left else 9)


def test_news_are_told_when_a_hole_is_learned_and_when_it_is_answered() -> None:
    network, told = Network(missing=frozenset({5})), []
    unit = one(network, profile=cells(count=10), refuses=lambda u: told.append(len(u.learned.to_plain(0))))
    network.run(30)
    assert told == [0, 3]
    network.missing = frozenset()
    unit.reconnected(network.clock.now_s, habit=False)
    network.run(5)
    assert told == [0, 3, 0]


def test_the_log_says_a_few_lines_however_many_holes_there_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    network = Network()
    one(network, profile=cells())
    network.run(60)
    assert len([r for r in caplog.records if "refused" in r.message]) <= 6


def test_a_unit_of_another_kind_that_answers_is_asked_who_it_is_with_pauses() -> None:
    network = Network(missing=frozenset())
    network.start(
        network.unit(1, has_transaction_ids=True, profile=cells(count=10, more=WHO + 'expect_match = "^S"\n'))
    )
    network.run(600)
    assert 60 <= len(network.asked) <= 120
