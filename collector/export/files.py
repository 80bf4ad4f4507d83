"""The forms in which a table is written: a new one is a row of `FORMS`."""

import csv
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path

from agent.wire.text import cell
from collector.export import parquet
from collector.export.table import Table

KINDS = {"int": "INTEGER", "real": "REAL", "real4": "REAL"}  # in SQLite; the rest is TEXT
ROWS_AT_ONCE = 10_000


class ExportError(Exception):
    """The output cannot be written."""


def export(table: Table, form: str, output: Path | None) -> int:
    """Write a table in one of `FORMS`; return how many rows. Raises ExportError.

    What has no value stays empty. BrokenPipeError: nobody reads the output.
    """
    if form != "csv" and output is None:
        raise ExportError(f"{form} needs a file: give --output FILE")
    try:
        if output is not None:
            output.touch(exist_ok=False)  # nothing is ever overwritten
        return FORMS[form](table, output)
    except ImportError as error:
        if output is not None:
            output.unlink()
        raise ExportError("writing Parquet needs more: pip install 'cellwarden[parquet]'") from error
    except (OSError, sqlite3.Error) as error:
        if output is None and isinstance(
            error, OSError
        ):  # nobody reads standard output any more, or its disk is full: `collector.pipe`
            raise
        raise ExportError(f"{output or 'export'}: {getattr(error, 'strerror', None) or error}") from error


def _write_csv(table: Table, output: Path | None) -> int:
    count, of_agents = 0, {i for i, kind in enumerate(table.columns.values()) if kind == "chosen"}
    opened = nullcontext(sys.stdout) if output is None else output.open("w", newline="")
    with opened as out, closing(table.rows()) as found:  # before its source is
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table.columns)
        for count, row in enumerate(found, 1):  # noqa: B007 - the last one counts
            writer.writerow(cell(str(x)) if i in of_agents else x for i, x in enumerate(row))
        out.flush()
    return count


def _write_sqlite(table: Table, output: Path | None) -> int:
    """One table with the columns of the CSV; "" is NULL."""
    count = 0
    with (
        closing(sqlite3.connect(str(output), isolation_level=None)) as db,
        closing(table.rows()) as found,
    ):
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("BEGIN")
        columns = [f"{name} {KINDS.get(kind, 'TEXT')}" for name, kind in table.columns.items()]
        db.execute(f"CREATE TABLE {table.name} ({', '.join(columns)})")
        marks = ", ".join("nullif(?, '')" for _ in columns)
        while some := list(islice(found, ROWS_AT_ONCE)):
            db.executemany(f"INSERT INTO {table.name} VALUES ({marks})", some)
            count += len(some)
        db.execute(f"CREATE INDEX {table.name}_point ON {table.name} (unit, name, place, utc)")
        db.execute("COMMIT")
    return count


def _write_parquet(table: Table, output: Path | None) -> int:
    assert output
    return parquet.write(table, output)


FORMS: dict[str, Callable[[Table, Path | None], int]] = {
    "csv": _write_csv,
    "sqlite": _write_sqlite,
    "parquet": _write_parquet,
}
