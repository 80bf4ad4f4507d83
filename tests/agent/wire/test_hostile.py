"""Bytes from strangers: every one is refused by one line, and costs little."""

import tracemalloc
from collections.abc import Iterator

import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import (
    Acknowledgement,
    Limits,
    Malformed,
    NotMsgpack,
    NotZstd,
    Request,
    TooLarge,
    UnknownVersion,
    WireError,
    decode_ack,
    decode_batch,
    decode_request,
    decode_schema,
    encode_ack,
    encode_batch,
    encode_request,
)
from tests.agent.wire.test_wire_batch import EPOCH, batch_of

MIB = 1 << 20
GOOD = encode_batch(batch_of(np.arange(3000, dtype=np.int64).reshape(10, 300), events=({"kind": "alarm"},)))


def frame(content: bytes, **options: bool) -> bytes:
    settings = {"write_checksum": True, "write_content_size": True, **options}
    return zstandard.ZstdCompressor(level=3, **settings).compress(content)


def altered(**changes: object) -> bytes:
    """GOOD with some of its fields replaced by position (f0 ... f20)."""
    fields = msgpack.unpackb(zstandard.decompress(GOOD))
    for name, value in changes.items():
        fields[int(name[1:])] = value
    return frame(msgpack.packb(fields))


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


