"""What an agent withholds from a collector: in its account, never missing, and told once."""

from pathlib import Path

import msgpack
import pytest

from agent.wire import ACCEPT, PATH, Limits, Request, decode_ack, encode_request
from collector.admission import admit, pieces
from collector.audit import StreamAccount, audit
from collector.intake import Intake, IntakeResult
from collector.sink import Range
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.sink import SqliteSink
from tests.collector.processes import EPOCH, SCHEMA_BODY, collecting, rows, seal

STREAM = ("site-1", EPOCH)
VECTORS = Path(__file__).parents[1] / "vectors" / "0.1.0"
GAP = {"kind": "gap", "ranges": [[1, 2], [4, 6]], "reason": "cap"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "collector.db"


def give(database: Path, *batches: tuple[int, bytes], withheld: list[Range]) -> IntakeResult:
    intake = Intake(SqliteSink(database), lambda: 10**18)
    try:
        return intake.store(admit(Request("site-1", EPOCH, list(batches), [], withheld), Limits()))
    finally:
        intake.close()


def account(database: Path) -> StreamAccount:
    archive = SqliteArchive(database)
    try:
        (found,) = audit(archive)
        return found
    finally:
        archive.close()


def counts(database: Path) -> tuple[int, int, int, int, int]:
    of = account(database)
    return of.sealed, of.stored, of.withheld, of.dropped, of.missing_count


def test_what_is_withheld_counts_as_held_and_is_never_missing(database: Path) -> None:
    ack = give(database, seal(1), seal(9), withheld=[(2, 4), (6, 6)]).acknowledgement
    assert (ack.durable_through, ack.missing) == (9, [(5, 5), (7, 8)])
    ack = give(database, withheld=[(2, 8)]).acknowledgement
    assert (ack.durable_through, ack.missing) == (9, [])
    assert counts(database) == (9, 2, 7, 0, 0)
    assert account(database).balanced
    assert account(database).lines() == [
        f"site-1 epoch {EPOCH.hex()}: sealed 9 = stored 2 + pruned 0 + withheld 7"
        " + dropped 0 + missing 0: balanced"
    ]
    assert rows(database, "SELECT first, last FROM withheld") == [(2, 8)]


@pytest.mark.parametrize("order", ["stored", "withheld", "dropped"])
def test_a_sequence_that_is_claimed_twice_is_stored_else_withheld_else_dropped(
    database: Path, order: str
) -> None:
    steps = {
        "stored": lambda: give(database, seal(1), seal(4), withheld=[]),
        "withheld": lambda: give(database, withheld=[(1, 1), (5, 5)]),
        "dropped": lambda: give(database, seal(8, frames=0, events=(GAP,)), withheld=[]),
    }
    for name in [order, *(other for other in reversed(steps) if other != order)]:
        steps[name]()
    # 1 is all three, 4 stored and dropped, 5 withheld and dropped, 2 and 6 dropped, 3 and 7 nothing
    assert counts(database) == (8, 3, 1, 2, 2)
    assert give(database, withheld=[]).acknowledgement.missing == [(3, 3), (7, 7)]


def test_a_gap_record_that_names_what_is_stored_changes_no_count(database: Path) -> None:
    give(database, *map(seal, range(1, 7)), withheld=[])
    before = account(database)
    ack = give(database, seal(7, frames=0, events=(GAP,)), withheld=[]).acknowledgement
    assert (ack.durable_through, ack.missing) == (7, [])
    assert (before.stored, before.dropped) == (6, 0)
    assert counts(database) == (7, 7, 0, 0, 0)


def test_a_batch_that_was_withheld_and_comes_all_the_same_is_stored(database: Path) -> None:
    give(database, seal(1), withheld=[(2, 5)])
    stored = give(database, seal(3), withheld=[(2, 5)])
    assert (stored.stored, stored.acknowledgement.missing) == (1, [])
    assert counts(database) == (5, 2, 3, 0, 0)


def test_what_is_known_to_be_withheld_is_not_written_again(database: Path) -> None:
    intake = Intake(SqliteSink(database), lambda: 10**18)
    try:

        def tell(*withheld: Range) -> int:
            intake.store(admit(Request("site-1", EPOCH, [seal(3)], [], list(withheld)), Limits()))
            return database.with_name("collector.db-wal").stat().st_size

        written = tell((1, 2), (5, 8))
        assert rows(database, "SELECT first, last FROM withheld") == [(1, 2), (5, 8)]
        for known in ([(1, 2)], [(1, 1), (6, 7)], [(2, 3)], [(1, 3), (5, 8)], []):  # 3 is stored
            assert tell(*known) == written, known
        assert tell((1, 9)) > written
        intake.store(admit(Request("site-1", EPOCH, [seal(5)]), Limits()))
        assert rows(database, "SELECT first, last FROM withheld") == [(1, 2), (4, 9)]
        assert intake.not_here() == ({"site-1": 0}, {"site-1": 7})
    finally:
        intake.close()


def test_a_failed_commit_withholds_nothing(database: Path) -> None:
    intake = Intake(SqliteSink(database), lambda: 10**18)
    try:
        intake.sink._db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON withheld BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
        asked = admit(Request("site-1", EPOCH, [seal(2)], [], [(1, 1)]), Limits())
        with pytest.raises(Exception, match="disk full"):
            intake.store(asked)
        ack = intake.store(admit(Request("site-1", EPOCH, []), Limits())).acknowledgement
        assert (ack.durable_through, ack.missing) == (0, [])
        intake.sink._db.execute("DROP TRIGGER full")
        assert intake.store(asked).acknowledgement.missing == []
    finally:
        intake.close()


def test_an_archive_of_the_version_before_withholds_nothing_and_takes_it_from_now_on(database: Path) -> None:
    database.write_bytes((VECTORS / "collector.db").read_bytes())
    archive = SqliteArchive(database)
    before = audit(archive)
    archive.close()
    assert before
    assert {one.withheld for one in before} == {0}
    give(database, withheld=[(1, 3)])
    archive = SqliteArchive(database)
    after = {one.agent: one for one in audit(archive)}
    archive.close()
    assert [after.pop(one.agent) for one in before] == before
    assert [(one.sealed, one.withheld) for one in after.values()] == [(3, 3)]


def test_the_answer_grows_for_an_agent_that_says_so_and_for_no_other(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:

        def post(request: Request, more: bool, **headers: str) -> list[object]:
            status, body, _ = collector.http("POST", PATH, encode_request(request, more), **headers)
            assert status == 200
            decode_ack(body)
            return msgpack.unpackb(body)  # type: ignore[no-any-return]

        first = Request("site-1", EPOCH, [seal(1), seal(5)])
        assert len(post(first, more=False)) == 6
        assert post(first, more=False, Accept=ACCEPT)[6] == {}
        withheld = Request("site-1", EPOCH, [], [], [(2, 3)])
        assert post(withheld, more=True)[2:4] == [5, [[4, 4]]]  # the header was lost, not the request
        assert post(withheld, more=True, Accept=ACCEPT)[2:4] == [5, [[4, 4]]]
        _, metrics, _ = collector.http("GET", "/metrics")
        assert b'missing_batches{agent="site-1"} 1.0\n' in metrics
        assert b'withheld_batches{agent="site-1"} 2.0\n' in metrics


def test_a_request_that_is_stored_in_pieces_tells_what_is_withheld_once(tmp_path: Path) -> None:
    big = [seal(n, frames=4000) for n in range(3, 30, 2)]
    request = Request("site-1", EPOCH, big, [SCHEMA_BODY], [(1, 2), (4, 4)])
    first, *others = pieces(request, Limits())
    assert (first.schemas, first.withheld) == (request.schemas, request.withheld)
    assert others
    assert not any(piece.schemas or piece.withheld for piece in others)
    with collecting(tmp_path) as collector:
        body = encode_request(request, more=True)
        status, answer, _ = collector.http("POST", PATH, body)
        assert status == 200
        assert decode_ack(answer).missing == [(n, n) for n in range(6, 29, 2)]
        assert collector.rows("SELECT first, last FROM withheld") == [(1, 2), (4, 4)]
