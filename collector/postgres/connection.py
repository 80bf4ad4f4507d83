"""A connection to PostgreSQL for code that waits: an event loop that runs while one thread asks.

asyncpg is asynchronous, a sink is used by one thread at a time. Each call runs the loop until it is answered.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import asyncpg

from collector.postgres.url import without_password
from collector.postgres.words import in_words

T = TypeVar("T")
Row = Any  # asyncpg.Record
Opened = Callable[[asyncpg.Connection], Awaitable[None]]

CONNECT_S = 5.0
AGAIN_S = 1.0  # after a connection that could not be made: whoever asks before hears the same
ROWS = 200  # of a cursor, at once
#: What a server does with a client that is gone: it must not hold its locks for hours.
SETTINGS = {
    "application_name": "cellwarden-collector",
    "jit": "off",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Refused(Exception):
    """The server is there, and is not to be used; says what to do."""


class Connection:
    """One connection, made anew after it was lost: the first call after that is an error, since what was read
    before may not be so any more.

    failed: makes what is raised of the URL without its password, and of what to do. opened: is awaited with
    each connection that was made, and may refuse it. timeout_s: of each call; None: it may take its time.
    """

    def __init__(
        self,
        place: str,
        failed: Callable[[str, str], Exception],
        opened: Opened,
        timeout_s: float | None = None,
        **settings: str,
    ) -> None:
        self.place, self.shown = place, f"postgresql:{without_password(place)}"
        self._failed, self._opened, self._timeout_s = failed, opened, timeout_s
        self._settings = {**SETTINGS, **settings}
        self._loop = asyncio.new_event_loop()
        self._db: asyncpg.Connection | None = None
        self._depth = 0  # of blocks in one transaction
        self._tried_s, self._trouble = -AGAIN_S, ""
        try:
            self._run(self._nothing)
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        """Close it, and the loop."""
        if self._loop.is_closed():
            return
        if self._db is not None and not self._db.is_closed():
            with suppress(Exception):
                self._loop.run_until_complete(self._db.close(timeout=1))
        self._drop()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of a statement."""
        found: list[Row] = self._run(lambda db: db.fetch(sql, *values))
        return found

    def each(self, sql: str, *values: object, **more: str) -> Iterator[Row]:
        """The rows of a SELECT, some at a time, as of one moment."""
        with self.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            cursor = self._run(lambda db: db.cursor(sql, *values))
            while rows := self._run(lambda _: cursor.fetch(ROWS)):
                yield from rows

    def run(self, script: str) -> None:
        """Carry out statements without values and rows."""
        self._run(lambda db: db.execute(script))

    def run_with(self, sql: str, rows: Iterable[Sequence[object]]) -> list[Row]:
        """Carry out a statement that unnests an array per column; nothing where there are no rows."""
        columns = list(zip(*rows, strict=True))
        return self.rows(sql, *map(list, columns)) if columns else []

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Carry out a statement for each row of values."""
        self._run(lambda db: db.executemany(sql, rows))

    @contextmanager
    def transaction(self, how: str = "") -> Iterator[None]:
        """Carry out all of the block or nothing; a block within is part of it."""
        if self._depth == 0:
            self.run(f"BEGIN {how}")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth = max(0, self._depth - 1)
            if self._depth == 0:
                self._roll_back()
            raise
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and not self._loop.is_closed():
            self.run("COMMIT")

    def _roll_back(self) -> None:
        if self._db is None or self._loop.is_closed():
            return
        try:
            self._loop.run_until_complete(self._db.execute("ROLLBACK", timeout=CONNECT_S))
        except Exception:
            self._drop()

    def _run(self, call: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        try:
            return self._loop.run_until_complete(self._called(call))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, Refused) as error:
            if self._db is not None and (isinstance(error, OSError) or self._db.is_closed()):
                self._drop()  # of a call without an answer nobody knows what became
            self._trouble = str(error) if isinstance(error, Refused) else in_words(error, self.place)
            raise self._failed(self.shown, self._trouble) from None  # asyncpg's own may show the password
        except BaseException:
            self._drop()  # interrupted in the middle
            raise

    async def _called(self, call: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._timeout_s):
            if self._db is None:
                self._db = await self._connect()
            return await call(self._db)

    async def _connect(self) -> asyncpg.Connection:
        now_s = time.monotonic()
        if now_s - self._tried_s < AGAIN_S:
            raise Refused(self._trouble)
        self._tried_s = now_s
        db = await asyncpg.connect(
            f"postgresql:{self.place}", timeout=CONNECT_S, server_settings=self._settings
        )
        try:
            await self._opened(db)
        except BaseException:
            db.terminate()
            raise
        self._tried_s = -AGAIN_S
        return db

    def _drop(self) -> None:
        if self._db is not None:
            self._db.terminate()
        self._db, self._depth = None, 0

    @staticmethod
    async def _nothing(db: asyncpg.Connection) -> None:
        pass
