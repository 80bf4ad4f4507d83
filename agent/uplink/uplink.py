"""Send sealed batches to one collector over HTTPS, alarms first, until each is acknowledged.

The same bytes are sent however often it takes. A batch counts as delivered only by the collector's own word,
which follows its synchronous commit; a lost acknowledgement costs a resend, never a batch.
"""

import asyncio
import contextlib
import logging
import math
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

import aiohttp

from agent.detect.explanations.said import Said, said
from agent.message import Message, joined, told_by
from agent.net.trouble import in_words
from agent.store.black_box import EVENTS, ROUTINE
from agent.store.errors import Implausible, StoreError
from agent.store.outgoing import PendingBatch
from agent.store.store import Store
from agent.store.writer import Writer
from agent.tls.contexts import TlsError
from agent.uplink.alarms import (
    CONFLICT,
    FOR_GOOD,
    FORGETFUL,
    FORGETS,
    IMPOSSIBLE,
    PASSED_OVER,
    REFUSED,
    SCHEMA,
    SCHEMA_PASSED_OVER,
    STOPPED,
    TOO_LARGE,
    UNSOUND,
)
from agent.uplink.answer import Conflict, HttpAnswer, RequestTooLarge, Unsound, UplinkError, understand
from agent.uplink.aside import AGAIN_S, Aside
from agent.uplink.healing import HealingPace
from agent.uplink.names import Names
from agent.uplink.pace import Pace
from agent.uplink.proxy import LoginError, Proxy
from agent.uplink.refusal import refusal
from agent.uplink.schemas import Schemas
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges
from agent.wire.request import ACCEPT, CONTENT_TYPE, PATH, About, Acknowledgement, Request, encode_request
from agent.wire.schema import hash_of
from agent.wire.text import printable

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 30.0
YIELD_S = 5.0  # that an alarm waits for the answer to a request without alarms: nobody may be there
AGAIN_YIELD_S = 0.5  # the same, where that request sends again what was lost
HEARTBEAT_S = 20.0  # a collector takes 60 s of silence for an alarm
KEPT_S = 3 * HEARTBEAT_S  # a connection, idle: to begin anew costs an alarm 10 s on a line of 9.6 kbit/s
SESSION_S = 3600.0  # then certificates are read again, and checked by the clock as it is then
STRANGER_BYTES = 4096  # of an answer that is not the collector's
ALONE_S = 5.0  # until a schema that was too large beside a batch is sent without one
SOUND_S = 60.0  # of sound answers end the alarm about unsound ones
ABOUT_S = 60.0  # between two words of an agent about itself
REMEMBERED_S = 2 * AGAIN_S  # without a healed batch lost once more end the alarm about such
REFUSED_S = 3600.0  # without a batch refused for good end the alarm about such
OLD_COLLECTOR = (
    "{url}: its collector is of before 0.2, knows of no batches that it is not to have, and counts those as"
    " missing; upgrade it"
)


@dataclass
class UplinkStatus:
    """What is told of this uplink. `answered`: something did, be it the collector or not; `set_aside`:
    batches that a limit keeps out, see `trouble`; `note`: what the collector cannot do, though all is well.
    """

    name: str
    url: str
    reached: bool = False
    trouble: str = ""
    note: str = ""
    requests: int = 0
    failures: int = 0
    answered: bool = False
    set_aside: int = 0


