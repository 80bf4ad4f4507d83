"""What the doctor looks at: the configuration, the running agent if there is one, the units themselves."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from agent.cli.common.ask_agent import with_messages
from agent.cli.common.codes import Trouble
from agent.cli.common.load import load
from agent.cli.common.open_port import opened
from agent.config.tables import Config, UnitTable
from agent.control import client
from agent.message import told_by
from agent.modbus.came import NOTHING, Came, Kind
from agent.modbus.ports import Port, PortError
from agent.modbus.survey import reopening, too_late
from agent.modbus.survey.match import Match, hold
from agent.modbus.survey.presence import FIRST_READ, USUAL_LINES
from agent.modbus.verdict import Verdict, verdict_of
from agent.transport.table import AnyBus
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

SAMPLES = 10  # short reads of each unit: enough for a pattern, little enough for a slow line
TIMEOUT_S = 0.6  # at least; and as long as the agent would wait


@dataclass
class UnitSeen:
    """One unit as the doctor saw it by itself: bytes both ways, how reads ended, and what it is."""

    unit: UnitTable
    verdicts: dict[str, int] = field(default_factory=dict)
    exchanges: list[tuple[bytes, bytes]] = field(default_factory=list)
    match: Match | None = None
    came: Came = NOTHING  # in place of values: the last that was something

    @property
    def got_bytes(self) -> int:
        """How many bytes came back in all."""
        return sum(len(got.removeprefix(sent)) for sent, got in self.exchanges)

    @property
    def answers(self) -> bool:
        """Whether a sound answer came, be it a refusal."""
        unheard = {Verdict.SILENT.value, Verdict.DAMAGED.value, Verdict.GATEWAY.value}
        return any(count for verdict, count in self.verdicts.items() if verdict not in unheard)


@dataclass
class BusSeen:
    """A bus that the agent does not hold: why its port cannot be opened, or its units."""

    trouble: Trouble | None = None
    units: list[UnitSeen] = field(default_factory=list)


class Site:
    """Everything that is looked at, each thing once, when a check first wants it."""

    def __init__(self, path: Path, socket: Path | None) -> None:
        self.path = path
        self.config: Config | None = None
        self.profiles: dict[str, Profile] = {}
        self.trouble = ""
        # what the checks found, for those after them: buses out of use, and why; units that do not answer
        self.out: dict[str, str] = {}
        self.silent: set[str] = set()
        try:
            self.config, self.profiles = load(path)
        except click.ClickException as error:
            self.trouble = error.message
        self.socket = socket or (self.config.control.socket if self.config else None)

    @cached_property
    def status(self) -> dict[str, Any] | None:
        """What the running agent says; None where none answers."""
        try:
            return with_messages(client.get(self.socket, "/v1/status")) if self.socket else None
        except (client.NotRunning, client.Refusal):
            return None

    @cached_property
    def refusal(self) -> str:
        """Why no agent answers."""
        try:
            if self.socket:
                client.get(self.socket, "/v1/status")
        except (client.NotRunning, client.Refusal) as error:
            return told_by(error)
        return ""

    def units_of(self, bus: AnyBus) -> list[UnitTable]:
        """Return the units of a bus."""
        assert self.config is not None
        return [unit for unit in self.config.unit if unit.bus == bus.name]

    @cached_property
    def seen(self) -> dict[str, BusSeen]:
        """Every bus, looked at from here; only where no agent holds them."""
        assert self.config is not None
        return {bus.name: asyncio.run(self._look(bus)) for bus in self.config.bus}

    async def _look(self, bus: AnyBus) -> BusSeen:
        units = self.units_of(bus)
        try:
            profile = self.profiles[units[0].profile]
            setting = bus.setting(profile)
            port = await opened(bus.endpoint, setting or USUAL_LINES[0], bus.new_port(profile))
        except Trouble as trouble:
            return BusSeen(trouble)
        try:
            return BusSeen(units=[await self._unit(port, bus, unit) for unit in units])
        finally:
            port.close()

    async def _unit(self, port: Port, bus: AnyBus, unit: UnitTable) -> UnitSeen:
        seen, profile = UnitSeen(unit), self.profiles[unit.profile]
        given_s = max(TIMEOUT_S, unit.timeout_s or bus.timeout_s(profile))
        pause_s = (profile.pause_ms or 0.0) / 1e3

        async def ask(read: Read, pause_s: float) -> Reply:
            sent, got = bytearray(), bytearray()
            port.tap = lambda out, data: (sent if out else got).extend(data)
            try:
                answer = await reopening.ask(port, unit.unit_id + read.unit_offset, read, given_s, pause_s)
            finally:
                port.tap = None
                seen.exchanges.append((bytes(sent), bytes(got)))
            answer = too_late.told(answer, port, unit.unit_id + read.unit_offset, given_s)
            verdict = str(verdict_of(answer))
            if verdict != Verdict.SOUND and answer.came.kind is not Kind.NOTHING:
                seen.came = answer.came
            seen.verdicts[verdict] = seen.verdicts.get(verdict, 0) + 1
            return answer.reply

        try:
            for sample in range(SAMPLES):
                await ask(FIRST_READ, pause_s)
                if not seen.answers and (sample == 2 or seen.came.kind is Kind.CLOSED):
                    return seen  # dead: nobody waits for ten time-outs, or connections
            seen.match = await hold(profile, ask)
        except PortError as error:
            seen.came = error.came or seen.came
            seen.verdicts.setdefault(str(Verdict.SILENT), 1)
        return seen
