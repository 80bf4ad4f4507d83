"""Whatever may answer under a collector's URL, on a real socket: it says byte for byte what a test wants."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.detect.explanations.said import Said
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire import (
    ACKNOWLEDGEMENT_TYPE,
    Acknowledgement,
    Limits,
    Request,
    decode_request,
    encode_ack,
    encode_refusal,
)
from tests.agent.store.buffers import ALARM, BOOT, own_alarm
from tests.agent.uplink.conftest import SCHEMA, SCHEMA_BODY, batch

Say = Callable[[Request], bytes | None]  # None: nothing is said, and the connection stays open


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of an answer."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} x", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("utf-8", "surrogateescape") + body


def own(status: int, body: bytes, **headers: str) -> bytes:
    """The bytes of an answer of the collector's own."""
    return http(status, body, Content_Type=ACKNOWLEDGEMENT_TYPE, **headers)


def refused(status: int, reason: str = "no", **headers: str) -> bytes:
    """A refusal of the collector's own."""
    return own(status, encode_refusal(reason), **headers)


def sound(request: Request) -> Acknowledgement:
    """What a collector without a disk would say that has lost nothing so far."""
    return Acknowledgement(request.epoch, max((s for s, _ in request.batches), default=0))


def ack(request: Request, **changes: object) -> bytes:
    return own(200, encode_ack(replace(sound(request), **changes)))


@dataclass
class Peer:
    """`say` can be exchanged while it runs. `heard` are the requests with the times of their arrival, `came`
    their heads and bodies.
    """

    say: Say
    port: int = 0
    heard: list[tuple[float, Request]] = field(default_factory=list)
    came: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def sent(self) -> list[int]:
        """The sequences that came, in the order of their coming, each time they came."""
        return [sequence for _, request in self.heard for sequence, _ in request.batches]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                (length,) = [
                    int(line.split(":")[1]) for line in head.split("\r\n") if "content-length:" in line
                ]
                self.came.append((head, await reader.readexactly(length)))
                request = decode_request(self.came[-1][1], Limits(request=10**8))
                self.heard.append((time.monotonic(), request))
                answer = self.say(request)
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def peer(say: Say, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Peer]:
    there = Peer(say)
    server = await asyncio.start_server(there.serve, host, port)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()


@dataclass
class Box:
    """An agent's sending half. `alarms` are those that stand, `told` all that was told."""

    store: Store
    writer: Writer
    uplink: Uplink
    alarms: dict[str, str] = field(default_factory=dict)

    def tell(self, detector: str, told: Said | None) -> None:
        if told:
            self.alarms[detector] = told.text
        else:
            self.alarms.pop(detector, None)

    async def seal(self, *at_s: int) -> None:
        for one in at_s:
            await self.writer(self.store.seal, [batch(one)])
        self.uplink.wake()

    async def alarm(self, text: str = "it heats") -> None:
        await self.writer(self.store.seal, [], [Event("rack-1", {**ALARM, "text": text})])
        self.uplink.wake(alarm=True)

    async def pending(self) -> int:
        return (await self.writer(self.store.account, "main")).pending


@asynccontextmanager
async def box(folder: Path, port: int, batches: int = 3, start: bool = True) -> AsyncIterator[Box]:
    """A box with some batches on its disk, sending to a port of this host."""
    store, writer = Store(folder / "buffer.db", "site-1", BOOT, [MAIN], own_alarm), Writer()
    store.add_schema(SCHEMA, SCHEMA_BODY)
    for at_s in range(batches):
        store.seal([batch(at_s)])
    url = f"http://127.0.0.1:{port}"
    said: list[Box] = []
    pace = Pace(1.0)
    uplink = Uplink("main", url, "site-1", store, writer, pace, client_context, lambda *x: said[0].tell(*x))
    found = Box(store, writer, uplink)
    said.append(found)
    task = asyncio.create_task(uplink.run()) if start else None
    try:
        yield found
        assert task is None or not task.done(), task
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        writer.close()
        store.close()


@contextmanager
def sending(uplink: Uplink) -> Iterator["asyncio.Task[None]"]:
    """Have an uplink send meanwhile."""
    task = asyncio.create_task(uplink.run())
    try:
        yield task
        assert not task.done(), task
    finally:
        task.cancel()
