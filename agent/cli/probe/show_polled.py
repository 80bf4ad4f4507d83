"""A unit that the running agent polls: what the agent read last is fresh, and costs the bus nothing."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import age, get
from agent.cli.common.codes import Trouble
from agent.cli.common.tables import plain_table, terminal
from agent.view.language import Message, tell, tr
from collector.failing import print_json


def show_polled(socket: Path, bus: str, unit_id: int, *, as_json: bool) -> None:
    """Print the agent's last values of a unit on one of its buses. Raises Trouble where it polls none."""
    (polled,) = [each for each in get(socket, "/v1/status")["buses"] if each["name"] == bus]
    units = [unit for unit in polled["units"] if unit["unit_id"] == unit_id]
    if not units:
        raise Trouble(
            "CW-402",
            Message(
                "The agent polls bus {bus}, but no id {id} on it; name a register to read it.",
                bus=bus,
                id=unit_id,
            ),
            "cellwarden probe ENDPOINT --id N holding:0",
        )
    last = get(socket, f"/v1/points?unit={units[0]['name']}")
    if as_json:
        print_json(last)
        return
    click.echo(tell("{unit}: read by the agent {time} ago", unit=last["unit"], time=age(last["age_s"])))
    table = plain_table(
        tr("point"), tr("place"), tr("value"), tr("in units of"), tr("quality"), tr("raw"), whole=2
    )
    for point in last["points"]:
        value = "--" if point["value"] is None else f"{point['value']:.10g}"
        quality = tr(point["quality"].replace("_", " "))
        table.add_row(point["name"], point["place"], value, point["unit"], quality, str(point["raw"]))
    terminal().print(table)
