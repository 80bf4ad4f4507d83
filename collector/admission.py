"""Which batches of a request may be stored: each is inflated, checked and decoded to its last value. Pure."""

from dataclasses import dataclass, field

from agent.wire import Batch, Limits, Request, WireError, decode_batch, decode_schema


@dataclass(frozen=True, slots=True)
class Admitted:
    """What of one request is sound: batches with their bytes, schema bodies by hash; and what is not."""

    agent: str
    epoch: bytes
    batches: list[tuple[Batch, bytes]] = field(default_factory=list)
    schemas: dict[bytes, bytes] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)
    bad_schemas: list[str] = field(default_factory=list)


def admit(request: Request, limits: Limits) -> Admitted:
    """Judge every batch by itself: one that is bad never keeps another from being stored."""
    admitted = Admitted(request.agent, request.epoch)
    for sequence, blob in request.batches:
        try:
            batch = decode_batch(blob, limits)
        except WireError as error:
            admitted.refused.append((sequence, f"{type(error).__name__}: {error}"))
            continue
        strange = _contradiction(request, sequence, batch)
        if strange:
            admitted.refused.append((sequence, strange))
        else:
            admitted.batches.append((batch, blob))
    for body in request.schemas:
        try:
            admitted.schemas[decode_schema(body, limits)[0]] = body
        except WireError as error:
            admitted.bad_schemas.append(f"{type(error).__name__}: {error}")
    return admitted


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
