"""One collector with a SQLite file, and fifty senders; and a file of months that is asked."""

import sqlite3
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from agent.bench.buffer import disk
from agent.bench.collector import made
from agent.bench.collector.asked import BLIND, Kept
from agent.bench.collector.asked import measure as measure_asked
from agent.bench.collector.drained import REQUESTS, SENDERS, drain, serve
from agent.bench.figures import Figure
from collector.export.blocks import Wanted
from collector.export.files import ExportError, export
from collector.export.rows import values
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.figures import TABLES
from collector.sqlite.sink import SqliteSink
from hil.run.processes import Children


def measure() -> list[Figure]:
    """What it takes, and how fast that is written as Parquet."""
    agents = made.agents(SENDERS, REQUESTS)
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as name:
        folder, file = Path(name), Path(name) / "collector.db"
        with Children(folder) as children:
            url, child = serve(children, "collector", f"sqlite:{file}")
            drained = drain(agents, [url], {"collector": [child.process.pid]})
        with closing(sqlite3.connect(file)) as db:
            ((batches,),) = db.execute("SELECT count(*) FROM batch")
        return [
            Figure("sqlite_http_batches_per_s", batches / drained.took_s, "batches/s", drained.told(batches)),
            _export(file, agents[0].name, folder / "values.parquet"),
        ]


def asked() -> list[Figure]:
    """What an archive of months answers, and in what time."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as name:
        file = Path(name) / "collector.db"
        sink = SqliteSink(file)
        archive = SqliteArchive(file, lambda _: None)
        with closing(sink), closing(archive):
            return measure_asked(Kept(sink, archive, partial(_copy, file), lambda: _size(file)))


def _size(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


def _copy(file: Path, unit: str, hours: int) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for table in TABLES.values():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            shifted = ", ".join("utc_s - 3600 * k" if one == "utc_s" else one for one in columns)
            of = "SELECT * FROM {} WHERE unit IN (SELECT id FROM unit WHERE name = ?)"
            db.execute(f"CREATE TEMP TABLE whole AS {of.format(table)}", [unit])
            db.execute(
                "WITH RECURSIVE back (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM back WHERE k < ? - 1)"
                f" INSERT INTO {table} ({', '.join(columns)}) SELECT {shifted} FROM back CROSS JOIN whole",
                [hours],
            )
            db.execute("DROP TABLE whole")
        db.execute(BLIND)


def _export(file: Path, agent: str, output: Path) -> Figure:
    name, archive = "export_parquet_values_per_s", SqliteArchive(file, lambda _: None)
    try:
        start_s = time.perf_counter()
        count = export(values(archive, Wanted(agent=agent)), "parquet", output)
        return Figure(
            name, count / (time.perf_counter() - start_s), "values/s", f"{count} values of one agent"
        )
    except ExportError as error:
        return Figure(name, None, "values/s", str(error))
    finally:
        archive.close()
