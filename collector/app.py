"""The HTTP side: what a request may cost, who may say what, and the answer only after the commit."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from agent.wire import (
    ACKNOWLEDGEMENT_TYPE,
    CONTENT_TYPE,
    PATH,
    Limits,
    Request,
    TooLarge,
    WireError,
    decode_request,
    encode_ack,
    encode_refusal,
    takes_more,
)
from agent.wire.nameless import nameless
from agent.wire.text import printable
from collector.admission import Admitted, admit, check_request, pieces
from collector.alarms import last_words
from collector.archive import Archive, ArchiveError
from collector.asking import AGAIN_S, Asking
from collector.deadman import DeadMan
from collector.inbox import Crowded, Inbox, TooLong
from collector.intake import Intake, IntakeResult
from collector.metrics import OPENMETRICS, exposition
from collector.notes import NotesError
from collector.sender import Certified, certified
from collector.sink import SinkError
from collector.waiting import Piece, Waiting

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_REQUESTS = 512  # whole bodies under way at once
MAX_BYTES = 128 * 1024 * 1024  # of them
SHARES = 2  # senders that can fill these places; one alone has its part of them
BODY_TIMEOUT_S = 20.0  # for senders that trickle
BUSY_RETRY_S, DISK_RETRY_S = 1, 30
HANG_UP_AFTER_S = 0.5
SILENT_AFTER_S = 60.0
TRIED_AGAIN_S = 1.0  # between looks whether the disk takes what is written
WRITTEN_WITHIN_S = 10.0  # who was heard without sending anything
SAID_AGAIN_S = 60.0  # an incident that goes on


@dataclass
class Receiver:
    """One collector: the intake of its sink, the thread that alone touches it, and counts since the start."""

    intake: Intake
    archive: Callable[[], Archive] | None = None  # what the intake has stored
    audited: Callable[[], Mapping[str, Any] | None] = lambda: None  # by `audit --all --record`, last
    figures_behind_s: Callable[[], float | None] = lambda: None  # how long frames wait for their minute
    limits: Limits = field(default_factory=Limits)
    max_requests: int = MAX_REQUESTS
    body_timeout_s: float = BODY_TIMEOUT_S
    dead_man: DeadMan = field(default_factory=lambda: DeadMan(SILENT_AFTER_S))
    now_s: Callable[[], float] = time.monotonic
    counts: Counter[str] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)  # whole bodies, by sender
    bytes_under_way: Counter[str] = field(default_factory=Counter)  # of the same
    storing: "asyncio.Task[None] | None" = None
    asking: Asking = field(default_factory=Asking)
    tried_s: float = -TRIED_AGAIN_S
    exposed: tuple[int, bytes] = (0, b"")  # the last text of metrics, and its number
    expositions: int = 0  # begun
    exposing: asyncio.Lock = field(default_factory=asyncio.Lock)
    said_s: dict[tuple[str, str], float] = field(default_factory=dict)
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="collector-sink")
    )

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.body_timeout_s)
        self.waiting = Waiting(self.limits)

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self.limits.request, middlewares=[self._in_own_words])
        app.on_response_prepare.append(nameless)
        app.router.add_post(PATH, self.batches, expect_handler=self._expect)
        app.router.add_get("/healthz", self.health)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def health(self, request: web.Request) -> web.Response:
        """Whether batches can be stored, and who is silent."""
        agents: list[str] = []
        trouble = await self._look()
        if not trouble:
            try:
                agents = await self.on_thread(self.intake.agents)
            except SinkError as error:
                trouble = str(error)
        said = {"ok": not trouble, "agents": len(agents), "silent": self.dead_man.silent, **self.counts}
        if trouble:
            said["trouble"] = f"nothing can be stored: {printable(trouble)}"
        return web.json_response(said, status=503 if trouble else 200)

    async def _look(self) -> str:
        now_s = self.now_s()
        anew = now_s - self.tried_s >= TRIED_AGAIN_S
        self.tried_s = now_s if anew else self.tried_s
        return await self.on_thread(self.intake.look, anew)

    async def metrics(self, request: web.Request) -> web.Response:
        """OpenMetrics. Whoever asks while it is made gets the next one, together with all who do."""
        came = self.expositions
        async with self.exposing:
            number, body = self.exposed
            if number <= came:
                self.expositions += 1
                body = await self._expose()
                self.exposed = self.expositions, body
        return web.Response(body=body, headers={"Content-Type": OPENMETRICS})

    async def _expose(self) -> bytes:
        missing, withheld = await self.on_thread(self.intake.not_here)
        trouble = await self._look()
        try:
            found = await self.on_thread(self.intake.incidents)
        except SinkError as error:
            found, trouble = [], str(error)
        ages_s, silent = self.dead_man.ages_s(self.now_s()), self.dead_man.silent
        under_way, audited = self.under_way.total(), await self._audited(trouble)
        return exposition(
            *(self.counts, under_way, missing, withheld, ages_s, silent, found, not trouble, audited),
            self.figures_behind_s(),
        )

    async def _audited(self, trouble: str) -> Mapping[str, Any] | None:
        """What the last audit over all said; None where nobody knows. A database in trouble is not asked."""
        try:
            return None if trouble else await asyncio.to_thread(self.audited)
        except NotesError as error:
            log.error("what the last audit said is not known: %s", error)
            return None

    async def watch(self, period_s: float = 1.0) -> None:
        """Alarm on every agent that falls silent, until cancelled."""
        try:
            for agent in await self.on_thread(self.intake.agents):
                self.dead_man.expect(agent, self.now_s())
        except SinkError as error:
            log.error("who was heard before is not known: %s", error)
        waiting_s = self.now_s()
        while True:
            if self.now_s() - waiting_s >= WRITTEN_WITHIN_S:
                waiting_s = self.now_s()
                with suppress(SinkError):  # it is told as trouble, and waits on
                    await self.on_thread(self.intake.write_waiting)
            found = self.dead_man.check(self.now_s())
            if silent := [agent for agent in found if not await self._heard_elsewhere(agent)]:
                await self._tell_of(silent)
            await asyncio.sleep(period_s)

    async def _tell_of(self, silent: Sequence[str]) -> None:
        """Say that agents are silent: a whole fleet may be, and is one commit."""
        text = f"nothing was heard for {self.dead_man.silent_after_s:g} s"
        for agent in silent:
            log.error("%s: %s", agent, text)
        try:
            await self.on_thread(self.intake.report, silent, "silent", text)
        except SinkError as error:
            log.error("the silence is not on record: %s", error)
        for agent in silent:
            for line in await asyncio.to_thread(self._last_words, agent):
                log.error("%s: last known: %s", agent, line)

    async def _heard_elsewhere(self, agent: str) -> bool:
        """Whether another process on the same database stores what an agent sends."""
        try:
            ago_s = await self.on_thread(self.intake.stored_s_ago, agent)
        except SinkError:
            return False
        if ago_s is None or not 0 <= ago_s < self.dead_man.silent_after_s:
            return False
        self.dead_man.heard(agent, self.now_s() - ago_s)
        return True

    def _last_words(self, agent: str) -> list[str]:
        """Return what stands of an agent, read by a connection of its own: batches do not wait for it."""
        if self.archive is None:
            return []
        try:
            archive = self.archive()
            try:
                return last_words(archive, agent, datetime.now().astimezone())
            finally:
                archive.close()
        except ArchiveError as error:
            return [f"not to be read: {error}"]
        except Exception:  # of records that nobody foresaw: others are watched on
            log.exception("%s: what stands is not known", agent)
            return []

    async def on_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what uses the sink."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, lambda: call(*args, **kwargs))

    @web.middleware
    async def _in_own_words(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let every answer about batches say that it is this collector's, whatever went wrong."""
        if not request.path.rstrip("/").endswith(PATH):
            return await handler(request)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return self._refuse(error.status, f"{error.reason}: batches go to POST {PATH}")
        except (web.RequestPayloadError, ConnectionError) as error:
            return self._refuse(400, f"the body ended early, or is no HTTP: {error}")
        except Exception:
            log.exception("a request failed")
            return self._refuse(500, "this collector failed; its log says why")

    async def _expect(self, http: web.Request) -> web.StreamResponse | None:
        if http.headers.get("Expect", "").lower() != "100-continue":
            return self._refuse(417, "only 100-continue can be expected")
        await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    async def batches(self, http: web.Request) -> web.Response:
        """POST /v1/batches."""
        if http.content_type != CONTENT_TYPE or "Content-Encoding" in http.headers:
            return self._refuse(415, f"expected {CONTENT_TYPE} without content encoding")
        more = takes_more(",".join(http.headers.getall("Accept", [])))
        client = certified(http)
        sender = (client and client.name) or http.remote or ""
        try:
            body = await self.inbox.read(http, sender, self.limits.request)
        except TimeoutError:
            _hang_up(http)
            return self._refuse(408, f"no whole body within {self.body_timeout_s:g} s")
        except TooLong:
            return self._refuse(413, f"the body is larger than {self.limits.request} bytes")
        except Crowded:
            _hang_up(http)
            return self._refuse(503, "the body was too slow for a busy collector", retry_s=BUSY_RETRY_S)
        busy = self.under_way.total()
        if self._crowded(sender, len(body)):
            return self._refuse(503, f"{busy} requests are under way", retry_s=BUSY_RETRY_S)
        self.under_way[sender] += 1
        self.bytes_under_way[sender] += len(body)
        try:
            return await self._batches(body, sender, client, more)
        finally:
            self.under_way[sender] -= 1
            self.bytes_under_way[sender] -= len(body)
            if not self.under_way[sender]:
                del self.under_way[sender], self.bytes_under_way[sender]

    def _crowded(self, sender: str, size: int) -> bool:
        """Whether there is no place for another body, or none for one of this sender."""
        count, held = self.under_way, self.bytes_under_way
        return (
            count.total() >= self.max_requests
            or count[sender] >= max(1, self.max_requests // SHARES)
            or held.total() + size > MAX_BYTES
            or held[sender] + size > MAX_BYTES // SHARES
        )

    async def _batches(self, body: bytes, sender: str, client: Certified | None, more: bool) -> web.Response:
        try:
            request = decode_request(body, self.limits)
            check_request(request, self.limits)
        except TooLarge as error:
            return self._refuse(413, str(error))
        except WireError as error:
            return self._refuse(400, f"{type(error).__name__}: {error}")
        if client and client.name != request.agent:
            return self._refuse(403, f"the certificate is {client.name}'s, the request says {request.agent}")
        ends_ns = client.ends_ns if client else None
        try:
            done = [await self._stored(sender, piece, ends_ns) for piece in pieces(request, self.limits)]
            stored = done[0]
            if len(done) > 1:
                stored = await self.on_thread(self.intake.together, request.agent, done)
        except SinkError as error:
            log.error("nothing was stored: %s", error)
            return self._refuse(503, "the collector's disk refused to write", retry_s=DISK_RETRY_S)
        silent_s = self.dead_man.heard(request.agent, self.now_s())
        if silent_s is not None:
            log.warning("%s: heard again after %.0f s", request.agent, silent_s)
        return self._answer(request, stored, more)

    async def _stored(self, sender: str, request: Request, certificate_ends_ns: int | None) -> IntakeResult:
        """What becomes of a piece of a request, once it is its turn. Raises SinkError."""
        piece = Piece(request, certificate_ends_ns, asyncio.get_running_loop().create_future())
        self.waiting.put(sender, piece)
        if self.storing is None or self.storing.done():
            self.storing = asyncio.create_task(self._store_waiting())
        return await piece.stored

    async def _store_waiting(self) -> None:
        """Store what waits, many pieces in one commit, until nothing does."""
        while taken := self.waiting.take():
            found: Sequence[IntakeResult | Exception]
            try:
                found = await self.on_thread(self._store, taken)
            except Exception as error:
                found = [error] * len(taken)
            for piece, became in zip(taken, found, strict=True):
                if piece.stored.done():  # whoever sent it is gone
                    continue
                if isinstance(became, Exception):
                    piece.stored.set_exception(became)
                else:
                    piece.stored.set_result(became)

    def _store(self, taken: Sequence[Piece]) -> list[IntakeResult | Exception]:
        """On the sink's thread: judge, store and commit some pieces."""
        found: dict[Piece, IntakeResult | Exception] = {}
        judged: dict[Piece, tuple[Admitted, int | None]] = {}
        for piece in taken:
            request = piece.request
            held = partial(self.intake.held, (request.agent, request.epoch))
            try:
                admitted = admit(request, self.limits, self.intake.width_of, held)
                judged[piece] = admitted, piece.certificate_ends_ns
            except Exception as error:
                found[piece] = error
        found.update(zip(judged, self.intake.store_all(list(judged.values())), strict=True))
        return [found[piece] for piece in taken]

    def _answer(self, request: Request, stored: IntakeResult, more: bool) -> web.Response:
        ack, now_s = stored.acknowledgement, self.now_s()
        self.asking.refused(request.agent, [digest for digest, _ in stored.unusable], now_s)
        ack = replace(
            ack,
            need_schema=self.asking.due(request.agent, ack.need_schema, now_s),
            refused_schemas=[(digest, reason, AGAIN_S) for digest, reason in stored.unusable if digest],
        )
        self.counts.update(
            batches=stored.stored,
            values=stored.values,
            duplicates=stored.duplicates,
            refused=len(ack.refused),
            conflicts=len(stored.conflicts),
            unusable_schemas=len(stored.unusable),
        )
        for sequence, reason in ack.refused:
            log.warning("%s: batch %d was refused: %s", request.agent, sequence, reason)
        for kind, text in stored.incidents:
            self._say(request.agent, kind, text)
        if stored.conflicts:
            return self._refuse(
                409,
                f"epoch {request.epoch.hex()}: batch {stored.conflicts[0]} is stored with other bytes: "
                "this agent's buffer is a copy; give the agent a new one",
            )
        return web.Response(body=encode_ack(ack, more), content_type=ACKNOWLEDGEMENT_TYPE)

    def _say(self, agent: str, kind: str, text: str) -> None:
        """Log what a person must look at, at once and then once a minute."""
        now_s = self.now_s()
        if now_s - self.said_s.get((agent, kind), -SAID_AGAIN_S) >= SAID_AGAIN_S:
            self.said_s = {key: t_s for key, t_s in self.said_s.items() if now_s - t_s < SAID_AGAIN_S}
            self.said_s[agent, kind] = now_s
            log.error("%s: %s: %s", agent, kind, text)

    def _refuse(self, status: int, text: str, retry_s: int | None = None) -> web.Response:
        self.counts[f"http_{status}"] += 1
        headers = {} if retry_s is None else {"Retry-After": str(retry_s)}
        body = encode_refusal(text)
        return web.Response(status=status, body=body, content_type=ACKNOWLEDGEMENT_TYPE, headers=headers)


def _hang_up(http: web.Request) -> None:
    """Close, soon after the answer, a connection on which the rest of a body would be waited for."""
    if http.transport:
        asyncio.get_running_loop().call_later(HANG_UP_AFTER_S, http.transport.abort)
