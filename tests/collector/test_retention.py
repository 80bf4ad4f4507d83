"""What is deleted after the days that were set stays accounted for; a hold keeps it; no clock is believed."""

import asyncio
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.wire import Limits, Request, decode_batch, encode_batch
from collector import keeping, pruning
from collector.admission import admit
from collector.audit import audit
from collector.figures.figures import Figures
from collector.figures.job import SETTLE_S, FigureJob
from collector.intake import Intake, IntakeResult
from collector.notes import PRUNING, RETENTION
from collector.pruning import Pruner, look
from collector.retention import DAY_NS, Hold, Retention, Steady, present_ns, retention
from collector.sink import Old
from collector.sinks import KINDS
from collector.sqlite.notes import FileNotes
from tests.collector import postgres
from tests.collector.places import Place
from tests.collector.processes import COMMAND, EPOCH, collecting, rows, seal

BEGIN_NS = 1_800_000_000 * 10**9
STREAM = ("site-1", EPOCH)


class Archived:
    """An archive with a batch a day, and the clock of its collector."""

    def __init__(self, at: Place) -> None:
        self.at = at
        self.notes = KINDS[at.scheme].notes(at.place)
        self.now_ns = BEGIN_NS
        self.sink = at.open()
        self.intake = Intake(self.sink, lambda: self.now_ns)
        self.pruner = Pruner(self.intake, self.notes, lambda: self.now_ns)

    def restart(self) -> None:
        self.intake.close()
        self.intake = Intake(self.at.open(), lambda: self.now_ns)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.at.read()) as archive:
            return [tuple(row) for row in archive.select(sql, {})]

    def give(self, sequence: int, own_ns: int | None = None, seed: int = 0, frames: int = 10) -> IntakeResult:
        request = self.request(sequence, self.now_ns if own_ns is None else own_ns, frames)
        return self.intake.store(admit(request, Limits()))

    @staticmethod
    def request(sequence: int, own_ns: int, frames: int = 10) -> Request:
        batch = decode_batch(seal(sequence, frames=frames)[1])
        batch = replace(batch, utc_ns=own_ns + np.arange(batch.frames))
        return Request("site-1", EPOCH, [(sequence, encode_batch(batch))])

    def days(self, count: int) -> None:
        for sequence in range(1, count + 1):
            self.now_ns = BEGIN_NS + sequence * DAY_NS
            self.give(sequence)

    def keep(self, days: int, *holds: Hold) -> None:
        self.notes.write(RETENTION, Retention({"raw": days}, holds).plain())

    def look(self, figures: bool = True) -> int:
        if figures:
            self.make_figures()
        return asyncio.run(look(self.pruner, asyncio.to_thread))

    def make_figures(self) -> None:
        with closing(self.at.read()) as archive:
            write = partial(self.sink.write_figures, utc_ns=self.now_ns)
            job = FigureJob(archive, write, lambda: self.now_ns)
            while job.run(dict.fromkeys(SETTLE_S, 0)):
                pass

    def minutes(self) -> list[Figures]:
        with closing(self.at.read()) as archive:
            ((agent, unit),) = archive.all_units()
            return list(archive.minutes(agent, unit, 0, 2**40))

    def here(self) -> list[int]:
        return [n for (n,) in self.rows("SELECT sequence FROM batch ORDER BY 1")]

    def account(self) -> tuple[int, int, int, bool]:
        with closing(self.at.read()) as archive:
            (one,) = audit(archive)
            return one.sealed, one.stored, one.pruned, one.fine


@pytest.fixture
def archived(place: Place) -> Iterator[Archived]:
    archived = Archived(place)
    yield archived
    archived.intake.close()


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Archived]:
    archived = Archived(Place("sqlite", str(tmp_path / "collector.db")))
    yield archived
    archived.intake.close()


def test_an_archive_keeps_everything_until_somebody_sets_a_time(archived: Archived) -> None:
    archived.days(10)
    assert (archived.look(), len(archived.here()), archived.pruner.trouble) == (0, 10, "")


