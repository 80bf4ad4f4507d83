"""What a running agent shows: that it polls what is configured, how often, and that an alarm arrives."""

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from agent.cli.alarm.follow import follow, told
from agent.cli.common.ask_agent import get, post
from agent.cli.common.codes import Trouble
from agent.cli.common.prompts import Prompts
from agent.cli.common.usual import CONFIG
from agent.cli.report.commissioning.record import UnitReading
from agent.cli.report.commissioning.shown import Shown
from agent.config.tables import Config
from agent.control import client
from agent.detect.knowledge import Knowledge
from agent.message import Message
from agent.view.language import recorded, tell, tr
from agent.view.state import learning_line

LEAST_INTERVALS, MOST_S = 20, 60.0  # so many of every unit, and no longer than that
STEP_S = 0.2


def start_of(path: Path) -> str:
    """Return the command that starts the agent of a configuration."""
    return "sudo systemctl restart cellwarden" if path == CONFIG else f"cellwarden run --config {path}"


def command_of(path: Path) -> str:
    """Return the command that commissions the agent of a configuration."""
    return f"cellwarden report commissioning{'' if path == CONFIG else f' --config {path}'}"


def running(config: Config, path: Path, socket: Path) -> dict[str, Any]:
    """Return the status of the agent that polls what the file says. Raises Trouble."""
    try:
        status = client.get(socket, "/v1/status")
    except (client.NotRunning, client.Refusal) as error:
        why = str(error).partition(";")[0]
        barred = isinstance(error.__cause__, PermissionError)
        run = f"sudo {command_of(path)}" if barred else start_of(path)
        raise Trouble("CW-401", Message("{why}. No alarm was raised.", why=why), run) from error
    polled = {unit["name"] for unit in status["units"]}
    if status["agent"] != config.agent.id or polled != {unit.path for unit in config.unit}:
        seen = Message(
            "The agent at {socket} polls {units}, which is not what {file} says. No alarm was raised.",
            socket=socket,
            units=", ".join(sorted(polled)),
            file=path,
        )
        by_hand = f"pkill -HUP -f 'run --config {path}'"
        again = "sudo systemctl reload cellwarden" if path == CONFIG else by_hand
        raise Trouble("CW-401", seen, again, likely=(Message("it has an older file"),))
    return status


def watch(socket: Path) -> dict[str, Any]:
    """Wait until every unit was read often enough to say how often; return the status then."""
    end_s = time.monotonic() + MOST_S
    while True:
        status = get(socket, "/v1/status")
        least = min(unit["intervals"]["count"] for unit in status["units"])
        if least >= LEAST_INTERVALS or time.monotonic() > end_s:
            if sys.stderr.isatty():
                click.echo("", err=True)
            return status
        if sys.stderr.isatty():
            watched = tell("Watching the polling: {n} of {all} intervals", n=least, all=LEAST_INTERVALS)
            click.echo(f"\r{watched}", nl=False, err=True)
        time.sleep(STEP_S)


def sights(socket: Path, status: dict[str, Any], hours: Mapping[str, Shown]) -> dict[str, UnitReading]:
    """Return every unit as the agent sees it. hours: what is on its disk, by unit."""
    found, now = {}, datetime.now().astimezone()
    for unit in status["units"]:
        never = unit["knowledge"] == Knowledge.NEVER
        points = [] if never else get(socket, f"/v1/points?unit={unit['name']}")["points"]
        for point in points:
            if point["quality"] == "stale" and point["last"] is not None:  # a slow one: not in every cycle
                point["quality"] = "good"
        found[unit["name"]] = UnitReading(
            points,
            unit.get("identity", {}),
            intervals=unit["intervals"],
            knowledge=unit["knowledge"],
            learning=recorded(partial(learning_line, unit, now)),
            hour=hours.get(unit["name"]),
        )
    return found


def raise_test(prompts: Prompts, socket: Path, by: str, seconds: float = 10.0) -> dict[str, Any]:
    """Raise one test alarm, follow it to the collector, and let the person here acknowledge it.

    Return how far it came, and besides `by`: who acknowledged it here, and `outputs`: what was seen of them.
    """
    relay = post(socket, "/v1/alarms/test", seconds=seconds)["relay"]
    click.echo(tr("Test alarm raised; waiting for the collector's word ..."))
    test = follow(socket)
    for held, missing in told(test):
        click.echo(tr(held) or tell("NOT on its disk: {why}.", why=missing))
    outputs = Message("no [relay]: nobody in the room hears an alarm")
    if relay is not None:
        outputs = Message(relay["trouble"] or "nobody was asked whether they acted")
        if not prompts.yes:
            seen = prompts.agree(f"    {tr('Did horn, lamp or relay act?')}", False)
            outputs = Message("seen by {who}", who=by) if seen else Message("NOT seen by {who}", who=by)
    acknowledged_here = not prompts.yes and prompts.agree(
        f"    {tr('Acknowledge the test alarm (it is on every screen)?')}"
    )
    if acknowledged_here:
        try:
            client.post(socket, "/v1/alarms/acknowledge", {"alarm": ":test:"})
        except client.Refusal:  # somebody was quicker, at another screen
            acknowledged_here = False
    return {
        **test,
        "acknowledged": get(socket, "/v1/alarms")["test"]["acknowledged"],
        "by": by if acknowledged_here else "",
        "outputs": outputs,
    }
