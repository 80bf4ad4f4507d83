"""The HTTP side: what a request may cost, who may say what, and the answer only after the commit."""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

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
)
from collector.admission import admit
from collector.deadman import DeadMan
from collector.metrics import OPENMETRICS, exposition
from collector.sink_sqlite import Sink, SinkError, Stored

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_REQUESTS = 64  # under way at once, bodies included: 64 x 2 MiB
BODY_TIMEOUT_S = 20.0  # for senders that trickle
BUSY_RETRY_S, DISK_RETRY_S = 1, 30
SILENT_AFTER_S = 60.0


@dataclass
class Receiver:
    """One collector: a sink, the thread that alone touches it, and counts since the start."""

    sink: Sink
    limits: Limits = field(default_factory=Limits)
    max_requests: int = MAX_REQUESTS
    body_timeout_s: float = BODY_TIMEOUT_S
    dead_man: DeadMan = field(default_factory=lambda: DeadMan(SILENT_AFTER_S))
    now_s: Callable[[], float] = time.monotonic
    counts: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="collector-sink")
    )

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self.limits.request)
        app.router.add_post(PATH, self.batches)
        app.router.add_get("/healthz", self.health)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def health(self, request: web.Request) -> web.Response:
        """Whether the sink answers, and who is silent."""
        agents = await self._on_thread(self.sink.agents)
        return web.json_response(
            {"ok": True, "agents": len(agents), "silent": self.dead_man.silent, **self.counts}
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """OpenMetrics."""
        missing = await self._on_thread(self.sink.missing)
        ages_s, silent = self.dead_man.ages_s(self.now_s()), self.dead_man.silent
        body = exposition(self.counts, self.under_way, missing, ages_s, silent)
        return web.Response(body=body, headers={"Content-Type": OPENMETRICS})

    async def watch(self, period_s: float = 1.0) -> None:
        """Alarm on every agent that falls silent, until cancelled."""
        for agent in await self._on_thread(self.sink.agents):
            self.dead_man.expect(agent, self.now_s())
        while True:
            for agent in self.dead_man.check(self.now_s()):
                text = f"nothing was heard for {self.dead_man.silent_after_s:g} s"
                log.error("%s: %s", agent, text)
                try:
                    await self._on_thread(self.sink.report, agent, b"", "silent", text)
                except SinkError as error:
                    log.error("the silence is not on record: %s", error)
            await asyncio.sleep(period_s)

    async def _on_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, lambda: call(*args, **kwargs))

    async def batches(self, http: web.Request) -> web.Response:
        """POST /v1/batches."""
        if self.under_way >= self.max_requests:
            return self._refuse(503, f"{self.under_way} requests are under way", retry_s=BUSY_RETRY_S)
        self.under_way += 1
        try:
            return await self._batches(http)
        finally:
            self.under_way -= 1

    async def _batches(self, http: web.Request) -> web.Response:
        if http.content_type != CONTENT_TYPE or "Content-Encoding" in http.headers:
            return self._refuse(415, f"expected {CONTENT_TYPE} without content encoding")
        try:
            async with asyncio.timeout(self.body_timeout_s):
                body = await http.read()
            request = decode_request(body, self.limits)
        except TimeoutError:
            return self._refuse(408, f"no whole body within {self.body_timeout_s:g} s")
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, f"the body is larger than {self.limits.request} bytes")
        except TooLarge as error:
            return self._refuse(413, str(error))
        except WireError as error:
            return self._refuse(400, f"{type(error).__name__}: {error}")
        name = certified_name(http)
        if name is not None and name != request.agent:
            return self._refuse(403, f"the certificate is {name}'s, the request says {request.agent}")
        try:
            stored = await self._on_thread(self._store, request)
        except SinkError as error:
            log.error("nothing was stored: %s", error)
            return self._refuse(503, "the collector's disk refused to write", retry_s=DISK_RETRY_S)
        silent_s = self.dead_man.heard(request.agent, self.now_s())
        if silent_s is not None:
            log.warning("%s: heard again after %.0f s", request.agent, silent_s)
        return self._answer(request, stored)

    def _store(self, request: Request) -> Stored:
        """On the sink's thread: judge, store, commit."""
        admitted = admit(request, self.limits)
        for reason in admitted.bad_schemas:
            log.warning("%s: a schema was refused: %s", request.agent, reason)
        return self.sink.store(admitted)

    def _answer(self, request: Request, stored: Stored) -> web.Response:
        ack = stored.acknowledgement
        self.counts.update(
            batches=stored.stored,
            values=stored.values,
            duplicates=stored.duplicates,
            refused=len(ack.refused),
            conflicts=len(stored.conflicts),
        )
        for sequence, reason in ack.refused:
            log.warning("%s: batch %d was refused: %s", request.agent, sequence, reason)
        if stored.conflicts:
            return self._refuse(
                409,
                f"epoch {request.epoch.hex()}: batch {stored.conflicts[0]} is stored with other bytes: "
                "this agent's buffer is a copy; give the agent a new one",
            )
        return web.Response(body=encode_ack(ack), content_type=ACKNOWLEDGEMENT_TYPE)

    def _refuse(self, status: int, text: str, retry_s: int | None = None) -> web.Response:
        self.counts[f"http_{status}"] += 1
        headers = {} if retry_s is None else {"Retry-After": str(retry_s)}
        body = encode_refusal(text)
        return web.Response(status=status, body=body, content_type=ACKNOWLEDGEMENT_TYPE, headers=headers)


def certified_name(http: web.Request) -> str | None:
    """The common name of the client's certificate; None where the connection has none (loopback)."""
    transport = http.transport
    peer = transport.get_extra_info("ssl_object") if transport else None
    certificate = peer.getpeercert() if isinstance(peer, (ssl.SSLObject, ssl.SSLSocket)) else None
    if not certificate:
        return None
    subject: Any = certificate.get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return str(names[-1]) if names else ""
