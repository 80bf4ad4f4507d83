"""Whether a run against a real agent proves anything: on a machine that was too slow, it does not."""

from typing import Any

from hil.run.bench import Bench
from hil.scenario.events import wire_event
from hil.scenario.scenario import Scenario

LATE_SHARE = 0.02  # of ticks or poll cycles that may be late


def lateness(scenario: Scenario, bench: Bench, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return why the bench is to blame for what was seen; "" where it kept up.

    `before`, `after`: the agent's status when the scenario's time began, and at its end.
    """
    late_cycles = {unit["name"]: unit["late_cycles"] for unit in before["units"]}
    cycles = scenario.lasts_s / scenario.period_s
    for unit in reversed(after["units"]):
        late = unit["late_cycles"] - late_cycles.get(unit["name"], 0)
        if late > max(2, LATE_SHARE * cycles) and not _may_be_late(scenario, unit["name"]):
            return (
                f"{late} of {cycles:.0f} poll cycles of {unit['name']} came late;"
                " lower --time-scale, or leave this machine alone"
            )
    late_s = bench.late_ticks * bench.tick_s
    if late_s > max(bench.tick_s, LATE_SHARE * scenario.lasts_s):
        return f"it was late for {late_s:.0f} of {scenario.lasts_s:.0f} seconds of the scenario"
    return ""


def _may_be_late(scenario: Scenario, unit: str) -> bool:
    """Whether something happens to the unit or its bus that makes cycles late by itself."""
    bus = next(table.bus for table in scenario.unit if table.name == unit)
    if any(table.dead for table in scenario.unit if table.name == unit or (bus and table.bus == bus)):
        return True
    return any(e.unit == unit or (bus and e.bus == bus) for e in scenario.event if wire_event(e))
