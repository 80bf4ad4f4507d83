"""`cellwarden export` and `cellwarden query`, beside an agent that holds the buffer open."""

import csv
import io
import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.clock import Stamp
from agent.frame import Frame
from agent.quality import Quality
from agent.store.ledger import Event
from agent.wire import encode_schema
from tests.agent.store.buffers import BOOT, Opener, open_batch
from tests.collector.processes import FULL, on_a_full_disk, unread

DIGEST, BODY = encode_schema(
    {
        "place": ["string1/cell1", "string1/cell2", ""],
        "name": ["cell_voltage", "cell_voltage", "current"],
        "unit": ["V", "V", "A"],
        "reading": [0, 0, 0],
        "raw_offset": [0, 0, 0],
        "scale": [0.001, 0.001, 0.1],
        "offset": [0.0, 0.0, 0.0],
    }
)
NOON_S = 1_790_000_000 // 86_400 * 86_400 + 43_200  # 2026-09-21T12:00:00


def frame(unit: str, boot_s: int, utc_s: int, *raw: int, synchronised: bool = True, lost: int = -1) -> Frame:
    quality = np.zeros(3, np.uint8)
    if lost >= 0:
        quality[lost] = Quality.NO_REPLY
    stamp = Stamp(boot_s * 10**9, utc_s * 10**9, synchronised)
    return Frame(unit, unit.split("/")[0], DIGEST, stamp, np.array(raw, np.int64), quality)


@pytest.fixture
def buffer(open_store: Opener) -> Path:
    """Delivered, pending, and read before the clock was set: 10 s after a boot in 1970."""
    store = open_store()
    store.add_schema(DIGEST, BODY)
    store.seal([open_batch(frame("rack1/bmu1", 10, 10, 3300, 3301, -5, synchronised=False))])
    offset = {"kind": "clock_offset", "boot_id": BOOT, "boottime_ns": 0, "offset_ns": (NOON_S - 100) * 10**9}
    store.seal([], [Event("", offset)])
    store.apply_acknowledgement("main", store.epoch, [1, 2], {})
    store.seal(
        [
            open_batch(frame("rack1/bmu1", 100, NOON_S, 3302, 0, 7, lost=1)),
            open_batch(frame("rack2/bmu1", 101, NOON_S + 1, 3400, 3401, 0)),
        ]
    )
    return store.path


def run(command: str, buffer: Path, *options: str) -> Result:
    return CliRunner().invoke(main, [*command.split(), "--buffer", str(buffer), *options])


def test_an_export_has_what_was_delivered_too_and_times_put_right(buffer: Path) -> None:
    done = run("export", buffer, "--unit", "rack1/bmu1")
    assert done.exit_code == 0, done.output
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(r["utc"], r["clock"], r["place"], r["value"], r["quality"]) for r in found] == [
        ("2026-09-21T11:58:30.000Z", "repaired", "string1/cell1", "3.3", "good"),
        ("2026-09-21T11:58:30.000Z", "repaired", "string1/cell2", "3.301", "good"),
        ("2026-09-21T11:58:30.000Z", "repaired", "", "-0.5", "good"),
        ("2026-09-21T12:00:00.000Z", "synchronised", "string1/cell1", "3.302", "good"),
        ("2026-09-21T12:00:00.000Z", "synchronised", "string1/cell2", "", "no_reply"),
        ("2026-09-21T12:00:00.000Z", "synchronised", "", "0.7", "good"),
    ]
    assert run("export", buffer, "--to", "2026-09-21T11:59:00").stdout.count("\n") == 1 + 3
    assert run("export", buffer, "--from", "2026-09-21T12:00:01").stdout.count("\n") == 1 + 3


def test_what_was_read_while_the_clock_said_the_time_of_an_old_image_is_found_where_it_belongs(
    open_store: Opener,
) -> None:
    """A box without a clock battery boots at the time of its image, which is older than our first release."""
    store, image_s = open_store(), 1_750_000_000  # 2025-06-15
    store.add_schema(DIGEST, BODY)
    store.seal([open_batch(frame("rack1/bmu1", 10, image_s, 3300, 3301, -5, synchronised=False))])
    offset = {"kind": "clock_offset", "boot_id": BOOT, "boottime_ns": 0, "offset_ns": (NOON_S - 100) * 10**9}
    store.seal([], [Event("", offset)])
    found = run("export", store.path, "--from", "2026-09-21T11:58:00", "--to", "2026-09-21T11:59:00").stdout
    assert found.count("2026-09-21T11:58:30.000Z,repaired") == 3


