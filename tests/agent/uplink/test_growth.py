"""An agent says that it takes longer answers, and sends longer requests to who gave one."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgpack
import pytest

from agent.store.upstream import Upstream
from agent.uplink.schemas import Schemas
from agent.wire import ACCEPT, About, Request, encode_ack
from tests.agent.uplink.conftest import SCHEMA
from tests.agent.uplink.peer import Peer, ack, box, http, own, peer, sound


def grown(request: Request) -> bytes:
    """What a collector answers that takes requests with a map."""
    return own(200, encode_ack(replace(sound(request), more=True), more=True))


async def test_a_schema_that_is_refused_is_not_sent_again_before_its_pause_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Though it is wanted in every answer; schemas that were never sent are nobody's business."""

    def refusing(request: Request) -> bytes:
        said = [(SCHEMA, "a\nreason", 2.5), (b"?" * 16, "not yours", 9.0)] if request.schemas else []
        answer = replace(sound(request), need_schema=[SCHEMA], refused_schemas=said)
        return own(200, encode_ack(answer, more=True))

    async with peer(refusing) as there, box(tmp_path, there.port, batches=1) as one:
        for at_s in range(10, 17):
            await one.seal(at_s)
            await asyncio.sleep(0.5)
        times_s = [at_s for at_s, request in there.heard if request.schemas]
        assert len(times_s) == 2
        assert times_s[1] - times_s[0] >= 2.4
    said = [record.getMessage() for record in caplog.records if "will not take" in record.getMessage()]
    assert [SCHEMA.hex() in one for one in said] == [True]


def test_a_schema_is_kept_back_for_as_long_as_the_collector_says_and_an_hour_at_most() -> None:
    schemas = Schemas()
    schemas.arrived([SCHEMA])
    assert schemas.refused([(SCHEMA, "no", 1e9)], 100.0) == [f"schema {SCHEMA.hex()}: no"]
    assert schemas.refused([(SCHEMA, "no", 1e9)], 100.0) == []  # it was said
    schemas.asked([SCHEMA], 101.0)
    schemas.failed()
    assert schemas.next_s() == 3700.0
    assert [schemas.choose([SCHEMA, b"o"], 9, t_s) for t_s in (3699.0, 3700.0)] == [[b"o"], [SCHEMA, b"o"]]


async def until(there: Peer, requests: int) -> list[int]:
    """The numbers of elements of the requests so far, once there are so many."""
    async with asyncio.timeout(20):
        while len(there.came) < requests:  # noqa: ASYNC110 - told by another task
            await asyncio.sleep(0.01)
    return [len(msgpack.unpackb(body)) for _, body in there.came]


async def test_requests_are_longer_after_a_longer_answer_and_as_ever_after_any_other(tmp_path: Path) -> None:
    async with peer(grown) as there, box(tmp_path, there.port, batches=1) as one:
        assert await until(there, 2) == [5, 6]
        there.say = ack
        await one.seal(10)
        await until(there, 3)
        there.say = grown
        await one.seal(20)
        assert await until(there, 4) == [5, 6, 6, 5]
        await one.seal(30)
        await until(there, 5)
        there.say = lambda _: http(502)  # whoever answers next may be of another version
        await one.seal(40)
        await until(there, 6)
        there.say = grown
        assert (await until(there, 7))[4:] == [6, 6, 5]
        assert all(f"accept: {ACCEPT}\r\n" in head for head, _ in there.came)


async def test_an_agent_says_of_itself_what_is_new_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a collector that takes it, and again where that did not answer."""
    async with peer(grown) as there, box(tmp_path, there.port, batches=1) as one:
        await until(there, 2)
        await one.seal(10)
        await until(there, 3)
        assert [request.about for _, request in there.heard] == [None, About(backlog=1), None]
        monkeypatch.setattr("agent.uplink.uplink.ABOUT_S", 0.0)
        there.say = lambda _: http(502)
        await one.seal(20)
        await until(there, 4)
        there.say = grown
        await until(there, 5)
        await one.seal(30)
        assert await until(there, 6) == [5, 6, 6, 6, 5, 6]
        assert [bool(request.about) for _, request in there.heard[3:6]] == [True, False, True]


async def test_who_knows_no_withheld_batches_is_told_none_and_that_is_noted(tmp_path: Path) -> None:
    alarms = Upstream("main", frames=False)

    def lacking(request: Request, more: bool = False) -> bytes:
        """What a collector answers that lacks the two batches with frames."""
        return own(200, encode_ack(replace(sound(request), missing=[(1, 2)], more=more), more=more))

    async with peer(lacking) as there, box(tmp_path, there.port, batches=2) as one:
        await one.writer(one.store.name_upstreams, [alarms])
        await one.alarm()
        await until(there, 2)
        async with asyncio.timeout(20):
            while not one.uplink.status.note:
                await one.alarm()
                await asyncio.sleep(0.05)
        assert "upgrade it" in one.uplink.status.note
        assert not any(request.withheld for _, request in there.heard)
        there.say = partial(lacking, more=True)
        async with asyncio.timeout(20):
            while not there.heard[-1][1].withheld:
                await one.alarm()
                await asyncio.sleep(0.05)
        assert there.heard[-1][1].withheld == [(1, 2)]
        assert one.uplink.status.note == ""
        assert {sequence for sequence in there.sent if sequence <= 2} == set()
