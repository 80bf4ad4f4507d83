"""A real PostgreSQL server of the tests' own, thrown away at the end; all workers share it.

It keeps what is acknowledged (fsync), as those of users do. A place in it is an empty schema of its own.
"""

import asyncio
import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import asyncpg
import pytest

from hil.run import postgres
from hil.run.processes import ProcessError

SMALL = "shared_buffers = 16MB\nmax_wal_size = 256MB\nautovacuum = off\n"


class Server(postgres.Server):
    """A small server; a test that wants one where none is installed is skipped."""

    def __init__(self, folder: Path) -> None:
        try:
            super().__init__(folder, SMALL)
        except ProcessError as error:
            pytest.skip(str(error))

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Let nobody else come at a table."""
        loop = asyncio.new_event_loop()
        db = loop.run_until_complete(asyncpg.connect(f"postgresql:{self.place()}"))
        loop.run_until_complete(db.execute(f"BEGIN; LOCK TABLE {table}"))
        yield
        db.terminate()
        loop.close()


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
