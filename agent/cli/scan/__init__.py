"""cellwarden scan: which units there are, where, and what they are."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.common.announced import Search, agents_told
from agent.cli.common.ask_agent import json_option, socket_option
from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse
from agent.cli.common.letters import spoken
from agent.cli.common.open_port import agents_bus, endpoints
from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.common import known_profiles, profile_dir_option
from agent.cli.scan.remembered import remember
from agent.cli.scan.survey import Survey
from agent.message import Message, told_by
from agent.modbus.serial_devices import console_of, serial_devices
from agent.modbus.survey.presence import (
    ALL_IDS,
    ALL_LINES,
    LISTEN_S,
    USUAL_LINES,
    LineSetting,
)
from agent.transport.row import Endpoint
from agent.transport.table import parse
from agent.view.language import tell, tr
from collector.failing import print_json

if TYPE_CHECKING:
    from agent.box.discovery import Announced


@click.command("scan")
@click.argument("where", nargs=-1, metavar="[ENDPOINT]...")
@click.option(
    "--id", "only_id", type=click.IntRange(0, 255), multiple=True, help="Only this unit id; repeatable."
)
@click.option("--line", "only_line", multiple=True, help="Only this line setting, as 9600-8N1; repeatable.")
@click.option("--full", is_flag=True, help="Every unit id and further line settings.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=502, show_default=True, help="Of hosts given without."
)
@click.option(
    "--listen", "listen_s", type=float, default=LISTEN_S, show_default=True, help="Seconds to listen first."
)
@profile_dir_option
@socket_option
@json_option
@spoken
def command(
    where: tuple[str, ...],
    only_id: tuple[int, ...],
    only_line: tuple[str, ...],
    full: bool,
    port: int,
    listen_s: float,
    folders: tuple[Path, ...],
    socket: Path,
    as_json: bool,
) -> None:
    """Find battery units, and say which profile fits each. Reads only: one register per unit id, then the
    registers that tell profiles apart. Never touches a port that the agent holds.

    ENDPOINT is a serial device, HOST, HOST:PORT or a network such as 192.0.2.0/28; a serial server is
    rtu-over-tcp://HOST:PORT (transparent mode) or rfc2217://HOST:PORT. Without one, every free serial device
    of this machine, and agents that announce their page in the network are named. An exception
    is an answer: the device is there. Exit 0 when a unit was found, 3 when not or when a port was lost, 4
    when one is in use or another master is talking.

    \b
    Examples:  cellwarden scan /dev/ttyUSB0
               cellwarden scan /dev/ttyUSB0 --id 1 --line 9600-8N1
               cellwarden scan 192.0.2.10 192.0.2.32/28 --json
    """
    nearby = None if where else Search()  # listened for beside the rest
    try:
        found = endpoints(where, port) if where else _free_devices(as_json)
    except Trouble:
        if nearby and not as_json and (told := agents_told(nearby.found())):
            click.echo(told)
        raise
    for endpoint in found:
        if bus := agents_bus(socket, endpoint):
            raise Trouble(
                "CW-110",
                Message(
                    "{endpoint} is polled by the running agent (bus {bus}). Nothing was sent.",
                    endpoint=endpoint,
                    bus=bus,
                ),
                Message(
                    "{run}   (through the agent; to scan, stop it first)",
                    run=f"cellwarden probe {endpoint} --id 1",
                ),
            )
    try:
        lines = [LineSetting.parse(text) for text in only_line] or list(ALL_LINES if full else USUAL_LINES)
    except ValueError as error:
        raise Misuse(told_by(error)) from error
    transport = next((endpoint for endpoint in found if endpoint.sets_line), found[0]).transport
    ids = only_id or (transport.all_ids if full else transport.usual_ids)
    profiles = known_profiles(folders)
    survey = Survey(
        found, lines, ids, profiles, listen_s, quiet=as_json, and_profiles_ids=not (only_id or full)
    )
    stopped = False
    try:
        asyncio.run(survey.run())
    except KeyboardInterrupt:
        stopped = True
    heard = nearby.found() if nearby and not stopped else []
    kept = not stopped and remember(found, survey.units, only_id or None)
    _report(survey, heard, full=full, as_json=as_json, stopped=stopped, kept=kept)


def _free_devices(quiet: bool) -> list[Endpoint]:
    devices = serial_devices()
    consoles = [device for device in devices if console_of(device)]
    for device in consoles:
        if not quiet:
            left = tell("{device} is this machine's console, and is left alone.", device=device)
            click.echo(left, err=True)
    free = [endpoint for device in devices if device not in consoles for endpoint in parse(device)]
    if not free:
        raise Trouble(
            "CW-101",
            Message("There is no serial adapter on this machine, and no host was named."),
            Message("{run}   (or plug the adapter in)", run="cellwarden scan 192.0.2.10"),
        )
    return free


def _report(
    survey: Survey, heard: "list[Announced]", *, full: bool, as_json: bool, stopped: bool, kept: bool
) -> None:
    if as_json:
        print_json(
            {
                "units": [unit.as_json() for unit in survey.units],
                "problems": [trouble.as_json() for trouble in survey.troubles],
                "agents": [{"name": one.name, "url": one.url, "says": one.said} for one in heard],
                "stopped": stopped,
            }
        )
    else:
        _print(survey, full=full, kept=kept)
        if told := agents_told(heard):
            click.echo(told)
        for trouble in survey.troubles:
            trouble.show()
    if stopped:
        click.echo(tr("Stopped by you; nothing was written, and the rest was not looked at."), err=True)
        raise click.exceptions.Exit(1)
    if survey.troubles:
        raise click.exceptions.Exit(survey.troubles[0].exit_code)
    if survey.units:
        return
    trouble = survey.nothing()
    if as_json:
        raise click.exceptions.Exit(trouble.exit_code)
    raise trouble


def _print(survey: Survey, *, full: bool, kept: bool) -> None:
    if not survey.units:
        return
    several = len({str(unit.endpoint) for unit in survey.units}) > 1
    heads = (tr("id"), tr("line"), tr("answer"), tr("delay"), tr("reading of it"))
    table = plain_table(*((tr("where"),) if several else ()), *heads)
    for unit in survey.units:
        delay = unit.found.answer.response_s
        table.add_row(
            *((str(unit.endpoint),) if several else ()),
            str(unit.found.unit_id) + ("*" if unit.same_for_any_id else ""),
            str(unit.found.line or unit.endpoint.transport.name),
            tr(unit.found.words),
            "" if delay is None else f"{1e3 * delay:.0f} ms",
            tr(unit.reading),
        )
    terminal().print(table)
    if any(unit.same_for_any_id for unit in survey.units):
        click.echo(tr("* answers to any id: one unit that does not look at it"))
    heard = [unit for unit in survey.units if unit.found.heard]
    first = next((unit for unit in heard if unit.matches), (heard or survey.units)[0])
    line = f" --line {str(first.found.line).replace(' ', '-')}" if first.found.line else ""
    if not full and any(endpoint.sets_line for endpoint in survey.endpoints):
        rest_s = sum(setting.knock_s for setting in ALL_LINES) * len(ALL_IDS)
        click.echo(
            tell(
                "Not looked at: the other ids and line settings (add --full, about {time:.0f} min).",
                time=rest_s / 60,
            )
        )
    click.echo(tell("Next: {run}", run=f"cellwarden probe {first.endpoint} --id {first.found.unit_id}{line}"))
    if kept and any(unit.matches for unit in heard):
        setup = "cellwarden setup"
        click.echo(tell("Then: {run}   (it takes over what was found here, within an hour)", run=setup))
