"""The days of arrival, each with a partition of its own: what is old goes by dropping a table."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from collector.postgres.connection import Connection
from collector.postgres.schema import LOCK

TABLES = ("batch_body",)


def day_of(utc_ns: int) -> date:
    """The day that a moment lies in."""
    return datetime.fromtimestamp(utc_ns // 10**9, UTC).date()


def make(db: Connection, days: Iterable[date], tables: Sequence[str] = TABLES) -> None:
    """Make the partitions of some days that are not there, in the caller's transaction.

    ATTACH in place of CREATE ... PARTITION OF: the latter would wait for every reader, such as pg_dump, and
    hold up all who come after.
    """
    for day in days:
        db.rows("SELECT pg_advisory_xact_lock($1, 1)", LOCK)
        for table in tables:
            name = f"{table}_{day:%Y%m%d}"
            if db.rows("SELECT 1 WHERE to_regclass($1) IS NOT NULL", name):
                continue
            db.run(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
            db.run(
                f"ALTER TABLE {table} ATTACH PARTITION {name}"
                f" FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
            )
