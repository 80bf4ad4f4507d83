"""What only a database beyond a socket does: it goes away, it refuses, and others write it, too."""

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from agent.wire import Limits, Request, decode_batch
from collector.admission import admit
from collector.archive import ArchiveError
from collector.cli import main
from collector.intake import Intake
from collector.postgres import schema
from collector.postgres.archive import PostgresArchive
from collector.postgres.schema import MARK, MIGRATIONS
from collector.postgres.sink import PostgresSink
from collector.postgres.url import without_password
from collector.sink import Change, Outdated, SinkError
from collector.sinks import parse
from tests.collector import postgres
from tests.collector.postgres import Server, new_place, say, server, shared  # noqa: F401  a fixture
from tests.collector.processes import COMMAND, EPOCH, Collector, seal


def intake(place: str) -> Intake:
    return Intake(PostgresSink(place), lambda: 10**18)


def give(to: Intake, *batches: tuple[int, bytes]) -> tuple[int, list[tuple[int, int]], int, list[int]]:
    done = to.store(admit(Request("site-1", EPOCH, list(batches), []), Limits()))
    ack = done.acknowledgement
    return ack.durable_through, ack.missing, done.stored, done.conflicts


def test_a_database_of_an_earlier_version_is_brought_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    place = new_place()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        asyncio.run(migrated(place))
    record = json.dumps({"kind": "alarm", "id": "a'\0\"", "state": "NEW", "severity": "critical"})
    say(
        place,
        "INSERT INTO stream (agent, epoch, batches, frames, value_count, wire_bytes, first_utc_ns,"
        f" last_utc_ns) VALUES ('site-1', '\\x{EPOCH.hex()}', 1, 0, 0, 9, 5, 7)",
        "INSERT INTO event SELECT 'site-1', epoch, 1, n, 'alarm', 'r/u', record FROM stream,"
        f" (VALUES (0, $record${record}$record$), (1, 'no json')) AS told (n, record)",
        "SELECT 1",
    )
    intake(place).close()
    said = "SELECT id, stands, unit FROM alarm"
    assert list(map(tuple, say(place, said))) == [("a'\ufffd\"", True, "r/u")]
    assert [row[0] for row in say(place, "SELECT number FROM stream")] == [1]


async def migrated(place: str) -> None:
    db = await asyncpg.connect(f"postgresql:{place}")
    await schema.migrate(db)
    await db.close()


def test_two_collectors_of_one_database_tell_an_agent_the_same() -> None:
    place = new_place()
    one, other = intake(place), intake(place)
    try:
        assert give(one, seal(1), seal(2)) == (2, [], 2, [])
        assert give(other, seal(5)) == (5, [(3, 4)], 1, [])
        assert give(one, seal(4)) == (5, [(3, 3)], 1, [])
        assert give(other, seal(3), seal(4)) == (5, [], 1, [])
        assert give(one, seal(1)) == (5, [], 0, [])
        assert give(one, seal(3, seed=9)) == (5, [], 0, [3])
        assert dict(one.not_here()[0]) == {"site-1": 0}
        assert dict(other.not_here()[0]) == {}  # of an agent that went to another one it says nothing old
    finally:
        one.close()
        other.close()
    archive = PostgresArchive(place)
    assert archive.stored(("site-1", EPOCH)) == [(1, 5)]
    archive.close()


def test_what_another_stored_after_the_look_is_worked_out_anew() -> None:
    place = new_place()
    one, other = PostgresSink(place), PostgresSink(place)
    batch = [(decode_batch(blob), blob) for _, blob in [seal(1)]]
    try:
        assert one.news({"site-1"}) == set()
        other.write(Change(("site-1", EPOCH), 1, batches=batch))
        with pytest.raises(Outdated):
            one.write(Change(("site-1", EPOCH), 1, withheld=[(2, 3)]))
        assert one.news({"site-1"}) == {"site-1"}
        one.write(Change(("site-1", EPOCH), 1, withheld=[(2, 3)]))
        assert other.news({"site-1", "site-2"}) == {"site-1"}
    finally:
        one.close()
        other.close()


def said(place: str) -> str:
    with pytest.raises(SinkError) as error:
        PostgresSink(place).close()
    return str(error.value)


def newer(place: str) -> None:
    PostgresSink(place).close()
    say(place, f"INSERT INTO {MARK} VALUES ({len(MIGRATIONS) + 1}, 'more')")


