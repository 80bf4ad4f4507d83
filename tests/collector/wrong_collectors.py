"""A small collector in memory, right as far as `conform` can tell, and others, wrong in one way each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgpack
from aiohttp import web

from agent.wire import (
    ACKNOWLEDGEMENT_TYPE,
    CONTENT_TYPE,
    PATH,
    Batch,
    Limits,
    Request,
    TooLarge,
    WireError,
    decode_request,
    decode_schema,
    takes_more,
)
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges, durable
from agent.wire.schema import width
from collector.account import gap_ranges
from collector.admission import Admitted, admit, check_request
from collector.runner import Runner

Stream = tuple[str, bytes]


@dataclass
class Account:
    blobs: dict[int, bytes] = field(default_factory=dict)
    schemas: set[bytes] = field(default_factory=set)
    dropped: Ranges = field(default_factory=Ranges)
    withheld: Ranges = field(default_factory=Ranges)

    @property
    def all(self) -> Ranges:
        return Ranges([*((s, s) for s in self.blobs), *self.dropped, *self.withheld])


class Small:
    """A collector that keeps everything in memory; `restart` keeps what a right one had on its disk.

    Each step is a method, so that a wrong one takes one of them wrongly.
    """

    limits = DEFAULT_LIMITS

    def __init__(self) -> None:
        self.accounts: dict[Any, Account] = {}
        self.widths: dict[bytes, int] = {}
        self.unusable: set[bytes] = set()

    # What a wrong one does otherwise:

    def stream(self, request: Request) -> Any:
        return (request.agent, request.epoch)

    def restart(self) -> None:
        pass

    def decode(self, body: bytes) -> Request:
        request = decode_request(body, self.limits)
        check_request(request, self.limits)
        return request

    def admit(self, request: Request) -> Admitted:
        return admit(request, self.limits, self.widths.get, self.account(self.stream(request)).blobs.get)

    def conflict(self, account: Account, sequence: int, blob: bytes) -> bool:
        return account.blobs.setdefault(sequence, blob) != blob

    def gap(self, account: Account, batch: Batch, event: dict[str, Any]) -> None:
        if event.get("epoch", batch.epoch) == batch.epoch:
            ranges = gap_ranges(event, batch.sequence)
        else:
            account = self.account((batch.agent, event["epoch"]))
            ranges = gap_ranges(event, 2**40 + 1) or account.all.holes()
        for span in ranges:
            account.dropped.add(*span)

    def withhold(self, account: Account, ranges: list[tuple[int, int]]) -> None:
        for span in ranges:
            account.withheld.add(*span)

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        return durable(account.all, 256, asked)

    def wanted(self, account: Account, batches: list[Batch]) -> list[bytes]:
        needed = {batch.schema for batch in batches if batch.schema}
        return sorted(needed - self.widths.keys() - self.unusable)

    def body(self, *elements: Any) -> bytes:
        packed: bytes = msgpack.packb([1, *elements])
        return packed

    def more(self, accept: str) -> bool:
        return takes_more(accept)

    def refusal(self, status: int, reason: str) -> web.Response:
        return web.Response(status=status, body=msgpack.packb(reason), content_type=ACKNOWLEDGEMENT_TYPE)

    # What all of them do:

    def account(self, stream: Any) -> Account:
        return self.accounts.setdefault(stream, Account())

    def app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024 * 1024, middlewares=[self.in_own_words])
        app.router.add_post(PATH, self.batches, expect_handler=self.expect)
        app.router.add_post("/restart", self.restarted)
        return app

    @web.middleware
    async def in_own_words(self, http: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(http)
        except web.HTTPException as error:
            return self.refusal(error.status, error.reason)
        return answer

    async def expect(self, http: web.Request) -> web.StreamResponse | None:
        if http.headers.get("Expect", "").lower() != "100-continue":
            return self.refusal(417, "only 100-continue")
        await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    async def restarted(self, http: web.Request) -> web.Response:
        self.restart()
        return web.Response()

    async def batches(self, http: web.Request) -> web.Response:
        if http.content_type != CONTENT_TYPE or "Content-Encoding" in http.headers:
            return self.refusal(415, "wrong type")
        try:
            request = self.decode(await http.read())
        except TooLarge as error:
            return self.refusal(413, str(error))
        except WireError as error:
            return self.refusal(400, str(error))
        account, admitted = self.account(self.stream(request)), self.admit(request)
        for digest, body in admitted.schemas.items():
            self.widths[digest] = width(decode_schema(body)[1])
        self.unusable |= {digest for digest, _ in admitted.bad_schemas if digest}
        conflicts = [b.sequence for b, blob in admitted.batches if self.conflict(account, b.sequence, blob)]
        for batch, _ in admitted.batches:
            for event in batch.events:
                if event["kind"] == "gap" and batch.sequence not in conflicts:
                    self.gap(account, batch, event)
        self.withhold(account, request.withheld)
        if conflicts:
            return self.refusal(409, "a copy")
        batches = [batch for batch, _ in admitted.batches]
        through, missing = self.claim(account, [batch.sequence for batch in batches])
        more = [{}] if self.more(",".join(http.headers.getall("Accept", []))) else []
        body = self.body(
            request.epoch, through, missing, self.wanted(account, batches), admitted.refused, *more
        )
        return web.Response(body=body, content_type=ACKNOWLEDGEMENT_TYPE)


class AsIn010(Small):
    """A right one, of the shapes of 0.1.0."""

    def more(self, accept: str) -> bool:
        return False

    def decode(self, body: bytes) -> Request:
        if body[:1] != b"\x95":
            raise WireError("request: version 1 has 5 fields")
        return super().decode(body)


class Closes(Small):
    """A right one that closes each connection right behind its answer, without a word."""

    async def batches(self, http: web.Request) -> web.Response:
        answer = await super().batches(http)
        await answer.prepare(http)
        await answer.write_eof()
        if http.transport:
            asyncio.get_running_loop().call_later(0.002, http.transport.close)
        return answer


@asynccontextmanager
async def serving(collector: Small) -> AsyncIterator[str]:
    """Give its URL."""
    runner = Runner(collector.app(), auto_decompress=False, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Forgets(Small):
    """acknowledges before it has stored, and is restarted"""

    def restart(self) -> None:
        self.accounts.clear()
        self.widths.clear()


class ForgetsGaps(Small):
    """keeps batches, and of gaps only what it has in memory"""

    def restart(self) -> None:
        for account in self.accounts.values():
            account.dropped = Ranges()


class ForgetsWithheld(Small):
    """keeps withheld ranges in memory alone"""

    def restart(self) -> None:
        for account in self.accounts.values():
            account.withheld = Ranges()


class CountsWithheldAsMissing(Small):
    """has no place for what is withheld"""

    def withhold(self, account: Account, ranges: list[tuple[int, int]]) -> None:
        pass


class WithholdsForOneRequest(Small):
    """takes what is withheld as told anew each time"""

    def withhold(self, account: Account, ranges: list[tuple[int, int]]) -> None:
        account.withheld = Ranges(ranges)


class Lenient(Small):
    """stores what `admit` refuses for this reason"""

    reason = ""

    def admit(self, request: Request) -> Admitted:
        admitted = super().admit(request)
        for sequence, reason in list(admitted.refused):
            if self.reason in reason:
                admitted.refused.remove((sequence, reason))
                self.account(self.stream(request)).blobs[sequence] = dict(request.batches)[sequence]
        return admitted


class BelievesGapsOfItsFuture(Lenient):
    """takes a gap that names itself, or what is to come"""

    reason = "is no range of sequences"


class TakesAWrongChecksum(Lenient):
    """does not look at the checksum of zstd"""

    reason = "checksum"


class Takes22Elements(Lenient):
    """does not count the elements of a batch"""

    reason = "22 fields"


class TakesAnyQuality(Lenient):
    """does not know what qualities there are"""

    reason = "quality: code"


class TakesAnotherName(Lenient):
    """believes the request, whatever the batch says"""

    reason = "the request says"


class TakesNoTimes(Lenient):
    """lets boot time go back"""

    reason = "it goes back"


class TakesMisfits(Lenient):
    """does not hold batches to their schema"""

    reason = "its schema describes"


class JudgesDuplicatesAnew(Small):
    """holds what is stored to a schema that came since"""

    def admit(self, request: Request) -> Admitted:
        return admit(request, self.limits, self.widths.get)


class TakesSmallLargeOnes(Lenient):
    """does not look at the large differences"""

    reason = "one is small"


class MovesWhereNothingWasRead(Lenient):
    """takes a difference for one, whatever its quality says"""

    reason = "a difference where nothing was read"


class TakesAnyKey(Lenient):
    """looks at no key of an event but its kind"""

    reason = "event '"


class StopsAtABadBatch(Small):
    """refuses a request for one bad batch in it"""

    def admit(self, request: Request) -> Admitted:
        admitted = super().admit(request)
        if admitted.refused:
            admitted.batches.clear()
        return admitted


class Overwrites(Small):
    """answers 409, and keeps what came last"""

    def conflict(self, account: Account, sequence: int, blob: bytes) -> bool:
        before = account.blobs.get(sequence, blob)
        account.blobs[sequence] = blob
        return before != blob


class TakesClones(Small):
    """never answers 409"""

    def conflict(self, account: Account, sequence: int, blob: bytes) -> bool:
        account.blobs.setdefault(sequence, blob)
        return False


class RefusesDuplicates(Small):
    """takes what comes again for a conflict"""

    def conflict(self, account: Account, sequence: int, blob: bytes) -> bool:
        return sequence in account.blobs or super().conflict(account, sequence, blob)


class HtmlErrors(Small):
    """answers errors as its library does"""

    def refusal(self, status: int, reason: str) -> web.Response:
        return web.Response(status=status, text=reason)


class MapErrors(Small):
    """answers errors with a map"""

    def refusal(self, status: int, reason: str) -> web.Response:
        body = msgpack.packb({"error": reason})
        return web.Response(status=status, body=body, content_type=ACKNOWLEDGEMENT_TYPE)


class NoSizes(Small):
    """answers 400 to what is too large"""

    def refusal(self, status: int, reason: str) -> web.Response:
        return super().refusal(400 if status == 413 else status, reason)


class UnitesEpochs(Small):
    """knows one account for each agent"""

    def stream(self, request: Request) -> Any:
        return request.agent


class UnitesAgents(Small):
    """knows one account for each epoch"""

    def stream(self, request: Request) -> Any:
        return request.epoch

    def account(self, stream: Any) -> Account:
        return super().account(stream[1] if isinstance(stream, tuple) else stream)


class KnowsTheLastEpoch(Small):
    """forgets an agent's epoch when another one begins"""

    def stream(self, request: Request) -> Any:
        for agent, epoch in list(self.accounts):
            if agent == request.agent and epoch != request.epoch:
                del self.accounts[agent, epoch]
        return super().stream(request)


