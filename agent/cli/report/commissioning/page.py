"""The commissioning report as one page to print, self-contained: what was found, tested, and is not seen."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from agent.cli.alarm.follow import later
from agent.cli.report.commissioning.record import SAME, Record, UnitRecord

STYLE = """
body{font:15px/1.4 system-ui,sans-serif;max-width:60em;margin:1em auto;padding:0 12px}
table{border-collapse:collapse;width:100%;margin:6px 0}
td,th{border:1px solid #767D84;padding:3px 8px;text-align:left;vertical-align:top}
h2{font-size:17px;margin:18px 0 4px}.no{font-weight:700}
@media print{body{margin:0}}
"""
LATER = "not yet; start the agent, then: cellwarden report commissioning"
Row = tuple[str, str]


def page(record: Record) -> str:
    """Return the report as HTML."""
    facts: list[Row] = [
        ("agent", f"{record.agent}, version {record.version}"),
        *([("site", record.site)] if record.site else []),
        ("commissioned by", record.who),
        ("when", f"{record.when}{record.clock}"),
        ("ten-second proof", record.proof),
        ("collector", record.collector),
        *alarm_rows(record.test),
        ("limits", record.limits),
    ]
    units = "".join(_unit(unit) for unit in record.units)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Commissioning report: {escape(record.agent)}</title><style>{STYLE}</style>"
        f"<h1>Commissioning report</h1>{_table(facts)}"
        f"<p class=no>Findings:</p>{_list(record.findings())}{units}"
        "<p>Measured by cellwarden, which only reads registers. A value here is what a unit said then.</p>"
        "<p>Signature: ______________________________</p></html>\n"
    )


def alarm_rows(test: Mapping[str, Any] | None) -> list[Row]:
    """Return the way of the test alarm: raised, on the collector's disk, acknowledged by a person."""
    if test is None:
        return [("test alarm", LATER)]
    seen = test["acknowledged"]
    return [
        ("test alarm raised", f"{clock(test['raised_utc_ns'])} by {test['who']}"),
        *(_on_disk(test, name) for name in test["trouble"]),
        (
            "  acknowledged by a person",
            f"{clock(seen['utc_ns'])}, {later(seen['after_s'])}, by {test['by'] or seen['who']}"
            + (f" (user {seen['who']})" if test["by"] else "")
            if seen
            else "NOT acknowledged; cellwarden alarm ack :test:",
        ),
        ("  outputs", test["outputs"]),
    ]


def _on_disk(test: Mapping[str, Any], name: str) -> Row:
    held, trouble = test["collectors"].get(name), test["trouble"][name]
    on = "  on the collector's disk" + (f" ({name})" if len(test["trouble"]) > 1 else "")
    if trouble or not held:
        return on, f"NOT acknowledged, {trouble}"
    return on, f"{clock(held['utc_ns'])}, {later(held['after_s'])}"


def intervals_text(unit: UnitRecord) -> str:
    """Return how often a unit was really read, beside what was asked for."""
    every = f"every {unit.period_s:g} s"
    achieved = unit.intervals
    if achieved is None:
        return f"{every}; achieved: {LATER}"
    if not achieved["count"]:
        return f"{every}; achieved: NEVER READ in {achieved['for_s']:.0f} s"
    return (
        f"{every}; achieved in {achieved['for_s']:.0f} s: {achieved['count']} intervals, p50"
        f" {achieved['p50_s']:.2f} s, p99 {achieved['p99_s']:.2f} s, longest {achieved['max_s']:.2f} s;"
        f" {achieved['misses']} longer than {achieved['deadline_s']:g} s"
    )


def clock(utc_ns: int) -> str:
    """Return an instant in local time, with its zone."""
    return datetime.fromtimestamp(utc_ns / 1e9).astimezone().isoformat(" ", timespec="seconds")


def _unit(unit: UnitRecord) -> str:
    compared = "not compared"
    if panel := unit.panel:
        away_v = panel["said_v"] - panel["shown_v"]
        read = f"panel {panel['shown_v']:g} V, read {panel['said_v']:.2f} V, difference {away_v:+.2f} V"
        compared = f"{read}, {panel['when']}"
    took = f", in {unit.took_s:.1f} s" if unit.took_s else ""
    facts = [
        ("where", unit.where),
        ("profile", unit.profile),
        *((label, said) for label, said in unit.identity.items() if said),
        *([("against its plate", _plate(unit))] if unit.identity else []),
        *([("before", f"ANOTHER UNIT: {_said(unit.before)}")] if unit.before else []),
        ("read", f"{unit.good} of {unit.values} good, {unit.absent} absent{took}"),
        *([("seen now", unit.knowledge)] if unit.knowledge else []),
        ("polled", intervals_text(unit)),
        ("against the panel", compared),
    ]
    modules = "".join(
        f"<tr><td>{escape(module)}<td>{cells}<td>{sensors}" for module, cells, sensors in unit.coverage
    )
    return (
        f"<h2>{escape(unit.label)}</h2>{_table(facts)}"
        f"<table><tr><th>module<th>cell voltages<th>temperatures{modules}</table>"
        f"<p class=no>Cannot be seen:</p>{_list(unit.unseen)}"
    )


def _plate(unit: UnitRecord) -> str:
    if unit.plate in ("", SAME):
        return unit.plate or "not compared"
    return f"DIFFERS: {unit.plate}"


def _said(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{label} {said}" for label, said in identity.items())


def _table(rows: Iterable[Row]) -> str:
    cells = "".join(f"<tr><th>{escape(label.strip())}<td>{escape(text)}" for label, text in rows)
    return f"<table>{cells}</table>"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}' for line in lines) or '<li>nothing that is known of'}</ul>"
