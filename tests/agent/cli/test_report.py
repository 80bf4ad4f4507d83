"""cellwarden report intervals: evidence, as CSV and as a page, from a buffer that an agent writes."""

import csv
import io
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.intervals import Intervals
from agent.store.intervals import KEPT_DAYS, NS_PER_DAY, Stretch
from agent.store.store import Store
from agent.store.upstream import MAIN
from hil.run import configuration

UTC_NS = 1_763_000_000 * 10**9  # 2025-11-13 02:13:20
HOUR_NS = 3600 * 10**9


def stretch(unit: str, hour: int, gaps: list[float]) -> Stretch:
    intervals = Intervals(10.0)
    at_s = 0.0
    intervals.begin(at_s)
    for gap in gaps:
        at_s += gap
        intervals.add(at_s)
    _, tally = intervals.take(at_s)
    end_ns = (hour + 1) * HOUR_NS
    return Stretch(unit, b"boot", end_ns - HOUR_NS, end_ns, UTC_NS + end_ns, tally)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "buffer.db", "agent", b"boot", [MAIN], lambda *_: None)  # type: ignore[arg-type,return-value]


def report(folder: Path, *options: str) -> Result:
    config = folder / "agent.toml"
    config.write_text(configuration.agent(folder) + configuration.tcp_unit("rack-1", 502, "pace-rtu"))
    return CliRunner().invoke(main, ["report", "intervals", "--config", str(config), *options])


def test_every_hour_is_a_line_while_the_agent_still_writes(tmp_path: Path, store: Store) -> None:
    store.add_intervals([stretch("rack-1", 0, [1.0] * 99 + [12.5]), stretch("rack-1", 1, [1.0] * 50)])
    store.seal(())
    rows = list(csv.DictReader(io.StringIO(report(tmp_path).output)))
    assert [row["misses"] for row in rows] == ["1", "0"]
    assert rows[0]["from_utc"] == "2025-11-13T02:13:20Z"
    assert (rows[0]["intervals"], rows[0]["max_s"], rows[0]["deadline_s"]) == ("100", "12.500", "10")
    assert 1.0 <= float(rows[0]["p99_s"]) <= 1.02
    later = report(tmp_path, "--from", "2025-11-13T03:30").output
    assert len(later.splitlines()) == 2
    store.close()


def test_the_page_says_first_whether_the_deadline_was_kept(tmp_path: Path, store: Store) -> None:
    store.add_intervals([stretch("rack-1", 0, [1.0] * 10), stretch("<rack>", 0, [1.0] * 10)])
    store.close()
    page = report(tmp_path, "--html").output
    assert "No interval was longer than the deadline." in page
    assert "&lt;rack&gt;" in page
    assert "http" not in page.replace("<!doctype html>", "").split("<body>")[1]


def test_what_is_older_than_is_kept_goes_and_nothing_recorded_is_said(tmp_path: Path, store: Store) -> None:
    store.seal(())
    result = report(tmp_path)
    assert result.exit_code == 1
    assert "nothing was recorded" in result.output
    store.add_intervals([stretch("rack-1", 0, [1.0])])
    store.seal(())
    store.add_intervals([stretch("rack-1", KEPT_DAYS * NS_PER_DAY // HOUR_NS + 2, [1.0])])
    store.close()
    assert len(report(tmp_path).output.splitlines()) == 2