def test_what_is_pruned_stays_accounted_for_and_is_never_missing_or_new(archived: Archived) -> None:
    archived.days(10)
    archived.keep(4)
    assert archived.look() == 5
    assert archived.here() == [6, 7, 8, 9, 10]
    assert archived.account() == (10, 5, 5, True)
    archived.restart()
    ack = archived.give(11).acknowledgement
    assert (ack.durable_through, ack.missing) == (11, [])
    again = archived.give(3, own_ns=BEGIN_NS + 3 * DAY_NS)
    assert (again.stored, again.duplicates, again.conflicts) == (0, 1, [])
    assert archived.rows("SELECT first, last FROM pruned") == [(1, 5)]
    assert archived.rows("SELECT batches, value_count FROM stream") == [(6, 1800)]


def test_what_figures_are_still_to_be_made_of_is_not_deleted(archived: Archived) -> None:
    archived.days(10)
    archived.keep(4)
    assert archived.look(figures=False) == 0
    archived.make_figures()
    before = archived.minutes()
    assert archived.look(figures=False) == 5
    archived.give(11, own_ns=BEGIN_NS + DAY_NS, frames=3)  # healed, into the minute of what is gone
    archived.give(12, own_ns=BEGIN_NS + 9 * DAY_NS)
    archived.make_figures()
    assert [one.same(other) for one, other in zip(before, archived.minutes(), strict=True)] == [
        sequence != 9 for sequence in range(1, 11)
    ]


def test_minutes_are_deleted_by_hours_which_stay_and_are_final(
    archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 120)  # two hours in a step
    for day in range(1, 11):
        archived.now_ns = BEGIN_NS + day * DAY_NS
        archived.give(day)
        archived.make_figures()
    hours = "SELECT utc_s, frames FROM hour ORDER BY 1"
    before = archived.rows(hours)
    archived.notes.write(RETENTION, Retention({"minute": 4}).plain())
    assert archived.look(figures=False) == 5  # an hour is as old as its end, and as when it was made
    assert [minute.span.utc_s for minute in archived.minutes()] == [
        (BEGIN_NS + day * DAY_NS) // 10**9 for day in range(6, 11)
    ]
    archived.give(11, own_ns=BEGIN_NS + DAY_NS, frames=3)  # late, for an hour whose minutes are gone
    archived.make_figures()
    assert archived.rows(hours) == before
    assert len(archived.minutes()) == 5
    assert archived.rows("SELECT count(*) FROM due") == [(0,)]
    archived.keep(4)
    archived.look()
    archived.notes.write(
        RETENTION, Retention({"minute": 4}, [Hold(1, BEGIN_NS, 2 * BEGIN_NS, "fire")]).plain()
    )
    archived.now_ns += 9 * DAY_NS
    archived.give(12)
    archived.make_figures()
    assert archived.look() == 0


def test_a_duplicate_of_what_was_pruned_by_this_process_is_one(archived: Archived) -> None:
    archived.days(6)
    archived.keep(2)
    archived.look()
    again = archived.give(1, own_ns=BEGIN_NS + DAY_NS)
    assert (again.stored, again.duplicates, again.acknowledgement.missing) == (0, 1, [])


def test_days_of_which_nothing_is_left_go_as_tables_and_other_collectors_hear_of_it(tmp_path: Path) -> None:
    archived = Archived(Place("postgresql", postgres.new_place()))
    archived.days(6)
    archived.keep(2)
    other = Intake(archived.at.open(), lambda: archived.now_ns)
    again = Archived.request(1, BEGIN_NS + DAY_NS)
    assert other.store(admit(again, Limits())).duplicates == 1
    assert archived.look() == 3
    told = other.store(admit(again, Limits()))
    assert (told.stored, told.duplicates, told.acknowledgement.missing) == (0, 1, [])
    other.prune("raw", [])
    assert other.old("raw", archived.now_ns, None, 9) == []  # one of them prunes
    tables = "SELECT count(*) AS n FROM pg_inherits WHERE inhparent = 'batch_body'::regclass"
    assert archived.rows(tables) == [(6,)]
    assert archived.look() == 0
    assert archived.rows(tables) == [(3,)]
    assert archived.account() == (6, 3, 3, True)
    assert archived.rows("SELECT stored, pruned, missing, balanced FROM account") == [(3, 3, 0, True)]
    other.close()
    archived.intake.close()


