"""The ten-second proof: how old a safety point can become, computed from what a bus has to carry. Pure.

Theory. A unit's cycle is released once per period and its safety reads have the deadline of the next release;
the schedule is non-preemptive EDF, work-conserving, and a unit has one cycle at a time. Two bounds on the
time R from a release to the last of its safety reads hold, and the smaller counts:
- the longest busy period: whatever is released while the line is busy is done when it first falls idle. It is
  the fixed point of L = sum of ceil(L / period) cycles, and exists where the line has time for all.
- the interference: before a cycle with the deadline d go at most floor(P / P_i) + 1 cycles of each other unit
  (one that is on, and those released early enough to end before d), state points and probes that have waited
  beyond their own deadline, marks of identity, and the one read that was on the wire already.
A value is asked for no earlier than its release, and the next one comes no later than R after the next
release, which is a period later, or when the cycle ends that overran it: age <= R + max(P, R).

Not covered: replies that are lost or damaged (`bad_line` estimates them). A silent unit costs its read, and
then probes at the intervals of `timing.backoff_s`, each with the whole configured time-out, as if nothing had
been learned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

from agent.modbus.cycle import STATE_PERIOD_S
from agent.modbus.patience import TRIES
from agent.modbus.sameness import MARK_EVERY_S
from agent.modbus.timing import backoff_s
from drivers.layout import Layout
from drivers.line import Line
from drivers.quantities import Poll
from drivers.registers import Area

GIVE_UP_S = 3600.0  # a bound beyond this is none
SHORT_READ = (Area.HOLDING, 1)


@dataclass(frozen=True, slots=True)
class BusLoad:
    """What one unit asks of its bus, in seconds of the line's time.

    `lost_s`: what its longest safety read costs when nothing answers it, the second try included, and a mark
    before it. `probe_s`: what each probe costs then, `timeout_s` of it for nothing. `longest_s`: its longest
    read. `mark_s`: the longest read of a mark of its identity; 0 where it has none.
    `reads`: how many of its reads are for safety points.
    """

    name: str
    period_s: float
    safety_s: float
    state_s: float
    longest_s: float
    lost_s: float
    probe_s: float
    timeout_s: float
    mark_s: float = 0.0
    reads: int = 1
    has_transaction_ids: bool = False

    @property
    def share(self) -> float:
        """How much of the line's time the unit takes while it answers."""
        return self.safety_s / self.period_s + self.state_s / STATE_PERIOD_S + self.mark_s / MARK_EVERY_S


@dataclass(frozen=True, slots=True)
class Age:
    """How old a unit's safety points can become: with all units alive, and with the worst one dead."""

    alive_s: float
    one_dead_s: float
    dead: str = ""  # which one is the worst; "" where the unit is alone


def load_of(
    name: str, layout: Layout, line: Line, period_s: float, timeout_s: float, *, has_transaction_ids: bool
) -> BusLoad:
    """Return the load of a unit with this layout; for the rest see `Unit`."""
    plan = layout.plan
    costs = [plan.read_s(index, line) for index in range(len(plan.reads))]
    safety = [cost for cost, poll in zip(costs, plan.classes, strict=True) if poll is not Poll.STATE]
    tries = TRIES if has_transaction_ids else 1
    short_s = max(safety) if has_transaction_ids else line.read_s(*SHORT_READ)
    spans = [mark.value.span for mark in layout.marks]
    mark_s = max((line.read_s(span.area, span.count) for span in spans), default=0.0)
    lost_s = tries * (max(safety) + timeout_s) + (tries * (mark_s + timeout_s) if spans else 0.0)
    return BusLoad(
        name=name,
        period_s=period_s,
        safety_s=sum(safety),
        state_s=sum(costs) - sum(safety),
        longest_s=max(*costs, mark_s),
        lost_s=lost_s,
        probe_s=short_s + timeout_s,
        timeout_s=timeout_s,
        mark_s=mark_s,
        reads=len(safety),
        has_transaction_ids=has_transaction_ids,
    )


def ages(loads: Sequence[BusLoad]) -> dict[str, Age]:
    """Return the worst age of every unit's safety points, by the unit's name."""
    found = {}
    for load in loads:
        alive_s = _age_s(load, loads, None)
        deaths = [(_age_s(load, loads, dead), dead.name) for dead in loads if dead is not load]
        worst_s, name = max(deaths, default=(alive_s, ""))
        found[load.name] = Age(alive_s, max(alive_s, worst_s), name)
    return found


def _age_s(load: BusLoad, loads: Sequence[BusLoad], dead: BusLoad | None) -> float:
    live = [other for other in loads if other is not dead]
    response_s = min(_busy_period_s(live, dead), _response_s(load, live, dead))
    return response_s + max(load.period_s, response_s)


def _busy_period_s(live: Sequence[BusLoad], dead: BusLoad | None) -> float:
    return _fixed_point(
        lambda length_s: (
            sum(
                ceil(length_s / other.period_s) * other.safety_s + _state_s(other, length_s) for other in live
            )
            + dead_s(dead, length_s)
        )
    )


def _response_s(load: BusLoad, live: Sequence[BusLoad], dead: BusLoad | None) -> float:
    others = [other for other in live if other is not load]
    before_s = sum((floor(load.period_s / other.period_s) + 1) * other.safety_s for other in others)
    blocking_s = max(other.longest_s for other in live)
    return _fixed_point(
        lambda length_s: (
            load.safety_s
            + before_s
            + blocking_s
            + sum(_state_s(other, length_s) for other in live)
            + dead_s(dead, length_s)
        )
    )


def _state_s(load: BusLoad, length_s: float) -> float:
    return ceil(length_s / STATE_PERIOD_S) * load.state_s + ceil(length_s / MARK_EVERY_S) * load.mark_s


def dead_s(dead: BusLoad | None, length_s: float) -> float:
    """Return what a unit that falls silent can cost its line within `length_s`."""
    if dead is None:
        return 0.0
    cost_s = at_s = dead.lost_s
    for silences in range(1, 10_000):
        at_s += backoff_s(silences, dead.timeout_s)
        if at_s > length_s:
            return cost_s
        cost_s += dead.probe_s
        at_s += dead.probe_s
    return inf


def _fixed_point(needed_s: Callable[[float], float]) -> float:
    length_s = 1e-6
    while length_s < GIVE_UP_S:
        more_s = needed_s(length_s)
        if more_s <= length_s:
            return length_s
        length_s = more_s
    return inf
