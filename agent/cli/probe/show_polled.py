"""A unit that the running agent polls: what the agent read last is fresh, and costs the bus nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.common.ask_agent import age, get
from agent.cli.common.came_said import instead, next_command
from agent.cli.common.codes import Trouble
from agent.cli.common.tables import plain_table, terminal
from agent.detect.knowledge import SEEN
from agent.message import Message, joined
from agent.modbus.came import Came
from agent.modbus.survey.presence import FIRST_READ
from agent.quality import NOT_READ, Quality
from agent.transport.row import Endpoint
from agent.view.language import length, tell, tr
from collector.failing import print_json

UNREAD = frozenset(Quality(quality).name.lower() for quality in NOT_READ)


def show_polled(socket: Path, endpoint: Endpoint, bus: str, unit_id: int, *, as_json: bool) -> None:
    """Print the agent's last values of a unit on one of its buses; exit 1 where some could not be read.

    Raises Trouble where it polls none, and where that one is out of its sight.
    """
    status = get(socket, "/v1/status")
    (polled,) = [each for each in status["buses"] if each["name"] == bus]
    names = [unit["name"] for unit in polled["units"] if unit["unit_id"] == unit_id]
    if not names:
        raise Trouble(
            "CW-402",
            Message(
                "The agent polls bus {bus}, but no id {id} on it; name a register to read it.",
                bus=bus,
                id=unit_id,
            ),
            "cellwarden probe ENDPOINT --id N holding:0",
        )
    (unit,) = [each for each in status["units"] if each["name"] == names[0]]
    if unit["knowledge"] not in SEEN:
        raise _out_of_sight(unit, polled, endpoint, unit_id)
    last = get(socket, f"/v1/points?unit={unit['name']}")
    if as_json:
        print_json(last)
    else:
        _show(last, unit)
    if any(point["quality"] in UNREAD for point in last["points"]):
        raise click.exceptions.Exit(1)


def _out_of_sight(
    unit: Mapping[str, Any], polled: Mapping[str, Any], endpoint: Endpoint, unit_id: int
) -> Trouble:
    """Return since when a unit is not read, and what comes instead."""
    (reads,) = [each["reads"] for each in polled["units"] if each["name"] == unit["name"]]
    came = instead(unit, reads, endpoint.transport.frames)
    if polled["trouble"] and polled["came"]:
        came = Came.of_json(polled["came"])
    since = Message("not read since the start")
    if unit["age_s"] is not None:
        since = Message("read last {time} ago", time=length(unit["age_s"]))
    why = polled["trouble"] or unit["trouble"] or (came.text if came else "")
    seen = joined(": ", [unit["name"], joined("; ", filter(None, (since, why)))])
    if came is None:
        return Trouble("CW-211", seen, f"cellwarden profile show {unit['profile']}")
    return Trouble(came.code, seen, next_command(came, endpoint, unit_id, FIRST_READ), came.row.likely)


def _show(last: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    click.echo(tell("{unit}: read by the agent {time} ago", unit=last["unit"], time=age(unit["age_s"])))
    if unit["trouble"]:
        click.echo(tr(unit["trouble"]))
    table = plain_table(
        tr("point"), tr("place"), tr("value"), tr("in units of"), tr("quality"), tr("raw"), whole=2
    )
    for point in last["points"]:
        value = "--" if point["value"] is None else f"{point['value']:.10g}"
        quality = tr(point["quality"].replace("_", " "))
        raw = "" if point["quality"] in UNREAD else str(point["raw"])
        table.add_row(point["name"], point["place"], value, point["unit"], quality, raw)
    terminal().print(table)
