"""cellwarden status: what a running agent knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.common.ask_agent import age, alarm_table, get, json_option, socket_option
from agent.cli.common.errors import Finding
from agent.cli.common.letters import spoken
from agent.cli.common.tables import plain_table, terminal
from agent.detect.knowledge import UNSEEN, Knowledge
from agent.view.delivery import delivery_lines
from agent.view.headline import headline
from agent.view.language import ENGLISH, current, tell, tr
from agent.view.state import learning_line, named, of_unit
from agent.view.tiles import worst_first
from agent.view.unseen import trouble_of, unseen_lines
from agent.view.words import first_days, titled
from collector.failing import print_json


@click.command("status")
@socket_option
@json_option
@spoken
def command(socket: Path, as_json: bool) -> None:
    """Say what a running agent knows of its batteries, and how it does itself.

    Exit 0 only when every unit is seen now and there is no alarm; 1 otherwise; 3 when no agent answers.

    \b
    Examples:  cellwarden status
               cellwarden status --json
    """
    status = get(socket, "/v1/status")
    if as_json:
        print_json(status)
    else:
        _print(status)
    head = status["headline"]
    if (head["condition"], head["knowledge"]) != ("NORMAL", Knowledge.LIVE):
        raise click.exceptions.Exit(Finding.exit_code)


def _print(status: dict[str, Any]) -> None:
    console, now = terminal(), datetime.now().astimezone()
    head = status["headline"]
    if current() != ENGLISH:
        head = headline(status["units"], status["alarms"], now)
    console.print(head["text"], "\n", style="bold", sep="")
    spare = (tr("age"), tr("cells V"), tr("hottest"))
    table = plain_table(tr("unit"), tr("knowledge"), *spare, tr("trouble"), spare=spare)
    for unit in worst_first(status["units"], status["alarms"]):
        figures = unit.get("figures", {})
        seen = unit["knowledge"] not in UNSEEN  # an old value is not shown as if it were today's
        cells = _span(figures.get("cell_voltage_min_v"), figures.get("cell_voltage_max_v")) if seen else "--"
        hottest = figures.get("temperature_max_degc") if seen else None
        hot = "--" if hottest is None else f"{hottest:.1f} °C"
        word = tr(of_unit(unit, now).word)
        table.add_row(titled(unit), word, age(unit["age_s"]), cells, hot, trouble_of(unit))
    console.print(table)
    buses = {bus["name"]: bus for bus in status["buses"]}
    for line in unseen_lines(status["units"], buses, status["alarms"], now):
        console.print(line, soft_wrap=True)
    for unit in status["units"]:
        if said := first_days(unit.get("first_days")):
            console.print(f"{titled(unit)}: {said}", soft_wrap=True)
    for said, names in learning(status["units"], now).items():
        console.print(f"{names}: {said}", soft_wrap=True)
    if status["alarms"]:
        console.print("", alarm_table(status["alarms"]), sep="\n")
    console.print()
    for line in delivery_lines(status["account"], status["upstreams"]):
        console.print(line, soft_wrap=True)
    for reason in status["health"]["degraded"]:
        console.print(tell("degraded: {reason}", reason=tr(reason)), soft_wrap=True)


def learning(units: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, str]:
    """Return what is said of units that learn, once, and of which units."""
    found: dict[str, list[str]] = {}
    for unit in units:
        if said := learning_line(unit, now):
            found.setdefault(said, []).append(titled(unit))
    return {said: named(names) for said, names in found.items()}


def _span(low: float | None, high: float | None) -> str:
    return "--" if low is None or high is None else f"{low:.3f}-{high:.3f}"
