"""The commissioning report as one page to print and sign: what was found, tested, shown, and is not seen."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.cli.alarm.follow import later
from agent.cli.report.commissioning.record import SAME, Record, UnitRecord
from agent.cli.report.commissioning.shown import Shown, Value
from agent.cli.report.commissioning.untried import untried
from agent.cli.report.paper import paper
from agent.detect.places import parent_of
from agent.view import words

LATER = "not yet; start the agent, then: cellwarden report commissioning"
BY_HAND = "____________________________________"
MANY = 4  # values of one kind in one part of a unit: a grid of them, not a line each
IN_ROW = 10  # of a grid
SELDOM = 0.99  # had a value in fewer of the readings
Row = tuple[str, str]


def page(record: Record) -> str:
    """Return the report as HTML."""
    facts: list[Row] = [
        ("site", record.site or BY_HAND),
        ("address", record.address or BY_HAND),
        ("agent", f"{record.agent}, version {record.version}"),
        ("commissioned by", record.who),
        ("when", f"{record.when}{record.clock}"),
    ]
    proven: list[Row] = [
        ("ten-second proof", record.proof),
        ("collector", record.collector),
        *alarm_rows(record.test),
    ]
    return paper(
        "commissioning.html",
        "Commissioning report",
        f"{record.agent}, {record.when}",
        record=record,
        facts=facts,
        proven=proven,
        findings=record.findings(),
        untried=untried(record),
        units=[_unit(unit) for unit in record.units],
        BY_HAND=BY_HAND,
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


@dataclass(frozen=True, slots=True)
class Grid:
    """Values of one kind in one part of a unit, in rows of (number, text). said: how they lie."""

    label: str
    said: str
    rows: list[list[Row]]
    seldom: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the page says of a unit."""

    record: UnitRecord
    facts: list[Row]
    over: str
    figures: list[tuple[str, str, str]]
    grids: list[Grid]


def _unit(unit: UnitRecord) -> Sheet:
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
    if unit.shown is None:
        return Sheet(unit, facts, "", [], [])
    kinds: dict[tuple[str, str], list[Value]] = defaultdict(list)
    for value in unit.shown.values:
        kinds[parent_of(value.place), value.quantity].append(value)
    figures, grids = [], []
    for (place, quantity), values in kinds.items():
        if len(values) >= MANY:
            grids.append(_grid(place, quantity, values))
        else:
            figures += [_figure(value) for value in values]
    return Sheet(unit, facts, _over(unit.shown), figures, grids)


def _over(shown: Shown) -> str:
    if shown.readings == 1:
        return f"One reading, {shown.begin}."
    return f"Median of {shown.readings} readings, {shown.begin} to {shown.end}, as they are on the disk."


def _figure(value: Value) -> tuple[str, str, str]:
    what = f"{_words(value.quantity)}, {words.place(value.place)}"
    if value.median is None or value.lowest is None or value.highest is None:
        return what, "not read", ""
    span = f"{_number(value.lowest, value.unit)} to {_number(value.highest, value.unit)}"
    return what, _with_unit(value.median, value.unit), span if value.highest > value.lowest else ""


def _grid(place: str, quantity: str, values: list[Value]) -> Grid:
    unit = values[0].unit
    known = sorted(((v.median, v.place) for v in values if v.median is not None), key=lambda pair: pair[0])
    said = f"{len(known)} of {len(values)} read"
    if known:
        (low, at_low), (high, at_high) = known[0], known[-1]
        middle = _with_unit(known[len(known) // 2][0], unit)
        ends = f"{_number(low, unit)} ({_last(at_low)}) to {_number(high, unit)} ({_last(at_high)})"
        said += f"; {ends}, median {middle}"
    cells = [
        (_last(v.place).rpartition(" ")[2], "not read" if v.median is None else _number(v.median, unit))
        for v in values
    ]
    seldom = ", ".join(f"{_last(v.place)} {100 * v.read:.0f} %" for v in values if 0 < v.read < SELDOM)
    rows = [cells[i : i + IN_ROW] for i in range(0, len(cells), IN_ROW)]
    rows[-1] += [("", "")] * (min(len(cells), IN_ROW) - len(rows[-1]))
    kind = f"{_words(quantity)}, {words.unit(unit)}"
    return Grid(f"{words.place(place)}: {kind}" if place else kind, said, rows, seldom)


def _last(place: str) -> str:
    return words.place(place.rpartition("/")[2])


def _words(quantity: str) -> str:
    return quantity.replace("_", " ")


def _number(value: float, unit: str) -> str:
    if unit in ("V", "A", "degC", "%"):
        return f"{value:z.{words.decimals(unit)}f}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _with_unit(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {words.unit(unit)}".rstrip()


def _plate(unit: UnitRecord) -> str:
    if unit.plate in ("", SAME):
        return unit.plate or "not compared"
    return f"DIFFERS: {unit.plate}"


def _said(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{label} {said}" for label, said in identity.items())
