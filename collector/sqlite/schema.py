"""The tables of the SQLite sink, as sqlite-utils migrations. A migration that shipped is never edited."""

import sqlite3

from sqlite_utils import Database, Migrations

from collector.facts.derive import stored_subject
from collector.figures.marks import offsets
from collector.rows import EventRow
from collector.spans import ACCOUNT, ACCOUNT_SPAN
from collector.sqlite.figure_tables import FIGURES

MARK = "_sqlite_migrations"  # sqlite-utils' table of those that were applied
migrations = Migrations("collector")


@migrations()
def m001_batches(db: Database) -> None:
    """Batches, who sent them, and what is known to be lost."""
    for statement in (
        # The bytes as they came: (agent, epoch, sequence) names them for ever.
        """CREATE TABLE batch (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            unit TEXT NOT NULL,
            schema BLOB,
            frames INTEGER NOT NULL,
            value_count INTEGER NOT NULL,
            first_utc_ns INTEGER,            -- NULL: no frames
            last_utc_ns INTEGER,
            received_utc_ns INTEGER NOT NULL,
            blob BLOB NOT NULL,
            PRIMARY KEY (agent, epoch, sequence))""",
        # One row per (agent, epoch): sums over its batches, kept in the transaction that inserts them.
        """CREATE TABLE stream (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            batches INTEGER NOT NULL DEFAULT 0,
            frames INTEGER NOT NULL DEFAULT 0,
            value_count INTEGER NOT NULL DEFAULT 0,
            wire_bytes INTEGER NOT NULL DEFAULT 0,
            duplicates INTEGER NOT NULL DEFAULT 0,
            first_utc_ns INTEGER NOT NULL,   -- by this collector's clock
            last_utc_ns INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch))""",
        "CREATE TABLE schema (hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE event (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            position INTEGER NOT NULL,
            kind TEXT NOT NULL,
            unit TEXT NOT NULL,
            record TEXT NOT NULL,            -- JSON
            PRIMARY KEY (agent, epoch, sequence, position))""",
        # Ranges that an agent says it had to give up, by the batch that says so.
        """CREATE TABLE dropped (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            reason TEXT NOT NULL,
            reported_in INTEGER NOT NULL)""",
        "CREATE INDEX dropped_stream ON dropped (agent, epoch)",
        """CREATE TABLE refused (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            reason TEXT NOT NULL,
            utc_ns INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch, sequence))""",
        # The boots of a stream, as the sequences they span: two that overlap are two machines.
        """CREATE TABLE boot (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            boot_id BLOB NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch, boot_id))""",
        # What a person must look at: conflict, clone, rollback, silent. One row per stream and kind.
        """CREATE TABLE incident (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            times INTEGER NOT NULL,
            first_utc_ns INTEGER NOT NULL,
            last_utc_ns INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch, kind))""",
    ):
        db.execute(statement)


@migrations()
def m002_withheld(db: Database) -> None:
    """What agents withhold from this collector, as ranges of sequences that do not overlap."""
    db.execute(
        """CREATE TABLE withheld (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch, first)) WITHOUT ROWID"""
    )


@migrations()
def m003_pruned(db: Database) -> None:
    """What was stored and is deleted since, as ranges that do not overlap; and the order of arrival."""
    db.execute(
        """CREATE TABLE pruned (
            agent TEXT NOT NULL,
            epoch BLOB NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (agent, epoch, first)) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX batch_received ON batch (received_utc_ns)")


@migrations()
def m004_account(db: Database) -> None:
    """Where everything that was sealed has gone, as views."""
    db.execute(
        """CREATE VIEW stored_span AS SELECT agent, epoch, min(sequence) AS first, max(sequence) AS last
        FROM (SELECT agent, epoch, sequence,
            sequence - row_number() OVER (PARTITION BY agent, epoch ORDER BY sequence) AS island FROM batch)
        GROUP BY agent, epoch, island"""
    )
    db.execute(ACCOUNT_SPAN.format(stored="stored_span"))
    db.execute(ACCOUNT)


