"""A fleet whose collectors share one PostgreSQL database: what may happen to both, and to what lies between.

Agents are real buffers and uplinks in this process, collectors are processes, the server is the system's own.
After each harm hours of healing pass on a clock that is passed in, and the archive is held against what was
sealed: by both audits, by its frames, and by its table of alarms.
"""

import asyncio
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from agent.store.store import Store
from agent.store.upstream import MAIN
from collector.audit_all import ACCOUNTS
from collector.questions.ask import ask
from hil.run.postgres import Server, binaries
from tests.agent.store.buffers import BOOT, own_alarm
from tests.collector.processes import Collector, free_port
from tests.torture.agents import SCHEMAS, VALUES
from tests.torture.oracle import Oracle, judge, reading
from tests.torture.sender import Sender, seal_and_send

AGENTS, COLLECTORS = 4, 2
SETTLED_S, HOURS = 60.0, 10
START_S = 60.0
SETTINGS = "shared_buffers = 16MB\nmin_wal_size = 32MB\nmax_wal_size = 64MB\nautovacuum = off\n"
DATABASE = "fleet"


@contextmanager
def server_in(folder: Path) -> Iterator[Server]:
    """A server that runs, with its files in a folder that its user may enter."""
    server = Server(folder, SETTINGS)
    server.make()
    server.start()
    try:
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that another user may enter, and whose name leaves room for a socket's."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="cellwarden-pg-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def of_server(command: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own commands."""
    folder = binaries()
    assert folder
    subprocess.run([str(folder / command), *arguments], check=True, capture_output=True, timeout=60)


class Fleet:
    """Agents that seal without a pause, and the collectors that they send to, now this one, now that."""

    def __init__(self, server: Server, folder: Path, rng: random.Random) -> None:
        self.server, self.rng = server, rng
        self.url = f"postgresql://owner@/{DATABASE}?host={server.folder}"
        self.oracles = [Oracle(f"agent-{n}") for n in range(AGENTS)]
        self.senders = []
        for oracle in self.oracles:
            store = Store(folder / f"{oracle.agent}.db", oracle.agent, BOOT, [MAIN], own_alarm)
            for digest, body in SCHEMAS.values():
                store.add_schema(digest, body)
            self.senders.append(Sender(store, oracle.agent, VALUES))
        self.collectors: list[Collector | None] = [None] * COLLECTORS
        self._listen = [f"127.0.0.1:{free_port()}" for _ in range(COLLECTORS)]
        self._clock = iter(range(2, 10**8, 2))

    async def start(self, k: int) -> None:
        """Start a collector, again and again until it comes up, as a service manager does."""
        async with asyncio.timeout(START_S):
            while self.collectors[k] is None:
                try:
                    self.collectors[k] = await asyncio.to_thread(Collector, self.url, listen=self._listen[k])
                except AssertionError:  # the database is not there
                    await asyncio.sleep(0.2)

    async def kill(self, k: int) -> None:
        """Kill a collector with SIGKILL."""
        if collector := self.collectors[k]:
            self.collectors[k] = None
            await asyncio.to_thread(collector.kill)

    async def connect(self) -> None:
        """Let each agent come out at some collector, as behind a proxy."""
        for sender in self.senders:
            await sender.begin("main", f"http://{self.rng.choice(self._listen)}")

    async def seal(self, alarm: bool | None = None) -> None:
        """Let each agent seal once."""
        for sender, oracle in zip(self.senders, self.oracles, strict=True):
            await seal_and_send(sender, self._clock, self.rng, oracle, alarm)

    @asynccontextmanager
    async def sealing(self) -> AsyncIterator[None]:
        """Seal while the block runs."""

        async def go_on() -> None:
            while True:
                await self.seal()
                await asyncio.sleep(self.rng.uniform(0, 0.1))

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self) -> list[str]:
        """Let hours pass until nothing is pending and nothing is missing; return what is wrong then."""
        wrong = ["never without a pending batch"]
        for _ in range(HOURS):
            for sender in self.senders:
                sender.hours += 1
            await self.connect()
            await self.seal(alarm=True)
            try:
                async with asyncio.timeout(SETTLED_S):
                    await self._drained()
            except TimeoutError:
                continue
            if not (wrong := await asyncio.to_thread(self._missing)):
                return await asyncio.to_thread(self._judged)
        return [f"not at rest after {HOURS} hours", *wrong]

    async def _drained(self) -> None:
        quiet = 0
        while quiet < 2:
            pending = 0
            for sender in self.senders:
                await sender.writer(sender.store.seal, ())  # with which acknowledgements reach the disk
                sender.wake(alarm=True)
                accounts, _ = await sender.accounts()
                pending += accounts["main"].pending
            quiet = 0 if pending else quiet + 1
            await asyncio.sleep(0.1)

    def stored(self) -> int:
        """How many batches the database holds."""
        with reading(self.url) as archive:
            return sum(row["stored"] for row in ask(archive, ACCOUNTS, {}, 0))

    def _missing(self) -> list[str]:
        with reading(self.url) as archive:
            rows = ask(archive, ACCOUNTS, {}, 0)
        said = [f"{row['agent']}: {row}" for row in rows if not row["balanced"]]
        return said + [f"{AGENTS - len(rows)} agents were never heard"] * (len(rows) != AGENTS)

    def _judged(self) -> list[str]:
        wrong, _ = judge(self.url, self.oracles)
        with reading(self.url) as archive:
            lives = list(archive.select("SELECT agent, id, records FROM alarm", {}))
        for oracle in self.oracles:
            records = sum(count for agent, _, count in lives if agent == oracle.agent)
            if records != len(oracle.alarms):
                wrong.append(f"{oracle.agent}: {len(oracle.alarms)} alarms were sealed, {records} are known")
        return wrong

    async def close(self) -> None:
        """End what runs."""
        for sender in self.senders:
            await sender.close()
            sender.store.close()
        for k in range(COLLECTORS):
            await self.kill(k)


@asynccontextmanager
async def fleet_on(server: Server, folder: Path, rng: random.Random) -> AsyncIterator[Fleet]:
    """A fleet that delivers to a new database of a server."""
    await asyncio.to_thread(of_server, "createdb", f"--host={server.folder}", "--username=owner", DATABASE)
    fleet = Fleet(server, folder, rng)
    try:
        for k in range(COLLECTORS):
            await fleet.start(k)
        await fleet.connect()
        yield fleet
    finally:
        await fleet.close()
