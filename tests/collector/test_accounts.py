"""What a collector can prove afterwards: the audit, copies of agents, exports."""

import csv
import io
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from agent.quality import Quality
from agent.wire import Acknowledgement, Batch, Limits, Request, encode_batch, encode_schema
from collector.admission import admit
from collector.audit import StreamAccount, audit
from collector.intake import Intake
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.sink import SqliteSink
from tests.collector.processes import (
    COMMAND,
    EPOCH,
    FULL,
    on_a_full_disk,
    read_by_head,
    rows,
    seal,
    unread,
)


class Clock:
    """UTC that moves when it is asked."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        self.ns += 10**9
        return self.ns


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "collector.db"


def give(
    database: Path, *batches: tuple[int, bytes], epoch: bytes = EPOCH, clock: Clock | None = None
) -> Acknowledgement:
    """Store batches as a collector does, then close it."""
    intake = Intake(SqliteSink(database), clock or Clock())
    try:
        request = Request("site-1", epoch, list(batches))
        return intake.store(admit(request, Limits())).acknowledgement
    finally:
        intake.close()


def accounts(database: Path) -> list[StreamAccount]:
    archive = SqliteArchive(database)
    try:
        return audit(archive)
    finally:
        archive.close()


def run(command: str, database: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [*COMMAND, command, "--sink", f"sqlite:{database}", *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=20)


def test_an_audit_names_what_is_missing_and_exits_1_until_it_is_accounted_for(database: Path) -> None:
    give(database, seal(1), seal(2), seal(5), (7, b"not zstd"), seal(9))
    done = run("audit", database)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"site-1 epoch {EPOCH.hex()}: sealed 9 = stored 4 + pruned 0 + withheld 0"
        " + dropped 0 + missing 5: NOT BALANCED",
        "  missing 3 to 4",
        "  missing 6 to 8",
        "  refused 7: NotZstd: no zstd frame: starts with 6e6f7420, expected 28b52ffd",
    ]

    give(database, seal(10, frames=0, events=({"kind": "gap", "ranges": [[2, 4], [6, 8]], "reason": "cap"},)))
    done = run("audit", database, "--json")
    assert done.returncode == 0
    (account,) = json.loads(done.stdout)
    # 2 was given up by the agent, and is here all the same: stored, not dropped
    assert (account["sealed"], account["stored"], account["dropped"], account["missing"]) == (10, 5, 5, [])


def test_an_audit_sees_bytes_that_changed_on_disk_and_rows_that_vanished(database: Path) -> None:
    give(database, seal(1), seal(2), seal(3))
    assert [a.balanced for a in accounts(database)] == [True]
    db = sqlite3.connect(database)
    db.execute("UPDATE batch SET blob = (SELECT blob FROM batch WHERE sequence = 1) WHERE sequence = 2")
    db.execute("DELETE FROM batch WHERE sequence = 3")
    db.commit()
    db.close()
    (account,) = accounts(database)
    assert account.damaged == [
        "2: the bytes are batch 1 with 300 values",
        "sums: 3 batches were stored, 2 are here",
    ]
    assert not account.balanced


def test_two_machines_with_one_database_show_by_their_boots(database: Path) -> None:
    clone = b"c" * 16
    give(database, seal(1), seal(2), seal(3, boot=clone))  # a reboot: nothing strange
    assert rows(database, "SELECT kind FROM incident") == []
    give(database, seal(4))  # the first boot again
    assert rows(database, "SELECT kind, times FROM incident") == [("clone", 1)]
    assert not accounts(database)[0].balanced


def test_batches_that_arrive_out_of_order_are_no_clone(database: Path) -> None:
    later = b"l" * 16
    give(database, seal(9, boot=later), seal(1), seal(2))
    give(database, seal(8, boot=later), seal(7, boot=later), seal(3))
    assert rows(database, "SELECT kind FROM incident") == []


def test_an_old_database_that_goes_on_after_a_new_one_began_shows(database: Path) -> None:
    clock, young = Clock(), b"y" * 16
    give(database, seal(1), clock=clock)
    give(database, seal(1, epoch=young), epoch=young, clock=clock)
    give(database, seal(2, epoch=young), epoch=young, clock=clock)
    assert rows(database, "SELECT kind FROM incident") == []
    give(database, seal(2), clock=clock)
    assert rows(database, "SELECT kind, epoch FROM incident") == [("rollback", EPOCH)]


def test_duplicates_write_nothing_and_are_counted_with_what_comes_next(database: Path) -> None:
    intake = Intake(SqliteSink(database), Clock())
    try:
        admitted = admit(Request("site-1", EPOCH, [seal(1), seal(2)]), Limits())
        intake.store(admitted)
        before = database.with_name("collector.db-wal").stat().st_size, database.stat().st_size
        for _ in range(5):
            assert intake.store(admitted).duplicates == 2
        assert (database.with_name("collector.db-wal").stat().st_size, database.stat().st_size) == before
        intake.store(admit(Request("site-1", EPOCH, [seal(3), seal(3)]), Limits()))
        assert rows(database, "SELECT duplicates, batches FROM stream") == [(11, 3)]
    finally:
        intake.close()


def test_nonsense_in_a_gap_record_is_refused_and_accounts_for_nothing(database: Path) -> None:
    other = {"epoch": b"o" * 16}
    never = ([[2, 1]], [[0, 1]], [["1", "2"]], [[1]], [1, 2], [[True, True]], [[-5, -2]], [[1, 2**40 + 1]])
    cases: list[tuple[object, dict[str, bytes]]] = [
        *((ranges, more) for ranges in never for more in ({}, other)),
        *((ranges, {}) for ranges in ("all", [[1, 99]], [[1, 3]], [], None)),
        ([[1, 2]], {"epoch": b"short"}),
        ([[n, n] for n in range(1, 1002)], other),
    ]
    for number, (ranges, more) in enumerate(cases):
        epoch = str(number).encode().ljust(16)
        gap = {"kind": "gap", "ranges": ranges, "reason": "?", **more}
        ack = give(database, seal(3, frames=0, events=(gap,), epoch=epoch), epoch=epoch)
        assert [sequence for sequence, _ in ack.refused] == [3], (ranges, more)
        assert "gap" in ack.refused[0][1]
        assert (ack.durable_through, ack.missing) == (0, [])
    assert rows(database, "SELECT * FROM dropped") == []


def test_a_failed_commit_leaves_no_trace_and_acknowledges_nothing(database: Path) -> None:
    intake = Intake(SqliteSink(database), Clock())
    try:
        intake.store(admit(Request("site-1", EPOCH, [seal(1)]), Limits()))
        intake.sink._db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
        doomed = admit(Request("site-1", EPOCH, [seal(2), seal(3, events=({"kind": "alarm"},))]), Limits())
        with pytest.raises(Exception, match="disk full"):
            intake.store(doomed)
        ack = intake.store(admit(Request("site-1", EPOCH, []), Limits())).acknowledgement
        assert (ack.durable_through, ack.missing) == (1, [])
        intake.sink._db.execute("DROP TRIGGER full")
        assert intake.store(doomed).acknowledgement.durable_through == 3
    finally:
        intake.close()


def test_a_database_of_a_newer_version_is_refused(database: Path) -> None:
    give(database, seal(1))
    db = sqlite3.connect(database)
    db.execute("UPDATE _sqlite_migrations SET name = 'm999_later' WHERE name = 'm001_batches'")
    db.commit()
    db.close()
    with pytest.raises(Exception, match=r"written by a newer cellwarden \(it knows m999_later\)"):
        Intake(SqliteSink(database), Clock())


DESCRIPTION = {
    "place": ["string1/cell1", "string1", ""],
    "name": ["cell_voltage", "current", "energy"],
    "unit": ["V", "A", "Wh"],
    "quantity": ["cell_voltage", "current", "energy"],
    "reading": [0, 2, 1],
    "raw_offset": [0, 0, 0],
    "scale": [0.001, 1.0, 1.0],
    "offset": [0.0, 0.0, 0.0],
}


def test_an_export_is_what_was_measured_with_its_quality(database: Path) -> None:
    digest, body = encode_schema(DESCRIPTION)
    bits = int(np.float32(-1.5).view(np.int32))
    raw = np.array([[3300, bits, -1], [0, 0, 7], [3301, 0, 7]], np.int64)
    quality = np.array([[0, 0, 0], [Quality.NO_REPLY, Quality.MISSING, 0], [0, 0, 0]], np.uint8)
    times = np.array([0, 10**9, 2 * 10**9], np.int64) + 1_790_000_000 * 10**9
    clock = np.array([1, 0, 0x81], np.uint8)
    batch = Batch("site-1", EPOCH, 1, "rack1/bmu1", digest, EPOCH, times, times, clock, raw, quality)
    intake = Intake(SqliteSink(database), Clock())
    intake.store(admit(Request("site-1", EPOCH, [(1, encode_batch(batch))], [body]), Limits()))
    intake.close()

    done = run("export", database, "--to", "2026-09-21T14:13:22")
    assert done.returncode == 0, done.stderr
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(r["place"], r["name"], r["value"], r["si_unit"], r["raw"], r["quality"]) for r in found] == [
        ("string1/cell1", "cell_voltage", "3.3", "V", "3300", "good"),
        ("string1", "current", "-1.5", "A", str(bits), "good"),
        ("", "energy", "1.84467441e+19", "Wh", "-1", "good"),
        ("string1/cell1", "cell_voltage", "", "V", "", "no_reply"),
        ("string1", "current", "", "A", "0", "missing"),
        ("", "energy", "7", "Wh", "7", "good"),
    ]
    assert [(r["utc"], r["clock"]) for r in found[::3]] == [
        ("2026-09-21T14:13:20.000Z", "synchronised"),
        ("2026-09-21T14:13:21.000Z", "unsynchronised"),
    ]
    assert run("export", database, "--unit", "other").stdout.count("\n") == 1
    of_cells = csv.DictReader(io.StringIO(run("export", database, "--name", "cell_*").stdout))
    assert [row["raw"] for row in of_cells] == ["3300", "", "3301"]
    of_string = csv.DictReader(io.StringIO(run("export", database, "--place", "string1").stdout))
    assert {row["name"] for row in of_string} == {"current"}

    output = database.with_suffix(".parquet")
    done = run("export", database, "--format", "parquet", "--output", str(output))
    assert (done.returncode, done.stderr) == (0, "9 values\n")
    same = csv.DictReader(io.StringIO(run("export", database).stdout))
    assert [as_csv_says(row) for row in pq.read_table(output).to_pylist()] == list(same)


def as_csv_says(row: dict[str, Any]) -> dict[str, str]:
    """A row of the Parquet file in the words of the CSV."""
    numbers = {key: "" if row[key] is None else f"{row[key]:{form}}" for key, form in FORMS.items()}
    utc = f"{row['utc']:%Y-%m-%dT%H:%M:%S}.{row['utc'].microsecond // 1000:03d}Z"
    return {**row, **numbers, "utc": utc}


FORMS = {"value": ".9g", "raw": "d", "boottime_ns": "d"}


def test_an_export_to_parquet_needs_a_file(database: Path) -> None:
    give(database, seal(1))
    done = run("export", database, "--format", "parquet")
    assert (done.returncode, done.stderr) == (2, "CW-004 parquet needs a file: give --output FILE\n")


def test_an_export_without_the_schema_keeps_the_raw_numbers(database: Path) -> None:
    give(database, seal(1, frames=1))
    found = list(csv.DictReader(io.StringIO(run("export", database).stdout)))
    assert len(found) == 30
    assert {r["value"] for r in found} == {""}
    assert {r["raw"] for r in found} <= {"3299", "3300", "3301"}


@pytest.mark.parametrize("command", ["audit", "export"])
def test_a_command_whose_reader_has_gone_ends_without_a_word(database: Path, command: str) -> None:
    give(database, seal(1), seal(2))
    assert unread([*COMMAND, command, "--sink", f"sqlite:{database}"]) == (141, b"")
    assert on_a_full_disk("collector.cli", command, "--sink", f"sqlite:{database}") == FULL


def test_an_export_whose_reader_has_seen_enough_ends_without_a_word(database: Path) -> None:
    give(database, *(seal(sequence) for sequence in range(1, 21)))  # several times what a pipe holds
    assert read_by_head([*COMMAND, "export", "--sink", f"sqlite:{database}"]) == (141, b"")


@pytest.mark.parametrize("command", ["audit", "export"])
def test_a_database_that_is_none_is_one_clear_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 100)
    for name in ("absent.db", "notes.txt"):
        done = run(command, tmp_path / name)
        assert done.returncode == 2
        assert done.stderr.startswith(f"CW-511 {tmp_path / name}: ")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent.db").exists()


def test_an_epoch_that_ended_with_its_database_is_accounted_for_by_the_next(database: Path) -> None:
    clock, young, unheard = Clock(), b"y" * 16, b"u" * 16
    give(database, seal(1), seal(2), seal(5), clock=clock)
    events = tuple(
        {"kind": "gap", "ranges": ranges, "epoch": epoch, "reason": "damaged buffer"}
        for epoch, ranges in ((EPOCH, [[1, 7]]), (unheard, [[1, 3]]))
    )
    ack = give(database, seal(1, epoch=young, frames=0, events=events), epoch=young, clock=clock)
    assert (ack.durable_through, ack.missing) == (1, [])
    found = {a.epoch: (a.sealed, a.stored, a.dropped, a.balanced) for a in accounts(database)}
    assert found == {
        EPOCH.hex(): (7, 3, 4, True),
        young.hex(): (1, 1, 0, True),
        unheard.hex(): (3, 0, 3, True),
    }


def test_an_epoch_of_which_nobody_knows_the_end_has_no_holes_left(database: Path) -> None:
    clock, young = Clock(), b"y" * 16
    give(database, seal(1), seal(5), clock=clock)
    gap: dict[str, object] = {"kind": "gap", "ranges": [], "epoch": EPOCH, "reason": "damaged buffer"}
    give(database, seal(1, epoch=young, frames=0, events=(gap,)), epoch=young, clock=clock)
    assert [(a.sealed, a.stored, a.dropped, a.balanced) for a in accounts(database) if a.stored == 2] == [
        (5, 2, 3, True)
    ]


def test_times_from_before_the_clock_was_set_are_put_right_once_the_offset_came(database: Path) -> None:
    times = np.array([5, 6], np.int64) * 10**9
    clock, raw, quality = np.zeros(2, np.uint8), np.zeros((2, 1), np.int64), np.zeros((2, 1), np.uint8)
    digest, _ = encode_schema({"model": "acme"})
    batch = Batch("site-1", EPOCH, 1, "rack1/bmu1", digest, EPOCH, times, times, clock, raw, quality)
    give(database, (1, encode_batch(batch)))
    assert [r["clock"] for r in csv.DictReader(io.StringIO(run("export", database).stdout))] == [
        "unsynchronised"
    ] * 2
    offset = {"kind": "clock_offset", "boot_id": EPOCH, "boottime_ns": 0, "offset_ns": 1_790_000_000 * 10**9}
    give(database, seal(2, boot=EPOCH, frames=0, events=(offset,)))
    found = list(csv.DictReader(io.StringIO(run("export", database, "--from", "2026-09-01").stdout)))
    assert [(r["utc"], r["clock"]) for r in found] == [
        ("2026-09-21T14:13:25.000Z", "repaired"),
        ("2026-09-21T14:13:26.000Z", "repaired"),
    ]


def test_an_older_offset_that_is_healed_after_a_newer_one_does_not_take_its_place(database: Path) -> None:
    times = np.array([5], np.int64) * 10**9
    clock, raw, quality = np.zeros(1, np.uint8), np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8)
    digest, _ = encode_schema({"model": "acme"})
    batch = Batch("site-1", EPOCH, 3, "rack1/bmu1", digest, EPOCH, times, times, clock, raw, quality)
    for sequence, offset_s in ((2, 1_790_000_000), (1, 1_700_000_000)):
        said = {"kind": "clock_offset", "boot_id": EPOCH, "boottime_ns": 0, "offset_ns": offset_s * 10**9}
        give(database, seal(sequence, boot=EPOCH, frames=0, events=(said,)))
    give(database, (3, encode_batch(batch)))
    found = csv.DictReader(io.StringIO(run("export", database).stdout))
    assert [row["utc"] for row in found] == ["2026-09-21T14:13:25.000Z"]


def test_an_export_to_sqlite_needs_a_new_file(database: Path, tmp_path: Path) -> None:
    give(database, seal(1, frames=1))
    options = ("--format", "sqlite", "--output", str(tmp_path / "out.db"))
    assert run("export", database, *options).stderr == "30 values\n"
    assert rows(tmp_path / "out.db", "SELECT count(*), min(raw) FROM value") == [(30, 3299)]
    again = run("export", database, *options)
    assert (again.returncode, again.stderr) == (
        2,
        f"CW-004 {tmp_path / 'out.db'}: File exists\n",
    )
