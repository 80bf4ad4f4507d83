"""What `cellwarden probe` prints of a whole unit: as JSON, or as a table with its doubts below."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console

from agent.cli.common.tables import plain_table, terminal
from agent.cli.probe.doubts import Doubt
from agent.cli.probe.inspect_unit import Inspection
from agent.cli.probe.value_rows import ValueRow
from agent.view.language import tell, tr


def as_json(unit: Inspection) -> dict[str, Any]:
    """Return what --json prints."""
    return {
        "endpoint": str(unit.endpoint),
        "unit_id": unit.unit_id,
        "profile": unit.match.profile.model,
        "sureness": unit.sure,
        "identity": dict(unit.layout.identity),
        "marks": [{"says": mark.says, "holds": mark.holds} for mark in unit.match.marks],
        "values": [asdict(row) for row in unit.rows],
        "doubts": [asdict(doubt) for doubt in unit.doubts],
        "notes": list(unit.layout.notes),
    }


def show(unit: Inspection) -> None:
    """Print a unit for people."""
    console = terminal()
    _show_match(console, unit)
    _show_values(console, unit)
    for note in unit.layout.notes:
        console.print(tell("note: {note}", note=note))
    _show_doubts(console, unit.doubts)


def _show_match(console: Console, unit: Inspection) -> None:
    """Print who the unit is, and what speaks against its profile."""
    match = unit.match
    console.print(
        tell(
            "id {id} on {endpoint}: {profile} ({sure}; {n} of {all} marks)",
            id=unit.unit_id,
            endpoint=unit.endpoint,
            profile=match.profile.model,
            sure=tr(unit.sure),
            n=match.holding,
            all=len(match.marks),
        )
    )
    for label, text in unit.layout.identity.items():
        console.print(f"{label}: {text}")
    for mark in match.marks:
        if not mark.holds:
            console.print(tell("does not hold: {mark}", mark=tr(mark.says)), style="bold")


def _show_values(console: Console, unit: Inspection) -> None:
    """Print a line for each value, those of one point together; a point of several has a line of its own."""
    heads = (tr("value"), tr("wire"), tr("manual"), tr("words"), tr("is"), tr("means"), tr("looks wrong"))
    table = plain_table(*heads, whole=3)
    points: dict[str, list[ValueRow]] = defaultdict(list)
    for row in unit.rows:
        points[row.name].append(row)
    for name, rows in points.items():
        if len(rows) > 1:
            table.add_row(f"{name} ({rows[0].table})")
        for row in rows:
            label = f"  {row.place}" if len(rows) > 1 else f"{name} {row.place} ({row.table})"
            style = "reverse" if row.is_doubtful else None
            table.add_row(label.replace("  (", " ("), *_cells(row, unit.unit_id), style=style)
    console.print(table)


def _cells(row: ValueRow, unit_id: int) -> tuple[str, ...]:
    wire = str(row.wire)
    if row.unit_offset:
        wire = tell("{wire} of id {id}", wire=wire, id=unit_id + row.unit_offset)
    value = "--" if row.value is None else f"{row.value:.10g} {row.unit}".rstrip()
    words = " ".join(f"{word:04X}" for word in row.words)
    return wire, row.manual, words, value, "; ".join(row.means), tr(row.looks_wrong)


def _show_doubts(console: Console, doubts: Iterable[Doubt]) -> None:
    for doubt in doubts:
        said = tell("{point} looks wrong ({n} values).", point=doubt.point, n=doubt.values)
        console.print(said, style="bold")
        for reading in doubt.could_be:
            console.print(tell("  would be right if {how}", how=tr(reading)))
        if not doubt.could_be:
            none = tr("  under no other reading would it be right: another register map, or a fault")
            console.print(none)
