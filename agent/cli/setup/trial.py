"""Step 3 of setup: every unit is read whole before anything is saved."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import opened
from agent.cli.probe.value_rows import value_rows
from agent.cli.profile.common import load
from agent.cli.report.commissioning.record import UnitReading
from agent.cli.setup.draft import ChosenUnit
from agent.cli.setup.find import must_be_free
from agent.modbus.ports import PortError
from agent.modbus.survey import reopening
from agent.modbus.survey.match import hold
from agent.modbus.survey.presence import LineSetting
from agent.transport.table import parse
from drivers.registers import Read, Reply

READ_S = 1.0


@dataclass(frozen=True, slots=True)
class Tested:
    """A unit as it was read before saving; `slowest_s`: its slowest answer."""

    unit: ChosenUnit
    sight: UnitReading
    slowest_s: float


def try_out(unit: ChosenUnit, socket: Path, folders: tuple[Path, ...]) -> Tested:
    """Read a unit, say what came, and return it. Raises Trouble; an agent at `socket` keeps its ports."""
    (endpoint,) = parse(unit.endpoint)
    must_be_free(endpoint, socket)
    done = asyncio.run(_read(unit, folders))
    sight = done.sight
    absent = f"; {missing} absent (fine)" if (missing := sight.count("missing")) else ""
    told = f"{unit.endpoint} id {unit.unit_id}: {sight.count('good')} of {len(sight.values)} values"
    click.echo(f"3/6 Test before saving         {told} read in {sight.took_s:.1f} s{absent}")
    return done


async def _read(unit: ChosenUnit, folders: tuple[Path, ...]) -> Tested:
    (endpoint,) = parse(unit.endpoint)
    profile = load(unit.profile, folders)
    port = await opened(endpoint, LineSetting.parse(unit.line or "9600"))
    answers: list[float] = []

    async def ask(read: Read, pause_s: float) -> Reply:
        answer = await reopening.ask(port, unit.unit_id + read.unit_offset, read, READ_S, pause_s)
        answers.append(answer.response_s or 0.0)
        return answer.reply

    start_s = time.monotonic()
    try:
        match = await hold(profile, ask, whole=True)
    except PortError as error:
        raise Trouble("CW-104", f"{error}. Nothing was written.", "cellwarden setup") from error
    finally:
        port.close()
    if match.layout is None or match.image is None:
        seen = f"id {unit.unit_id} on {unit.endpoint}: {match.why}. Nothing was written."
        raise Trouble("CW-211", seen, f"cellwarden scan {unit.endpoint}")
    took_s = time.monotonic() - start_s
    rows = value_rows(match.layout, match.image, profile.address_step)
    values = [
        {"place": value.place, "quantity": value.quantity, "quality": row.quality, "value": row.value}
        for value, row in zip(match.layout.values, rows, strict=True)
    ]
    return Tested(unit, UnitReading(values, match.layout.identity, took_s), max(answers, default=0.0))
