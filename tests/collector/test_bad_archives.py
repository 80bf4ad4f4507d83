"""What is wrong with a database that a command is given: one line, with a code, that says what to do next."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from agent.wire import Limits, Request
from collector.admission import admit
from collector.audit import audit
from collector.cli import main
from collector.intake import Intake
from collector.postgres.schema import MARK, MIGRATIONS
from collector.postgres.sink import PostgresSink
from collector.sqlite.schema import MARK as SQLITE_MARK
from collector.sqlite.sink import SqliteSink
from tests.collector.postgres import new_place, say, shared
from tests.collector.processes import EPOCH, seal
from tests.collector.test_sinks import PLACES, Place

READING = (
    ("audit",),
    ("audit", "--all"),
    ("audit", "--all", "--record"),
    ("query", "silent"),
    ("alarms",),
    ("export",),
    ("retain",),
)
WRITING = ("init", "--yes")


ONCE = "DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object THEN END $$"


class Bad(NamedTuple):
    """prepare: makes it, and returns --sink. reads, writes: what the commands say, by which it is known; "":
    they work.
    """

    prepare: Callable[[Path], str]
    reads: str
    writes: str


def made(folder: Path, *statements: str) -> str:
    path = folder / "collector.db"
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    return f"sqlite:{path}"


def newer(folder: Path) -> str:
    SqliteSink(folder / "collector.db").close()
    return made(folder, f"INSERT INTO {SQLITE_MARK} SELECT 99, 'collector', 'm999_more', '2099'")


def text(folder: Path) -> str:
    (folder / "collector.db").write_text("this is no database, though it is long enough to be one" * 10)
    return f"sqlite:{folder / 'collector.db'}"


def newer_postgres(_: Path) -> str:
    place = new_place()
    PostgresSink(place).close()
    say(place, f"INSERT INTO {MARK} VALUES ({len(MIGRATIONS) + 1}, 'more')")
    return f"postgresql:{place}"


def others_postgres(_: Path) -> str:
    place = new_place()
    say(place, "CREATE TABLE orders (n int)", "SELECT 1")
    return f"postgresql:{place}"


def role(user: str) -> Callable[[Path], str]:
    """A database to which a role comes that may not."""

    def prepared(_: Path) -> str:
        say(
            shared().place(),
            ONCE.format("locked LOGIN PASSWORD 'right'"),
            ONCE.format("poor LOGIN"),
            "SELECT 1",
        )
        place = new_place()
        PostgresSink(place).close()
        schema = place.rpartition("=")[2]
        say(place, f"GRANT USAGE ON SCHEMA {schema} TO poor", "SELECT 1")
        return f"postgresql:{place.replace('owner@', user)}"

    return prepared


BAD = {
    "no file": Bad(lambda folder: f"sqlite:{folder / 'none.db'}", "give --sink sqlite:PATH", ""),
    "no folder": Bad(lambda _: "sqlite:/nowhere/c.db", "give --sink sqlite:PATH", "give --sink sqlite:PATH"),
    "no database": Bad(text, "file is not a database; give --sink", "file is not a database; give --sink"),
    "another program's file": Bad(
        lambda folder: made(folder, "CREATE TABLE customer (n int)"),
        "no such table: stream; give --sink sqlite:PATH of a collector's database",
        "it holds tables of something else (customer): give a collector a file of its own",
    ),
    "a newer file": Bad(
        newer, "newer cellwarden (it knows m999_more); upgrade", "(it knows m999_more); upgrade"
    ),
    "another program's database": Bad(
        others_postgres,
        "no collector's database: give the URL of one, or start a collector on it",
        "it holds tables of something else (orders): give a collector a database of its own",
    ),
    "a newer database": Bad(
        newer_postgres, "newer cellwarden (it knows more); upgrade", "(it knows more); upgrade"
    ),
    "a wrong password": Bad(role("locked:s3cret@"), "put the right one into ~/.pgpass", "~/.pgpass"),
    "a role without rights": Bad(
        role("poor@"), "let the role own the database", "let the role own the database"
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_every_command_says_in_one_line_what_to_do(what: str, tmp_path: Path) -> None:
    sink = BAD[what].prepare(tmp_path)
    before = [path.read_bytes() for path in tmp_path.glob("*.db")]
    for command in (*READING, WRITING):
        words = BAD[what].writes if command is WRITING else BAD[what].reads
        done = CliRunner().invoke(main, [*command, "--sink", sink])
        if not words:
            assert done.exit_code == 0, (command, done.output)
            continue
        assert (done.exit_code, done.stdout) == (2, ""), (command, done.output)
        assert done.stderr.startswith("CW-51"), (command, done.stderr)
        assert words in done.stderr, command
        assert done.stderr.count("\n") == 1, (command, done.stderr)
        assert "s3cret" not in done.stderr
        assert [path.read_bytes() for path in tmp_path.glob("*.db")] == before, command


@pytest.mark.parametrize("year", [1970, 2200])
@pytest.mark.parametrize("scheme", PLACES)
def test_a_collectors_clock_that_is_wrong_by_years_loses_nothing(
    scheme: str, year: int, tmp_path: Path
) -> None:
    place = Place(scheme, PLACES[scheme].new(tmp_path))
    for sequence, at in ((1, 2026), (2, year), (3, 2026)):
        now_ns = (at - 1970) * 365 * 86_400 * 10**9
        started = Intake(place.open(), partial(int, now_ns))
        try:
            started.store(admit(Request("site-1", EPOCH, [seal(sequence)]), Limits()))
        finally:
            started.close()
    archive = place.read()
    try:
        assert [(one.stored, one.fine) for one in audit(archive)] == [(3, True)]
    finally:
        archive.close()
    done = CliRunner().invoke(main, ["query", "silent", "--sink", f"{scheme}:{place.place}"])
    assert (done.exit_code, done.stderr) == (1, "")
    assert "site-1" in done.stdout
