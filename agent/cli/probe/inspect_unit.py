"""The whole unit through a profile, for `cellwarden probe`: each value beside its registers, what looks wrong
marked, and other readings under which it would be right.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from agent.cli.common.ask_agent import age, get
from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import opened, trouble_of
from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.common import load, search_path
from agent.modbus.ports import Port, PortError
from agent.modbus.survey.look import alternatives, looks_wrong, manual_address
from agent.modbus.survey.match import Ask, Match, Sureness, hold, rank, sureness
from agent.modbus.survey.presence import FIRST_READ, PATIENT_S, LineSetting
from agent.modbus.verdict import Verdict, verdict_of
from agent.quality import NOT_READ, Quality
from agent.transport.row import Endpoint
from drivers.layout import Image, Layout
from drivers.profile.load import Profile, shipped_profiles
from drivers.registers import Area, Read, Reply
from drivers.values import Value

MOST_WORDS = 125
MOST_POINTS = 6  # that are asked for once more with their neighbours: gentle


@dataclass
class Sight:
    """A unit as it was read: a row per value, and what is to be said of points that look wrong."""

    match: Match
    sure: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[dict[str, Any]] = field(default_factory=list)


def known_profiles(folders: tuple[Path, ...]) -> list[Profile]:
    """Return every profile that can be used; those that cannot are named on stderr."""
    own = [path.stem for folder in search_path(folders) for path in sorted(folder.glob("*.toml"))]
    profiles = []
    for name in dict.fromkeys((*own, *shipped_profiles())):
        try:
            profiles.append(load(name, folders))
        except click.ClickException as error:
            click.echo(f"profile {name} is not tried: {error.message.splitlines()[0]}", err=True)
    return profiles


def show(
    endpoint: Endpoint,
    unit_id: int,
    line: LineSetting,
    name: str | None,
    folders: tuple[Path, ...],
    socket: Path,
    bus: str | None,
    *,
    as_json: bool,
) -> None:
    """Read and print. Raises Trouble; exit 1 where something looks wrong."""
    if bus:
        _from_agent(socket, bus, unit_id, as_json=as_json)
        return
    profiles = [load(name, folders)] if name else known_profiles(folders)
    profiles = [profile for profile in profiles if name or endpoint.transport.frames in profile.transports]
    sight = asyncio.run(_sight(endpoint, unit_id, line, profiles))
    if as_json:
        click.echo(json.dumps(_json(sight, endpoint, unit_id)))
    else:
        _print(sight, endpoint, unit_id)
    if sight.doubts:
        raise click.exceptions.Exit(1)


async def _sight(endpoint: Endpoint, unit_id: int, line: LineSetting, profiles: list[Profile]) -> Sight:
    port = await opened(endpoint, line)
    try:
        return await _look(port, endpoint, unit_id, line, profiles)
    except PortError as error:
        raise trouble_of(error, endpoint) from error
    finally:
        port.close()


async def _look(
    port: Port, endpoint: Endpoint, unit_id: int, line: LineSetting, profiles: list[Profile]
) -> Sight:
    first = await port.ask(unit_id, FIRST_READ, PATIENT_S)
    at = f"id {unit_id} on {endpoint.at(line)}"
    if verdict_of(first) in (Verdict.SILENT, Verdict.GATEWAY):
        raise Trouble("CW-201", f"No answer from {at} within {PATIENT_S:g} s.", f"cellwarden scan {endpoint}")
    if verdict_of(first) is Verdict.DAMAGED:
        raise Trouble(
            "CW-202", f"Answer from {at} arrived damaged.", f"cellwarden scan {endpoint} --id {unit_id}"
        )
    timeout_s = max(0.4, 5 * (first.response_s or 0.0))

    async def ask(read: Read, pause_s: float) -> Reply:
        if not port.is_open:
            await port.open()
        return (await port.ask(unit_id + read.unit_offset, read, timeout_s, pause_s)).reply

    if len(profiles) > 1:
        matches = await rank(profiles, ask)
        if sureness(matches) == Sureness.NOT_RECOGNISED:
            raise Trouble(
                "CW-212",
                f"{at} answers, but fits none of {len(profiles)} profiles.",
                "cellwarden profile new my-bms   (then docs/adding-a-battery.md)",
            )
        profile, sure = matches[0].profile, str(sureness(matches))
    else:
        profile, sure = profiles[0], "given by you"
    match = await hold(profile, ask, whole=True)
    if match.layout is None or match.image is None:
        raise Trouble("CW-211", f"{at}: {match.why}", f"cellwarden scan {endpoint} --id {unit_id}")
    sight = Sight(match, sure, rows(match.layout, match.image, profile.address_step))
    for values in _doubtful(match.layout, sight.rows)[:MOST_POINTS]:
        sight.doubts.append(await _doubt(values, match.layout, match.image, profile, ask))
    return sight


def rows(layout: Layout, image: Image, step: int = 1) -> list[dict[str, Any]]:
    """Return every value as plain data: its place, registers, words, and what looks wrong."""
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    found = []
    for i, value in enumerate(layout.values):
        slot = layout.plan.slot(value.span)
        words = image.words[slot : slot + value.coding.words].tolist()
        read = quality[i] not in NOT_READ
        found.append(
            {
                "name": value.name,
                "place": value.place,
                "table": str(value.span.area),
                "wire": value.span.first * step,
                "manual": manual_address(value.span.area, value.span.first * step),
                "unit_offset": value.span.unit_offset,
                "words": words if read else [],
                "value": float(si[i]) if quality[i] == Quality.GOOD else None,
                "unit": value.unit,
                "quality": Quality(quality[i]).name.lower(),
                "looks_wrong": looks_wrong(value, float(si[i]), int(quality[i])),
            }
        )
    return found


def _doubtful(layout: Layout, told: list[dict[str, Any]]) -> list[list[Value]]:
    """Return the points with values that look wrong, though they were read; absent sensors do not."""
    found = []
    pairs = list(zip(layout.values, told, strict=True))
    for _, group in groupby(pairs, key=lambda pair: pair[0].name):
        of_point = list(group)
        wrong = [row for _, row in of_point if row["looks_wrong"] and row["quality"] != "missing"]
        if wrong:
            found.append([value for value, _ in of_point])
    return found


async def _doubt(
    values: list[Value], layout: Layout, image: Image, profile: Profile, ask: Ask
) -> dict[str, Any]:
    """Ask a point's registers again, with one more on each side, and say how else they can be read."""
    span = values[0].span
    together = [v for v in values if (v.span.area, v.span.unit_offset) == (span.area, span.unit_offset)]
    start = min(v.span.first for v in together)
    first = max(0, start - 1)
    last = max(v.span.last for v in together) + 1
    others: list[str] = []
    if last - first < MOST_WORDS and span.area in (Area.HOLDING, Area.INPUT):
        read = Read(span.area, first * profile.address_step, last - first + 1, span.unit_offset)
        reply = await ask(read, (profile.pause_ms or 0.0) / 1e3)
        if reply.quality is Quality.GOOD:
            others = alternatives(together, np.array(reply.words, np.uint16), first)
        elif (only := _words_of(together, layout, image)) is not None:
            others = alternatives(together, only, start)
    return {"point": values[0].name, "values": len(values), "could_be": others}


