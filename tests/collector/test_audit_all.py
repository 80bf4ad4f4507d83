"""The account over all: the view of each database says what is worked out from the ranges, in one table."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire import Limits, Request, decode_batch
from agent.wire.ranges import Ranges
from collector.admission import admit
from collector.archive import Archive
from collector.audit import DOUBTS, StreamAccount, audit
from collector.audit_all import ACCOUNTS
from collector.cli import main
from collector.intake import Intake
from collector.questions.ask import ask
from collector.questions.lines import WIDTH, columns_of
from collector.questions.question import Row
from collector.sink import Change, Dropped, Range
from tests.collector.postgres import say
from tests.collector.processes import EPOCH, Collector, seal
from tests.collector.test_sinks import PLACES, Place

MOST = 24  # the highest sequence of examples
BLOBS = {sequence: seal(sequence, frames=0)[1] for sequence in range(1, MOST + 1)}
BATCHES = {sequence: decode_batch(blob) for sequence, blob in BLOBS.items()}
EPOCHS = (number.to_bytes(16, "big") for number in count(1))  # an example has one of its own
PARTS = ("agent", "epoch", "sealed", "stored", "pruned", "withheld", "dropped", "missing_count", "balanced")

numbers = st.integers(1, MOST)
ranges = st.lists(st.tuples(numbers, st.integers(0, 6)).map(lambda r: (r[0], r[0] + r[1])), max_size=4)


def plain(one: StreamAccount) -> dict[str, object]:
    """What the audit of one stream says, as the view does."""
    return {name: getattr(one, name) for name in PARTS}


def viewed(archive: Archive) -> list[Row]:
    return ask(archive, ACCOUNTS, {}, 0)


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(request.param, PLACES[request.param].new(tmp_path_factory.mktemp("archive")))


Write = Callable[[Change, list[Range]], None]


@pytest.fixture(scope="module")
def write(place: Place) -> Iterator[Write]:
    """Keep the rows of a change, and ranges that were pruned."""
    sink = place.open()

    def written(change: Change, pruned: list[Range]) -> None:
        sink.write(change)
        agent, epoch = change.stream
        values = [f"('{agent}', {{}}'{epoch.hex()}', {first}, {last})" for first, last in pruned]
        if values and place.scheme == "sqlite":
            with sqlite3.connect(place.place) as db:
                db.execute(f"INSERT INTO pruned VALUES {', '.join(values)}".format(*["x"] * len(values)))
        elif values:
            text = f"INSERT INTO pruned VALUES {', '.join(values)} RETURNING 1".replace("{}'", "'\\x")
            say(place.place, text)

    yield written
    sink.close()


@pytest.fixture(scope="module")
def archive(place: Place, write: Write) -> Iterator[Archive]:
    found = place.read()
    yield found
    found.close()


@settings(max_examples=40, deadline=None)
@given(
    stored=st.sets(numbers),
    pruned=ranges,
    withheld=ranges,
    dropped=ranges,
    refused=st.sets(st.integers(1, MOST + 9), max_size=3),
    incident=st.sampled_from([*DOUBTS, "silent", "", "", ""]),
)
def test_the_view_says_of_any_ranges_what_the_audit_of_one_stream_says(
    write: Write,
    archive: Archive,
    stored: set[int],
    pruned: list[Range],
    withheld: list[Range],
    dropped: list[Range],
    refused: set[int],
    incident: str,
) -> None:
    epoch = next(EPOCHS)
    change = Change(
        ("site-1", epoch),
        1,
        batches=[(BATCHES[s], BLOBS[s]) for s in sorted(stored)],
        withheld=list(Ranges(withheld)),
        dropped=[Dropped(epoch, first, last, "full", MOST) for first, last in dropped],
        refused=[(s, "not sound") for s in sorted(refused)],
        incidents=[(incident, "seen")] if incident else [],
    )
    write(change, list(Ranges(pruned)))
    said = {one.epoch: plain(one) for one in audit(archive, quick=True)}
    assert {row["epoch"]: {name: row[name] for name in PARTS} for row in viewed(archive)} == said


def run(sink: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["audit", "--all", "--sink", sink, *options])


@pytest.fixture(params=PLACES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where there is no archive yet."""
    return Place(request.param, PLACES[request.param].new(tmp_path))