class Uplink:
    """One collector, one request at a time. `name`: its account's in the buffer.

    `tls` makes the context of an https URL, anew for each session. `tell(detector, said)` raises an alarm
    about it, or renews it; with None the alarm is over. `about()`: what the agent says of itself but for its
    backlog.
    """

    def __init__(
        self,
        name: str,
        url: str,
        agent: str,
        store: Store,
        writer: Writer,
        pace: Pace,
        tls: Callable[[], ssl.SSLContext],
        tell: Callable[[str, Said | None], None],
        proxy: Proxy | None = None,
        about: Callable[[], About] = About,
    ) -> None:
        self._about, self._about_s = about, -ABOUT_S
        self.status = UplinkStatus(name, url)
        self._proxy, self._proxy_headers = proxy, dict[str, str]()  # as of the session
        self._name, self._held = name, Ranges()  # what the collector knows of, by its last answer
        self._url, self._agent, self._store, self._writer = url.rstrip("/") + PATH, agent, store, writer
        self._pace, self._healing, self._tls, self._tell = pace, HealingPace(pace.share), tls, tell
        self._wake, self._alarm = asyncio.Event(), asyncio.Event()
        self._greeted = self._stopped = False
        self._old = False  # whether the last answer says that it was made before there was more
        self._more = False  # whether the last answer says that the collector takes requests with more
        self._heard_s = -HEARTBEAT_S  # when the collector took something last
        self._yielding: tuple[asyncio.Timeout, float] | None = None  # see `_giving_way`
        self._fresh_after = store.last_sequence
        self._epoch = store.epoch
        self._schemas, self._aside, self._kept_out = Schemas(), Aside(), set[bytes]()
        self._unsound_s, self._forgot_s = -SOUND_S, -REMEMBERED_S
        self._refused_s, self._refused = time.monotonic(), 0  # a refusal before the start counts as one now
        self._told: dict[str, Said | None] = {}

    def wake(self, alarm: bool = False) -> None:
        """Note that something was sealed; an alarm is sent at once, even where the last try failed."""
        self._wake.set()
        if alarm:
            self._pace.alarm(time.monotonic())
            self._alarm.set()
            if self._yielding:
                timeout, yield_s = self._yielding
                at_s, ends_s = asyncio.get_running_loop().time() + yield_s, timeout.when()
                if ends_s is None or at_s < ends_s:
                    timeout.reschedule(at_s)

    async def run(self) -> None:
        """Send until cancelled, or until the collector holds what another copy of this agent sent."""
        while not self._stopped:
            try:
                session = self._session()
            except (
                TlsError,
                LoginError,
            ) as error:  # files that were good at the start, being replaced perhaps
                self._failed(told_by(error))
                await self._due()
                continue
            end_s = time.monotonic() + SESSION_S
            async with session:
                while not self._stopped and time.monotonic() < end_s and await self._round(session):
                    pass
        await asyncio.Future()

    def _session(self) -> aiohttp.ClientSession:
        secure, proxy = self._url.startswith("https:"), self._proxy
        login = proxy.login() if proxy else None
        self._proxy_headers = {"Proxy-Authorization": login} if login else {}
        connector = aiohttp.TCPConnector(
            ssl=self._tls() if secure else True, keepalive_timeout=KEPT_S, resolver=Names()
        )
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy.url if proxy else None,
        )

    async def _round(self, session: aiohttp.ClientSession) -> bool:
        """Send what there is when its time has come, and wait for more; False where it failed."""
        await self._due()
        self._wake.clear()
        looked_s = time.monotonic()
        try:
            only_alarms = self._pace.only_alarms(looked_s)
            if not await self.send_some(session, only_alarms) and not only_alarms:
                await self._until_more(looked_s)
        except Conflict as error:
            self._stop(told_by(error))
        except RequestTooLarge as error:
            log.info("%s; a part of it may fit", error)
        except (UplinkError, StoreError) as error:
            self._tell_unsound(error)
            self._failed(told_by(error), error)
            return False
        return True

    def _tell_unsound(self, error: Exception) -> None:
        """Raise the alarm about unsound answers, where the answer was one."""
        if isinstance(error, Unsound | Implausible):
            self._unsound_s = time.monotonic()
            self._say(UNSOUND, said(IMPOSSIBLE, trouble=str(error)))

    async def _due(self) -> None:
        """Wait until something may be sent; an alarm that is sealed meanwhile may go sooner."""
        while (wait_s := self._pace.wait_s(time.monotonic())) > 0:
            self._alarm.clear()
            await _wait(self._alarm, wait_s)

    async def _until_more(self, looked_s: float) -> None:
        """Wait for something sealed, for the turn of what could not go yet when it was looked for, or until a
        sign of life is due.
        """
        sign_s = self._heard_s + HEARTBEAT_S
        turns_s = (self._schemas.next_s(), self._pace.backlog_at_s, self._healing.at_s)
        turn_s = min([sign_s, *(at_s for at_s in turns_s if at_s > looked_s)])
        if not await _wait(self._wake, max(0.0, turn_s - time.monotonic())) and time.monotonic() >= sign_s:
            self._greeted = False

    def _failed(self, trouble: str, error: Exception | None = None) -> None:
        if self.status.reached or not self.status.failures:
            log.warning("%s; batches wait on disk", trouble)
        self.status.failures += 1
        self.status.reached, self.status.trouble = False, trouble
        self.status.answered = getattr(error, "answered", False)
        self._fresh_after = self._store.last_sequence
        self._schemas.failed()
        self._pace.failed(time.monotonic(), random.random(), getattr(error, "retry_after_s", None))

    def _stop(self, trouble: str) -> None:
        self._stopped = True
        self._failed(trouble)
        told = said(STOPPED, trouble=str(trouble))
        log.critical(told.text)
        self._say(CONFLICT, told)

    def _say(self, detector: str, told: Said | None = None) -> None:
        """Raise, renew or end an alarm where it says something new."""
        if detector not in self._told or self._told[detector] != told:
            self._told[detector] = told
            self._tell(detector, told)

    async def flush(self, deadline_s: float) -> None:
        """Send what is pending, for at most `deadline_s`: the last effort before the process ends."""
        try:
            self._healing.at_s = math.inf  # what was delivered once has time
            async with asyncio.timeout(deadline_s), self._session() as session:
                held = self._pace.held(time.monotonic())
                while not self._stopped and await self.send_some(session, only_alarms=held):
                    pass
        except (TimeoutError, UplinkError, StoreError, TlsError, LoginError, Conflict) as error:
            log.info("stopped with batches pending: %s", error or f"none acknowledged in {deadline_s:g} s")

    async def send_some(self, session: aiohttp.ClientSession, only_alarms: bool = False) -> bool:
        """Send one request if anything is pending that may go now; return whether there was."""
        if only_alarms and not (await self._pending(only_alarms))[1]:
            self._pace.no_alarm()
            return False
        if not self._greeted:
            await self._greet(session)
        cpu_s = time.process_time()
        epoch, batches = await self._pending(only_alarms)
        batches, digests = self._with_schemas(self._together(self._aside.apart(batches)), only_alarms)
        bodies = await self._writer(self._store.schemas, digests) if digests else []
        if not batches and not bodies:
            self._schemas.arrived(digests)  # there are none of these
            return bool(digests)  # which went before batches
        blobs = [(b.sequence, b.blob) for b in batches]
        request = Request(self._agent, epoch, blobs, bodies, await self._withheld(), await self._due_about())
        if batches and batches[0].healed:
            await self._send_again(session, request, batches, digests, cpu_s)
        else:
            await self._send(session, request, batches, digests)
        return True

    async def _send(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        batches: list[PendingBatch],
        digests: list[bytes],
    ) -> None:
        start_s = time.monotonic()
        yields = all(b.priority != EVENTS for b in batches)
        try:
            ack = await self._post_live(session, request, yields)
        except RequestTooLarge as error:
            self._too_large(error, batches, digests)
            raise
        now_s = time.monotonic()
        self._arrived(digests)
        with_backlog = any(b.priority == ROUTINE and b.sequence <= self._fresh_after for b in batches)
        self._pace.answered(now_s, now_s - start_s, with_backlog)
        if await self._settle(ack, request):
            self._pace.pause(time.monotonic())

    async def _send_again(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        batches: list[PendingBatch],
        digests: list[bytes],
        cpu_s: float,
    ) -> None:
        """Send lost batches again. What becomes of it changes nothing for fresh ones."""
        start_s, retry_after_s, failure = time.monotonic(), None, ""
        try:
            ack = await self._post(session, request, AGAIN_YIELD_S, YIELD_S)
            self._pace.reached(time.monotonic())
            self._arrived(digests)
            took_s = time.monotonic() - start_s
            if left := await self._settle(ack, request):
                failure = Message(
                    "{url}: acknowledged {n} of {all} batches",
                    url=self._url,
                    n=len(batches) - left,
                    all=len(batches),
                )
        except (UplinkError, StoreError) as error:
            took_s, failure = time.monotonic() - start_s, told_by(error)
            retry_after_s = getattr(error, "retry_after_s", None)
            self._tell_unsound(error)
            if isinstance(error, RequestTooLarge) and len(batches) == 1:
                self._too_large_alone(error, batches, digests)
        now_s, spent_s = time.monotonic(), time.process_time() - cpu_s
        if not failure:
            self._healing.taken(now_s, took_s, spent_s)
            return
        log.log(
            logging.INFO if self._healing.failures else logging.WARNING,
            "%s; it had lost what this request carried, which is sent again later",
            failure,
        )
        self._healing.failed(now_s, took_s, spent_s, len(batches), random.random(), retry_after_s)

    def _together(self, batches: list[PendingBatch]) -> list[PendingBatch]:
        """Return the first of them that may go together: what is sent again goes with nothing else."""
        alike = [*takewhile(lambda batch: batch.healed == batches[0].healed, batches)]
        return self._healing.fitting(alike) if alike and alike[0].healed else alike

    async def _pending(self, only_alarms: bool) -> tuple[bytes, list[PendingBatch]]:
        if self._epoch != self._store.epoch:  # the buffer began anew, and its sequences, too
            self._epoch, self._aside = self._store.epoch, Aside()
            self._fresh_after = self._store.opened_at
        now_s, pace = time.monotonic(), self._pace
        return await self._writer(
            self._store.pending,
            self._name,
            pace.max_batches,
            pace.max_bytes,
            self._fresh_after,
            now_s >= pace.backlog_at_s,
            self._aside.waiting(now_s),
            only_alarms,
            now_s >= self._healing.at_s,
        )

    def _with_schemas(
        self, batches: list[PendingBatch], only_alarms: bool
    ) -> tuple[list[PendingBatch], list[bytes]]:
        """Return what goes now: batches, and schemas to read them by; one too large for that goes alone."""
        if only_alarms:
            return batches, []
        now_s = time.monotonic()
        lone = self._schemas.lone(now_s)
        if lone and not (batches and batches[0].priority == EVENTS):
            return [], lone
        of_batches = {b.schema for b in batches if b.schema}
        return batches, self._schemas.choose(of_batches, self._pace.max_schemas, now_s)

    async def _greet(self, session: aiohttp.ClientSession) -> None:
        """Send no batch: a sign of life, and before the first batch a look at what the collector holds."""
        withheld, about = await self._withheld(), await self._due_about()
        request = Request(self._agent, self._store.epoch, [], withheld=withheld, about=about)
        await self._take(await self._post_live(session, request, not self._pace.alarm_waits))
        self._greeted = True

    async def _withheld(self) -> list[tuple[int, int]]:
        """Return what the collector is not to have and does not know of, as far as a request may name it."""
        untold = (await self._writer(self._store.withheld, self._name)).minus(self._held)
        self.status.note = OLD_COLLECTOR.format(url=self._url) if untold.count and self._old else ""
        return list(untold)[: DEFAULT_LIMITS.containers]

    async def _due_about(self) -> About | None:
        """Return what the agent says of itself, where a collector takes it and has not heard it lately."""
        if not self._more or time.monotonic() - self._about_s < ABOUT_S:
            return None
        account = await self._writer(self._store.account, self._name)
        return replace(self._about(), backlog=account.pending)

    async def _post_live(
        self, session: aiohttp.ClientSession, request: Request, yields: bool
    ) -> Acknowledgement:
        """Post a request that `yields` to alarms, or one with an alarm, which has a shorter time-out."""
        if yields:
            return await self._post(session, request, self._pace.yield_s(YIELD_S))
        return await self._post(session, request, math.inf, self._pace.patience_s)

    async def _post(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        yield_s: float,
        most_s: float | None = None,
    ) -> Acknowledgement:
        """Return what the collector acknowledges, or raise what it or something else answered.

        An alarm that is sealed meanwhile waits for no more than `yield_s`, all else for `most_s`.
        """
        self.status.requests += 1
        self._pace.begun(time.monotonic())
        more, self._more = self._more, False  # after a failure, another collector may be there
        try:
            async with (
                self._giving_way(yield_s, most_s),
                session.post(
                    self._url,
                    data=encode_request(request, more),
                    headers={"Content-Type": CONTENT_TYPE, "Accept": ACCEPT, "Accept-Encoding": "identity"},
                    allow_redirects=False,
                    proxy_headers=self._proxy_headers,
                ) as response,
            ):
                answer = await _read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UplinkError(joined(": ", [self._url, self._why(error)])) from error
        ack = understand(self._url, answer, request, time.time())
        self._more, self._old = ack.more, not ack.more
        self._about_s = time.monotonic() if request.about else self._about_s
        sent = {hash_of(body) for body in request.schemas} if ack.refused_schemas else set()
        refused = [one for one in ack.refused_schemas if one[0] in sent]
        for one in self._schemas.refused(refused, time.monotonic()):
            log.error("%s will not take a %s; its values stay raw numbers there", self._url, one)
        return ack

    def _why(self, error: BaseException) -> str:
        if self._proxy and (trouble := self._proxy.trouble(self._url, error)):
            return trouble
        cause = getattr(error, "os_error", None)  # aiohttp wraps the reason in words of its own
        reason = refusal(error.__cause__) or in_words(cause) or printable(str(error))
        return reason or Message("no answer in time")

    @contextlib.asynccontextmanager
    async def _giving_way(self, yield_s: float, most_s: float | None) -> AsyncIterator[None]:
        """Wait for no more than `most_s`, and from an alarm's sealing on for no more than `yield_s`."""
        try:
            async with asyncio.timeout(most_s) as timeout:
                self._yielding = (timeout, yield_s) if yield_s < math.inf else None
                yield
        finally:
            self._yielding = None

    def _too_large(self, error: RequestTooLarge, batches: list[PendingBatch], digests: list[bytes]) -> None:
        """Send less at once; what is too large alone is passed over for an hour, and that is said."""
        if not self._pace.too_large(time.monotonic(), len(batches), len(digests)):
            self._too_large_alone(error, batches, digests)

    def _too_large_alone(
        self, error: RequestTooLarge, batches: list[PendingBatch], digests: list[bytes]
    ) -> None:
        now_s = time.monotonic()
        if digests and batches:  # the two may fit one by one
            self._schemas.put_off(digests[0], now_s + ALONE_S)
        elif digests:
            self._schemas.put_off(digests[0], now_s + AGAIN_S)
            self._kept_out.add(digests[0])
            self._pace.found()
            schema = digests[0].hex()[:8]
            self._say(SCHEMA, said(SCHEMA_PASSED_OVER, schema=schema, trouble=str(error)))
        else:
            (batch,) = batches
            if self._aside.put(batch.sequence, len(batch.blob), str(error), error.own, now_s):
                self._pace.found()
            self._tell_aside()

    def _arrived(self, digests: list[bytes]) -> None:
        self._schemas.arrived(digests)
        if self._kept_out & {*digests}:
            self._kept_out.difference_update(digests)
            if not self._kept_out:
                self._say(SCHEMA)

    def _tell_aside(self) -> None:
        count = self.status.set_aside = len(self._aside)
        told = said(PASSED_OVER, batches=count, trouble=self._aside.why) if count else None
        self._say(TOO_LARGE, told)
        self.status.trouble = told.text if told else self.status.trouble

    def _tell_refused(self, refused: Mapping[int, str], now_s: float) -> None:
        if not refused:
            return
        self._refused, self._refused_s = self._refused + len(refused), now_s
        last, reason = max(refused.items())
        self._say(REFUSED, said(FOR_GOOD, batches=self._refused, last=last, reason=reason))

    async def _take(self, ack: Acknowledgement) -> Ranges:
        """Compare an answer with the buffer; return the sequences that the collector holds."""
        self._heard_s = time.monotonic()
        held = held_by(ack)
        try:
            await self._writer(self._store.reconcile, self._name, ack.epoch, held)
        except Implausible as error:
            raise Implausible(f"{self._url} {error}") from error
        if time.monotonic() - self._unsound_s >= SOUND_S:
            self._say(UNSOUND)
        self._held = held
        if await self._writer(self._store.name_missing, self._name, ack.epoch, held):
            self._forgot_s = time.monotonic()
            self._say(FORGETS, said(FORGETFUL, url=self._url))
        elif time.monotonic() - self._forgot_s >= REMEMBERED_S:
            self._say(FORGETS)
        if time.monotonic() - self._refused_s >= REFUSED_S:
            self._refused = 0
            self._say(REFUSED)
        return held

    async def _settle(self, ack: Acknowledgement, request: Request) -> int:
        """Apply the answer to a request; return how many of its batches are still open."""
        at_collector = await self._take(ack)
        sizes = {sequence: len(blob) for sequence, blob in request.batches}
        refused = {sequence: reason for sequence, reason in ack.refused if sequence in sizes}
        held = [sequence for sequence in sizes if sequence in at_collector and sequence not in refused]
        for sequence, reason in refused.items():
            log.error("batch %d was refused for good: %s", sequence, reason)
        await self._writer(self._store.apply_acknowledgement, self._name, request.epoch, held, refused)
        now_s = time.monotonic()
        self._tell_refused(refused, now_s)
        if ack.need_schema:
            known = await self._writer(self._store.known_schemas)
            self._schemas.asked(known.intersection(ack.need_schema), now_s)
        settled = len(held) + len(refused)
        if sizes and not settled:
            raise UplinkError(f"{self._url}: acknowledged none of the {len(sizes)} batches sent")
        if not self.status.reached:
            log.info("%s: collector reached", self.status.url)
            self._say(CONFLICT)  # as another copy of this agent had it, before the start
        self.status.reached, self.status.answered, self.status.trouble = True, True, ""
        self._aside.taken({sequence: sizes[sequence] for sequence in [*held, *refused]}, now_s)
        self._tell_aside()
        return len(sizes) - settled


def held_by(ack: Acknowledgement) -> Ranges:
    """Return the sequences that a collector holds, or knows as dropped."""
    through = Ranges.through(ack.durable_through)
    return through.minus(Ranges(ack.missing))


async def _read(response: aiohttp.ClientResponse) -> HttpAnswer:
    """Return the answer: a collector's up to the size of an acknowledgement, a stranger's beginning."""
    header, types = response.headers.get, response.headers.getall("Content-Type", [])
    content_type = types[0] if len(types) == 1 else None  # of two, somebody on the way has set one
    answer = HttpAnswer(response.status, content_type, header("Server"), header("Retry-After"), body=b"")
    most, body = DEFAULT_LIMITS.inflated if answer.own else STRANGER_BYTES, b""
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > most:
            break
    return replace(answer, body=body)


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, for at most `timeout_s`; return whether it came."""
    try:
        async with asyncio.timeout(timeout_s):  # `wait_for` of 3.11 loses a cancellation that meets the event
            await event.wait()
    except TimeoutError:
        return False
    return True