def _words_of(values: list[Value], layout: Layout, image: Image) -> Any:
    """Return the point's own words, where they are of one read; None where not read."""
    start, end = layout.plan.slot(values[0].span), layout.plan.slot(values[-1].span) + values[-1].coding.words
    whole = values[-1].span.last - values[0].span.first + 1
    return image.words[start:end].copy() if end - start == whole else None


def _from_agent(socket: Path, bus: str, unit_id: int, *, as_json: bool) -> None:
    """Show what the agent itself read last: its polling is the fresher reading, and costs the bus nothing."""
    (polled,) = [each for each in get(socket, "/v1/status")["buses"] if each["name"] == bus]
    units = [unit for unit in polled["units"] if unit["unit_id"] == unit_id]
    if not units:
        raise Trouble(
            "CW-402",
            f"The agent polls bus {bus}, but no id {unit_id} on it; name a register to ask it.",
            "cellwarden probe ENDPOINT --id N holding:0",
        )
    told = get(socket, f"/v1/points?unit={units[0]['name']}")
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{told['unit']}: read by the agent {age(told['age_s'])} ago")
    table = plain_table("point", "place", "value", "unit", "quality", "raw", whole=2)
    for point in told["points"]:
        shown = "--" if point["value"] is None else f"{point['value']:.10g}"
        table.add_row(
            point["name"], point["place"], shown, point["unit"], point["quality"], str(point["raw"])
        )
    terminal().print(table)


