"""Each limit of the page: what has just as much as is allowed is taken, and with one more it is refused."""

from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
import zstandard

from agent.wire import (
    Acknowledgement,
    Limits,
    Malformed,
    Request,
    TooLarge,
    WireError,
    decode_ack,
    decode_batch,
    decode_refusal,
    decode_request,
    decode_schema,
    encode_ack,
    encode_batch,
    encode_request,
)
from agent.wire.limits import UNBOUNDED
from agent.wire.sound import unsound
from tests.agent.wire.test_wire_batch import EPOCH, batch_of

KIB, MIB = 1024, 1024 * 1024
NONE = np.zeros((0, 0), np.int64)


def frame(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)


def noise(size: int) -> bytes:
    """A schema that nothing compresses, in a frame of just so many bytes."""
    rest = np.random.default_rng(1).bytes(size)
    for less in range(size):
        body = frame(msgpack.packb([1, {"x": rest[: size - less]}]))
        if len(body) <= size:
            assert len(body) == size
            return body
    raise AssertionError


def of_events(events: bytes) -> bytes:
    """A batch of nothing but these."""
    fields = msgpack.unpackb(zstandard.decompress(encode_batch(batch_of(NONE, unit="", schema=None))))
    fields[19] = events
    return frame(msgpack.packb(fields))


def texts(count: int) -> bytes:
    """Events of so many bytes: one, with a text in it."""
    shell = len(msgpack.packb([{"kind": "x", "text": "y" * 60_000}])) - 60_000
    return bytes(msgpack.packb([{"kind": "x", "text": "y" * (count - shell)}]))


def nested(depth: int) -> Any:
    node: Any = []
    for _ in range(depth - 1):
        node = [node]
    return node


def maps(count: int) -> bytes:
    """Events that are so many arrays and maps."""
    return bytes(msgpack.packb([{"kind": "x"}] * (count - 1)))


def flat(n: int, m: int) -> bytes:
    return encode_batch(batch_of(np.zeros((n, m), np.int64)), Limits(frames=10**6, values=10**7))


def inflated(size: int) -> bytes:
    """A schema whose content is of so many bytes."""
    shell = len(msgpack.packb([1, {"x": "y" * 10**6}])) - 10**6
    return frame(msgpack.packb([1, {"x": "y" * (size - shell)}]))


def schema_of(containers: int) -> bytes:
    return frame(msgpack.packb([1, {"x": [[]] * (containers - 3)}]))


def request(size: int) -> bytes:
    shell = len(encode_request(Request("a", EPOCH, [(1, bytes(10**6))]))) - 10**6
    return encode_request(Request("a", EPOCH, [(1, bytes(size - shell))]))


def acknowledgement(size: int) -> bytes:
    """A body of so many bytes: reasons, whatever is left of them."""
    shell = len(encode_ack(Acknowledgement(EPOCH, 3, refused=[(1, "x" * 70_000)]))) - 70_000
    return encode_ack(Acknowledgement(EPOCH, 3, refused=[(1, "x" * (size - shell))]))


def gap(count: int) -> bytes:
    halves = count // 2, count - count // 2
    gaps = tuple({"kind": "gap", "ranges": [[1, 1]] * half} for half in halves)
    return encode_batch(batch_of(NONE, unit="", schema=None, sequence=2, events=gaps))


def check(blob: bytes) -> None:
    problem = unsound(decode_batch(blob))
    if problem:
        raise Malformed(problem)


def ack(**said: Any) -> bytes:
    return encode_ack(Acknowledgement(**{"epoch": EPOCH, "durable_through": 3, **said}))


def encoded(**changes: Any) -> bytes:
    return encode_batch(batch_of(np.zeros((1, 1), np.int64), **changes), UNBOUNDED)