REFUSED: dict[str, tuple[Callable[[str], object], str]] = {
    "tables of others": (
        lambda place: say(place, "CREATE TABLE orders (n int)"),
        "tables of something else (orders): give a collector a database of its own",
    ),
    "a newer one": (newer, "written by a newer cellwarden (it knows more); upgrade this one"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_database_that_is_not_this_collectors_is_refused_and_left_as_it_is(what: str) -> None:
    place = new_place()
    prepare, words = REFUSED[what]
    prepare(place)
    tables = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1"
    before = say(place, tables)
    assert words in said(place)
    assert say(place, tables) == before
    with pytest.raises(ArchiveError):
        PostgresArchive(place)


def test_who_cannot_come_in_is_told_in_one_line_what_to_do_and_never_the_password(tmp_path: Path) -> None:
    home = shared()
    say(
        home.place(),
        "DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN END $$",
        "DO $$ BEGIN CREATE ROLE poor LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
        "SELECT 1",
    )
    query = f"?host={home.folder}"
    for place, words in {
        f"//locked:s3cret@/postgres{query}": ".pgpass",
        f"//locked@/postgres{query}&password=s3cret": ".pgpass",
        f"//poor:s3cret@/postgres{query}": "ALTER DATABASE postgres OWNER TO poor",
        f"//owner:s3cret@/none{query}": "createdb --owner owner --encoding UTF8 none",
        f"//nobody:s3cret@/postgres{query}": "createuser nobody",
        "//owner:s3cret@127.0.0.1:1/db": "nothing listens at 127.0.0.1",
        f"//owner:s3cret@/db?host={tmp_path}": "no server has its socket at",
        "//owner:s3cret@no-such-host.invalid/db": "the name no-such-host.invalid cannot be looked up",
        "//owner:s3cret@127.0.0.1:port/db": "postgresql://USER@HOST/DATABASE",
    }.items():
        told = said(place)
        assert words in told, place
        assert "s3cret" not in told
        assert "\n" not in told
    command = [
        *COMMAND,
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--sink",
        f"postgresql://locked:s3cret@/x{query}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "s3cret" not in done.stderr
    assert done.stderr.startswith("CW-510 postgresql://locked@/x?host=")
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_password_is_not_shown_whatever_is_wrong_with_the_url() -> None:
    assert without_password("//u:p:w/@h/d?password=x&host=y") == "//u:p:w/@h/d?password=***&host=y"
    for wrong in ("postgres://u:s3cret@h/d", "mysql://u:s3cret@h/d?password=s3cret"):
        with pytest.raises(ValueError, match="postgresql://") as error:
            parse(wrong)
        assert "s3cret" not in str(error.value)
    assert "s3cret" not in repr(parse("postgresql://u:s3cret@h/d"))


def test_commands_read_what_a_collector_keeps_there() -> None:
    sink = f"postgresql:{new_place()}"
    with Collector(sink) as collector:
        assert collector.send(seal(1), seal(3)).missing == [(2, 2)]
        assert collector.stop() == 0

    def ask(*command: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, [*command, "--sink", sink])
        return done.exit_code, done.stdout

    status, audited = ask("audit", "--json")
    assert (status, json.loads(audited)[0]["missing"]) == (1, [[2, 2]])
    assert ask("alarms")[0] == 0
    assert ask("export")[1].count("\n") == 1 + 2 * 300
    assert ask("query", "silent")[0] == 0  # it was heard just now
    archive = PostgresArchive(sink.removeprefix("postgresql:"))
    sums = (
        "SELECT agent, sum(batches), sum(batches) / 4.0, ':site' FROM stream WHERE agent = :site GROUP BY 1"
    )
    assert list(archive.select(sums, {"site": "site-1", "now_ns": 1})) == [("site-1", 2, 0.5, ":site")]
    archive.close()


def test_a_server_that_is_killed_costs_time_and_nothing_else(server: Server) -> None:  # noqa: F811
    with Collector(f"postgresql:{server.place()}") as collector:
        kept: list[int] = []
        for sequence in range(1, 4):
            collector.send(seal(sequence))
            kept.append(sequence)
        with server.locked("stored_range"):  # what is written now is in the middle when the server goes
            threading.Timer(0.5, server.kill).start()
            assert collector.post(Request("site-1", EPOCH, [seal(4)], []))[0] == 503
        assert collector.http("GET", "/healthz")[0] == 503
        server.start()
        deadline = time.monotonic() + 20
        while collector.http("GET", "/healthz")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        acknowledged = collector.send(seal(3), seal(4), seal(5))
        assert (acknowledged.durable_through, acknowledged.missing) == (5, [])
    archive = PostgresArchive(server.place())
    rows = sorted(archive.rows(("site-1", EPOCH)))
    archive.close()
    assert [(row[0], row[3]) for row in rows] == [seal(s) for s in range(1, 6)]
    assert postgres.say(server.place(), "SELECT count(*) FROM batch_key")[0][0] == 5