def test_steps_are_small_and_go_on_where_the_last_one_ended(
    archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 2)
    archived.days(10)
    archived.keep(3, Hold(1, BEGIN_NS + 2 * DAY_NS, BEGIN_NS + 5 * DAY_NS, "fire"))
    archived.make_figures()
    archived.pruner.look()
    assert archived.pruner.step() == 1  # 1, and 2 is held
    assert archived.here() == list(range(2, 11))
    assert archived.look() == 2  # 5 and 6
    assert archived.here() == [2, 3, 4, 7, 8, 9, 10]
    assert archived.account() == (10, 7, 3, True)
    assert archived.rows("SELECT first, last FROM pruned") == [(1, 1), (5, 6)]


def test_a_commit_that_fails_prunes_nothing(in_file: Archived) -> None:
    in_file.days(5)
    in_file.keep(1)
    db = sqlite3.connect(in_file.at.place)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON pruned BEGIN SELECT raise(ABORT, 'disk full'); END")
    db.close()
    assert in_file.look() == 0
    assert in_file.account() == (5, 5, 0, True)
    assert in_file.give(1, own_ns=BEGIN_NS + DAY_NS).duplicates == 1


@pytest.mark.parametrize("years", [10, -10])
def test_a_collectors_clock_that_is_wrong_by_years_deletes_nothing_that_is_young(
    in_file: Archived, years: int
) -> None:
    in_file.days(10)
    in_file.keep(4)
    in_file.now_ns += years * 365 * DAY_NS
    in_file.give(11, own_ns=BEGIN_NS + 11 * DAY_NS)
    in_file.look()
    assert set(in_file.here()) >= {8, 9, 10, 11}


def test_agents_whose_clock_nobody_set_delete_nothing(in_file: Archived) -> None:
    for sequence in range(1, 5):
        in_file.now_ns += 400 * DAY_NS
        in_file.give(sequence, own_ns=sequence)
    in_file.keep(1)
    assert in_file.look() == 0
    assert "no agent that is heard has a clock" in in_file.pruner.trouble


def test_a_time_that_jumped_everywhere_is_believed_after_a_week(in_file: Archived) -> None:
    in_file.days(3)
    in_file.keep(100)
    in_file.look()
    in_file.now_ns += 3650 * DAY_NS  # a time server is wrong, and all believe it
    deleted = []
    for day in range(9):
        in_file.now_ns += DAY_NS
        in_file.give(4 + day)
        deleted.append(in_file.look())
    assert deleted == [0, 0, 0, 0, 0, 0, 0, 3, 0]
    assert in_file.notes.read(PRUNING) == {"now_ns": in_file.now_ns, "jumped_ns": None}


def test_the_present_is_what_half_of_the_agents_say_and_no_more_than_the_collector() -> None:
    year = 365 * DAY_NS
    assert present_ns(BEGIN_NS + 9 * year, [BEGIN_NS, BEGIN_NS + 8 * year, BEGIN_NS]) == BEGIN_NS
    assert present_ns(BEGIN_NS, [BEGIN_NS + year]) == BEGIN_NS
    assert present_ns(BEGIN_NS, [5, 6]) is None
    steady = Steady(BEGIN_NS).at(BEGIN_NS + year)
    assert steady == Steady(BEGIN_NS, BEGIN_NS + year)
    assert steady.at(BEGIN_NS + DAY_NS) == Steady(BEGIN_NS + DAY_NS)  # it was put right