def _json(sight: Sight, endpoint: Endpoint, unit_id: int) -> dict[str, Any]:
    layout = sight.match.layout
    assert layout is not None
    return {
        "endpoint": str(endpoint),
        "unit_id": unit_id,
        "profile": sight.match.profile.model,
        "sureness": sight.sure,
        "identity": dict(layout.identity),
        "marks": [{"says": mark.says, "holds": mark.holds} for mark in sight.match.marks],
        "values": sight.rows,
        "doubts": sight.doubts,
        "notes": list(layout.notes),
    }


def _print(sight: Sight, endpoint: Endpoint, unit_id: int) -> None:
    match, console = sight.match, terminal()
    assert match.layout is not None
    console.print(
        f"id {unit_id} on {endpoint}: {match.profile.model} ({sight.sure}; {match.holding} of"
        f" {len(match.marks)} marks)"
    )
    for label, said in match.layout.identity.items():
        console.print(f"{label}: {said}")
    for mark in match.marks:
        if not mark.holds:
            console.print(f"does not hold: {mark.says}", style="bold")
    table = plain_table("value", "wire", "manual", "words", "is", "looks wrong", whole=3)
    for name, group in groupby(sorted(sight.rows, key=lambda row: _order(sight.rows, row)), key=_point):
        of_point = list(group)
        if len(of_point) > 1:
            table.add_row(f"{name} ({of_point[0]['table']})")
        for row in of_point:
            label = f"  {row['place']}" if len(of_point) > 1 else f"{name} {row['place']} ({row['table']})"
            table.add_row(label.replace("  (", " ("), *_cells(row, unit_id), style=_style(row))
    console.print(table)
    for note in match.layout.notes:
        console.print(f"note: {note}")
    _print_doubts(console, sight.doubts)


def _point(row: dict[str, Any]) -> str:
    return str(row["name"])


def _order(rows: list[dict[str, Any]], row: dict[str, Any]) -> int:
    """Return where the row's point was first told of: values of one point stand together."""
    return next(i for i, other in enumerate(rows) if other["name"] == row["name"])


def _cells(row: dict[str, Any], unit_id: int) -> tuple[str, ...]:
    offset = f" of id {unit_id + row['unit_offset']}" if row["unit_offset"] else ""
    value = "--" if row["value"] is None else f"{row['value']:.10g} {row['unit']}".rstrip()
    words = " ".join(f"{word:04X}" for word in row["words"])
    return f"{row['wire']}{offset}", row["manual"], words, value, row["looks_wrong"]


def _style(row: dict[str, Any]) -> str | None:
    return "reverse" if row["looks_wrong"] and row["quality"] != "missing" else None


def _print_doubts(console: Console, doubts: Iterable[dict[str, Any]]) -> None:
    for doubt in doubts:
        could = doubt["could_be"]
        console.print(f"{doubt['point']} looks wrong ({doubt['values']} values).", style="bold")
        for other in could:
            console.print(f"  would be right if {other}")
        if not could:
            console.print("  under no other reading would it be right: another register map, or a fault")
