"""Steps 1 and 2 of setup: where the battery is, and which units answer there. What a scan found is taken."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse
from agent.cli.common.open_port import agents_bus, endpoints
from agent.cli.common.prompts import Prompts
from agent.cli.profile.common import known_profiles
from agent.cli.scan.found import FoundUnit
from agent.cli.scan.remembered import Scanned, Seen, remember
from agent.cli.scan.survey import Survey
from agent.cli.setup.draft import ChosenUnit
from agent.cli.setup.steps import begin
from agent.message import Message, told_by
from agent.modbus.serial_devices import console_of, serial_devices
from agent.modbus.survey.match import Sureness
from agent.modbus.survey.presence import USUAL_LINES, LineSetting
from agent.transport.row import Endpoint
from agent.view.language import tell, tr
from agent.wire import holder

SURE_ENOUGH = (Sureness.SURE, Sureness.LIKELY)


def free_devices() -> list[str]:
    """Return the serial devices that nobody has; say of each which it is."""
    told, free = [], []
    for device in serial_devices():
        if console_of(device):
            state = tr("console")
        elif held := holder.of_device(device):
            state = tell("in use by {held}", held=held)
        else:
            state = tr("free")
            free.append(device)
        told.append(f"{device} ({state})")
    begin(1, tell("found {what}", what=", ".join(told) or tr("no serial adapter")))
    return free


def settings(texts: Sequence[str]) -> list[LineSetting]:
    """Return the line settings that were said, or the usual ones. Raises UsageError."""
    try:
        return [LineSetting.parse(text) for text in texts] or list(USUAL_LINES)
    except ValueError as error:
        raise Misuse(told_by(error)) from error


@dataclass(frozen=True, slots=True)
class Looking:
    """How to look: at these line settings and ids (none: the usual ones), with profiles of these folders.

    scans: what need not be looked for, where one answers it. socket: of the agent whose ports are left alone.
    """

    texts: Sequence[str]
    ids: Sequence[int]
    folders: tuple[Path, ...]
    scans: Sequence[Scanned]
    socket: Path

    def at(self, place: str) -> list[Seen]:
        """Return what is at a place, or in a network. Raises Trouble where that cannot be known."""
        wanted = endpoints((place,), 502)
        known = [scan for endpoint in wanted if (scan := self._scan(endpoint))]
        if len(known) == len(wanted) or (known and len(wanted) > 1):  # of a network: those that had units
            for scan in known:
                when = time.strftime("%H:%M", time.localtime(scan.at_s))
                click.echo(f"    {scan.endpoint}: {tell('as scanned at {time}', time=when)}")
            return [unit for scan in known for unit in scan.of(self.ids)]
        return self._look(wanted)

    def _scan(self, endpoint: Endpoint) -> Scanned | None:
        asked = [str(line).replace(" ", "-") for line in settings(self.texts)] if self.texts else []
        return next((scan for scan in self.scans if scan.answers(endpoint, self.ids, asked)), None)

    def _look(self, wanted: list[Endpoint]) -> list[Seen]:
        for endpoint in wanted:
            must_be_free(endpoint, self.socket)
        ids = self.ids or wanted[0].transport.usual_ids
        lines, profiles = settings(self.texts), known_profiles(self.folders)
        survey = Survey(wanted, lines, ids, profiles, and_profiles_ids=not self.ids)
        asyncio.run(survey.run())
        for trouble in survey.troubles:
            raise trouble
        if not survey.units:
            raise survey.nothing()
        remember(wanted, survey.units, self.ids or None)
        return [Seen.of(unit) for unit in survey.units]


def choose(prompts: Prompts, seen: Sequence[Seen]) -> list[ChosenUnit]:
    """Return the units that are to be polled: one question for those that are sure enough, one for each that
    is not.
    """
    for unit in seen:
        told = _told(unit)
        click.echo(f"    {told if unit.profile else tell('{unit}; left out', unit=told)}")
    sure = [unit for unit in seen if unit.sure in SURE_ENOUGH]
    taken = sure
    all_of_them = tr("Use it?") if len(sure) == 1 else tell("Use these {n} units?", n=len(sure))
    if sure and not prompts.agree(f"    {all_of_them}"):
        taken = [unit for unit in sure if len(sure) > 1 and _wanted(prompts, unit)]
    for unit in seen:
        if unit.profile and unit not in sure and _wanted(prompts, unit):
            taken.append(unit)
    return [
        ChosenUnit(unit.endpoint, unit.unit_id, unit.profile, unit.line) for unit in seen if unit in taken
    ]


def _wanted(prompts: Prompts, unit: Seen) -> bool:
    return prompts.agree(f"    {_told(unit)}. {tr('Use it?')}")


def _told(unit: Seen) -> str:
    return f"{unit.endpoint} id {unit.unit_id}: {tr(unit.reading)}"


def must_be_free(endpoint: Endpoint, socket: Path) -> None:
    """Raise Trouble where the running agent polls at an endpoint."""
    if agents_bus(socket, endpoint):
        seen = Message("{endpoint} is held by a running agent. Nothing was sent.", endpoint=endpoint)
        raise Trouble("CW-110", seen, "sudo systemctl stop cellwarden")


def no_profile_fits(place: object) -> Trouble:
    """Return what is said where devices were found, and no unit."""
    none = Message("No unit was found that a profile fits.")
    return Trouble("CW-220", none, f"cellwarden scan {place} --full")


def chosen(unit: FoundUnit, profile: str) -> ChosenUnit:
    """Return a unit that was found, to be polled by a profile."""
    line = str(unit.found.line).replace(" ", "-") if unit.found.line else ""
    return ChosenUnit(str(unit.endpoint), unit.found.unit_id, profile, line)
