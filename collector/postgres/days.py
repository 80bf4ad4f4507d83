"""Days of arrival, and of minutes, each with a partition of its own: what is old goes by dropping a table."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from collector.postgres.connection import Connection
from collector.postgres.schema import LOCK

#: Where a day begins, by the column that parts each table.
BOUNDS: dict[str, Callable[[date], str]] = {
    "batch_body": lambda day: f"'{day}'",
    "minute": lambda day: str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())),
}


def day_of(utc_ns: int) -> date:
    """The day that a moment lies in."""
    return datetime.fromtimestamp(utc_ns // 10**9, UTC).date()


def make(db: Connection, days: Iterable[date], table: str = "batch_body") -> None:
    """Make the partitions of some days that are not there, in the caller's transaction.

    ATTACH in place of CREATE ... PARTITION OF: the latter would wait for every reader, such as pg_dump, and
    hold up all who come after.
    """
    bound = BOUNDS[table]
    for day in days:
        db.rows("SELECT pg_advisory_xact_lock($1, 1)", LOCK)
        name = f"{table}_{day:%Y%m%d}"
        if db.rows("SELECT 1 WHERE to_regclass($1) IS NOT NULL", name):
            continue
        db.run(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        db.run(
            f"ALTER TABLE {table} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ({bound(day)}) TO ({bound(day + timedelta(days=1))})"
        )


def there(db: Connection, table: str) -> list[date]:
    """The days that have a partition, the first first."""
    rows = db.rows(
        "SELECT right(relname, 8) FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE inhparent = to_regclass($1) ORDER BY 1",
        table,
    )
    return [datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).date() for (name,) in rows]


def drop_empty(db: Connection, table: str, day: date, wait_s: float) -> None:
    """Drop the partition of a day in which nothing is, in a transaction of its own. It fails where somebody
    reads any of them for longer than `wait_s`: whoever comes after would wait, too.
    """
    name = f"{table}_{day:%Y%m%d}"
    if db.rows(f"SELECT FROM {name} LIMIT 1"):
        return
    with db.transaction():
        db.run(f"SET LOCAL lock_timeout = '{round(wait_s * 1000)}ms'")
        db.run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        if not db.rows(f"SELECT FROM {name} LIMIT 1"):
            db.run(f"DROP TABLE {name}")
