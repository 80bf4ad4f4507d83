"""A real PostgreSQL server of the tests' own, thrown away at the end; all workers share it.

It keeps what is acknowledged (fsync), as those of users do. A place in it is an empty schema of its own.
"""

import asyncio
import atexit
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import asyncpg
import pytest

#: Who may come in how: `locked` has a password, all others come in as they say they are.
HBA = "local all locked scram-sha-256\nlocal all all trust\nhost all locked 127.0.0.1/32 scram-sha-256\n"
SETTINGS = "unix_socket_directories = '{socket}'\nport = 5432\nlisten_addresses = ''\nmax_connections = 60\n"
SMALL = "shared_buffers = 16MB\nmax_wal_size = 256MB\nautovacuum = off\n"


def binaries() -> Path | None:
    """Where initdb and postgres lie: Debian has them outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    which = shutil.which("initdb")
    return found[-1].parent if found else Path(which).parent if which else None


class Server:
    """A server in a folder of its own, with a socket there and no port."""

    def __init__(self, folder: Path) -> None:
        found = binaries()
        if found is None:
            pytest.skip("no PostgreSQL server here: apt-get install postgresql")
        self.folder, self._binaries = folder, found
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []

    def make(self) -> None:
        """Make its files."""
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "owner", "-E", "UTF8", "--locale", "C")
        (self.folder / "data" / "pg_hba.conf").write_text(HBA)
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(socket=self.folder) + SMALL)

    def _run(self, command: str, *arguments: str) -> None:
        program = [*self._as, str(self._binaries / command), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(program, check=True, capture_output=True, cwd="/", timeout=60)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")

    def kill(self) -> None:
        """Kill the whole of it with SIGKILL: nothing is written any more, nobody says goodbye."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        pids = [first, *map(int, children)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        while any(map(_runs, pids)):
            time.sleep(0.01)
        for lock in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / lock).unlink()  # the number in it may be a zombie's

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Let nobody else come at a table."""
        loop = asyncio.new_event_loop()
        db = loop.run_until_complete(asyncpg.connect(f"postgresql:{self.place()}"))
        loop.run_until_complete(db.execute(f"BEGIN; LOCK TABLE {table}"))
        yield
        db.terminate()
        loop.close()

    def place(self, schema: str = "public", user: str = "owner", database: str = "postgres") -> str:
        """A URL without its scheme."""
        return f"//{user}@/{database}?host={self.folder}&search_path={schema}"


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def say(place: str, *statements: str) -> list[Any]:
    """Carry out statements; the rows of the last."""

    async def carry_out() -> list[Any]:
        db = await asyncpg.connect(f"postgresql:{place}")
        try:
            for statement in statements[:-1]:
                await db.execute(statement)
            return list(await db.fetch(statements[-1]))
        finally:
            await db.close()

    return asyncio.run(carry_out())


@cache
def shared() -> Server:
    """The server that all workers of a run share; the last to leave stops it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    common = Path(tempfile.gettempdir(), f"cellwarden-pg-{run[:12]}")
    common.mkdir(exist_ok=True)
    users = (common / "users").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    with (common / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        server = Server(common)
        if not (common / "running").exists():
            server.make()
            server.start()
            (common / "running").touch()
    atexit.register(_leave, server, users)
    return server


def _leave(server: Server, users: IO[str]) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody uses it still
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def new_place() -> str:
    """An empty place of a test's own in the shared server."""
    schema = f"t{secrets.token_hex(6)}"
    say(shared().place(), f"CREATE SCHEMA {schema}")
    return shared().place(schema)


def drop(place: str) -> None:
    """Take all away that is at a place of `new_place`."""
    say(place, f"DROP SCHEMA {place.rpartition('=')[2]} CASCADE")


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of a test's own, to be killed."""
    folder = Path(tempfile.mkdtemp(prefix="cellwarden-pg-"))
    own = Server(folder)
    try:
        own.make()
        own.start()
        yield own
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            own.stop()
        shutil.rmtree(folder, ignore_errors=True)
