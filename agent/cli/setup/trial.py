"""Step 3 of setup: every unit is read whole before anything is saved."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import opened
from agent.cli.probe.value_rows import value_rows
from agent.cli.profile.common import load
from agent.cli.report.commissioning.record import UnitReading
from agent.cli.setup.draft import ChosenUnit
from agent.cli.setup.find import must_be_free
from agent.cli.setup.steps import begin
from agent.message import Message
from agent.modbus.ports import PortError
from agent.modbus.survey import reopening
from agent.modbus.survey.match import hold
from agent.modbus.survey.presence import LineSetting
from agent.transport.table import parse
from agent.view.language import tell
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
    told = tell(
        "{good} of {all} values read in {took:.1f} s",
        good=sight.count("good"),
        all=len(sight.values),
        took=sight.took_s,
    )
    if missing := sight.count("missing"):
        told += f"; {tell('{n} absent (fine)', n=missing)}"
    begin(3, f"{unit.station}: {told}")
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
        lost = Message("{what}. Nothing was written.", what=error)
        raise Trouble("CW-104", lost, "cellwarden setup") from error
    finally:
        port.close()
    if match.layout is None or match.image is None:
        seen = Message("{unit}: {why}. Nothing was written.", unit=unit.station, why=match.why)
        raise Trouble("CW-211", seen, f"cellwarden scan {unit.endpoint}")
    took_s = time.monotonic() - start_s
    rows = value_rows(match.layout, match.image, profile.address_step)
    values = [
        {"place": value.place, "quantity": value.quantity, "quality": row.quality, "value": row.value}
        for value, row in zip(match.layout.values, rows, strict=True)
    ]
    return Tested(unit, UnitReading(values, match.layout.identity, took_s), max(answers, default=0.0))
