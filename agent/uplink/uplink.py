"""Send sealed batches to one collector over HTTPS, alarms first, until each is acknowledged.

The same bytes are sent however often it takes. A batch counts as delivered only by the collector's own word,
which follows its synchronous commit; a lost acknowledgement costs a resend, never a batch.
"""

import asyncio
import email.utils
import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from agent.store.black_box import ROUTINE
from agent.store.errors import StoreError
from agent.store.outgoing import PendingBatch
from agent.store.store import Store
from agent.store.writer import Writer
from agent.uplink.pace import RETRY_FLOOR_S, Pace
from agent.uplink.refusal import refusal
from agent.uplink.tls import TlsError
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges
from agent.wire.request import CONTENT_TYPE, PATH, Acknowledgement, Request, decode_ack, encode_request

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 30.0
HEARTBEAT_S = 20.0  # a collector takes 60 s of silence for an alarm
SESSION_S = 3600.0  # then certificates are read again, and checked by the clock as it is then
OK, CONFLICT, TOO_LARGE = 200, 409, 413


class UplinkError(Exception):
    """The collector could not be reached or would not take a request; worth trying again."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Conflict(Exception):
    """The collector holds other bytes under a key of ours: a cloned buffer. Sending stops."""


@dataclass
class UplinkStatus:
    """What the status page says of this uplink."""

    url: str
    reached: bool = False
    trouble: str = ""
    requests: int = 0
    failures: int = 0


class Uplink:
    """One collector, one request at a time.

    `tls` makes the context of an https URL, anew for each session. `conflict` is told once, in words, that
    sending has stopped for good.
    """

    def __init__(
        self,
        url: str,
        agent: str,
        store: Store,
        writer: Writer,
        pace: Pace,
        tls: Callable[[], ssl.SSLContext],
        conflict: Callable[[str], None],
    ) -> None:
        self.status = UplinkStatus(url)
        self._url, self._agent, self._store, self._writer = url.rstrip("/") + PATH, agent, store, writer
        self._pace, self._tls, self._conflict = pace, tls, conflict
        self._wake, self._alarm = asyncio.Event(), asyncio.Event()
        self._greeted = self._stopped = False
        self._fresh_after = store.last_sequence
        self._sent_schemas: set[bytes] = set()
        self._need_schemas: set[bytes] = set()

    def wake(self, alarm: bool = False) -> None:
        """Say that something was sealed; an alarm is tried at once, even where the last try failed."""
        self._wake.set()
        if alarm:
            self._alarm.set()

    async def run(self) -> None:
        """Send until cancelled, or until the collector holds what another copy of this agent sent."""
        while not self._stopped:
            try:
                session = self._session()
            except TlsError as error:  # files that were good at the start, being replaced perhaps
                self._failed(str(error))
                await asyncio.sleep(self._pace.failed(random.random()))
                continue
            end_s = time.monotonic() + SESSION_S
            async with session:
                while not self._stopped and time.monotonic() < end_s and await self._round(session):
                    pass
        await asyncio.Future()

    def _session(self) -> aiohttp.ClientSession:
        secure = self._url.startswith("https:")
        connector = aiohttp.TCPConnector(ssl=self._tls()) if secure else None
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        return aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    async def _round(self, session: aiohttp.ClientSession) -> bool:
        """Send what there is and wait for more; False where it failed, after waiting to try again."""
        self._wake.clear()
        self._alarm.clear()
        try:
            if not await self.send_some(session):
                await self._until_more()
        except Conflict as error:
            self._stop(str(error))
        except (UplinkError, StoreError) as error:
            self._failed(str(error))
            retry_after_s = getattr(error, "retry_after_s", None)
            wait_s = self._pace.failed(random.random(), retry_after_s)
            if retry_after_s is not None:
                await asyncio.sleep(wait_s)
            else:
                await asyncio.sleep(min(wait_s, RETRY_FLOOR_S))
                await _wait(self._alarm, wait_s - RETRY_FLOOR_S)
            return False
        return True

    async def _until_more(self) -> None:
        """Wait for something sealed, for the backlog's turn, or until a sign of life is due."""
        backlog_in_s = self._pace.backlog_at_s - time.monotonic()
        if backlog_in_s > 0:
            await _wait(self._wake, backlog_in_s)
        elif not await _wait(self._wake, HEARTBEAT_S):
            self._greeted = False

    def _failed(self, trouble: str) -> None:
        if self.status.reached or not self.status.failures:
            log.warning("%s; batches wait on disk", trouble)
        self.status.failures += 1
        self.status.reached, self.status.trouble = False, trouble
        self._fresh_after = self._store.last_sequence
        self._sent_schemas.clear()

    def _stop(self, trouble: str) -> None:
        self._stopped = True
        self._failed(trouble)
        text = f"{trouble}. Nothing more is sent until a person has looked; polling goes on"
        log.critical(text)
        self._conflict(text)

    async def flush(self, deadline_s: float) -> None:
        """Send what is pending, for at most `deadline_s`: the last effort before the process ends."""
        try:
            async with asyncio.timeout(deadline_s), self._session() as session:
                while not self._stopped and await self.send_some(session):
                    pass
        except (TimeoutError, UplinkError, StoreError, TlsError, Conflict) as error:
            log.info("stopped with batches pending: %s", error or f"none acknowledged in {deadline_s:g} s")

    async def send_some(self, session: aiohttp.ClientSession) -> bool:
        """Send one request if anything is pending; return whether there was."""
        if not self._greeted:
            await self._greet(session)
        pace = self._pace
        epoch, batches = await self._writer(
            self._store.pending,
            pace.max_batches,
            pace.max_bytes,
            self._fresh_after,
            time.monotonic() >= pace.backlog_at_s,
        )
        schemas = await self._schemas_for(batches)
        if not batches and not schemas:
            return False
        request = Request(self._agent, epoch, [(b.sequence, b.blob) for b in batches], schemas)
        start_s = time.monotonic()
        ack = await self._post(session, request)
        now_s = time.monotonic()
        with_backlog = any(b.priority == ROUTINE and b.sequence <= self._fresh_after for b in batches)
        if ack is not None:
            await self._settle(ack, request)
            pace.answered(now_s, now_s - start_s, with_backlog)
        elif len(batches) > 1:
            pace.too_large(len(batches))
        else:
            reason = "HTTP 413: alone larger than the collector takes"
            await self._writer(self._store.settle, epoch, (), {b.sequence: reason for b in batches})
        return True

    async def _greet(self, session: aiohttp.ClientSession) -> None:
        """Send nothing: a sign of life, and before the first batch, a look at what it holds of ours."""
        ack = await self._post(session, Request(self._agent, self._store.epoch, []))
        if ack is not None:
            await self._writer(self._store.meet, ack.epoch, held_by(ack))
        self._greeted = True

    async def _schemas_for(self, batches: list[PendingBatch]) -> list[bytes]:
        missing = {b.schema for b in batches if b.schema} - self._sent_schemas | self._need_schemas
        wanted = sorted(missing)[: DEFAULT_LIMITS.schemas]  # the rest is asked for, and goes with the next
        self._sent_schemas.update(wanted)
        self._need_schemas.difference_update(wanted)
        return await self._writer(self._store.schemas, wanted) if wanted else []

    async def _post(self, session: aiohttp.ClientSession, request: Request) -> Acknowledgement | None:
        """Return the collector's acknowledgement; None where the request was too large for it."""
        self.status.requests += 1
        try:
            async with session.post(
                self._url,
                data=encode_request(request),
                headers={"Content-Type": CONTENT_TYPE},
                allow_redirects=False,
            ) as response:
                answer = await _read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = getattr(error, "os_error", None)  # aiohttp wraps the reason in words of its own
            reason = refusal(error.__cause__) or getattr(cause, "strerror", None) or str(error)
            reason = reason or "no answer in time"
            raise UplinkError(f"{self._url}: {reason}") from error
        text = f"{self._url}: HTTP {response.status} {answer[:200].decode(errors='replace').strip()}"
        if response.status == CONFLICT:
            raise Conflict(text)
        if response.status == TOO_LARGE:
            return None
        if response.status != OK:
            raise UplinkError(text, retry_after_s(response.headers.get("Retry-After"), time.time()))
        return self._understand(answer, request)

    def _understand(self, answer: bytes, request: Request) -> Acknowledgement:
        try:
            ack = decode_ack(answer)
        except WireError as error:
            raise UplinkError(f"{self._url}: its acknowledgement cannot be read: {error}") from error
        if ack.epoch != request.epoch:
            raise UplinkError(f"{self._url}: acknowledged epoch {ack.epoch.hex()}, not ours")
        return ack

    async def _settle(self, ack: Acknowledgement, request: Request) -> None:
        sent, at_collector = [sequence for sequence, _ in request.batches], held_by(ack)
        refused = {sequence: reason for sequence, reason in ack.refused if sequence in sent}
        held = [sequence for sequence in sent if sequence in at_collector and sequence not in refused]
        for sequence, reason in refused.items():
            log.error("batch %d was refused for good: %s", sequence, reason)
        await self._writer(self._store.settle, request.epoch, held, refused)
        self._need_schemas |= set(ack.need_schema)
        if sent and not held and not refused:
            raise UplinkError(f"{self._url}: acknowledged none of the {len(sent)} batches sent")
        if not self.status.reached:
            log.info("%s: collector reached", self.status.url)
        self.status.reached, self.status.trouble = True, ""


def held_by(ack: Acknowledgement) -> Ranges:
    """The sequences that a collector says to hold, or to know of as dropped."""
    through = Ranges([(1, ack.durable_through)] if ack.durable_through > 0 else [])
    return through.minus(Ranges((first, last) for first, last in ack.missing if first <= last))


def retry_after_s(header: str | None, utc_s: float) -> float | None:
    """Seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3); None without a sound one."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - utc_s)
    except ValueError:
        return None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, of no more than an acknowledgement may have."""
    body = b""
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > DEFAULT_LIMITS.inflated:
            raise aiohttp.ClientPayloadError(f"an answer of more than {DEFAULT_LIMITS.inflated} bytes")
    return body


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, for at most `timeout_s`; return whether it came."""
    try:
        await asyncio.wait_for(event.wait(), max(0.0, timeout_s))
    except TimeoutError:
        return False
    return True
