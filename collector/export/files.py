"""The forms in which stored values are written: a new one is a row of `FORMS`."""

import csv
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path

from agent.wire.text import cell
from collector.export import parquet
from collector.export.blocks import ExportSource, Wanted, blocks
from collector.export.rows import HEADER, rows

KINDS = {"boottime_ns": "INTEGER", "value": "REAL", "raw": "INTEGER"}  # in SQLite; the rest is TEXT
ROWS_AT_ONCE = 10_000
OF_AGENTS = ("agent", "unit", "place", "name", "si_unit")  # columns of text that an agent chose


class ExportError(Exception):
    """The output cannot be written."""


def export(source: ExportSource, form: str, output: Path | None, wanted: Wanted) -> int:
    """Write one row per value in one of `FORMS`; return how many. Raises ExportError.

    Where nothing was read, value and raw stay empty. BrokenPipeError: nobody reads the output.
    """
    if form != "csv" and output is None:
        raise ExportError(f"{form} needs a file: give --output FILE")
    try:
        if output is not None:
            output.touch(exist_ok=False)  # nothing is ever overwritten
        return FORMS[form](source, wanted, output)
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


def _write_csv(source: ExportSource, wanted: Wanted, output: Path | None) -> int:
    count, of_agents = 0, {HEADER.index(name) for name in OF_AGENTS}
    opened = nullcontext(sys.stdout) if output is None else output.open("w", newline="")
    with opened as out, closing(rows(source, wanted)) as found:  # before its source is
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for count, row in enumerate(found, 1):  # noqa: B007 - the last one counts
            writer.writerow(cell(str(x)) if i in of_agents else x for i, x in enumerate(row))
        out.flush()
    return count


def _write_sqlite(source: ExportSource, wanted: Wanted, output: Path | None) -> int:
    """One table `value` with the columns of the CSV; "" is NULL."""
    count = 0
    with (
        closing(sqlite3.connect(str(output), isolation_level=None)) as db,
        closing(rows(source, wanted)) as found,
    ):
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("BEGIN")
        columns = [f"{name} {KINDS.get(name, 'TEXT')}" for name in HEADER]
        db.execute(f"CREATE TABLE value ({', '.join(columns)})")
        marks = ", ".join("nullif(?, '')" for _ in HEADER)
        while some := list(islice(found, ROWS_AT_ONCE)):
            db.executemany(f"INSERT INTO value VALUES ({marks})", some)
            count += len(some)
        db.execute("CREATE INDEX value_point ON value (unit, name, place, utc)")
        db.execute("COMMIT")
    return count


def _write_parquet(source: ExportSource, wanted: Wanted, output: Path | None) -> int:
    assert output
    with closing(blocks(source, wanted)) as found:
        return parquet.write(found, output)


FORMS: dict[str, Callable[[ExportSource, Wanted, Path | None], int]] = {
    "csv": _write_csv,
    "sqlite": _write_sqlite,
    "parquet": _write_parquet,
}
