"""Requests, acknowledgements and schemas come back as they were sent."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import (
    Acknowledgement,
    Malformed,
    Request,
    TooLarge,
    WireError,
    decode_ack,
    decode_refusal,
    decode_request,
    decode_schema,
    encode_ack,
    encode_refusal,
    encode_request,
    encode_schema,
)
from agent.wire.text import printable
from tests.agent.wire.strategies import ids, texts

numbers = st.integers(0, 2**63 - 1)  # a batch's number is for whoever takes the batch to judge
sequences = st.integers(1, 2**40)
reasons = texts.map(printable)
bodies = st.binary(max_size=50)


@given(
    texts.filter(bool), ids, st.lists(st.tuples(numbers, bodies), max_size=5), st.lists(bodies, max_size=3)
)
def test_request_comes_back(
    agent: str, epoch: bytes, batches: list[tuple[int, bytes]], schemas: list[bytes]
) -> None:
    request = Request(agent, epoch, batches, schemas)
    assert decode_request(encode_request(request)) == request


@given(
    ids,
    sequences | st.just(0),
    st.lists(st.tuples(sequences, sequences).map(sorted).map(tuple), max_size=4),
    st.lists(ids, max_size=3),
    st.lists(st.tuples(sequences, reasons), max_size=3),
)
def test_acknowledgement_comes_back(
    epoch: bytes,
    through: int,
    missing: list[tuple[int, int]],
    need: list[bytes],
    refused: list[tuple[int, str]],
) -> None:
    ack = Acknowledgement(epoch, through, missing, need, refused)
    assert decode_ack(encode_ack(ack)) == ack


EPOCH = bytes(16)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"durable_through": -1}, "durable_through -1 is not in 0 ... 1099511627776"),
        ({"durable_through": 2**40 + 1}, "durable_through 1099511627777 is not in"),
        ({"durable_through": 2**64 - 1}, "durable_through 18446744073709551615 is not in"),
        ({"missing": [(0, 3)]}, "from 0 is not in 1"),
        ({"missing": [(9, 3)]}, "to 3 is not in 9"),
        ({"missing": [(1, 2**63)]}, "to 9223372036854775808 is not in 1"),
        ({"missing": [(1, 1)] * 4097}, "4097 missing, the limit is 4096"),
        ({"need_schema": [b"short"]}, "schema hash has 5 bytes"),
        ({"need_schema": [EPOCH] * 4097}, "4097 need_schema, the limit is 4096"),
        ({"refused": [(0, "no")]}, "refused 0 is not in 1"),
        ({"refused": [(2**40 + 1, "no")]}, "refused 1099511627777 is not in"),
        ({"refused": [(1, b"no")]}, "reason is bytes"),
        ({"refused": [(1, "no")] * 4097}, "4097 refused, the limit is 4096"),
        ({"epoch": b"short"}, "epoch has 5 bytes"),
    ],
)
def test_an_acknowledgement_beyond_its_bounds_is_none(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(WireError, match=re.escape(says)):
        decode_ack(encode_ack(Acknowledgement(**{"epoch": EPOCH, "durable_through": 3, **changed})))


def test_reasons_are_cut_and_escaped_where_they_come_in() -> None:
    reason = "\x1b[31m\n" + "x" * 5000
    ack = decode_ack(encode_ack(Acknowledgement(EPOCH, 3, refused=[(3, reason)])))
    assert ack.refused == [(3, printable(reason))]
    assert decode_refusal(encode_refusal("a bad day\n")) == r"a bad day\x0a"
    assert len(decode_refusal(encode_refusal(reason))) == 200
    for body in (b"", b"\x01", b"<html>", b"\xa2no\x01", b"\xdb\xff\xff\xff\xff", b"\x91" * 1000):
        with pytest.raises(WireError):
            decode_refusal(body)


def test_schema_comes_back_under_a_hash_that_only_depends_on_its_content() -> None:
    one = {"model": "acme", "values": {"names": ("a", "b"), "scale": [0.001, 1]}}
    other = {"values": {"scale": [0.001, 1], "names": ["a", "b"]}, "model": "acme"}
    digest, body = encode_schema(one)
    assert encode_schema(other) == (digest, body)
    assert len(digest) == 16
    assert decode_schema(body) == (digest, other)
    assert encode_schema({**one, "model": "acme2"})[0] != digest


def test_a_large_unit_has_a_schema_that_passes() -> None:
    names = [f"string{i // 256}/module{i // 16}/cell{i}" for i in range(5000)]
    description = {"places": names, "names": ["cell_voltage"] * 5000, "scale": [0.001] * 5000}
    assert decode_schema(encode_schema(description)[1])[1] == description


def test_what_no_receiver_would_take_is_no_schema() -> None:
    with pytest.raises(TooLarge, match="nested too deeply"):
        encode_schema({"a": [[[[[[[[]]]]]]]]})
    with pytest.raises(Malformed, match="cannot be packed"):
        encode_schema({"a": object()})
