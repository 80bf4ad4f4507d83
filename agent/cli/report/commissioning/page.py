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
from agent.view.language import tell, tr
from agent.view.voice import spoken

LATER = "not yet; start the agent, then: cellwarden report commissioning"
ACHIEVED = (
    "every {period_s:g} s; achieved in {for_s:.0f} s: {count} intervals, p50 {p50_s:.2f} s,"
    " p99 {p99_s:.2f} s, longest {max_s:.2f} s; {misses} longer than {deadline_s:g} s"
)
NEVER_READ = "every {period_s:g} s; achieved: NEVER READ in {for_s:.0f} s"
BY_HAND = "____________________________________"
MANY = 4  # values of one kind in one part of a unit: a grid of them, not a line each
IN_ROW = 10  # of a grid
SELDOM = 0.99  # had a value in fewer of the readings
Row = tuple[str, str]


def page(record: Record) -> str:
    """Return the report as HTML."""
    facts: list[Row] = [
        (tr("site"), record.site or BY_HAND),
        (tr("address"), record.address or BY_HAND),
        (tr("agent"), tell("{agent}, version {version}", agent=record.agent, version=record.version)),
        (tr("commissioned by"), record.who),
        (tr("when"), f"{record.when}{tr(record.clock)}"),
    ]
    proven: list[Row] = [
        (tr("ten-second proof"), tr(record.proof)),
        (tr("collector"), tr(record.collector)),
        *alarm_rows(record.test),
    ]
    return paper(
        "commissioning.html",
        tr("Commissioning report"),
        f"{record.agent}, {record.when}",
        record=record,
        facts=facts,
        proven=proven,
        findings=[*map(tr, record.findings())],
        untried=[*map(tr, untried(record))],
        units=[_unit(unit) for unit in record.units],
        BY_HAND=BY_HAND,
    )


def alarm_rows(test: Mapping[str, Any] | None) -> list[Row]:
    """Return the way of the test alarm: raised, on the collector's disk, acknowledged by a person."""
    if test is None:
        return [(tr("test alarm"), tr(LATER))]
    raised = tell("{at} by {who}", at=clock(test["raised_utc_ns"]), who=test["who"])
    return [
        (tr("test alarm raised"), raised),
        *(_on_disk(test, name) for name in test["trouble"]),
        (tr("acknowledged by a person"), _by_a_person(test)),
        (tr("outputs"), tr(test["outputs"])),
    ]


def _by_a_person(test: Mapping[str, Any]) -> str:
    seen = test["acknowledged"]
    if not seen:
        return tr("NOT acknowledged; cellwarden alarm ack :test:")
    who = {"at": clock(seen["utc_ns"]), "later": later(seen["after_s"]), "user": seen["who"]}
    if test["by"]:
        return tell("{at}, {later}, by {who} (user {user})", who=test["by"], **who)
    return tell("{at}, {later}, by {user}", **who)


def _on_disk(test: Mapping[str, Any], name: str) -> Row:
    held, trouble = test["collectors"].get(name), test["trouble"][name]
    on = tr("on the collector's disk")
    if len(test["trouble"]) > 1:
        on = tell("on the collector's disk ({name})", name=name)
    if trouble or not held:
        return on, tell("NOT acknowledged, {why}", why=trouble)
    return on, f"{clock(held['utc_ns'])}, {tr(later(held['after_s']))}"


def intervals_text(unit: UnitRecord) -> str:
    """Return how often a unit was really read, beside what was asked for."""
    achieved = unit.intervals
    if achieved is None:
        return tell("every {period_s:g} s; achieved: {later}", period_s=unit.period_s, later=tr(LATER))
    said = ACHIEVED if achieved["count"] else NEVER_READ
    return tell(said, period_s=unit.period_s, **achieved)


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

    @property
    def unseen(self) -> list[str]:
        """What nobody can see of it."""
        return [*map(tr, self.record.unseen)]


