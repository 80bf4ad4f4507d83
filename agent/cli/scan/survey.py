"""One scan: listen first, knock at every unit id, and rank the profiles of what answers."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from agent.cli.common.came_said import sentence, trouble
from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import opened, trouble_of
from agent.cli.scan.found import FoundUnit, folded, runs
from agent.message import Message, joined
from agent.modbus.came import OF_TCP, Kind
from agent.modbus.ports import Port, PortError
from agent.modbus.survey import reopening
from agent.modbus.survey.match import Ask, Remembered, rank
from agent.modbus.survey.presence import (
    FIRST_READ,
    LISTEN_S,
    LineSetting,
    Presence,
    knock,
    knock_lines,
    listen,
    masters_ids,
)
from agent.transport.row import Endpoint
from agent.view.language import tell, tr
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

HOSTS_AT_ONCE = 32
GONE = OF_TCP[Kind.NOTHING].likely
READ_S, TIMES = 0.4, 5.0  # time-out of the reads that identify a unit: at least, and times its first answer


@dataclass
class Survey:
    """One scan: what to look at, and what was seen so far."""

    endpoints: list[Endpoint]
    lines: Sequence[LineSetting]
    ids: Sequence[int]
    profiles: list[Profile]
    listen_s: float = LISTEN_S
    quiet: bool = False
    and_profiles_ids: bool = False
    units: list[FoundUnit] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    missed: list[FoundUnit] = field(default_factory=list)  # ids at which nothing was, and what came there

    @property
    def best_miss(self) -> FoundUnit | None:
        """One of the ids at which no unit was, and what came most often; None where nothing came."""
        some = [unit for unit in self.missed if unit.found.answer.came.kind is not Kind.NOTHING]
        counted = Counter(unit.found.answer.came.text for unit in some)
        return max(some, key=lambda unit: counted[unit.found.answer.came.text], default=None)

    def nothing(self) -> Trouble:
        """Say that no unit was found, and what came in its place."""
        at = ", ".join(map(str, self.endpoints[:4]))
        asked, full = runs(self.ids_at(self.endpoints[0])), f"cellwarden scan {self.endpoints[0]} --full"
        if (unit := self.best_miss) is None:
            likely = GONE if all(e.transport.frames == "tcp" for e in self.endpoints) else None
            silent = Message("No answer from ids {ids} at {at}.", ids=asked, at=at)
            return Trouble("CW-220", silent, full, likely)
        came, unit_id = unit.found.answer.came, unit.found.unit_id
        none = Message(
            "No unit among ids {ids} at {at}: id {id} {came}.",
            ids=asked,
            at=at,
            id=unit_id,
            came=came.seen,
        )
        what = joined(" ", filter(None, [none, sentence(came.do)]))
        return Trouble(came.code, what, full, came.row.likely)

    def ids_at(self, endpoint: Endpoint) -> Sequence[int]:
        """Return the ids to ask at an endpoint: those that the profiles of its units name, too."""
        if not self.and_profiles_ids:
            return self.ids
        transport = endpoint.transport
        named = {p.unit_id for p in self.profiles if transport.can_be(p)} - set(self.ids)
        least = 1 if transport.frames == "rtu" else 0  # on a line, 0 is everybody, and nobody answers
        return (*self.ids, *(number for number in sorted(named) if number >= least))

    def say(self, text: str) -> None:
        """Tell a person, on stderr: stdout is for what was found."""
        if not self.quiet:
            click.echo(text, err=True)

    def count(self, line: str, asked: int, total: int, answers: int) -> None:
        """Show how far it is, where there is somebody to see it."""
        if not self.quiet and sys.stderr.isatty():
            counted = tell("{n} answers", n=answers)
            click.echo(f"\r  {line:<10} {asked}/{total}  {counted} ", nl=False, err=True)

    async def run(self) -> None:
        """Look at every endpoint; what cannot be looked at is one of `troubles`."""
        hosts = [e for e in self.endpoints if e.transport.has_transaction_ids]
        for endpoint in self.endpoints:
            if not endpoint.transport.has_transaction_ids:
                try:
                    await self._serial(endpoint)
                except Trouble as trouble:
                    self.troubles.append(trouble)
        if len(hosts) > 1:
            self.say(
                tell(
                    "Knocking at {n} addresses, {most} at once. Ctrl-C is safe.",
                    n=len(hosts),
                    most=HOSTS_AT_ONCE,
                )
            )
        gate = asyncio.Semaphore(HOSTS_AT_ONCE)
        await asyncio.gather(*(self._host(host, gate, alone=len(hosts) == 1) for host in hosts))
        self.units = folded(self.units)
        self.units.sort(key=lambda unit: (self.endpoints.index(unit.endpoint), unit.found.unit_id))

    async def _serial(self, endpoint: Endpoint) -> None:
        lines = self.lines if endpoint.sets_line else self.lines[:1]
        ids = self.ids_at(endpoint)
        port = await opened(endpoint, lines[0])
        try:
            await self._overhear(endpoint, port)
        finally:
            port.close()
        seconds = sum(line.knock_s for line in lines) * len(ids)
        settings = tr("the line as it is set there")
        if endpoint.sets_line:
            settings = tell("{n} line settings", n=len(lines))
        self.say(
            tell(
                "Reads one register per id, writes nothing. Ids {ids}, {settings}, about {time:.0f} s."
                " Ctrl-C is safe.",
                ids=runs(ids),
                settings=settings,
                time=seconds,
            )
        )
        answers: dict[LineSetting, int] = {}

        def progress(line: LineSetting, asked: int, count: int) -> None:
            answers[line] = count
            self.count(str(line), asked, len(ids), count)

        def refused(line: LineSetting, error: PortError) -> None:
            if endpoint.device and not Path(endpoint.device).exists():
                raise trouble_of(error, endpoint) from error
            why = trouble_of(error, endpoint).what
            self.say(tell("  {line}  not tried: {why}", line=line, why=why))

        def missed(unit: Presence) -> None:
            self.missed.append(FoundUnit(endpoint, unit))

        new: list[FoundUnit] = []
        try:
            async for found in knock_lines(endpoint.new_port, lines, ids, progress, refused, missed):
                line = found.line if endpoint.sets_line else None
                new.append(FoundUnit(endpoint, replace(found, line=line)))
                self.units.append(new[-1])
        except PortError as error:
            raise Trouble(
                "CW-104",
                Message("{what} in mid-scan; what was found before is listed.", what=error),
                "dmesg | tail",
            ) from error
        finally:
            counted = (tell("{line}  {n} answers", line=line, n=n) for line, n in answers.items())
            self.say("\r  " + "     ".join(counted))
        by_line: dict[LineSetting, list[FoundUnit]] = {}
        for unit in new:
            if unit.found.heard:
                by_line.setdefault(unit.found.line or lines[0], []).append(unit)
        for line, units in by_line.items():
            port = await opened(endpoint, line)
            try:
                await self._identify(port, units)
            finally:
                port.close()

    async def _overhear(self, endpoint: Endpoint, port: Port) -> None:
        if not self.listen_s:
            return
        self.say(tell("Listening {time:g} s on {port} ...", time=self.listen_s, port=endpoint))
        data = await listen(port, self.listen_s)
        if not data:
            self.say(tr("Quiet, no other master is talking."))
            return
        ids = masters_ids(data)
        seen = Message(
            "{n} bytes received on {port} in {time:g} s", n=len(data), port=endpoint, time=self.listen_s
        )
        if ids:
            asked, line = ", ".join(map(str, ids)), self.lines[0]
            seen = Message("{seen}; it polls ids {ids} at {line}", seen=seen, ids=asked, line=line)
        raise Trouble(
            "CW-111",
            Message("{what}. Nothing was sent.", what=seen),
            Message(
                "{run}   (only once the other master is off)", run=f"cellwarden scan {endpoint} --listen 0"
            ),
        )

    async def _host(self, host: Endpoint, gate: asyncio.Semaphore, *, alone: bool) -> None:
        async with gate:
            try:
                port = await opened(host, self.lines[0])
            except Trouble as trouble:
                if alone:
                    self.troubles.append(trouble)
                return
            try:
                await self._gateway(host, port)
            except PortError as error:
                self.troubles.append(self._lost(host, error))
            finally:
                port.close()

    def _lost(self, host: Endpoint, error: PortError) -> Trouble:
        """Say what came of a host that cannot be asked any more."""
        if error.came is None:
            return Trouble("CW-104", f"{error}", f"cellwarden scan {host}")
        return trouble(error.came, host, str(host), self.ids[0], FIRST_READ)

    async def _gateway(self, host: Endpoint, port: Port) -> None:
        ids = self.ids_at(host)
        self.say(
            tell("{host} accepts connections; polling {n} ids for one register each.", host=host, n=len(ids))
        )
        async for found in knock(port, ids, missed=lambda unit: self.missed.append(FoundUnit(host, unit))):
            self.units.append(FoundUnit(host, found))
        mine = [unit for unit in self.units if unit.endpoint is host and unit.found.heard]
        if len(mine) == len(ids) and len(mine) > 2:
            # it does not look at the id: one unit, not many
            first = min(mine, key=lambda unit: unit.found.unit_id or 256)
            first.same_for_any_id = True
            self.units = [unit for unit in self.units if unit.endpoint is not host or unit is first]
            mine = [first]
        await self._identify(port, mine)

    async def _identify(self, port: Port, units: list[FoundUnit]) -> None:
        for unit in units:
            at = {"id": unit.found.unit_id, "port": unit.endpoint}
            self.say(tell("Identifying id {id} on {port} ...", **at))
            fitting = [p for p in self.profiles if unit.endpoint.transport.can_be(p)]
            asked = Remembered(asking(port, unit.found))
            unit.matches = await rank(fitting, asked)
            unit.one_value = asked.one_value
            unit.identified = True


def asking(port: Port, found: Presence) -> Ask:
    """Return what asks a unit that has answered before."""
    timeout_s = max(READ_S, TIMES * (found.answer.response_s or 0.0))

    async def ask(read: Read, pause_s: float) -> Reply:
        return (await reopening.ask(port, found.unit_id + read.unit_offset, read, timeout_s, pause_s)).reply

    return ask
