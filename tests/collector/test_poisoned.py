"""Archives with what cannot be read: from before it was refused, or damaged on disk. The rest is read."""

import csv
import io
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collector.processes import COMMAND, SCHEMA_BODY, collecting, seal

POISONED = Path(__file__).parents[1] / "vectors/0.1.0/poisoned.db"
CONVERTED = {"unequal", "names-ints", "formulas", "clock-bits", "times", "backwards", "last", "no-unit"}


def run(command: str, database: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [*COMMAND, command, "--sink", f"sqlite:{database}", *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60)


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    return Path(shutil.copy(POISONED, tmp_path / "collector.db"))


def test_an_export_of_a_poisoned_archive_gives_all_that_can_be_read_and_names_the_rest(
    poisoned: Path,
) -> None:
    done = run("export", poisoned)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.stderr.splitlines()[-1] == f"{len(found)} values"
    (count,) = sqlite3.connect(poisoned).execute("SELECT sum(value_count) FROM batch").fetchone()
    assert len(found) == count
    values = {row["agent"]: row["value"] for row in found if row["name"] in ("cell_voltage", "1", "'=1+1")}
    assert values["zz-honest"] == "3.3"
    assert {agent for agent in CONVERTED if values[agent] != "3.3"} == set()
    for agent in ("reading-9", "reading-text", "reading-bool", "scale-nan", "scale-1e308", "one-for-all"):
        assert values[agent] == "", agent  # no number of which nobody knows what it means
        assert {row["raw"] for row in found if row["agent"] == agent} == {"3300"}
    assert "scale of value 0 is nan" in done.stderr
    assert "three-values epoch 74687265652d76616c7565732e2e2e2e batch 1 stays raw numbers" in done.stderr


def test_what_agents_call_things_is_no_formula_and_one_line_in_a_csv(poisoned: Path) -> None:
    table = run("export", poisoned).stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(table.splitlines()) == len(rows) + 1
    assert {(r["place"], r["name"]) for r in rows if r["agent"] == "formulas"} == {
        ("'-2+3", "'=1+1"),
        ("'+4", "'@x"),
    }
    assert {r["unit"] for r in rows if "calc" in r["agent"]} == {"'=rack/unit"}
    assert table.isascii()
    assert all(c.isprintable() or c == "\n" for c in table)
    early = [r["boottime_ns"] for r in rows if r["agent"] == "times"]
    assert str(-(2**63)) in early  # a number stays one


def test_times_are_put_right_only_by_offsets_that_can_be(poisoned: Path) -> None:
    rows = csv.DictReader(io.StringIO(run("export", poisoned).stdout))
    clocks = {r["clock"] for r in rows if r["agent"].startswith(("offset-", "clock-bits"))}
    assert clocks == {"unsynchronised"}


def test_an_audit_of_a_poisoned_archive_says_what_cannot_be_read(poisoned: Path) -> None:
    done = run("audit", poisoned)
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(line.isprintable() for line in lines)
    (honest,) = (line for line in lines if line.startswith("zz-honest"))
    assert honest.endswith("balanced")
    assert not any(line.startswith("honest epoch 00") for line in lines)  # forged by another agent's name
    unreadable = "\n".join(line for line in lines if line.startswith("  unreadable"))
    for said in ("reading of value 0 is 9", "scale of value 0 is nan", "lists of unequal length", "no name"):
        assert said in unreadable
    assert "  unreadable 1: 3 values in a frame, its schema describes 2" in lines


def test_a_poisoned_archive_goes_on_serving_and_is_replayed(poisoned: Path, tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        status, metrics, _ = collector.http("GET", "/metrics")
        assert status == 200
        assert collector.http("GET", "/healthz")[0] == 200
        for agent in ("last", "gap-0"):  # sequences far beyond the bound are none of an agent's business
            epoch = agent.encode().ljust(16, b".")
            ack = collector.send(seal(8, agent=agent, epoch=epoch), agent=agent, epoch=epoch)
            assert ack.durable_through == 8
            assert ack.missing[-1][1] == (7 if agent == "last" else 6)
        other = b"o" * 16
        ack = collector.send(seal(9, agent="gap-0", epoch=other), agent="gap-0", epoch=other)
        assert ack.durable_through <= 2**40
        assert b"# EOF" in metrics
    command = [sys.executable, "-m", "agent.cli", "replay", str(poisoned), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "not all of it could be read" in done.stderr


def test_damage_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(*(seal(n) for n in range(1, 8)), schemas=(SCHEMA_BODY,))
    database = tmp_path / "collector.db"
    db = sqlite3.connect(database)
    blob = bytearray(db.execute("SELECT blob FROM batch WHERE sequence = 2").fetchone()[0])
    blob[60] ^= 4
    for sequence, damaged in ((2, bytes(blob)), (3, bytes(blob[:50])), (4, b""), (5, "text"), (6, 7)):
        db.execute("UPDATE batch SET blob = ? WHERE sequence = ?", [damaged, sequence])
    db.commit()
    done = run("export", database)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1 + 2 * 300
    named = [line for line in done.stderr.splitlines() if "damaged" in line]
    assert [line.split(" is damaged")[0] for line in named] == [
        f"site-1 epoch {b'e'.hex() * 16} batch {n}" for n in range(2, 7)
    ]
    assert {row["value"] for row in csv.DictReader(io.StringIO(done.stdout))} <= {"3.299", "3.3", "3.301"}
    assert len([line for line in run("audit", database).stdout.splitlines() if "damaged" in line]) == 5

    db.execute("UPDATE schema SET body = ?", [SCHEMA_BODY[:-3]])
    db.commit()
    assert "damaged zstd frame" in run("export", database).stderr
    other = sqlite3.connect(POISONED).execute("SELECT body FROM schema LIMIT 1").fetchone()
    db.execute("UPDATE schema SET body = ?", other)
    db.commit()
    done = run("export", database)
    assert "its bytes are schema" in done.stderr
    assert done.stdout.count("\n") == 1 + 2 * 300
    db.execute("UPDATE event SET record = 'no json'")
    db.executemany(
        "INSERT INTO event (agent, epoch, sequence, position, kind, unit, record)"
        " VALUES ('site-1', x'00', ?, 0, 'clock_offset', '', ?)",
        [(1, "[1"), (2, "NaN")],
    )
    db.commit()
    db.close()
    assert run("export", database).stdout.count("\n") == 1 + 2 * 300


@pytest.mark.parametrize("moment", ["0001-01-01", "1969-12-31T23:59:59", "2263-01-01", "9999-12-31"])
def test_a_time_that_no_batch_can_have_is_told_as_one(poisoned: Path, moment: str) -> None:
    done = run("export", poisoned, "--from", moment)
    assert done.returncode == 2
    assert "is not between 1970 and 2262" in done.stderr