#: What of the page is bounded; what is made of a number; who reads it; the greatest number; what is said.
BOUNDS: dict[str, tuple[Callable[[int], bytes], Callable[[bytes], object], int, type[WireError], str]] = {
    "frames": (lambda n: flat(n, 1), decode_batch, 4096, TooLarge, "4097 frames of 1 values"),
    "values": (lambda m: flat(4, m), decode_batch, 65_536, TooLarge, "4 frames of 65537 values"),
    "agent id": (lambda n: encoded(agent="a" * n), decode_batch, 4096, TooLarge, "agent of 4097 characters"),
    "unit": (lambda n: encoded(unit="é" * n), decode_batch, 4096, TooLarge, "unit of 4097 characters"),
    "sequence": (lambda n: encoded(sequence=n), decode_batch, 2**40, Malformed, "sequence 1099511627777"),
    "events": (lambda n: of_events(texts(n)), decode_batch, 64 * KIB, TooLarge, "events: 65537 bytes"),
    "containers": (
        lambda n: of_events(maps(n)),
        decode_batch,
        4096,
        TooLarge,
        "more than 4096 arrays and maps",
    ),
    "depth": (
        lambda n: of_events(msgpack.packb([{"kind": "x", "y": nested(n - 2)}])),
        decode_batch,
        8,
        TooLarge,
        "nested too deeply",
    ),
    "ranges": (gap, check, 1000, Malformed, "1001 ranges in gap records, the limit is 1000"),
    "compressed": (noise, decode_schema, 64 * KIB, TooLarge, "65537 compressed bytes, the limit is 65536"),
    "inflated": (inflated, decode_schema, MIB, TooLarge, "declares 1048577 inflated bytes"),
    "schema containers": (schema_of, decode_schema, 32 * KIB, TooLarge, "more than 32768 arrays and maps"),
    "schema depth": (
        lambda n: frame(msgpack.packb([1, {"x": nested(n - 2)}])),
        decode_schema,
        8,
        TooLarge,
        "nested too deeply",
    ),
    "request": (request, decode_request, 2 * MIB, TooLarge, "request of 2097153 bytes"),
    "batches": (
        lambda n: encode_request(Request("a", EPOCH, [(1, b"")] * n)),
        decode_request,
        256,
        TooLarge,
        "257 batches",
    ),
    "schemas": (
        lambda n: encode_request(Request("a", EPOCH, [], [b""] * n)),
        decode_request,
        16,
        TooLarge,
        "17 schemas",
    ),
    "agent id of a request": (
        lambda n: encode_request(Request("a" * n, EPOCH, [])),
        decode_request,
        4096,
        Malformed,
        "of 4097 char",
    ),
    "answer": (acknowledgement, decode_ack, MIB, TooLarge, "acknowledgement of 1048577 bytes"),
    "ranges of an answer": (lambda n: ack(missing=[(1, 1)] * n), decode_ack, 4096, TooLarge, "4097 missing"),
    "hashes": (lambda n: ack(need_schema=[EPOCH] * n), decode_ack, 4096, TooLarge, "4097 need_schema"),
    "refusals": (lambda n: ack(refused=[(1, "")] * n), decode_ack, 4096, TooLarge, "4097 refused"),
    "durable_through": (
        lambda n: ack(durable_through=n),
        decode_ack,
        2**40,
        Malformed,
        "1099511627777 is not in 0",
    ),
    "from and to": (
        lambda n: ack(missing=[(n, n)]),
        decode_ack,
        2**40,
        Malformed,
        "1099511627777 is not in 1",
    ),
    "refused": (lambda n: ack(refused=[(n, "")]), decode_ack, 2**40, Malformed, "1099511627777 is not in 1"),
    "reason": (
        lambda n: msgpack.packb("x" * (n - 3 - 2 * (n > 65_538))),
        decode_refusal,
        64 * KIB,
        TooLarge,
        "65537 bytes",
    ),
}


@pytest.mark.parametrize(("made", "read", "most", "kind", "said"), BOUNDS.values(), ids=BOUNDS)
def test_as_much_as_the_page_allows_is_taken_and_one_more_is_refused(
    made: Callable[[int], bytes],
    read: Callable[[bytes], object],
    most: int,
    kind: type[WireError],
    said: str,
) -> None:
    read(made(most))
    with pytest.raises(kind, match=said):
        read(made(most + 1))


@pytest.mark.parametrize(
    "limit", ["compressed", "inflated", "frames", "values", "sequence", "tree", "containers"]
)
def test_a_sender_holds_to_the_limits_of_a_receiver(limit: str) -> None:
    events = ({"kind": "alarm", "text": "x" * 50},) * 3
    batch = batch_of(np.arange(40, dtype=np.int64).reshape(4, 10) * 7919, sequence=60, events=events)
    blob = encode_batch(batch)
    most = {
        "compressed": len(blob),
        "inflated": len(zstandard.decompress(blob)),
        "frames": 4,
        "values": 40,
        "sequence": 60,
        "tree": len(msgpack.packb(events)),
        "containers": 4,
    }[limit]
    assert encode_batch(batch, Limits(**{limit: most})) == blob
    with pytest.raises(WireError, match=str(most - 1)):
        encode_batch(batch, Limits(**{limit: most - 1}))


def test_what_was_stored_before_sequences_had_a_bound_is_read() -> None:
    assert UNBOUNDED.sequence == 2**63 - 1
    assert decode_batch(encoded(sequence=2**63 - 1), UNBOUNDED).sequence == 2**63 - 1
    for other in set(Limits.__slots__) - {"sequence"}:
        assert getattr(UNBOUNDED, other) == getattr(Limits(), other)
