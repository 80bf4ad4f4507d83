"""The ten-second proof held against the schedule it speaks of, in simulated time."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_line import PROFILE, Simulation, mute

from agent.modbus import proof
from agent.modbus.proof import BusLoad, ages, dead_s, load_of
from drivers.connect import assume
from drivers.line import Line
from drivers.profile.load import Profile, parse_profile


def load(name: str, period_s: float, safety_s: float, **rest: float) -> BusLoad:
    alone = {"state_s": 0.0, "longest_s": safety_s, "lost_s": safety_s + 1.0}
    whole = {**alone, "probe_s": 1.0, "timeout_s": 0.1, **rest}
    return BusLoad(name, period_s, safety_s, **whole)


def test_a_lone_unit_is_as_old_as_its_period_and_its_own_reads() -> None:
    age = ages([load("a", 5.0, 0.5)])["a"]
    assert age.alive_s == age.one_dead_s == 5.5
    assert age.dead == ""


def test_units_that_share_a_line_wait_for_one_another_and_for_the_worst_dead_one() -> None:
    units = [load("a", 5.0, 0.5), load("b", 5.0, 0.7), load("c", 5.0, 0.2, lost_s=3.2, probe_s=3.0)]
    age = ages(units)["a"]
    assert age.alive_s == 5.0 + 0.5 + 0.7 + 0.2
    assert age.dead == "c"
    assert age.one_dead_s > 5.0 + 0.5 + 0.7 + 3.2


def test_a_line_that_cannot_carry_its_periods_still_has_a_bound() -> None:
    slow = [load(str(k), 1.0, 0.4) for k in range(5)]
    assert sum(unit.share for unit in slow) == 2.0
    age = ages(slow)["0"]
    assert 2 * 2.0 <= age.alive_s < 10.0


def test_a_dead_unit_costs_its_read_and_then_probes_at_the_intervals_of_the_back_off() -> None:
    dead = load("a", 1.0, 0.1, lost_s=1.1, probe_s=1.0)
    assert dead_s(None, 100.0) == 0.0
    assert dead_s(dead, 0.5) == 1.1  # it is asked once
    assert dead_s(dead, 1.2) == 2.1  # and probed at once
    assert dead_s(dead, 4.0) == 3.1
    assert dead_s(dead, 1000.0) < 1.1 + 1.0 * (1000 / 9.0 + 4)


NAMED = parse_profile(
    """
    schema = 1
    model = "named"
    gaps = "forbidden"
    [[point]]
    name = "serial_number"
    address = 400
    [[point]]
    name = "cell_voltage_1"
    address = 100
    count = 4
    """
)


@given(
    periods=st.lists(st.sampled_from([0.5, 1.0, 2.0, 5.0]), min_size=1, max_size=5),
    baud=st.sampled_from([1200, 4800, 9600, 19200]),
    dead=st.integers(0, 4),
    timeout_s=st.sampled_from([0.2, 0.5, 1.0]),
    profile=st.sampled_from([PROFILE, NAMED]),
)
@settings(max_examples=40)
def test_no_simulated_safety_point_is_older_than_the_proof_says(
    periods: list[float], baud: int, dead: int, timeout_s: float, profile: Profile
) -> None:
    line = Simulation(baud=baud)
    units = [
        line.unit(k + 1, profile=profile, period_s=p, timeout_s=timeout_s) for k, p in enumerate(periods)
    ]
    wire = Line.rtu(baud, turnaround_s=0.01)
    layout = assume(profile, line=wire)
    bounds = ages(
        [load_of(u.name, layout, wire, u.period_s, timeout_s, has_transaction_ids=False) for u in units]
    )
    line.start(*units)
    line.run(20)
    alive_from = len(line.frames)
    line.run(60)
    if profile is NAMED:
        assert sum(ask.read.address == 400 for ask in line.asked) >= 2 * len(units), "and marks are asked for"
    for unit in units:
        assert worst_age(line, unit.name, alive_from) <= bounds[unit.name].alive_s + 1e-6
    if dead < len(units) and len(units) > 1:
        line.behaviour[units[dead].unit_id] = mute
        line.run(60)
        for unit in units:
            if unit is not units[dead]:
                assert worst_age(line, unit.name, alive_from) <= bounds[unit.name].one_dead_s + 1e-6


def worst_age(line: Simulation, name: str, first: int) -> float:
    """How old the values of a unit were, at worst, when the next ones came."""
    good = [(t, f.stamp.boottime_ns / 1e9) for t, f in line.frames[first:] if f.unit == name]
    assert len(good) > 2
    return max(after - asked for (_, asked), (after, _) in pairwise(good))


def test_a_unit_that_is_allowed_seconds_takes_no_more_than_a_third_of_the_line_when_it_is_dead() -> None:
    for timeout_s in (0.1, 0.5, 1.0, 3.0):
        dead = load("dead", 1.0, 0.1, lost_s=0.1 + timeout_s, probe_s=0.1 + timeout_s, timeout_s=timeout_s)
        assert proof.dead_s(dead, 600.0) <= 0.33 * 600.0
        assert proof.backoff_s(1, timeout_s) == 0.0, "one lost frame costs little"
        assert proof.backoff_s(100, timeout_s) + timeout_s < 12, "it is soon seen when it is back"
