"""The tables of the buffer, as sqlite-utils migrations. A migration that shipped is never edited."""

import secrets
import sqlite3

from sqlite_utils import Database, Migrations

migrations = Migrations("agent.store")


@migrations()
def m001_batches(db: Database) -> None:
    """Batches, the schemas they are read with, and the account of both."""
    for statement in (
        # One row: who this buffer is, and everything that was ever sealed in it.
        """CREATE TABLE account (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            epoch BLOB NOT NULL,             -- random, made with the database: a copy or a clone shows
            last_sequence INTEGER NOT NULL DEFAULT 0,
            frames INTEGER NOT NULL DEFAULT 0,
            value_count INTEGER NOT NULL DEFAULT 0,
            wire_bytes INTEGER NOT NULL DEFAULT 0)""",
        # The sequence is drawn from account.last_sequence in the inserting transaction, so it never repeats;
        # AUTOINCREMENT would promise the same and write one page more per commit.
        """CREATE TABLE batch (
            sequence INTEGER PRIMARY KEY,
            priority INTEGER NOT NULL,       -- 0 alarms, 1 frames: the order of sending
            unit TEXT NOT NULL,
            frames INTEGER NOT NULL,
            value_count INTEGER NOT NULL,
            schema BLOB,
            sealed_utc_ns INTEGER NOT NULL,
            blob BLOB NOT NULL)""",
        "CREATE INDEX batch_order ON batch (priority, sequence)",
        "CREATE TABLE schema (hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE upstream (
            name TEXT PRIMARY KEY,
            acknowledged INTEGER NOT NULL DEFAULT 0,
            dropped INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
        # Dead letters: what an upstream refused for good, kept for a person to look at.
        """CREATE TABLE refused (
            sequence INTEGER PRIMARY KEY,
            upstream TEXT NOT NULL,
            reason TEXT NOT NULL,
            blob BLOB NOT NULL)""",
        """CREATE TABLE alarm (
            id INTEGER PRIMARY KEY,
            boottime_ns INTEGER NOT NULL,
            utc_ns INTEGER NOT NULL,
            boot_id BLOB NOT NULL,
            unit TEXT NOT NULL,
            location TEXT NOT NULL,
            detector TEXT NOT NULL,
            severity TEXT NOT NULL,
            state TEXT NOT NULL,
            text TEXT NOT NULL)""",
    ):
        db.execute(statement)
    db.execute("INSERT INTO account (id, epoch) VALUES (1, ?)", [secrets.token_bytes(16)])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the buffer to this version's tables; raise ValueError where a newer cellwarden wrote it."""
    database = Database(connection)
    known = {migration.name for migration in migrations.pending(Database(memory=True))}  # all of ours
    unknown = [m.name for m in migrations.applied(database) if m.name not in known]
    if unknown:
        raise ValueError(f"written by a newer cellwarden (it knows {', '.join(unknown)}); upgrade this one")
    migrations.apply(database)
