"""What setup looks for: where the battery is, which units answer there, and who may take its batches."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from agent.cli.common.announced import HINT, Search, lines
from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import agents_bus
from agent.cli.common.prompts import Prompts
from agent.cli.profile.common import known_profiles
from agent.cli.scan.found import FoundUnit
from agent.cli.scan.survey import Survey
from agent.cli.setup.draft import ChosenUnit
from agent.modbus.serial_devices import console_of, serial_devices
from agent.modbus.survey.match import Sureness, sureness
from agent.modbus.survey.presence import USUAL_LINES, LineSetting
from agent.transport.row import Endpoint
from agent.wire import holder


def where(prompts: Prompts) -> list[str]:
    """Ask for devices or hosts, and propose the first that is free. Raises Trouble."""
    devices = serial_devices()
    told = []
    for device in devices:
        held = holder.of_device(device)
        state = "console" if console_of(device) else f"in use by {held}" if held else "free"
        told.append(f"{device} ({state})")
    free = [device for device, text in zip(devices, told, strict=True) if text.endswith("(free)")]
    click.echo(f"1/6 Where is the battery?      found {', '.join(told) or 'no serial adapter'}")
    if prompts.yes and not free:
        raise Trouble(
            "CW-310", "No serial device is free, and no --endpoint was said.", "cellwarden setup --help"
        )
    answer = prompts.ask("    Devices or hosts, apart by spaces", " ".join(free[:1]) or "192.0.2.10")
    return answer.split()


def find(
    prompts: Prompts,
    wanted: Sequence[Endpoint],
    lines: Sequence[str],
    ids: Sequence[int],
    folders: tuple[Path, ...],
) -> list[ChosenUnit]:
    """Scan each endpoint, and return the units that are to be polled. Raises Trouble where there is none."""
    click.echo("2/6 Looking for devices")
    try:
        settings = [LineSetting.parse(text) for text in lines] or list(USUAL_LINES)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    units: list[FoundUnit] = []
    for endpoint in wanted:
        asked = ids or endpoint.transport.usual_ids
        survey = Survey([endpoint], settings, asked, known_profiles(folders), and_profiles_ids=not ids)
        asyncio.run(survey.run())
        for trouble in survey.troubles:
            trouble.show()
        if not survey.units and not survey.troubles:
            survey.nothing().show()
        units += survey.units
    taken = [found for unit in units if (found := _choose(prompts, unit)) is not None]
    if not taken:
        raise no_profile_fits(wanted[0])
    return taken


def must_be_free(endpoint: Endpoint, socket: Path) -> None:
    """Raise Trouble where the running agent polls at an endpoint."""
    if agents_bus(socket, endpoint):
        seen = f"{endpoint} is held by a running agent. Nothing was sent."
        raise Trouble("CW-110", seen, "sudo systemctl stop cellwarden")


def no_profile_fits(endpoint: Endpoint) -> Trouble:
    """Return what is said where devices were found, and no unit."""
    return Trouble("CW-220", "No unit was found that a profile fits.", f"cellwarden scan {endpoint} --full")


def chosen(unit: FoundUnit, profile: str) -> ChosenUnit:
    """Return a unit that was found, to be polled by a profile."""
    line = str(unit.found.line).replace(" ", "-") if unit.found.line else ""
    return ChosenUnit(str(unit.endpoint), unit.found.unit_id, profile, line)


def _choose(prompts: Prompts, unit: FoundUnit) -> ChosenUnit | None:
    told = f"    {unit.endpoint} id {unit.found.unit_id}: {unit.reading}"
    if not unit.identified or sureness(unit.matches) == Sureness.NOT_RECOGNISED:
        click.echo(f"{told}; left out")
        return None
    return chosen(unit, unit.matches[0].profile.model) if prompts.agree(f"{told}. Use it?") else None


def upstream_of(prompts: Prompts) -> str:
    """Ask for the collector. One that announces itself can be chosen by a person, and is never proposed."""
    found = [] if prompts.yes else Search(collectors=True).found()
    if not found:
        return prompts.ask("    The collector's URL", "http://127.0.0.1:8440")
    click.echo(f"    Collectors that announce themselves in this network ({HINT}):")
    for number, line in enumerate(lines(found), 1):
        click.echo(f"    {number}  {line}")
    while True:
        answer = prompts.ask("    The collector's URL, or its number here", None).strip()
        if not answer.isdecimal():
            return answer
        if 1 <= int(answer) <= len(found):
            return found[int(answer) - 1].url
