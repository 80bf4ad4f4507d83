"""What an agent posts to a collector, and what it is told in return.

POST /v1/batches carries a `Request`, status 200 an `Acknowledgement`, any other status a reason. All that a
collector answers is of `ACKNOWLEDGEMENT_TYPE`, and nothing else is a collector's word.

Both end, between ends that know it, with one more element: a map, of which a reader passes over what it does
not know (docs/adr/0026-how-version-1-grows.md).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from agent.wire.errors import Malformed, TooLarge
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES, Fields, pack, unpack_tree
from agent.wire.text import printable

VERSION = 1
CONTENT_TYPE = "application/vnd.cellwarden.batches+msgpack"
ACKNOWLEDGEMENT_TYPE = "application/vnd.cellwarden.acknowledgement+msgpack"
PATH = "/v1/batches"
#: The header by which an agent says that an answer may have one element more. Older collectors read none.
ACCEPT = f"{ACKNOWLEDGEMENT_TYPE}; more=1"
Range = tuple[int, int]  # of sequences, both ends included


@dataclass(frozen=True, slots=True)
class About:
    """What an agent says of itself. site: what people call the place; backlog: how many batches wait for this
    collector; clock_synchronised: whether its clock is. "" and None: not said.
    """

    site: str = ""
    version: str = ""
    backlog: int | None = None
    clock_synchronised: bool | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Sealed batches of one agent and epoch as (sequence, blob), and schema bodies sent ahead of need.

    withheld: ascending ranges of sequences that this collector is never to have. about: None: nothing new.
    """

    agent: str
    epoch: bytes
    batches: list[tuple[int, bytes]]
    schemas: list[bytes] = field(default_factory=list)
    withheld: list[Range] = field(default_factory=list)
    about: About | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the collector holds after its own synchronous commit.

    Every sequence up to `durable_through` is stored here, or was reported as dropped or withheld, but for the
    `missing` ranges (both ends included, ascending). `need_schema` are hashes whose bodies are wanted.
    `refused` are batches of this request that will never be taken, each with its reason.

    more: the collector takes requests that end with a map, as this answer does. refused_schemas: schemas that
    will not be taken, as (hash, reason, seconds for which not to send it again).
    """

    epoch: bytes
    durable_through: int
    missing: list[Range] = field(default_factory=list)
    need_schema: list[bytes] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    more: bool = False
    refused_schemas: list[tuple[bytes, str, float]] = field(default_factory=list)


def takes_more(accept: str) -> bool:
    """Whether an Accept header says what `ACCEPT` does, whatever else it has beside that."""
    for one in accept.lower().replace(" ", "").replace('"', "").split(","):
        kind, *parameters = one.split(";")
        if kind == ACKNOWLEDGEMENT_TYPE and "more=1" in parameters:
            return True
    return False


def encode_request(request: Request, more: bool = False) -> bytes:
    """The body of a POST; more: for a collector of which an answer had `more`. Others hear no `withheld` and
    no `about`.
    """
    said: dict[str, object] = {"withheld": request.withheld} if request.withheld else {}
    if request.about:
        about = asdict(request.about)
        said["about"] = {key: value for key, value in about.items() if value not in (None, "")}
    ending = (said,) if more else ()
    return pack((VERSION, request.agent, request.epoch, request.batches, request.schemas, *ending))


def decode_request(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Request:
    """A request whose blobs are still as sent: each is for `decode_batch` to judge.

    `TooLarge` means too many batches or bytes for one request; the same batches in two may be taken.
    """
    if len(body) > limits.request:
        raise TooLarge(f"request of {len(body)} bytes, the limit is {limits.request}")
    fields = Fields("request", body, VERSION, 5, grows=True)
    agent = fields.take(str, "agent")
    if not 1 <= len(agent) <= limits.text:
        raise Malformed(f"request: agent id of {len(agent)} characters")
    epoch = fields.take(bytes, "epoch", ID_BYTES)
    batches = []
    for _ in range(fields.array("batches", limits.batches)):
        if fields.array("batch") != 2:
            raise Malformed("request: a batch is no pair of sequence and bytes")
        batches.append((fields.take(int, "sequence"), fields.take(bytes, "batch")))
    schemas = [fields.take(bytes, "schema") for _ in range(fields.array("schemas", limits.schemas))]
    withheld: list[Range] = []
    about: list[About] = []
    if fields.more:
        known = {
            "withheld": lambda: withheld.extend(_withheld(fields, limits)),
            "about": lambda: about.append(_about(fields, limits)),
        }
        fields.map("the last element", limits.keys, known)
    fields.end()
    return Request(agent, epoch, batches, schemas, withheld, about[0] if about else None)


def encode_ack(ack: Acknowledgement, more: bool = False) -> bytes:
    """The body of a 200; more: for an agent that said `ACCEPT`. Others hear no `refused_schemas`."""
    said = {"refused_schemas": ack.refused_schemas} if ack.refused_schemas else {}
    ending = (said,) if more else ()
    return pack((VERSION, ack.epoch, ack.durable_through, ack.missing, ack.need_schema, ack.refused, *ending))


def decode_ack(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Acknowledgement:
    """An acknowledgement, from a collector that need not be sane: the one place that bounds what it may say.

    Its sequences are such as a batch may have, its ranges are not reversed, its reasons are `printable`.
    """
    if len(body) > limits.inflated:
        raise TooLarge(f"acknowledgement of {len(body)} bytes, the limit is {limits.inflated}")
    fields = Fields("acknowledgement", body, VERSION, 6, grows=True)
    epoch = fields.take(bytes, "epoch", ID_BYTES)
    durable_through = _sequence(fields, "durable_through", 0, limits)
    missing = list(_ranges(fields, "missing", limits))
    wanted = range(fields.array("need_schema", limits.containers))
    need_schema = [fields.take(bytes, "schema hash", ID_BYTES) for _ in wanted]
    refused = []
    for _ in range(fields.array("refused", limits.containers)):
        _tuple(fields, "refused", 2)
        refused.append((_sequence(fields, "refused", 1, limits), printable(fields.take(str, "reason"))))
    refused_schemas: list[tuple[bytes, str, float]] = []
    if fields.more:
        known = {"refused_schemas": lambda: refused_schemas.extend(_refused_schemas(fields, limits))}
        fields.map("the last element", limits.keys, known)
    fields.end()
    return Acknowledgement(
        epoch, durable_through, missing, need_schema, refused, fields.more, refused_schemas
    )


def encode_refusal(reason: str) -> bytes:
    """The body of any other status."""
    return pack(printable(reason, DEFAULT_LIMITS.text))


def decode_refusal(body: bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    """Why a collector refused a request, `printable`."""
    reason = unpack_tree("refusal", body, limits.tree, 0, 0)
    if not isinstance(reason, str):
        raise Malformed(f"refusal: {type(reason).__name__}, expected str")
    return printable(reason)


def _ranges(fields: Fields, name: str, limits: Limits) -> Iterator[Range]:
    for _ in range(fields.array(name, limits.containers)):
        _tuple(fields, name, 2)
        first = _sequence(fields, "from", 1, limits)
        yield first, _sequence(fields, "to", first, limits)


def _withheld(fields: Fields, limits: Limits) -> Iterator[Range]:
    before = 0
    for first, last in _ranges(fields, "withheld", limits):
        if first <= before:
            raise Malformed(f"request: withheld ranges are not ascending: {first} after {before}")
        before = last
        yield first, last


def _about(fields: Fields, limits: Limits) -> About:
    said: dict[str, Any] = {}

    def text(key: str) -> None:
        said[key] = printable(fields.take(str, key), limits.text)

    def count() -> None:
        said["backlog"] = _sequence(fields, "backlog", 0, limits)

    def flag() -> None:
        said["clock_synchronised"] = fields.take(bool, "clock_synchronised")

    known = {"site": partial(text, "site"), "version": partial(text, "version")}
    fields.map("about", limits.keys, {**known, "backlog": count, "clock_synchronised": flag})
    return About(**said)


def _refused_schemas(fields: Fields, limits: Limits) -> Iterator[tuple[bytes, str, float]]:
    for _ in range(fields.array("refused_schemas", limits.containers)):
        _tuple(fields, "refused_schemas", 3)
        digest, reason = fields.take(bytes, "schema hash", ID_BYTES), fields.take(str, "reason")
        pause_s = fields.number("pause")
        if pause_s < 0:
            raise Malformed(f"acknowledgement: a pause of {pause_s} s")
        yield digest, printable(reason), pause_s


def _sequence(fields: Fields, name: str, least: int, limits: Limits) -> int:
    value = fields.take(int, name)
    if not least <= value <= limits.sequence:
        raise Malformed(f"{fields.what}: {name} {value} is not in {least} ... {limits.sequence}")
    return value


def _tuple(fields: Fields, name: str, count: int) -> None:
    if fields.array(name) != count:
        raise Malformed(f"{fields.what}: {name}: not {count} elements")