def _unit(unit: UnitRecord) -> Sheet:
    compared = tr("not compared")
    if panel := unit.panel:
        compared = tell(
            "panel {shown_v:g} V, read {said_v:.2f} V, difference {away_v:+.2f} V, {when}",
            away_v=panel["said_v"] - panel["shown_v"],
            **panel,
        )
    before = tell("ANOTHER UNIT: {identity}", identity=_said(unit.before))
    facts = [
        (tr("where"), tr(unit.where)),
        (tr("profile"), unit.profile),
        *((spoken(label).replace("_", " "), said) for label, said in unit.identity.items() if said),
        *([(tr("against its plate"), _plate(unit))] if unit.identity else []),
        *([(tr("before"), before)] if unit.before else []),
        (tr("values read"), _read(unit)),
        *([(tr("seen now"), tr(unit.knowledge))] if unit.knowledge else []),
        (tr("polled"), intervals_text(unit)),
        (tr("against the panel"), compared),
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


def _read(unit: UnitRecord) -> str:
    counts = {"good": unit.good, "all": unit.values, "absent": unit.absent}
    if unit.took_s:
        return tell("{good} of {all} good, {absent} absent, in {time:.1f} s", time=unit.took_s, **counts)
    return tell("{good} of {all} good, {absent} absent", **counts)


def _over(shown: Shown) -> str:
    if shown.readings == 1:
        return tell("One reading, {at}.", at=shown.begin)
    return tell(
        "Median of {n} readings, {begin} to {end}, as they are on the disk.",
        n=shown.readings,
        begin=shown.begin,
        end=shown.end,
    )


def _figure(value: Value) -> tuple[str, str, str]:
    what = f"{words.kind(value.quantity)}, {words.place(value.place)}"
    if value.median is None or value.lowest is None or value.highest is None:
        return what, tr("not read"), ""
    low, high = _number(value.lowest, value.unit), _number(value.highest, value.unit)
    span = tell("{low} to {high}", low=low, high=high)
    return what, _with_unit(value.median, value.unit), span if value.highest > value.lowest else ""


def _grid(place: str, quantity: str, values: list[Value]) -> Grid:
    unit = values[0].unit
    known = sorted(((v.median, v.place) for v in values if v.median is not None), key=lambda pair: pair[0])
    said = tell("{n} of {all} read", n=len(known), all=len(values))
    if known:
        (low, at_low), (high, at_high) = known[0], known[-1]
        said = tell(
            "{read}; {low} ({at_low}) to {high} ({at_high}), median {median}",
            read=said,
            low=_number(low, unit),
            at_low=_last(at_low),
            high=_number(high, unit),
            at_high=_last(at_high),
            median=_with_unit(known[len(known) // 2][0], unit),
        )
    cells = [
        (_last(v.place).rpartition(" ")[2], tr("not read") if v.median is None else _number(v.median, unit))
        for v in values
    ]
    seldom = ", ".join(f"{_last(v.place)} {100 * v.read:.0f} %" for v in values if 0 < v.read < SELDOM)
    rows = [cells[i : i + IN_ROW] for i in range(0, len(cells), IN_ROW)]
    rows[-1] += [("", "")] * (min(len(cells), IN_ROW) - len(rows[-1]))
    kind = f"{words.kind(quantity)}, {words.unit(unit)}"
    return Grid(f"{words.place(place)}: {kind}" if place else kind, said, rows, seldom)


def _last(place: str) -> str:
    return words.place(place.rpartition("/")[2])


def _number(value: float, unit: str) -> str:
    if unit in ("V", "A", "degC", "%"):
        return f"{value:z.{words.decimals(unit)}f}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _with_unit(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {words.unit(unit)}".rstrip()


def _plate(unit: UnitRecord) -> str:
    if unit.plate in ("", SAME):
        return tr(unit.plate or "not compared")
    return tell("DIFFERS: {what}", what=unit.plate)


def _said(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{label} {said}" for label, said in identity.items())
