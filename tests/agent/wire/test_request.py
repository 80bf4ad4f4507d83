"""Requests, acknowledgements and schemas come back as they were sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import (
    Acknowledgement,
    Malformed,
    Request,
    TooLarge,
    decode_ack,
    decode_request,
    decode_schema,
    encode_ack,
    encode_request,
    encode_schema,
)
from tests.agent.wire.strategies import ids, texts

numbers = st.integers(0, 2**63 - 1)
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
    numbers,
    st.lists(st.tuples(numbers, numbers), max_size=4),
    st.lists(ids, max_size=3),
    st.lists(st.tuples(numbers, texts), max_size=3),
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