@migrations()
def m005_facts(db: Database) -> None:
    """What batches say about agents, units, points and alarms. `collector.facts` fills the tables."""
    db.conn.create_function("told_subject", 3, stored_subject, deterministic=True)
    for statement in (
        # The place of an epoch in its agent's order.
        "ALTER TABLE stream ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
        "UPDATE stream SET number = (SELECT count(*) FROM stream AS other"
        " WHERE other.agent = stream.agent AND other.rowid <= stream.rowid)",
        # What an event is about: an alarm's id, the epoch that a gap ends, the boot of an offset.
        "ALTER TABLE event ADD COLUMN subject TEXT NOT NULL DEFAULT ''",
        "UPDATE event SET subject = told_subject(kind, unit, record)",
        "CREATE INDEX event_subject ON event (agent, kind, subject)",
        # By this collector's clock; of a batch that is pruned its stream's begin is what is left.
        "ALTER TABLE event ADD COLUMN received_utc_ns INTEGER NOT NULL DEFAULT 0",
        """UPDATE event SET received_utc_ns = coalesce(
            (SELECT received_utc_ns FROM batch WHERE batch.agent = event.agent
                AND batch.epoch = event.epoch AND batch.sequence = event.sequence),
            (SELECT first_utc_ns FROM stream WHERE stream.agent = event.agent
                AND stream.epoch = event.epoch), 0)""",
        # Lives of alarms, named by the record that raised each.
        """CREATE TABLE alarm (
            agent TEXT NOT NULL,
            id TEXT NOT NULL,
            epoch BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            position INTEGER NOT NULL,
            unit TEXT NOT NULL,
            place TEXT NOT NULL,
            detector TEXT NOT NULL,
            quantity TEXT NOT NULL,
            label TEXT NOT NULL,
            stands INTEGER NOT NULL,
            state TEXT NOT NULL,
            severity TEXT NOT NULL,
            worst TEXT NOT NULL,
            raised_utc_ns INTEGER,
            raised_heard_utc_ns INTEGER NOT NULL,
            changed_utc_ns INTEGER,
            changed_heard_utc_ns INTEGER NOT NULL,
            cleared_utc_ns INTEGER,
            ended_utc_ns INTEGER,
            ended_heard_utc_ns INTEGER,
            acknowledged_utc_ns INTEGER,
            acknowledged_by TEXT NOT NULL,
            last_epoch BLOB NOT NULL,
            last_sequence INTEGER NOT NULL,
            records INTEGER NOT NULL,
            text TEXT NOT NULL,
            record TEXT NOT NULL,
            PRIMARY KEY (agent, id, epoch, sequence, position))""",
        "CREATE INDEX alarm_standing ON alarm (agent, unit) WHERE stands",
        "CREATE INDEX alarm_unit ON alarm (agent, unit, place)",
        "CREATE INDEX alarm_changed ON alarm (changed_heard_utc_ns)",
        # Agents, as they were heard last.
        """CREATE TABLE agent (
            agent TEXT NOT NULL PRIMARY KEY,
            heard_utc_ns INTEGER NOT NULL,   -- by this collector's clock, as all that is heard
            certificate_ends_utc_ns INTEGER,
            said_utc_ns INTEGER,
            site TEXT,
            version TEXT,
            backlog INTEGER,
            clock_synchronised INTEGER)""",
        """INSERT INTO agent (agent, heard_utc_ns)
            SELECT agent, max(last_utc_ns) FROM stream GROUP BY agent""",
        # Units of which there are frames.
        """CREATE TABLE unit (
            id INTEGER PRIMARY KEY,
            agent TEXT NOT NULL,
            name TEXT NOT NULL,
            UNIQUE (agent, name))""",
        "INSERT INTO unit (agent, name) SELECT DISTINCT agent, unit FROM batch WHERE frames > 0",
        "CREATE INDEX batch_unit ON batch (agent, unit, epoch, sequence) WHERE frames > 0",
        # The points of schemas: once for all whose points are called alike.
        """CREATE TABLE layout (
            schema BLOB NOT NULL PRIMARY KEY,
            layout BLOB NOT NULL,
            profile TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE layout_point (
            layout BLOB NOT NULL,
            position INTEGER NOT NULL,       -- in a frame, from 0
            name TEXT NOT NULL,
            place TEXT NOT NULL,
            quantity TEXT NOT NULL,
            value_unit TEXT NOT NULL,
            PRIMARY KEY (layout, position)) WITHOUT ROWID""",
        # By which version of collector.facts these were derived; no row: not at all yet.
        "CREATE TABLE facts (version INTEGER NOT NULL)",
    ):
        db.execute(statement)


@migrations()
def m006_figures(db: Database) -> None:
    """What minutes and hours of units have come to, and what is to be made of which batches."""
    for statement in FIGURES:
        db.execute(statement)
    for event in list(db.query("SELECT * FROM event WHERE kind = 'clock_offset'")):
        of = (event["sequence"], event["position"], event["kind"], event["unit"], event["record"])
        for offset in offsets([EventRow(*of)]):
            db.execute(
                "INSERT INTO clock_offset VALUES (?, ?, ?, ?, ?, ?)",
                [event["agent"], offset.boot_id, event["epoch"], *offset[1:]],
            )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version's tables. Raises ValueError, as `refuse_newer`, and where it is
    another program's: then nothing was written.
    """
    tables = _names(connection, f"SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '{MARK}'")
    if tables and not refuse_newer(connection):
        names = ", ".join(tables[:3]) + (", ..." if len(tables) > 3 else "")
        raise ValueError(f"it holds tables of something else ({names}): give a collector a file of its own")
    connection.execute("PRAGMA journal_mode = WAL")
    migrations.apply(Database(connection))


def refuse_newer(connection: sqlite3.Connection) -> list[str]:
    """The migrations that were applied. Raises ValueError where a newer cellwarden wrote the database."""
    if not _names(connection, f"SELECT name FROM sqlite_master WHERE name = '{MARK}'"):
        return []
    applied = _names(connection, f"SELECT name FROM {MARK} WHERE migration_set = 'collector'")
    known = {migration.name for migration in migrations.pending(Database(memory=True))}  # all of ours
    if unknown := [name for name in applied if name not in known]:
        raise ValueError(f"written by a newer cellwarden (it knows {', '.join(unknown)}); upgrade this one")
    return applied


def _names(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [name for (name,) in connection.execute(sql)]
