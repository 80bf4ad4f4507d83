"""What the collector of a run received becomes evidence, in the scenario's time."""

from pathlib import Path
from typing import Any

from hil.run import delivered
from hil.run.bench import Bench
from hil.scenario.evidence import Evidence, Places, RaisedAlarm
from hil.scenario.scenario import Scenario


def read_back(evidence: Evidence, collector: Path, scenario: Scenario, bench: Bench, began_s: float) -> None:
    """Add frames and alarms from the collector's database.

    `began_s`: boot time, by the agent's clock, at which the time of the scenario began.
    """
    places = _add_frames(evidence, collector, scenario, bench, began_s)
    for record in delivered.alarms(collector):
        if record["state"] == "NEW":
            evidence.alarms.append(_alarm(record, places.get(record["unit"]), began_s))
    evidence.alarms.sort(key=lambda alarm: alarm.t_s)


def _add_frames(
    evidence: Evidence, collector: Path, scenario: Scenario, bench: Bench, began_s: float
) -> dict[str, Places]:
    """Add all frames; return the places of each unit that has any."""
    sources = {served.table.name: served.unit.source for served in bench.units}
    frames = int(scenario.lasts_s / scenario.period_s)
    places: dict[str, Places] = {}
    for batch, description in delivered.batches(collector):
        unit, of_values, quantities = batch.unit, description["place"], description["quantity"]
        places[unit] = Places(sources[unit], of_values, quantities)
        evidence.expect_frames(unit, of_values, quantities, frames)
        t_s = batch.boottime_ns / 1e9 - began_s
        evidence.add(unit, t_s, delivered.to_si(description, batch), batch.quality)
    return places


def _alarm(record: dict[str, Any], places: Places | None, began_s: float) -> RaisedAlarm:
    """Return an alarm. `places`: of its unit; None where it is the site's, or of a unit without frames."""
    return RaisedAlarm(
        t_s=record["boottime_ns"] / 1e9 - began_s,
        unit=record["unit"],
        location=record["location"],
        where=places.of(record["location"]) if places else (),
        detector=record["detector"],
        severity=record["severity"],
        text=record["text"],
    )