def named(place: Place) -> str:
    return f"{place.scheme}:{place.place}"


def give(place: Place, agent: str, *sequences: int, seed: int = 0) -> None:
    """What a collector that is started for it stores of a request."""
    started = Intake(place.open(), lambda: 10**18)
    try:
        batches = [seal(sequence, agent=agent, seed=seed) for sequence in sequences]
        started.store(admit(Request(agent, EPOCH, batches), Limits()))
    finally:
        started.close()


LONG, KOREAN = "a-site-with-a-name-that-is-longer-than-what-a-terminal-leaves-room-for", '서울 "1"'


def test_a_table_shows_the_worst_first_and_cuts_nothing(empty: Place) -> None:
    for agent, sequences in ((LONG, [1, 2]), (KOREAN, [1, 4]), ("site-3", [1, 9]), ("site-2", [1])):
        give(empty, agent, *sequences)
    done = run(named(empty))
    assert (done.exit_code, done.stderr) == (1, "")
    said = done.stdout.splitlines()
    assert max(map(columns_of, said)) <= WIDTH
    agents = [name for line in said[:-1] if (name := line[: said[0].index("epoch") - 1].strip())]
    assert [agents[1], agents[-1]] == ["site-3", "site-2"]
    assert LONG in "".join(agents)
    assert KOREAN in done.stdout
    assert said[-1] == "2 of 4 do not balance, 9 batches are missing"
    rows = json.loads(run(named(empty), "--json").stdout)
    assert [(row["agent"], row["missing_count"], row["balanced"]) for row in rows] == [
        ("site-3", 7, False),
        (KOREAN, 2, False),
        (LONG, 0, True),
        ("site-2", 0, True),
    ]


def test_the_result_is_left_for_the_metrics_of_a_running_collector(empty: Place) -> None:
    with Collector(named(empty)) as collector:

        def metrics() -> dict[str, float]:
            lines = collector.http("GET", "/metrics")[1].decode().splitlines()
            found = [line.rsplit(" ", 1) for line in lines if line.startswith("cellwarden_collector_audit")]
            return {name.removeprefix("cellwarden_collector_audit_"): float(value) for name, value in found}

        collector.send(seal(1), seal(4))
        assert run(named(empty)).exit_code == 1
        assert metrics() == {}  # nobody asked for a record
        assert run(named(empty), "--record").exit_code == 1
        first = metrics()
        assert (first["balanced"], first["missing_batches"], first["streams"]) == (0, 2, 1)
        collector.send(seal(2), seal(3))
        done = run(named(empty), "--record")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "all 1 balance, nothing is missing")
        then = metrics()
        assert (then["balanced"], then["missing_batches"]) == (1, 0)
        assert first["timestamp_seconds"] < then["timestamp_seconds"]


@pytest.fixture
def archived(tmp_path: Path) -> Place:
    return Place("sqlite", str(tmp_path / "collector.db"))


def test_rows_that_vanished_and_two_agents_with_one_id_do_not_balance(archived: Place) -> None:
    give(archived, "site-1", 1, 2, 3)
    give(archived, "site-2", 1)
    give(archived, "site-2", 1, seed=9)
    with sqlite3.connect(archived.place) as db:
        db.execute("DELETE FROM batch WHERE agent = 'site-1' AND sequence = 3")
    done, epoch = run(named(archived)), EPOCH.hex()
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-3:] == [
        f"site-1 epoch {epoch}: 3 batches were counted, 2 are here",
        f"site-2 epoch {epoch}: two agents with one id, or a copy of one: `audit` without --all says more",
        "2 of 2 do not balance, 0 batches are missing",
    ]


def test_nothing_an_older_archive_and_options_that_do_not_go_together(archived: Place) -> None:
    archived.open().close()
    assert (run(named(archived)).exit_code, run(named(archived)).stdout) == (0, "nothing was received\n")
    assert run(named(archived), "--quick").exit_code == 2
    with sqlite3.connect(archived.place) as db:
        db.execute("DROP VIEW account")
    done = run(named(archived), "--record")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"CW-511 {archived.place}: written by an older cellwarden:"
        " start this version's collector on it once\n"
    )
    assert not list(Path(archived.place).parent.glob("*audit*"))
