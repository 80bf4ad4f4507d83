"""Which batches of a request may be stored: each is inflated, checked and decoded to its last value. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from agent.wire import About, Batch, Limits, Malformed, Request, WireError, decode_batch, decode_schema
from agent.wire.schema import hash_of, unusable, width
from agent.wire.sound import is_name, unsound
from agent.wire.text import printable
from agent.wire.zstd import declared
from collector.sink import Range

REASON_CHARACTERS = 300  # of what is answered, logged and kept
PIECE_BYTES = 512 * 1024  # inflated: of what others may have to wait for


@dataclass(frozen=True, slots=True)
class Admitted:
    """What of one request is sound: batches with their bytes, schema bodies by hash, ranges of sequences that
    this collector is never to have, what its sender says of itself; and what is not.

    bad_schemas: (hash, reason); hash None where it cannot even be computed.
    """

    agent: str
    epoch: bytes
    batches: list[tuple[Batch, bytes]] = field(default_factory=list)
    schemas: dict[bytes, bytes] = field(default_factory=dict)
    withheld: list[Range] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    bad_schemas: list[tuple[bytes | None, str]] = field(default_factory=list)
    about: About | None = None


def check_request(request: Request, limits: Limits) -> None:
    """Raise `Malformed` where not even a refusal of a batch could be answered, or kept under its name.

    Such a request is refused as a whole: its agent keeps its batches until it is mended.
    """
    if not is_name(request.agent):
        raise Malformed(f"request: agent '{printable(request.agent, 80)}' is no name on one line")
    for sequence, _ in request.batches:
        if not 1 <= sequence <= limits.sequence:
            raise Malformed(
                f"request: sequence {sequence} is not in 1 ... {limits.sequence}: upgrade this agent,"
                " it will begin a new epoch and keep what is undelivered"
            )


def inflated(request: Request, limits: Limits) -> int:
    """How many bytes its batches are, as they declare, once they are inflated."""
    return sum(min(declared(blob), limits.inflated) for _, blob in request.batches)


def pieces(request: Request, limits: Limits) -> Iterator[Request]:
    """The request in parts, of which each takes a fraction of a second, whatever is in it.

    Bytes that come as 20 KB may be a million events, and others wait while they are judged and stored.
    """
    size, rest, piece = 0, list[tuple[int, bytes]](), request  # all else goes with the first
    for sequence, blob in request.batches:
        more = min(declared(blob), limits.inflated)
        if rest and size + more > PIECE_BYTES:
            yield replace(piece, batches=rest)
            size, rest, piece = 0, [], Request(request.agent, request.epoch, [])
        rest.append((sequence, blob))
        size += more
    yield replace(piece, batches=rest)


def admit(
    request: Request,
    limits: Limits,
    width_of: Callable[[bytes], int | None] = lambda digest: None,
    held: Callable[[int], bytes | None] = lambda sequence: None,
) -> Admitted:
    """Judge every batch by itself: one that is bad never keeps another from being stored.

    width_of: how many values the schema of this hash, stored before, describes; None: nobody knows.
    held: the bytes that are stored of a sequence. What was stored before its schema came is no misfit since.
    """
    admitted = Admitted(request.agent, request.epoch, withheld=request.withheld, about=request.about)
    widths: dict[bytes | None, int | None] = {None: None}
    for body in request.schemas:
        try:
            digest, description = decode_schema(body, limits, strict=True)
        except WireError as error:
            admitted.bad_schemas.append((hash_of(body, limits), _reason(error)))
            continue
        if reason := unusable(description):
            admitted.bad_schemas.append((digest, reason))
        else:
            admitted.schemas[digest] = body
            widths[digest] = width(description)
    for sequence, blob in request.batches:
        try:
            batch = decode_batch(blob, limits, strict=True)
            if batch.schema not in widths and batch.schema is not None:
                widths[batch.schema] = width_of(batch.schema)
            strange = _contradiction(request, sequence, batch) or unsound(batch, limits)
            misfit = _misfit(batch, widths[batch.schema])
            strange = strange or (misfit if misfit and held(sequence) != blob else "")
        except WireError as error:
            strange = _reason(error)
        if strange:
            admitted.refused.append((sequence, printable(strange, REASON_CHARACTERS)))
        else:
            admitted.batches.append((batch, blob))
    return admitted


def _reason(error: WireError) -> str:
    return printable(f"{type(error).__name__}: {error}", REASON_CHARACTERS)


def _misfit(batch: Batch, described: int | None) -> str:
    found = batch.raw.shape[1]
    if described is None or not batch.frames or found == described:
        return ""
    return f"{found} values in a frame, its schema describes {described}"


def _contradiction(request: Request, sequence: int, batch: Batch) -> str:
    """What a batch says of itself otherwise than the request that carries it; "" if nothing."""
    for what, inside, outside in (
        ("agent", batch.agent, request.agent),
        ("epoch", batch.epoch.hex(), request.epoch.hex()),
        ("sequence", batch.sequence, sequence),
    ):
        if inside != outside:
            return f"the batch says {what} {str(inside)[:64]}, the request says {str(outside)[:64]}"
    return ""