def test_a_hold_keeps_what_was_measured_or_came_then_of_whom_it_names() -> None:
    hold = Hold(1, BEGIN_NS, BEGIN_NS + DAY_NS, "fire", agent="site-1")

    def row(received: float, first: float, last: float, agent: str = "site-1") -> Old:
        at = [BEGIN_NS + round(days * DAY_NS) for days in (received, first, last)]
        return Old(1, (agent, EPOCH), 1, "rack1/bmu1", *at)

    assert hold.covers(row(0.5, 0.5, 0.5))
    assert hold.covers(row(9, 0.9, 1.1))  # healed later
    assert hold.covers(row(0.5, -9, -9))  # a clock that is wrong
    assert hold.covers(row(9, 0, 0)._replace(first_ns=5, last_ns=6))  # nobody knows when
    assert not hold.covers(row(9, 1, 1.1))
    assert not hold.covers(row(-1, -1, -0.1))
    assert not hold.covers(row(0.5, 0.5, 0.5, agent="site-2"))


@pytest.mark.parametrize(
    "content", ["no json", "[]", '{"days": {"raw": 0}, "holds": []}', '{"days": {"raw": 4}}']
)
def test_a_retention_that_cannot_be_read_deletes_nothing(in_file: Archived, content: str) -> None:
    in_file.days(10)
    FileNotes(Path(in_file.at.place)).path(RETENTION).write_text(content)
    assert in_file.look() == 0
    assert in_file.pruner.trouble.startswith("nothing is deleted: ")


def test_what_is_written_is_read() -> None:
    kept = Retention({"raw": 4}, [Hold(2, 5, 6, '화재 "2"', "a", "b")])
    assert retention(json.loads(json.dumps(kept.plain()))) == kept
    assert retention(None) == Retention()


def run(command: str, database: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [*COMMAND, command, "--sink", f"sqlite:{database}", *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30)


def test_init_and_retain_say_what_is_kept_and_what_is_deleted_next(tmp_path: Path) -> None:
    database = tmp_path / "collector.db"
    done = run("init", database, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(
        f"{what}: kept for 400 days; nothing that is here is ever due\n"
        for what in ("raw batches", "minute figures")
    )
    assert rows(database, "SELECT count(*) FROM batch") == [(0,)]
    with collecting(tmp_path) as collector:
        collector.send(seal(1))
        shown, _ = run("retain", database).stdout.splitlines()
        assert "raw batches: kept for 400 days; what came on 20" in shown
        held = ["--from", "2026-11-01", "--to", "2026-11-03", "--why", "fire in hall 2", "--agent", "site-1"]
        assert run("retain", database, *held).stdout.splitlines()[-1].endswith("site-1: fire in hall 2")
        said = json.loads(run("retain", database, "--json").stdout)
        assert (said["classes"]["raw"]["days"], [hold["number"] for hold in said["holds"]]) == (400, [1])
        assert run("init", database, "--raw", "ever", "--yes").stdout.startswith(
            "raw batches: kept for ever\n"
        )
        assert "hold" not in run("retain", database, "--lift", "1").stdout
        assert run("retain", database, "--lift", "1").returncode == 2
        assert run("retain", database, "--from", "2026-11-01").returncode == 2
        collector.process.terminate()
        _, log = collector.process.communicate(timeout=10)
    assert "INFO raw batches: kept for 400 days" in log


def test_a_new_database_without_init_keeps_everything_and_says_so(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.process.terminate()
        _, log = collector.process.communicate(timeout=10)
    assert "everything is kept for ever; `cellwarden-collector init`" in log


def test_init_makes_a_database_of_postgresql_and_what_it_sets_is_there() -> None:
    sink = f"postgresql:{postgres.new_place()}"
    command = [*COMMAND, "init", "--sink", sink, "--raw", "30", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("raw batches: kept for 30 days; nothing that is here is ever due\n")
    assert keeping.read(KINDS["postgresql"].notes(sink.partition(":")[2])).days == {"raw": 30, "minute": 400}
