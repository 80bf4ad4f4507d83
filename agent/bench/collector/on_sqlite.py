"""One collector with a SQLite file, and fifty senders."""

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from agent.bench.buffer import disk
from agent.bench.collector import made
from agent.bench.collector.drained import REQUESTS, SENDERS, drain, serve
from agent.bench.figures import Figure
from collector.export.blocks import Wanted
from collector.export.files import ExportError, export
from collector.sqlite.archive import SqliteArchive
from hil.run.processes import Children


def measure() -> list[Figure]:
    """What it takes, how large its file is, and how fast it is written as Parquet."""
    agents = made.agents(SENDERS, REQUESTS)
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as name:
        folder, file = Path(name), Path(name) / "collector.db"
        with Children(folder) as children:
            url, child = serve(children, "collector", f"sqlite:{file}")
            drained = drain(agents, [url], {"collector": [child.process.pid]})
        with closing(sqlite3.connect(file)) as db:
            ((batches, values),) = db.execute("SELECT count(*), sum(value_count) FROM batch")
        return [
            Figure("sqlite_http_batches_per_s", batches / drained.took_s, "batches/s", drained.told(batches)),
            Figure("sqlite_archive_bytes_per_value", file.stat().st_size / values, "B"),
            _export(file, agents[0].name, folder / "values.parquet"),
        ]


def _export(file: Path, agent: str, output: Path) -> Figure:
    name, archive = "export_parquet_values_per_s", SqliteArchive(file, lambda _: None)
    try:
        start_s = time.perf_counter()
        count = export(archive, "parquet", output, Wanted(agent=agent))
        return Figure(
            name, count / (time.perf_counter() - start_s), "values/s", f"{count} values of one agent"
        )
    except ExportError as error:
        return Figure(name, None, "values/s", str(error))
    finally:
        archive.close()
