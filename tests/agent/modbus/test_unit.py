"""Units on a simulated line: whose turn it is, what silence costs, and that no wrong value is called good."""

import logging
from collections.abc import Callable
from itertools import count, pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from simulated_line import Behaviour, Simulation, mute, sealed, well

from agent.modbus.cycle import PROBE
from agent.modbus.patience import LAST, THERE
from agent.modbus.timing import BACKOFF_S, FLOOR_S, ResponseTimes
from agent.quality import Quality
from drivers.profile.load import parse_profile


def intervals(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def answering(**first: bytes | int) -> Behaviour:
    """Answer with an exception `code` for a number of `times`, then well."""
    left = int(first["times"])

    def behave(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        nonlocal left
        left -= 1
        if left < 0:
            return well(request, reply)
        return [(0.01, sealed(bytes((request[0], request[1] | 0x80, int(first["code"])))))]

    return behave


def test_a_unit_that_never_answered_before_answers_and_one_that_did_answers_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "agent.modbus.unit")
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(5)
    line.behaviour[1] = mute
    line.run(120)
    line.behaviour[1] = well
    line.run(120)
    told = [record.message for record in caplog.records if "answers" in record.message]
    assert told == ["unit unit-1: answers", "unit unit-1: answers again"]


def test_safety_points_of_all_units_come_before_state_points_of_any() -> None:
    line = Simulation()
    units = [line.unit(1), line.unit(2)]
    line.start(*units)
    line.run(5)
    line.asked.clear()
    for unit in units:
        unit.release_s = line.clock.now_s  # all at once
        assert unit.connection is not None
        unit.connection.state_at_s = line.clock.now_s
    line.run(0.9)
    assert [ask.read.address for ask in line.asked] == [100, 200, 100, 200, 300, 300]
    assert [ask.unit_id for ask in line.asked[:4]] == [1, 1, 2, 2]


def test_state_points_wait_for_safety_points_with_a_later_deadline() -> None:
    line = Simulation()
    units = [line.unit(k, period_s=60.0) for k in (1, 2)]
    line.start(*units)
    line.run(62)
    line.asked.clear()
    for unit in units:
        unit.release_s = line.clock.now_s
        assert unit.connection is not None
        unit.connection.state_at_s = line.clock.now_s  # due within ten seconds, the others within sixty
    line.run(0.9)
    assert [ask.read.address for ask in line.asked] == [100, 200, 100, 200, 300, 300]


@pytest.mark.parametrize("seconds", [0.15, 0.2, 0.25, 0.3, 0.6])
def test_a_reply_out_of_turn_is_never_taken_for_the_next_one(seconds: float) -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(10)
    line.behaviour[1] = out_of_turn(seconds)
    line.run(30)
    line.assert_nothing_wrong()
    assert unit.counters.no_reply > 1


def test_the_earlier_deadline_goes_first_whatever_the_order_of_the_file() -> None:
    line = Simulation()
    slow, fast = line.unit(1, period_s=5.0), line.unit(2, period_s=0.5)
    line.start(slow, fast)
    line.run(2)
    line.asked.clear()
    slow.release_s = fast.release_s = line.clock.now_s
    line.run(0.3)
    assert [ask.unit_id for ask in line.asked[:4]] == [2, 2, 1, 1]


def test_state_points_are_not_starved_where_the_line_has_no_time() -> None:
    line = Simulation(baud=1200)
    units = [line.unit(k, period_s=0.5) for k in range(1, 5)]
    line.start(*units)
    line.run(60)
    for unit in units:
        asked = [ask.at_s for ask in line.asked if ask.unit_id == unit.unit_id and ask.read.address == 300]
        assert len(asked) >= 3
        assert max(intervals(asked)) < 30


def test_a_line_without_time_for_the_period_gives_every_unit_the_cycle_it_allows() -> None:
    line = Simulation(baud=1200)
    units = [line.unit(k, period_s=0.5) for k in range(1, 5)]
    line.start(*units)
    line.run(60)
    shares = [len(line.times(unit)) for unit in units]
    assert max(shares) - min(shares) <= 2
    assert all(unit.counters.late_cycles for unit in units)
    busy_s = sum(24 * line.character_s + 2 * line.silence_s for _ in line.asked)
    assert busy_s > 0.75 * 60  # the line is not left idle


def test_a_dead_unit_costs_its_neighbour_one_probe_per_interval_and_is_back_within_one() -> None:
    line = Simulation()
    live, dead = line.unit(1), line.unit(2)
    line.start(live, dead)
    line.run(20)
    line.behaviour[2] = mute
    begin = len(line.asked)
    line.run(60)
    probes = [ask for ask in line.asked[begin:] if ask.unit_id == dead.unit_id]
    assert probes[1].purpose == PROBE
    assert probes[1].read.count == 1
    assert len(probes) <= LAST - THERE + 4 + 60 / BACKOFF_S[-1] + 1
    assert all(ask.timeout_s == FLOOR_S for ask in probes), "a learned time-out, not the configured 0.5 s"
    assert live.counters.late_cycles == 0
    assert max(intervals(line.times(live))) < 1.0 + FLOOR_S + 0.05
    line.behaviour[2] = well
    back = line.clock.now_s
    line.run(12)
    assert line.times(dead)[-1] > back
    assert next(t for t in line.times(dead) if t > back) - back < BACKOFF_S[-1] + 0.5
    line.assert_nothing_wrong()


def test_a_unit_that_never_answered_is_waited_for_briefly_but_not_given_up() -> None:
    line = Simulation()
    live, stranger = line.unit(1, timeout_s=2.0), line.unit(2, timeout_s=2.0)
    line.behaviour[2] = mute
    line.start(live, stranger)
    line.run(80)
    waits = [ask.timeout_s for ask in line.asked if ask.unit_id == stranger.unit_id][2:]
    assert min(waits) == 0.3
    assert max(waits) == 2.0
    line.behaviour[2] = lambda _request, reply: [(1.5, reply)]
    line.run(40)
    assert line.times(stranger)


def test_one_lost_reply_leaves_no_gap_longer_than_it_must() -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(10)
    line.behaviour[1] = mute
    line.run(1)
    line.behaviour[1] = well
    line.run(10)
    assert max(intervals(line.times(unit))) < 3.5
    assert unit.patience.silences == 0


def test_a_busy_unit_is_waited_for_and_its_values_are_never_zero() -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(5)
    line.frames.clear()
    line.behaviour[1] = answering(code=6, times=3)
    line.run(2)
    assert unit.counters.busy == 3
    assert all(f.quality[0] in (Quality.GOOD, Quality.REFUSED) for _, f in line.frames)
    assert max(intervals(line.times(unit))) < 2.1, "what it delayed came all the same"
    line.behaviour[1] = answering(code=5, times=1000)
    line.run(10)
    _, last = line.frames[-1]
    assert last.quality[0] == Quality.REFUSED
    assert "is busy" in unit.trouble
    line.assert_nothing_wrong()


@pytest.mark.parametrize("code", range(1, 12))
def test_every_exception_has_a_cause_and_the_unit_goes_on(code: int) -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(5)
    line.behaviour[1] = answering(code=code, times=1)
    seen = len(line.frames)
    line.run(15)
    said = {1: "illegal", 2: "illegal", 3: "illegal", 5: "busy", 6: "busy", 10: "gateway", 11: "gateway"}
    assert getattr(unit.counters, said.get(code, "failed")) == 1
    qualities = {int(q) for _, f in line.frames[seen:] for q in f.quality[:4]}
    assert qualities <= {Quality.GOOD, Quality.REFUSED, Quality.NO_REPLY, Quality.STALE}
    assert line.times(unit)[-1] > line.clock.now_s - 1.5
    line.assert_nothing_wrong()


def test_the_time_out_is_learned_between_its_floor_and_what_is_configured() -> None:
    times = ResponseTimes(2.0)
    assert times.timeout_s == 2.0
    for _ in range(300):
        times.add(0.004)
    assert times.timeout_s == FLOOR_S
    for _ in range(300):
        times.add(0.2)
    assert times.timeout_s == pytest.approx(0.6)
    for _ in range(300):
        times.add(1.5)
    assert times.timeout_s == 2.0
    assert times.quantile(0.5) == 1.5


def test_a_late_reply_lengthens_the_time_out_and_ends_the_waiting_for_it() -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(10)
    assert unit.patience.times.timeout_s == FLOOR_S
    for _ in range(10):
        unit.heard_late(0.3, line.clock.now_s)
    assert unit.patience.times.timeout_s == 0.5


class Held:
    """What a unit still has to say, and when it says it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def glued(self, _request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        held, self.frames = self.frames, []
        if not held:
            self.frames = [reply]
            return []
        return [(0.01, b"".join(held) + reply)]

    def behind(self, _request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        held, self.frames = self.frames, [reply]
        return [(0.01, frame) for frame in held]


def late(seconds: float) -> Behaviour:
    return lambda _request, reply: [(seconds, reply)]


def out_of_turn(seconds: float) -> Behaviour:
    """Answer short reads at once, and values only after many time-outs."""
    return lambda request, reply: [(0.01 if request[5] == 1 else seconds, reply)]


def _asks(text: str, answer: bytes = b"") -> Behaviour:
    """Let another master be heard in place of the answer: its request, and an answer of the shape of ours."""
    asked = sealed(bytes.fromhex(text))
    return lambda _q, r: [(0.01, asked), (0.03, answer or sealed(r[:3] + b"\x10" * (len(r) - 5)))]


def _interrupts(_request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
    """Answer; then another master asks the same unit, and is answered, whenever that is."""
    asked = sealed(reply[:2] + b"\x27\x10\0" + bytes((reply[2] // 2,)))
    return [(0.01, reply), (0.06, asked), (0.09, sealed(reply[:3] + b"\x10" * (len(reply) - 5)))]


FAULTS: dict[str, Callable[[Held], Behaviour]] = {
    "mute": lambda _: mute,
    "late by 0.2 s": lambda _: late(0.2),
    "late by 0.45 s": lambda _: late(0.45),
    "late by 0.9 s": lambda _: late(0.9),
    "out of turn by 0.2 s": lambda _: out_of_turn(0.2),
    "out of turn by 0.6 s": lambda _: out_of_turn(0.6),
    "glued in front of the next": lambda held: held.glued,
    "one request behind": lambda held: held.behind,
    "wrong checksum": lambda _: lambda _q, r: [(0.01, r[:-1] + bytes((r[-1] ^ 1,)))],
    "cut short": lambda _: lambda _q, r: [(0.01, r[:5])],
    "over-long": lambda _: lambda q, r: [(0.01, sealed(q[:2] + bytes((r[2] + 2,)) + r[3:-2] + b"\0\0"))],
    "doubled": lambda _: lambda _q, r: [(0.01, r * 2)],
    "another unit's": lambda _: lambda _q, r: [(0.01, sealed(bytes((r[0] + 1,)) + r[1:-2]))],
    "foreign in front": lambda _: lambda _q, r: [(0.005, sealed(b"\x09\x03\x04\0\1\0\2")), (0.03, r)],
    "another master's answer": lambda _: lambda q, r: _asks(f"{q[0]:02x} 03 27 10 00 02")(q, r),
    "another master writes": lambda _: lambda q, r: _asks(f"{q[0]:02x} 06 27 10 00 02")(q, r),
    "another master in front": lambda _: lambda q, r: [(0.01, sealed(q[:2] + b"\x27\x10\0\x02") + r)],
    "another master in between": lambda _: _interrupts,
    "echo": lambda _: lambda q, r: [(0.0, q), (0.01, r)],
    "noise": lambda _: lambda _q, r: [(0.002, b"\xff\x01\x03\x00"), (0.02, r + b"\x55")],
    "one byte at a time": lambda _: lambda _q, r: [(0.01 * i, r[i : i + 1]) for i in range(len(r))],
    **{f"exception {code}": lambda _, c=code: answering(code=c, times=10**6) for code in range(1, 12)},
}


@pytest.mark.parametrize("name", sorted(name for name in FAULTS if "another master" in name))
@pytest.mark.parametrize("seldom", [1, 3, 10])
def test_no_value_of_another_master_is_good_and_the_unit_is_read_on(name: str, seldom: int) -> None:
    line = Simulation()
    unit = line.unit(1)
    line.start(unit)
    line.run(5)
    fault, asked = FAULTS[name](Held()), count(1)
    line.behaviour[1] = lambda q, r: (well if next(asked) % seldom else fault)(q, r)
    seen = len(line.times(unit))
    line.run(60)
    line.assert_nothing_wrong()
    if seldom == 10:
        assert len(line.times(unit)) - seen > 25
    line.behaviour[1] = well
    line.run(BACKOFF_S[-1] + 4)
    assert line.times(unit)[-1] > line.clock.now_s - 1.5


class BadLine(RuleBasedStateMachine):
    """Any faults, in any order, for any time: what is called good is right, and a healed line is read."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Simulation()
        self.units = [self.line.unit(1), self.line.unit(2, period_s=0.5)]
        self.held = {1: Held(), 2: Held()}
        self.line.start(*self.units)

    @rule(unit_id=st.sampled_from([1, 2]), name=st.sampled_from(sorted(FAULTS)))
    def break_one(self, unit_id: int, name: str) -> None:
        self.held[unit_id].frames = []  # said after others were answered, nothing tells it from the answer
        self.line.behaviour[unit_id] = FAULTS[name](self.held[unit_id])

    @rule(unit_id=st.sampled_from([1, 2]))
    def heal_one(self, unit_id: int) -> None:
        self.line.behaviour[unit_id] = well

    @rule(seconds=st.floats(0.05, 12))
    def wait(self, seconds: float) -> None:
        self.line.run(seconds)

    @precondition(lambda self: self.line.frames)
    @rule()
    def heal_all(self) -> None:
        for unit_id in (1, 2):
            self.line.behaviour[unit_id] = well
        self.line.run(BACKOFF_S[-1] + 4)
        for unit in self.units:
            assert self.line.times(unit)[-1] > self.line.clock.now_s - 1.5

    @invariant()
    def nothing_wrong(self) -> None:
        self.line.assert_nothing_wrong()
        del self.line.frames[:-400]


BadLine.TestCase.settings = settings(max_examples=60, stateful_step_count=12, derandomize=True, deadline=None)
test_no_fault_makes_a_wrong_value_good = BadLine.TestCase


NAMED = parse_profile(
    """
    schema = 1
    model = "named"
    gaps = "forbidden"
    [[point]]
    name = "product"
    address = 10
    expect = 10
    [[point]]
    name = "cell_voltage_1"
    address = 100
    """
)


def another(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
    """Answer as a unit of another product does."""
    if int.from_bytes(request[2:4], "big") == 10:
        return [(0.01, sealed(reply[:3] + b"\x00\x63"))]
    return well(request, reply)


@pytest.mark.parametrize("away_s", [6.0, 10.0, 60.0])
def test_a_unit_that_was_replaced_while_it_was_away_is_not_decoded_as_the_old_one(away_s: float) -> None:
    said: list[str] = []
    line = Simulation()
    unit = line.unit(1, profile=NAMED, mismatch=lambda _unit, text: said.append(text))
    line.start(unit)
    line.run(5)
    line.behaviour[1] = mute
    line.run(away_s)
    before = len(line.frames)
    line.behaviour[1] = another
    line.run(30)
    qualities = {int(frame.quality[-1]) for _, frame in line.frames[before:]}
    assert Quality.GOOD not in qualities
    assert Quality.MISMATCH in qualities
    assert "this is not a named" in said[-1]
    line.behaviour[1] = well
    line.run(30)
    assert unit.connection is not None
    assert not unit.connection.foreign
    assert line.frames[-1][1].quality[-1] == Quality.GOOD


def test_a_unit_that_is_the_same_after_an_outage_is_read_again_within_the_safety_deadline() -> None:
    line = Simulation()
    unit = line.unit(1, profile=NAMED)
    line.start(unit)
    line.run(5)
    line.behaviour[1] = mute
    line.run(120)
    line.behaviour[1] = well
    back_s = line.clock.now_s
    line.run(15)
    assert min(t for t in line.times(unit) if t > back_s) - back_s < 10


def test_a_unit_that_cannot_be_asked_says_why_and_the_others_are_polled() -> None:
    line = Simulation()
    shifted = parse_profile(
        """
        schema = 1
        model = "shifted"
        per_instance = 2000
        [[point]]
        name = "cell_voltage_1"
        address = 100
        """
    )
    unit = line.unit(2, profile=shifted, instance=64)
    line.start(line.unit(1), unit)
    line.run(30)
    assert unit.trouble.startswith("holding 126100 runs past the last address 65535; correct shifted")
    assert sum((f.quality[:4] == Quality.GOOD).all() for _, f in line.frames) > 25
    assert {ask.unit_id for ask in line.asked} == {1}
