"""cellwarden alarm ack."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from agent.cli.common.ask_agent import alarm_table, get, json_option, post, socket_option
from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.letters import spoken
from agent.cli.common.tables import terminal
from agent.message import Message, joined
from agent.view.language import tell, tr
from collector.failing import print_json
from drivers.profile.problems import did_you_mean

NOT_SEEN = ("NEW", "CLEARED-NEW")  # states that want to be acknowledged

OVER = "it may be over already: cellwarden alarm list"

Alarm = dict[str, Any]


@click.command("ack")
@click.argument("alarms", nargs=-1, metavar="[ALARM]...")
@click.option("--unit", "units", multiple=True, help="All alarms of this unit, its own bits too.")
@click.option("--cause", help="This alarm, and those of the same cause.", metavar="ALARM")
@click.option("--all", "everything", is_flag=True, help="All that are listed.")
@click.option("--yes", is_flag=True, help="Do not ask; what is acknowledged is printed.")
@socket_option
@json_option
@spoken
def command(
    alarms: tuple[str, ...],
    units: tuple[str, ...],
    cause: str | None,
    everything: bool,
    yes: bool,
    socket: Path,
    as_json: bool,
) -> None:
    """Acknowledge alarms: you have seen them. Each stays in the list while its cause stands.

    One by its id; or several: they are shown, and you are asked. What comes after that list stays NEW, and so
    does what grew worse or came anew meanwhile; the answer says which, and why. Exit 1 where one of those
    that were shown is not acknowledged.

    --cause takes what one cause raised: a silent line and its units, the heat of one string. What a unit
    reports by bits of its own is never among it: acknowledge it by its id or with its unit.

    \b
    Examples:  cellwarden alarm ack rack-1:thermal-slope:sensor2
               cellwarden alarm ack --unit rack-1
               cellwarden alarm ack --all --yes --json
    """
    several = bool(units or cause or everything)
    if bool(alarms) == several or (cause and (units or everything)) or (units and everything):
        raise Misuse(Message("name alarms, or one of --unit, --cause and --all: cellwarden alarm list"))
    listed: list[Alarm] = get(socket, "/v1/alarms")["alarms"]
    chosen = _named(listed, alarms) if alarms else _chosen(listed, units, cause)
    if several and not (chosen and _agreed(chosen, yes=yes, quiet=as_json)):
        if as_json:
            print_json({"acknowledged": [], "not_acknowledged": []})
        elif not chosen:
            click.echo(tr("Nothing there waits to be acknowledged."))
        return
    shown = [{"id": alarm["id"], "seen": alarm["seen"]} for alarm in chosen]
    done = post(socket, "/v1/alarms/acknowledge", alarms=shown)["acknowledged"]
    _tell(done, as_json=as_json)


def _named(listed: Sequence[Alarm], names: Sequence[str]) -> list[Alarm]:
    by_id = {alarm["id"]: alarm for alarm in listed}
    if missing := [name for name in names if name not in by_id]:
        lines = [
            Message("there is no alarm {name}; {meant}", name=name, meant=did_you_mean(name, [*by_id], OVER))
            for name in missing
        ]
        if len(names) > len(missing):
            lines.append(Message("Nothing was acknowledged."))
        raise Finding(joined("\n", lines), "CW-006")
    return [by_id[name] for name in dict.fromkeys(names)]


def _chosen(listed: Sequence[Alarm], units: Sequence[str], cause: str | None) -> list[Alarm]:
    """Return the alarms of these units, of this one's cause, or (neither) all, that nobody has seen yet."""
    if cause:
        (named,) = _named(listed, [cause])
        listed = [alarm for alarm in listed if alarm["cause"] == named["cause"]]
    elif units:
        listed = [alarm for alarm in listed if alarm["unit"] in units]
    return [alarm for alarm in listed if alarm["state"] in NOT_SEEN]


def _agreed(chosen: Sequence[Alarm], *, yes: bool, quiet: bool) -> bool:
    if not quiet:
        terminal().print(alarm_table(list(chosen)))
    if yes:
        return True
    if quiet or not sys.stdin.isatty():
        raise Misuse(
            Message("several are acknowledged after you have seen them: on a terminal, or with --yes")
        )
    return click.confirm(tell("Acknowledge these {n}?", n=len(chosen)))


def _tell(done: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    refused = [one for one in done if one["why"]]
    if as_json:
        taken = [one["id"] for one in done if not one["why"]]
        print_json({"acknowledged": taken, "not_acknowledged": refused})
        if refused:
            raise click.exceptions.Exit(Finding.exit_code)
        return
    for one in done:
        if not one["why"]:
            click.echo(f"{one['id']}: {tr('acknowledged')}")
    if refused:
        raise Finding("\n".join(f"{one['id']}: NOT acknowledged: {one['why']}" for one in refused))
