"""The tables of the buffer, as sqlite-utils migrations. A migration that shipped is never edited.

Another table is another function below the last one, `m002_...` and so on; each is applied in one transaction
with the record that it was.
"""

import secrets
import sqlite3

from sqlite_utils import Database, Migrations

migrations = Migrations("agent.store")


class NewerVersion(Exception):
    """A newer cellwarden wrote this database."""


@migrations()
def m001_batches(db: Database) -> None:
    """Batches, the schemas they are read with, and the account of both."""
    for statement in (
        # Row "": who this buffer is, and everything that was ever sealed in it. Then a row per upstream. One
        # table, since each commit writes both, and each table more is a page more: 9 MB of flash a day.
        """CREATE TABLE ledger (
            name TEXT PRIMARY KEY,
            epoch BLOB,                      -- random, made with the database: a copy or a clone shows
            last_sequence INTEGER NOT NULL DEFAULT 0,
            frames INTEGER NOT NULL DEFAULT 0,
            value_count INTEGER NOT NULL DEFAULT 0,
            wire_bytes INTEGER NOT NULL DEFAULT 0,
            acknowledged INTEGER NOT NULL DEFAULT 0,
            dropped INTEGER NOT NULL DEFAULT 0,
            settled TEXT NOT NULL DEFAULT '[]') WITHOUT ROWID""",
        """CREATE VIEW account AS SELECT epoch, last_sequence, frames, value_count, wire_bytes
            FROM ledger WHERE name = ''""",
        "CREATE VIEW upstream AS SELECT name, acknowledged, dropped FROM ledger WHERE name <> ''",
        # What an upstream needs no more, acknowledged or dropped, as ranges.
        """CREATE VIEW settled AS
            SELECT name AS upstream, json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last
            FROM ledger, json_each(settled) WHERE name <> ''""",
        # The sequence is drawn from the ledger's last_sequence in the inserting transaction, so it never
        # repeats; AUTOINCREMENT would promise the same and write one page more per commit.
        """CREATE TABLE batch (
            sequence INTEGER PRIMARY KEY,
            priority INTEGER NOT NULL,       -- 0 events, 1 black box, 2 routine: the order of sending
            unit TEXT NOT NULL,
            frames INTEGER NOT NULL,
            value_count INTEGER NOT NULL,
            schema BLOB,
            first_utc_ns INTEGER,            -- NULL: no frames
            last_utc_ns INTEGER,
            blob BLOB NOT NULL)""",
        # Routine batches, which are nearly all, are found by their sequence: their commits touch no index.
        "CREATE INDEX batch_first ON batch (priority, sequence) WHERE priority < 2",
        "CREATE TABLE schema (hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        # Dead letters: what an upstream refused for good, kept for a person to look at.
        """CREATE TABLE refused (
            sequence INTEGER PRIMARY KEY,
            upstream TEXT NOT NULL,
            reason TEXT NOT NULL,
            blob BLOB NOT NULL)""",
        # Ranges that will never come, and the gap record that says so, until that is acknowledged: where the
        # cap takes the record too, a later one must say it again.
        """CREATE TABLE gap (
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            reason TEXT NOT NULL,
            reported_in INTEGER NOT NULL)""",
        # UTC less boot time, once known, is true for the whole boot; stored times are never rewritten.
        """CREATE TABLE clock_offset (
            boot_id BLOB PRIMARY KEY,
            boottime_ns INTEGER NOT NULL,
            offset_ns INTEGER NOT NULL) WITHOUT ROWID""",
        # The state of a unit's detectors, opaque here, so that a restart need not learn anew.
        "CREATE TABLE snapshot (unit TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
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
    db.execute("INSERT INTO ledger (name, epoch) VALUES ('', ?)", [secrets.token_bytes(16)])


@migrations()
def m002_intervals(db: Database) -> None:
    """How often each unit's safety points were read, hour by hour: evidence for an inspection."""
    db.execute(
        """CREATE TABLE interval (
            unit TEXT NOT NULL,
            boot_id BLOB NOT NULL,
            first_boottime_ns INTEGER NOT NULL,
            last_boottime_ns INTEGER NOT NULL,
            last_utc_ns INTEGER NOT NULL,    -- as it was known then; see clock_offset
            deadline_s REAL NOT NULL,
            longest_s REAL NOT NULL,
            misses INTEGER NOT NULL,
            bins TEXT NOT NULL)"""  # JSON: [bin, count] pairs of agent/intervals.py
    )


@migrations()
def m003_healing(db: Database) -> None:
    """What an upstream had acknowledged and lost again, and how it is told what cannot be sent again."""
    # ranges of sequences, as `settled` has them: they are neither settled nor new
    db.execute("ALTER TABLE ledger ADD COLUMN healing TEXT NOT NULL DEFAULT '[]'")
    # gaps stay for good, each with the record that told it last
    db.execute("CREATE INDEX gap_reported_in ON gap (reported_in)")


@migrations()
def m004_upstreams(db: Database) -> None:
    """Several upstreams, each with its own account."""
    for column in (
        # what it is not to have, see `agent.store.upstream`
        "withheld TEXT NOT NULL DEFAULT '{}'",
        # Ranges that an older image of this buffer does not know: whether it holds them is not known yet.
        "forgotten TEXT NOT NULL DEFAULT '[]'",
        # What it was told to be gone, or refused: a gap is told to all, and is not everyone's loss.
        "lost TEXT NOT NULL DEFAULT '[]'",
    ):
        db.execute(f"ALTER TABLE ledger ADD COLUMN {column}")
    db.execute(
        "UPDATE ledger SET lost = (SELECT json_group_array(json_array(first, last)) FROM gap)"
        " WHERE name <> ''"
    )
    # The sequences of batches without frames, as ranges, since there is an upstream for alarms alone.
    db.execute("CREATE TABLE event_range (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the buffer to this version's tables.

    Raises NewerVersion where a newer cellwarden wrote it, and ValueError where tables are not as they were
    made: their very words may be damaged, and no check of SQLite's sees that.
    """
    database, fresh = Database(connection), Database(memory=True)
    known = {migration.name for migration in migrations.pending(fresh)}  # all of ours
    applied = {migration.name for migration in migrations.applied(database)}
    unknown = sorted(applied - known)
    if unknown and not known <= applied:  # a newer version would have all of ours, too
        raise ValueError(f"its list of migrations is damaged ({', '.join(unknown)})")
    if unknown:
        raise NewerVersion(f"written by a newer cellwarden (it knows {', '.join(unknown)}); upgrade this one")
    migrations.apply(database)
    migrations.apply(fresh)
    words = "SELECT name, sql FROM sqlite_master"
    if set(database.execute(words)) != set(fresh.execute(words)):
        raise ValueError("its tables are not as they were made")
