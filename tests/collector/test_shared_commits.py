"""Requests of many agents share a commit, and none keeps another out."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from agent.wire import Limits, Request, encode_request
from collector import waiting
from collector.admission import admit
from collector.intake import Intake, IntakeResult
from collector.sink import Change, SinkError
from collector.sqlite.sink import SqliteSink
from collector.waiting import Piece, Waiting
from tests.collector.places import Place
from tests.collector.processes import EPOCH, SCHEMA_BODY, rows, seal
from tests.collector.receivers import receiving
from tests.collector.test_slots import post
from tests.until import until

AGENTS = [f"site-{n}" for n in range(8)]
REFUSE = (
    "CREATE TRIGGER refuse BEFORE INSERT ON batch WHEN new.agent IN ({}) BEGIN SELECT raise(ABORT, 'no'); END"
)


def request(agent: str, *sequences: int) -> Request:
    return Request(agent, EPOCH, [seal(sequence, agent=agent) for sequence in sequences], [SCHEMA_BODY])


def store(intake: Intake, *agents: str) -> list[IntakeResult | Exception]:
    return intake.store_all([(admit(request(agent, 1, 2), Limits()), None) for agent in agents])


def test_what_is_stored_together_is_stored_as_it_is_alone(place: Place) -> None:
    intake = Intake(place.open(), lambda: 10**18)
    for new in (2, 0):
        found = store(intake, *AGENTS)
        assert [(one.stored, one.duplicates) for one in found if isinstance(one, IntakeResult)] == [
            (new, 2 - new)
        ] * len(AGENTS)
        assert {one.acknowledgement.durable_through for one in found if isinstance(one, IntakeResult)} == {2}
    intake.close()
    again = Intake(place.open(), lambda: 10**18)
    assert again.agents() == AGENTS
    again.close()


@pytest.mark.parametrize("bad", [["site-3"], AGENTS[:4], AGENTS], ids=len)
def test_one_that_cannot_be_stored_keeps_no_other_out(tmp_path: Path, bad: list[str]) -> None:
    sink = SqliteSink(tmp_path / "collector.db")
    intake = Intake(sink, lambda: 10**18)
    with sqlite3.connect(tmp_path / "collector.db") as db:
        db.execute(REFUSE.format(", ".join(map(repr, bad))))
    found = store(intake, *AGENTS)
    failed = [agent for agent, one in zip(AGENTS, found, strict=True) if isinstance(one, SinkError)]
    stored = rows(tmp_path / "collector.db", "SELECT agent, count(*) FROM batch GROUP BY 1 ORDER BY 1")
    assert failed == bad
    assert stored == [(agent, 2) for agent in AGENTS if agent not in bad]
    with sqlite3.connect(tmp_path / "collector.db") as db:
        db.execute("DROP TRIGGER refuse")
    assert all(isinstance(one, IntakeResult) for one in store(intake, *AGENTS))
    intake.close()


def test_a_database_that_takes_nothing_is_not_asked_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()

    def refuse(sink: SqliteSink, *changes: Change) -> None:
        asked.append(len(changes))
        raise SinkError("here", "the disk is full")

    intake = Intake(SqliteSink(tmp_path / "collector.db"), lambda: 10**18)
    monkeypatch.setattr(SqliteSink, "write", refuse)
    monkeypatch.setattr(SqliteSink, "try_to_write", refuse)
    assert all(isinstance(one, SinkError) for one in store(intake, *AGENTS))
    assert len(asked) == 2
    assert intake.trouble == "the disk is full"
    monkeypatch.undo()
    intake.close()


async def test_many_agents_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release, written, write = threading.Event(), list[int](), SqliteSink.write

    def counting(sink: SqliteSink, *changes: Change) -> None:
        written.append(len(changes))
        write(sink, *changes)

    monkeypatch.setattr(SqliteSink, "write", counting)
    async with receiving(tmp_path) as (receiver, url):
        written.clear()
        receiver.thread.submit(release.wait)
        try:
            bodies = [encode_request(request(agent, 1)) for agent in AGENTS]
            sent = [asyncio.create_task(post(url, body=body)) for body in bodies]
            await until(lambda: receiver.under_way.total() == len(AGENTS))
        finally:
            release.set()
        assert await asyncio.gather(*sent) == [200] * len(AGENTS)
    assert sum(written) == len(AGENTS)
    assert len(written) <= 3
    assert rows(tmp_path / "collector.db", "SELECT count(DISTINCT agent) FROM batch") == [(len(AGENTS),)]


async def test_each_turn_brings_one_piece_of_an_agent_and_not_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Waiting(Limits())
    loop = asyncio.get_running_loop()

    def put(sender: str, agent: str) -> Piece:
        piece = Piece(request(agent, 1), None, loop.create_future())
        line.put(sender, piece)
        return piece

    first, second, other, twin = put("a", "x"), put("a", "x"), put("b", "y"), put("c", "x")
    gone = put("d", "z")
    gone.stored.cancel()
    assert line.take() == [first, other]
    assert line.take() == [twin]  # before the second of a sender who had a turn
    assert line.take() == [second]
    assert line.take() == []
    assert not line.lines
    monkeypatch.setattr(waiting, "PIECE_BYTES", 1)
    large, larger = put("a", "x"), put("b", "y")
    assert [line.take(), line.take()] == [[large], [larger]]


async def test_a_sender_of_many_agents_has_one_turn_among_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PIECE_BYTES", 1)
    line = Waiting(Limits())
    loop = asyncio.get_running_loop()
    for sender, agent in [*(("proxy", agent) for agent in AGENTS), ("alone", "x"), ("alone", "x")]:
        line.put(sender, Piece(request(agent, 1), None, loop.create_future()))
    served = [line.take()[0].request.agent for _ in range(6)]
    assert served == ["site-0", "x", "site-1", "x", "site-2", "site-3"]


def test_a_fleet_that_falls_silent_is_one_commit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = place.open()
    intake = Intake(sink, lambda: 10**18)
    store(intake, *AGENTS)
    written, write = list[int](), sink.write

    def counting(*changes: Change) -> None:
        written.append(len(changes))
        write(*changes)

    monkeypatch.setattr(sink, "write", counting)
    intake.report(AGENTS, "silent", "nothing was heard for 60 s")
    assert written == [len(AGENTS)]
    assert intake.incidents() == [(agent, "silent", 1) for agent in AGENTS]
    intake.close()
