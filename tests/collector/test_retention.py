"""What is deleted after the days that were set stays accounted for; a hold keeps it; no clock is believed."""

import asyncio
import json
import sqlite3
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.wire import Limits, Request, decode_batch, encode_batch
from collector import pruning
from collector.admission import admit
from collector.audit import audit
from collector.figures.figures import Figures
from collector.figures.job import SETTLE_S, FigureJob
from collector.intake import Intake, IntakeResult
from collector.notes import PRUNING, RETENTION
from collector.pruning import Pruner, look
from collector.retention import DAY_NS, Hold, Retention, Steady, present_ns, retention
from collector.sink import Old
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.notes import FileNotes
from collector.sqlite.sink import SqliteSink
from tests.collector.processes import COMMAND, EPOCH, collecting, rows, seal

BEGIN_NS = 1_800_000_000 * 10**9
STREAM = ("site-1", EPOCH)


class Place:
    """An archive with a batch a day, and the clock of its collector."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "collector.db"
        self.notes = FileNotes(self.database)
        self.now_ns = BEGIN_NS
        self.sink = SqliteSink(self.database)
        self.intake = Intake(self.sink, lambda: self.now_ns)
        self.pruner = Pruner(self.intake, self.notes, lambda: self.now_ns)

    def give(self, sequence: int, own_ns: int | None = None, seed: int = 0, frames: int = 10) -> IntakeResult:
        own_ns = self.now_ns if own_ns is None else own_ns
        batch = decode_batch(seal(sequence, frames=frames)[1])
        batch = replace(batch, utc_ns=own_ns + np.arange(batch.frames))
        return self.intake.store(admit(Request("site-1", EPOCH, [(sequence, encode_batch(batch))]), Limits()))

    def days(self, count: int) -> None:
        for sequence in range(1, count + 1):
            self.now_ns = BEGIN_NS + sequence * DAY_NS
            self.give(sequence)

    def keep(self, days: int, *holds: Hold) -> None:
        self.notes.write(RETENTION, Retention({"raw": days}, holds).plain())

    def look(self, figures: bool = True) -> int:
        async def on_thread(call: Any) -> Any:
            return call()

        if figures:
            self.make_figures()
        return asyncio.run(look(self.pruner, on_thread))

    def make_figures(self) -> None:
        archive = SqliteArchive(self.database)
        write = partial(self.sink.write_figures, utc_ns=self.now_ns)
        job = FigureJob(archive, write, lambda: self.now_ns)
        while job.run(dict.fromkeys(SETTLE_S, 0)):
            pass
        archive.close()

    def minutes(self) -> list[Figures]:
        archive = SqliteArchive(self.database)
        try:
            return list(archive.minutes("site-1", "rack1/bmu1", 0, 2**40))
        finally:
            archive.close()

    def here(self) -> list[int]:
        return [int(str(n)) for (n,) in rows(self.database, "SELECT sequence FROM batch ORDER BY 1")]

    def account(self) -> tuple[int, int, int, bool]:
        archive = SqliteArchive(self.database)
        try:
            (one,) = audit(archive)
            return one.sealed, one.stored, one.pruned, one.fine
        finally:
            archive.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_an_archive_keeps_everything_until_somebody_sets_a_time(place: Place) -> None:
    place.days(10)
    assert (place.look(), len(place.here()), place.pruner.trouble) == (0, 10, "")


def test_what_is_pruned_stays_accounted_for_and_is_never_missing_or_new(place: Place) -> None:
    place.days(10)
    place.keep(4)
    assert place.look() == 5
    assert place.here() == [6, 7, 8, 9, 10]
    assert place.account() == (10, 5, 5, True)
    place.intake.close()
    place.intake = Intake(SqliteSink(place.database), lambda: place.now_ns)
    ack = place.give(11).acknowledgement
    assert (ack.durable_through, ack.missing) == (11, [])
    again = place.give(3, own_ns=BEGIN_NS + 3 * DAY_NS)
    assert (again.stored, again.duplicates, again.conflicts) == (0, 1, [])
    assert rows(place.database, "SELECT first, last FROM pruned") == [(1, 5)]
    assert rows(place.database, "SELECT batches, value_count FROM stream") == [(6, 1800)]


def test_what_figures_are_still_to_be_made_of_is_not_deleted(place: Place) -> None:
    place.days(10)
    place.keep(4)
    assert place.look(figures=False) == 0
    place.make_figures()
    before = place.minutes()
    assert place.look(figures=False) == 5
    place.give(11, own_ns=BEGIN_NS + DAY_NS, frames=3)  # healed, into the minute of what is gone
    place.give(12, own_ns=BEGIN_NS + 9 * DAY_NS)
    place.make_figures()
    assert [one.same(other) for one, other in zip(before, place.minutes(), strict=True)] == [
        sequence != 9 for sequence in range(1, 11)
    ]


def test_minutes_are_deleted_by_hours_which_stay_and_are_final(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 120)  # two hours in a step
    for day in range(1, 11):
        place.now_ns = BEGIN_NS + day * DAY_NS
        place.give(day)
        place.make_figures()
    hours = "SELECT utc_s, frames FROM hour ORDER BY 1"
    before = rows(place.database, hours)
    place.notes.write(RETENTION, Retention({"minute": 4}).plain())
    assert place.look(figures=False) == 5  # an hour is as old as its end, and as when it was made
    assert [minute.span.utc_s for minute in place.minutes()] == [
        (BEGIN_NS + day * DAY_NS) // 10**9 for day in range(6, 11)
    ]
    place.give(11, own_ns=BEGIN_NS + DAY_NS, frames=3)  # late, for an hour whose minutes are gone
    place.make_figures()
    assert rows(place.database, hours) == before
    assert len(place.minutes()) == 5
    assert rows(place.database, "SELECT count(*) FROM due") == [(0,)]
    place.keep(4)
    place.look()
    place.notes.write(RETENTION, Retention({"minute": 4}, [Hold(1, BEGIN_NS, 2 * BEGIN_NS, "fire")]).plain())
    place.now_ns += 9 * DAY_NS
    place.give(12)
    place.make_figures()
    assert place.look() == 0


def test_a_duplicate_of_what_was_pruned_by_this_process_is_one(place: Place) -> None:
    place.days(6)
    place.keep(2)
    place.look()
    again = place.give(1, own_ns=BEGIN_NS + DAY_NS)
    assert (again.stored, again.duplicates, again.acknowledgement.missing) == (0, 1, [])


def test_steps_are_small_and_go_on_where_the_last_one_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 2)
    place.days(10)
    place.keep(3, Hold(1, BEGIN_NS + 2 * DAY_NS, BEGIN_NS + 5 * DAY_NS, "fire"))
    place.make_figures()
    place.pruner.look()
    assert place.pruner.step() == 1  # 1, and 2 is held
    assert place.here() == list(range(2, 11))
    assert place.look() == 2  # 5 and 6
    assert place.here() == [2, 3, 4, 7, 8, 9, 10]
    assert place.account() == (10, 7, 3, True)
    assert rows(place.database, "SELECT first, last FROM pruned") == [(1, 1), (5, 6)]


def test_a_commit_that_fails_prunes_nothing(place: Place) -> None:
    place.days(5)
    place.keep(1)
    db = sqlite3.connect(place.database)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON pruned BEGIN SELECT raise(ABORT, 'disk full'); END")
    db.close()
    assert place.look() == 0
    assert place.account() == (5, 5, 0, True)
    assert place.give(1, own_ns=BEGIN_NS + DAY_NS).duplicates == 1


@pytest.mark.parametrize("years", [10, -10])
def test_a_collectors_clock_that_is_wrong_by_years_deletes_nothing_that_is_young(
    place: Place, years: int
) -> None:
    place.days(10)
    place.keep(4)
    place.now_ns += years * 365 * DAY_NS
    place.give(11, own_ns=BEGIN_NS + 11 * DAY_NS)
    place.look()
    assert set(place.here()) >= {8, 9, 10, 11}


def test_agents_whose_clock_nobody_set_delete_nothing(place: Place) -> None:
    for sequence in range(1, 5):
        place.now_ns += 400 * DAY_NS
        place.give(sequence, own_ns=sequence)
    place.keep(1)
    assert place.look() == 0
    assert "no agent that is heard has a clock" in place.pruner.trouble


def test_a_time_that_jumped_everywhere_is_believed_after_a_week(place: Place) -> None:
    place.days(3)
    place.keep(100)
    place.look()
    place.now_ns += 3650 * DAY_NS  # a time server is wrong, and all believe it
    deleted = []
    for day in range(9):
        place.now_ns += DAY_NS
        place.give(4 + day)
        deleted.append(place.look())
    assert deleted == [0, 0, 0, 0, 0, 0, 0, 3, 0]
    assert place.notes.read(PRUNING) == {"now_ns": place.now_ns, "jumped_ns": None}


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
def test_a_retention_that_cannot_be_read_deletes_nothing(place: Place, content: str) -> None:
    place.days(10)
    place.notes.path(RETENTION).write_text(content)
    assert place.look() == 0
    assert place.pruner.trouble.startswith("nothing is deleted: ")


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
