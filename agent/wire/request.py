"""What an agent posts to a collector, and what it is told in return.

POST /v1/batches carries a `Request`, status 200 an `Acknowledgement`, any other status a reason. All that a
collector answers is of `ACKNOWLEDGEMENT_TYPE`, and nothing else is a collector's word.
"""

from dataclasses import dataclass, field

from agent.wire.errors import Malformed, TooLarge
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES, Fields, pack, unpack_tree
from agent.wire.text import printable

VERSION = 1
CONTENT_TYPE = "application/vnd.cellwarden.batches+msgpack"
ACKNOWLEDGEMENT_TYPE = "application/vnd.cellwarden.acknowledgement+msgpack"
PATH = "/v1/batches"


@dataclass(frozen=True, slots=True)
class Request:
    """Sealed batches of one agent and epoch as (sequence, blob), and schema bodies sent ahead of need."""

    agent: str
    epoch: bytes
    batches: list[tuple[int, bytes]]
    schemas: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the collector holds after its own synchronous commit.

    Every sequence up to `durable_through` is stored here or was reported as dropped, but for the `missing`
    ranges (both ends included, ascending). `need_schema` are hashes whose bodies are wanted. `refused` are
    batches of this request that will never be taken, each with its reason.
    """

    epoch: bytes
    durable_through: int
    missing: list[tuple[int, int]] = field(default_factory=list)
    need_schema: list[bytes] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def encode_request(request: Request) -> bytes:
    """The body of a POST."""
    return pack((VERSION, request.agent, request.epoch, request.batches, request.schemas))


def decode_request(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Request:
    """A request whose blobs are still as sent: each is for `decode_batch` to judge.

    `TooLarge` means too many batches or bytes for one request; the same batches in two may be taken.
    """
    if len(body) > limits.request:
        raise TooLarge(f"request of {len(body)} bytes, the limit is {limits.request}")
    fields = Fields("request", body, VERSION, 5)
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
    fields.end()
    return Request(agent, epoch, batches, schemas)


def encode_ack(ack: Acknowledgement) -> bytes:
    """The body of a 200."""
    return pack((VERSION, ack.epoch, ack.durable_through, ack.missing, ack.need_schema, ack.refused))


def decode_ack(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Acknowledgement:
    """An acknowledgement, from a collector that need not be sane: the one place that bounds what it may say.

    Its sequences are such as a batch may have, its ranges are not reversed, its reasons are `printable`.
    """
    if len(body) > limits.inflated:
        raise TooLarge(f"acknowledgement of {len(body)} bytes, the limit is {limits.inflated}")
    fields = Fields("acknowledgement", body, VERSION, 6)
    epoch = fields.take(bytes, "epoch", ID_BYTES)
    durable_through = _sequence(fields, "durable_through", 0, limits)
    missing = []
    for _ in range(fields.array("missing", limits.containers)):
        _pair(fields, "missing")
        first = _sequence(fields, "from", 1, limits)
        missing.append((first, _sequence(fields, "to", first, limits)))
    wanted = range(fields.array("need_schema", limits.containers))
    need_schema = [fields.take(bytes, "schema hash", ID_BYTES) for _ in wanted]
    refused = []
    for _ in range(fields.array("refused", limits.containers)):
        _pair(fields, "refused")
        refused.append((_sequence(fields, "refused", 1, limits), printable(fields.take(str, "reason"))))
    fields.end()
    return Acknowledgement(epoch, durable_through, missing, need_schema, refused)


def encode_refusal(reason: str) -> bytes:
    """The body of any other status."""
    return pack(printable(reason, DEFAULT_LIMITS.text))


def decode_refusal(body: bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    """Why a collector refused a request, `printable`."""
    reason = unpack_tree("refusal", body, limits.tree, 0, 0)
    if not isinstance(reason, str):
        raise Malformed(f"refusal: {type(reason).__name__}, expected str")
    return printable(reason)


def _sequence(fields: Fields, name: str, least: int, limits: Limits) -> int:
    value = fields.take(int, name)
    if not least <= value <= limits.sequence:
        raise Malformed(f"acknowledgement: {name} {value} is not in {least} ... {limits.sequence}")
    return value


def _pair(fields: Fields, name: str) -> None:
    if fields.array(name) != 2:
        raise Malformed(f"{name}: not a pair")
