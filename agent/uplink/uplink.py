"""Send sealed batches to one collector over HTTP, alarms first, until each is acknowledged.

The same bytes are sent however often it takes. A batch counts as delivered only by the collector's own word,
which follows its synchronous commit; a lost acknowledgement costs a resend, never a batch.
"""

import asyncio
import logging
import random
from dataclasses import dataclass

import aiohttp

from agent.store.store import PRIORITY_ALARM, PRIORITY_FRAMES, PendingBatch, Store
from agent.store.writer import Writer
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.request import CONTENT_TYPE, PATH, Request, decode_ack, encode_request

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 512 * 1024
REQUEST_TIMEOUT_S = 30.0
RETRY_FLOOR_S = 0.5
RETRY_CEILING_S = 30.0
CONFLICT, TOO_LARGE = 409, 413


class UplinkError(Exception):
    """The collector could not be reached or would not take a request; worth trying again."""


class Conflict(Exception):
    """The collector holds other bytes under a key of ours: a cloned or restored buffer. Sending stops."""


@dataclass
class UplinkStatus:
    """What the status page says of this uplink."""

    url: str
    reached: bool = False
    trouble: str = ""
    requests: int = 0
    failures: int = 0


class Uplink:
    """One collector, one request at a time."""

    def __init__(self, url: str, agent: str, store: Store, writer: Writer) -> None:
        self.status = UplinkStatus(url)
        self._url, self._agent, self._store, self._writer = url.rstrip("/") + PATH, agent, store, writer
        self._sealed = asyncio.Event()
        self._max_batches = DEFAULT_LIMITS.batches
        self._sent_schemas: set[bytes] = set()
        self._need_schemas: set[bytes] = set()

    def wake(self) -> None:
        """Say that something was sealed."""
        self._sealed.set()

    async def run(self) -> None:
        """Send until cancelled."""
        failures = 0
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._sealed.clear()
                try:
                    while await self.send_some(session):
                        failures = 0
                except UplinkError as error:
                    failures += 1
                    self._failed(str(error))
                    # full jitter: a thousand agents whose collector returns do not return together
                    await asyncio.sleep(random.uniform(0.1, self._ceiling_s(failures)))
                    continue
                except Conflict as error:
                    self._failed(str(error))
                    log.critical("%s. Nothing more is sent until a person has looked; polling goes on", error)
                    await asyncio.Future()
                await self._sealed.wait()

    @staticmethod
    def _ceiling_s(failures: int) -> float:
        return min(RETRY_CEILING_S, RETRY_FLOOR_S * 2.0**failures)

    def _failed(self, trouble: str) -> None:
        if self.status.reached or not self.status.failures:
            log.warning("%s; batches wait on disk", trouble)
        self.status.failures += 1
        self.status.reached, self.status.trouble = False, trouble

    async def flush(self, deadline_s: float) -> None:
        """Send what is pending, for at most `deadline_s`: the last effort before the process ends."""
        try:
            async with asyncio.timeout(deadline_s), aiohttp.ClientSession() as session:
                while await self.send_some(session):
                    pass
        except (TimeoutError, UplinkError, Conflict) as error:
            log.info("stopped with batches pending: %s", error or f"none acknowledged in {deadline_s:g} s")

    async def send_some(self, session: aiohttp.ClientSession) -> bool:
        """Send one request if anything is pending; return whether there was."""
        batches = await self._next()
        schemas = await self._schemas_for(batches)
        if not batches and not schemas:
            return False
        request = Request(
            agent=self._agent,
            epoch=self._store.epoch,
            batches=[(b.sequence, b.blob) for b in batches],
            schemas=schemas,
        )
        await self._post(session, encode_request(request), batches)
        return True

    async def _next(self) -> list[PendingBatch]:
        for priority in (PRIORITY_ALARM, PRIORITY_FRAMES):
            found = await self._writer(self._store.pending, priority, self._max_batches, MAX_REQUEST_BYTES)
            if found:
                return found
        return []

    async def _schemas_for(self, batches: list[PendingBatch]) -> list[bytes]:
        missing = {b.schema for b in batches if b.schema} - self._sent_schemas | self._need_schemas
        wanted = sorted(missing)[: DEFAULT_LIMITS.schemas]  # the rest is asked for, and goes with the next
        self._sent_schemas.update(wanted)
        self._need_schemas.difference_update(wanted)
        return await self._writer(self._store.schemas, wanted) if wanted else []

    async def _post(self, session: aiohttp.ClientSession, body: bytes, batches: list[PendingBatch]) -> None:
        self.status.requests += 1
        try:
            async with session.post(self._url, data=body, headers={"Content-Type": CONTENT_TYPE}) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._sent_schemas.clear()
            cause = getattr(error, "os_error", None)  # aiohttp wraps the reason in words of its own
            reason = getattr(cause, "strerror", None) or str(error) or "no answer in time"
            raise UplinkError(f"{self._url}: {reason}") from error
        if response.status == TOO_LARGE and len(batches) > 1:
            self._max_batches = max(1, len(batches) // 2)
            return
        if response.status == CONFLICT:
            raise Conflict(f"{self._url}: {answer.decode(errors='replace').strip()}")
        if response.status != 200:
            self._sent_schemas.clear()
            text = answer[:200].decode(errors="replace").strip()
            raise UplinkError(f"{self._url}: HTTP {response.status} {text}")
        await self._settle(answer)
        if batches and not any(self._store.settled.covers(b.sequence) for b in batches):
            raise UplinkError(f"{self._url}: acknowledged none of the {len(batches)} batches sent")

    async def _settle(self, answer: bytes) -> None:
        try:
            ack = decode_ack(answer)
        except WireError as error:
            raise UplinkError(f"{self._url}: its acknowledgement cannot be read: {error}") from error
        if ack.epoch != self._store.epoch:
            raise UplinkError(f"{self._url}: acknowledged epoch {ack.epoch.hex()}, not ours")
        for sequence, reason in ack.refused:
            log.error("batch %d was refused for good: %s", sequence, reason)
        await self._writer(self._store.settle, ack.durable_through, ack.missing, dict(ack.refused))
        self._need_schemas |= set(ack.need_schema)
        if not self.status.reached:
            log.info("%s: collector reached", self.status.url)
        self.status.reached, self.status.trouble = True, ""