@pytest.fixture
def costs_little() -> Iterator[None]:
    """No test of this file may hold more than 8 MiB at once."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


HOSTILE = {
    "nothing": (b"", NotZstd, "starts with nothing"),
    "json": (b'{"agent": 1}', NotZstd, "no zstd frame: starts with 7b226167"),
    "truncated": (GOOD[:-5], NotZstd, "damaged zstd frame"),
    "magic only": (GOOD[:4], NotZstd, "damaged zstd frame"),
    "trailing bytes": (GOOD + b"x", NotZstd, "damaged zstd frame"),
    "two frames": (GOOD + GOOD, NotZstd, "damaged zstd frame"),
    "skippable frame": (b"\x50\x2a\x4d\x18\xff\xff\xff\xff", NotZstd, "no zstd frame"),
    "flipped bit": (GOOD[:100] + bytes([GOOD[100] ^ 4]) + GOOD[101:], NotZstd, "damaged zstd frame"),
    "no size": (frame(b"x" * 99, write_content_size=False), NotZstd, "does not declare its content size"),
    "no checksum": (frame(b"x" * 99, write_checksum=False), NotZstd, "no checksum"),
    "long": (b"\x28\xb5\x2f\xfd" + b"x" * 65536, TooLarge, "65540 compressed bytes, the limit is 65536"),
    # magic, descriptor (8-byte size, single segment, checksum), 2**40 bytes: 13 bytes that ask for a terabyte
    "13 bytes": (bytes.fromhex("28b52ffd e4 0000000000010000"), TooLarge, "declares 1099511627776 inflated"),
    "window": (bytes.fromhex("28b52ffd 84 a8 00010000"), TooLarge, "asks for a zstd window of 2147483648"),
    "bomb": (frame(bytes(20 * MIB)), TooLarge, "declares 20971520 inflated bytes, the limit is 1048576"),
    # a bomb that says it is small: 1,000 declared, 1 MiB inside
    "lying bomb": (
        bytes.fromhex("28b52ffd 64 e802") + frame(bytes(MIB), write_checksum=False)[9:],
        NotZstd,
        "damaged",
    ),
    "empty arrays": (frame(b"\xdc\xff\xff" + b"\x90" * 65535), Malformed, "version is list, expected int"),
    "nested arrays": (frame(nested(900_000)), NotMsgpack, "version cannot be unpacked"),
    "promised array": (frame(b"\xdd\xff\xff\xff\xff\x01"), Malformed, "4294967295 fields"),
    "promised text": (frame(b"\xdc\x00\x15\x01\xdb\xff\xff\xff\xff"), NotMsgpack, "ends before agent"),
    "a map": (frame(b"\x81\x01\x02"), NotMsgpack, "envelope is no msgpack array"),
    "an extension": (altered(f1=msgpack.ExtType(5, b"x")), NotMsgpack, "agent cannot be unpacked"),
    "not msgpack": (frame(b"\xc1" * 99), NotMsgpack, "envelope is no msgpack array"),
    "version 2": (altered(f0=2), UnknownVersion, "batch of version 2, this receiver knows version 1"),
    "array for text": (altered(f1=["a"]), NotMsgpack, "agent cannot be unpacked"),
    "number for text": (altered(f1=7), Malformed, "agent is int, expected str"),
    "long text": (altered(f1="x" * 5000), TooLarge, "agent of 5000 characters"),
    "not UTF-8": (altered(f4=b"x").replace(b"", b""), Malformed, "unit is bytes, expected str"),
    "short epoch": (altered(f2=b"x"), Malformed, "epoch has 1 bytes, expected 16"),
    "sequence 0": (altered(f3=0), Malformed, "batch: sequence 0 is not in 1"),
    "sequence true": (altered(f3=True), Malformed, "sequence is bool, expected int"),
    "many values": (altered(f7=4096, f8=65), TooLarge, "4096 frames of 65 values"),
    "many frames": (altered(f7=5000, f8=1), TooLarge, "5000 frames"),
    "no frames": (altered(f7=0), Malformed, "0 frames of 300 values"),
    "minus frames": (altered(f7=-10, f8=-300), Malformed, "-10 frames"),
    "minus frames of values": (altered(f7=-10), Malformed, "batch: -10 frames of 300 values"),
    "frames of minus values": (altered(f8=-300), Malformed, "batch: 10 frames of -300 values"),
    "least big time": (altered(f9=2**63), Malformed, "boot time 9223372036854775808 is no int64"),
    "big time": (altered(f9=2**64 - 1), Malformed, "boot time 18446744073709551615 is no int64"),
    "short times": (altered(f11=b"\x01"), Malformed, "times: 1 bytes do not hold 8 numbers of 1 bytes"),
    "wide times": (altered(f11=b"\x09" + bytes(72)), Malformed, "numbers of 9 bytes"),
    "no times": (altered(f11=b""), Malformed, "times: 0 bytes"),
    "short clock": (altered(f14=b"\x01"), Malformed, "clock has 1 bytes, expected 10"),
    "unknown quality": (altered(f15=b"\x09"), Malformed, "quality: code 9 is unknown"),
    "long run": (altered(f16=b"\x08" + b"\xff" * 8), Malformed, "a run is longer than the 3000 values"),
    "short runs": (altered(f16=b"\x01\x07"), Malformed, "runs cover 8 of 3000 values"),
    "short first": (altered(f17=b"\x01\x00"), Malformed, "first frame: 2 bytes do not hold 300"),
    "more large": (altered(f18=b"\x01\x00"), Malformed, "large differences"),
    "short small": (altered(f20=b""), Malformed, "values: 0 bytes of small differences"),
    "events a map": (altered(f19=msgpack.packb({"kind": "x"})), Malformed, "events are dict"),
    "events cut": (altered(f19=b"\x92\xc0"), NotMsgpack, "events: cannot be unpacked"),
    "event a number": (altered(f19=b"\x91\x01"), Malformed, "an event without a kind"),
    "bytes as a key": (altered(f19=msgpack.packb([{b"kind": 1}])), Malformed, "a key that is no text"),
    "many events": (
        altered(f19=b"\xdc\x20\x00" + b"\x90" * 8192),
        TooLarge,
        "more than 4096 arrays and maps",
    ),
    "long events": (altered(f19=bytes(70_000)), TooLarge, "events: 70000 bytes, the limit is 65536"),
    "deep events": (altered(f19=nested(60)), TooLarge, "nested too deeply"),
    "deeper events": (altered(f19=nested(60_000)), WireError, "events"),
    "one more field": (frame(b"\xdc\x00\x16\x01"), Malformed, "22 fields, version 1 has 21"),
    "bytes after": (frame(zstandard.decompress(GOOD) + b"\x01"), Malformed, "bytes after the last field"),
}


@pytest.mark.parametrize(("blob", "kind", "said"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.usefixtures("costs_little")
def test_hostile_batch_is_refused_by_one_line(blob: bytes, kind: type[WireError], said: str) -> None:
    with pytest.raises(kind, match=said) as refusal:
        decode_batch(blob)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(noise: bytes) -> None:
    for blob in (noise, frame(noise), frame(b"\xdc\x00\x15\x01" + noise)):
        with pytest.raises(WireError):
            decode_batch(blob)
    for decode in (decode_request, decode_ack, decode_schema):
        with pytest.raises(WireError):
            decode(noise)


@given(st.data())
def test_a_batch_with_any_field_replaced_is_refused_or_sound(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, 20))
    value = data.draw(
        st.one_of(st.binary(max_size=40), st.integers(-(2**63), 2**64 - 1), st.none(), st.text())
    )
    try:
        batch = decode_batch(altered(**{f"f{position}": value}))
    except WireError:
        return
    assert batch.raw.shape == batch.quality.shape == (10, 300)


ARRAYS = {
    "twenty million": frame(b"\x92\x01\xdd\x01\x31\x2d\x00" + b"\x90" * 20_000_000),
    "sixty thousand": frame(b"\xdc\xff\xff" + b"\x90" * 65535),
}


@pytest.mark.usefixtures("costs_little")
@pytest.mark.parametrize("body", ARRAYS.values(), ids=ARRAYS)
def test_a_schema_of_empty_arrays_is_refused(body: bytes) -> None:
    assert len(body) < 1000
    with pytest.raises(TooLarge):
        decode_schema(body)


def test_limits_are_the_receivers_own() -> None:
    with pytest.raises(TooLarge, match="compressed bytes, the limit is 100"):
        decode_batch(GOOD, Limits(compressed=100))
    with pytest.raises(TooLarge, match="inflated bytes, the limit is 200"):
        decode_batch(GOOD, Limits(inflated=200))


@pytest.mark.usefixtures("costs_little")
@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", NotMsgpack, "request: envelope is no msgpack array"),
        (bytes(5 * MIB), TooLarge, "request of 5242880 bytes, the limit is 2097152"),
        (encode_request(Request("a", EPOCH, [(1, b"")] * 257)), TooLarge, "257 batches, the limit is 256"),
        (encode_request(Request("a", EPOCH, [], [b""] * 17)), TooLarge, "17 schemas, the limit is 16"),
        (encode_request(Request("", EPOCH, [])), Malformed, "agent id of 0 characters"),
        (encode_request(Request("a", b"", [])), Malformed, "epoch has 0 bytes"),
        (encode_request(Request("a", EPOCH, [(1, b"", 2)])), Malformed, "no pair"),  # type: ignore[list-item]
        (msgpack.packb([2]), UnknownVersion, "request of version 2"),
        (b"\x95\x01" + b"\xdd\xff\xff\xff\xff" * 3, NotMsgpack, "agent cannot be unpacked"),
        (encode_request(Request("a", EPOCH, [])) + b"\x00", Malformed, "bytes after the last field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # five megabytes make no name
)
def test_hostile_request_is_refused_by_one_line(body: bytes, kind: type[WireError], said: str) -> None:
    with pytest.raises(kind, match=said):
        decode_request(body)


def test_hostile_acknowledgement_is_refused() -> None:
    good = encode_ack(Acknowledgement(EPOCH, 7))
    for body in (b"ok", good[:-1], good + b"\x00", b"\x96\x01" + good[2:4], bytes(2 * MIB)):
        with pytest.raises(WireError):
            decode_ack(body)
