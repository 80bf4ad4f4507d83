"""Notes in a PostgreSQL database: a row each, by a connection for each time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import asyncpg

from collector.notes import NotesError
from collector.postgres.connection import Connection
from collector.postgres.schema import check

CALL_S = 5.0


class PostgresNotes:
    """The notes of one database. place: its URL, without the scheme."""

    def __init__(self, place: str) -> None:
        self._place = place

    def read(self, name: str) -> dict[str, Any] | None:
        """A note; None: there is none."""
        with self._opened() as db:
            rows = db.rows("SELECT content FROM note WHERE name = $1", name)
        try:
            content = json.loads(rows[0][0]) if rows else None
        except ValueError as error:
            raise NotesError(f"the note {name}: {error}") from error
        if content is not None and not isinstance(content, dict):
            raise NotesError(f"the note {name}: no object")
        return content

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Put a note in place of the one that is there."""
        with self._opened() as db:
            db.rows(
                "INSERT INTO note VALUES ($1, $2)"
                " ON CONFLICT (name) DO UPDATE SET content = excluded.content",
                name,
                json.dumps(content, ensure_ascii=False),
            )

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        db = Connection(self._place, lambda where, why: NotesError(f"{where}: {why}"), _opened, CALL_S)
        try:
            yield db
        finally:
            db.close()


async def _opened(db: asyncpg.Connection) -> None:
    await check(db)