def test_an_export_to_sqlite_is_a_table_of_numbers_and_overwrites_nothing(
    buffer: Path, tmp_path: Path
) -> None:
    file = tmp_path / "room.db"
    done = run("export", buffer, "--format", "sqlite", "--output", str(file))
    assert done.exit_code == 0, done.output
    with sqlite3.connect(file) as db:
        query = "SELECT count(*), sum(value), typeof(min(raw)), sum(value IS NULL) FROM value"
        assert db.execute(query).fetchone() == (9, pytest.approx(16.904), "integer", 1)
    again = run("export", buffer, "--format", "sqlite", "--output", str(file))
    assert (again.exit_code, again.stderr) == (2, f"CW-004 {file}: File exists\n")
    assert run("export", buffer, "--format", "sqlite").exit_code == 2


def test_the_latest_values_of_a_point(buffer: Path) -> None:
    done = run("query latest", buffer, "--name", "cell_*", "--json")
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["unit"], r["place"], r["value"], r["quality"]) for r in found] == [
        ("rack1/bmu1", "string1/cell1", 3.302, "good"),
        ("rack1/bmu1", "string1/cell2", None, "no_reply"),
        ("rack2/bmu1", "string1/cell1", 3.4, "good"),
        ("rack2/bmu1", "string1/cell2", 3.401, "good"),
    ]
    assert "3.302" in run("query latest", buffer).stdout


def test_the_history_of_a_point(buffer: Path) -> None:
    options = ("--unit", "rack1/bmu1", "--name", "current", "--json")
    found = [json.loads(line) for line in run("query history", buffer, *options).stdout.splitlines()]
    assert [(r["utc"], r["value"]) for r in found] == [
        ("2026-09-21T11:58:30.000Z", -0.5),
        ("2026-09-21T12:00:00.000Z", 0.7),
    ]
    nothing = run("query history", buffer, "--name", "curent")
    assert nothing.exit_code == 1
    assert "holds nothing that fits" in nothing.stderr


@pytest.mark.parametrize("command", ["export", "query latest", "query latest --json"])
def test_a_command_whose_reader_has_gone_ends_without_a_word(buffer: Path, command: str) -> None:
    cellwarden = [sys.executable, "-m", "agent.cli", *command.split(), "--buffer", str(buffer)]
    assert unread(cellwarden) == (141, b"")


@pytest.mark.parametrize("command", ["export", "query latest", "query history --json"])
def test_a_full_disk_is_one_line(buffer: Path, command: str) -> None:
    assert on_a_full_disk("agent.cli", *command.split(), "--buffer", str(buffer)) == FULL


@pytest.mark.parametrize("module", ["agent.cli", "hil.cli"])
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"]])
def test_help_whose_reader_has_gone_ends_without_a_word(module: str, words: list[str]) -> None:
    assert unread([sys.executable, "-m", module, *words]) == (141, b"")


def test_what_is_no_buffer_is_one_clear_line(tmp_path: Path) -> None:
    for command in ("export", "query latest"):
        done = run(command, tmp_path / "absent.db")
        assert done.exit_code == 2
        assert done.stderr.startswith(f"CW-604 {tmp_path / 'absent.db'}: unable to open database file")


def test_a_damaged_batch_is_named_and_the_others_are_exported(buffer: Path) -> None:
    whole = run("export", buffer).stdout.splitlines()
    db = sqlite3.connect(buffer)
    db.execute("UPDATE batch SET blob = substr(blob, 1, 40) WHERE sequence = 1")
    db.commit()
    db.close()
    done = run("export", buffer)
    assert done.exit_code == 1
    assert "batch 1 is damaged and left out" in done.stderr
    assert done.stdout.splitlines() == [line for line in whole if "11:58:30" not in line]
    assert run("query latest", buffer).exit_code == 0


@pytest.mark.parametrize("command", ["export", "query latest", "query history"])
def test_a_unit_that_is_spelled_wrong_is_told_which_was_meant(buffer: Path, command: str) -> None:
    done = run(command, buffer, "--unit", "rack1-bmu")
    assert done.exit_code == 1
    said = "CW-006 the buffer has nothing of a unit 'rack1-bmu'; did you mean \"rack1/bmu1\"?\n"
    assert done.stderr == said
    assert "it has: rack1/bmu1, rack2/bmu1" in run(command, buffer, "--unit", "north").stderr