class ClaimsTooMuch(Small):
    """counts from 1 where sequences do from 0"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        through, missing = super().claim(account, asked)
        return through + 1 if through else 0, missing


class ClaimsTheFirstRun(Small):
    """takes durable_through for the end of the first unbroken run"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        through, missing = super().claim(account, asked)
        return (missing[0][0] - 1, []) if missing else (through, [])


class ClaimsTheHoles(Small):
    """names no hole"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        return super().claim(account, asked)[0], []


class MergesAroundAsked(Small):
    """names wider ranges than there are, around what was brought, too"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        return durable(account.all, 256)


class MergesEarly(Small):
    """names sixteen ranges and no more"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        return durable(account.all, 16, asked)


class Unordered(Small):
    """names ranges from above"""

    def claim(self, account: Account, asked: list[int]) -> tuple[int, list[tuple[int, int]]]:
        through, missing = super().claim(account, asked)
        return through, missing[::-1]


class GapsOverAll(Small):
    """takes a gap for one up to its own batch"""

    def gap(self, account: Account, batch: Batch, event: dict[str, Any]) -> None:
        if batch.sequence > 1:
            account.dropped.add(1, batch.sequence - 1)


class GapsOfThisEpoch(Small):
    """takes a gap of an ended epoch for one of this"""

    def gap(self, account: Account, batch: Batch, event: dict[str, Any]) -> None:
        super().gap(account, batch, {key: value for key, value in event.items() if key != "epoch"})


class NeverAsks(Small):
    """never wants a schema"""

    def wanted(self, account: Account, batches: list[Batch]) -> list[bytes]:
        return []


class AsksOnAndOn(Small):
    """wants an unusable schema with each batch that needs it"""

    def wanted(self, account: Account, batches: list[Batch]) -> list[bytes]:
        return sorted({batch.schema for batch in batches if batch.schema} - self.widths.keys())


class KnowsSchemasByEpoch(Small):
    """wants a schema again in each epoch"""

    def wanted(self, account: Account, batches: list[Batch]) -> list[bytes]:
        needed = {batch.schema for batch in batches if batch.schema} - self.unusable
        new = needed - account.schemas
        account.schemas |= needed & self.widths.keys()
        return sorted(new)


class AlwaysSeven(Small):
    """answers seven elements to everybody"""

    def more(self, accept: str) -> bool:
        return True


class OnlyFirstAccept(Small):
    """knows the Accept of agents as one text"""

    def more(self, accept: str) -> bool:
        return accept == f"{ACKNOWLEDGEMENT_TYPE}; more=1"


class AnotherEpoch(Small):
    """answers the same epoch always"""

    def body(self, *elements: Any) -> bytes:
        return super().body(b"e" * 16, *elements[1:])


class TakesAnyEnding(Small):
    """does not look at what is behind the fifth element"""

    def decode(self, body: bytes) -> Request:
        try:
            return super().decode(body)
        except WireError:
            if body[:1] not in (b"\x96", b"\x97"):
                raise
            return super().decode(msgpack.packb(msgpack.unpackb(body, strict_map_key=False)[:5]))


class NoLimits(Small):
    """takes any number of batches in a request"""

    limits = Limits(batches=100_000, request=2**30)


#: Of each wrong one: what must find it.
WRONG: dict[Callable[[], Small], set[str]] = {
    Forgets: {"kept", "kept-beside", "kept-gaps", "kept-schema", "kept-withheld"},
    ForgetsGaps: {"kept-gaps"},
    ForgetsWithheld: {"kept-withheld"},
    CountsWithheldAsMissing: {"withheld", "withheld-alone", "withheld-stays", "withheld-came"},
    WithholdsForOneRequest: {"withheld-stays", "withheld-alone"},
    BelievesGapsOfItsFuture: {"gap-itself", "gap-future"},
    TakesAWrongChecksum: {"zstd-checksum", "zstd-no-checksum"},
    Takes22Elements: {"elements-22"},
    TakesAnyQuality: {"quality-9"},
    TakesAnotherName: {"agent-other", "epoch-other", "sequence-other"},
    TakesNoTimes: {"boot-time-back"},
    TakesMisfits: {"misfit-before", "misfit-beside"},
    JudgesDuplicatesAnew: {"misfit-later"},
    TakesSmallLargeOnes: {"large-small"},
    MovesWhereNothingWasRead: {"unread-moves", "unread-first"},
    TakesAnyKey: {"alarm-count", "alarm-nil", "change-about", "gap-own-itself"},
    StopsAtABadBatch: {"refused-gap", "version-2"},
    Overwrites: {"conflict-keeps", "conflict-within"},
    TakesClones: {"conflict", "conflict-within"},
    RefusesDuplicates: {"again", "twice-within"},
    HtmlErrors: {"answer-type", "answer-reason"},
    MapErrors: {"answer-reason"},
    NoSizes: {"body-257", "body-17", "body-2-MiB"},
    UnitesEpochs: {"two-epochs"},
    UnitesAgents: {"two-agents"},
    KnowsTheLastEpoch: {"two-epochs", "gap-ended"},
    ClaimsTooMuch: {"answer-claims", "holes"},
    ClaimsTheFirstRun: {"holes", "highest"},
    ClaimsTheHoles: {"holes", "hundred-holes"},
    MergesAroundAsked: {"many-holes"},
    MergesEarly: {"hundred-holes"},
    Unordered: {"answer-order"},
    GapsOverAll: {"gap"},
    GapsOfThisEpoch: {"gap-ended", "gap-ended-whole"},
    NeverAsks: {"schema-wanted", "schema-wanted-again"},
    AsksOnAndOn: {"schema-scale-0"},
    KnowsSchemasByEpoch: {"schema-shared"},
    AlwaysSeven: {"answer-more", "accept"},
    OnlyFirstAccept: {"accept"},
    AnotherEpoch: {"answer-epoch"},
    TakesAnyEnding: {"six-list", "seven", "withheld-order"},
    NoLimits: {"body-257", "body-2-MiB"},
}
