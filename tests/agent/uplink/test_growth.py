"""An agent says that it takes longer answers, and sends longer requests to who gave one."""

import asyncio
from dataclasses import replace
from pathlib import Path

import msgpack

from agent.wire import ACCEPT, Request, encode_ack
from tests.agent.uplink.peer import Peer, ack, box, http, own, peer, sound


def grown(request: Request) -> bytes:
    """What a collector answers that takes requests with a map."""
    return own(200, encode_ack(replace(sound(request), more=True), more=True))


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
