"""How requests and answers grow: one map at their end, between ends that know it."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import (
    ACCEPT,
    ACKNOWLEDGEMENT_TYPE,
    About,
    Acknowledgement,
    Request,
    WireError,
    decode_ack,
    decode_request,
    encode_ack,
    encode_request,
    takes_more,
)
from agent.wire.text import printable

ABOUT = About('서울 "1"', "0.2.0", 12, clock_synchronised=False)
VECTORS = Path(__file__).parents[2] / "vectors" / "wire"
EPOCH = bytes(range(16))
REQUEST = Request("site-1", EPOCH, [(3, b"batch")], [b"schema"], [(1, 2), (4, 2**40)])
ACK = Acknowledgement(EPOCH, 9, [(2, 3)], [b"h" * 16], [(3, "no")], True, [(b"s" * 16, "unusable", 60.0)])
#: What another version may say under keys that nobody here knows.
STRANGE = [None, 1, b"\xff", "x", [1, [2, {"a": []}]], {7: {b"x": 1.5}}, msgpack.ExtType(5, b"x"), 2**64 - 1]


def grown(body: bytes, *more: object) -> bytes:
    """A body with other elements after its first five or six."""
    return msgpack.packb([*msgpack.unpackb(body), *more])  # type: ignore[no-any-return]


SHORT_REQUEST, SHORT_ACK = encode_request(REQUEST), encode_ack(ACK)
SHAPES = pytest.mark.parametrize(
    ("body", "decode"), [(SHORT_REQUEST, decode_request), (SHORT_ACK, decode_ack)], ids=["request", "answer"]
)


def test_both_come_back_with_the_map_and_as_ever_without() -> None:
    assert decode_request(encode_request(REQUEST, more=True)) == REQUEST
    assert decode_ack(encode_ack(ACK, more=True)) == ACK
    assert decode_request(SHORT_REQUEST) == Request("site-1", EPOCH, [(3, b"batch")], [b"schema"])
    assert decode_ack(SHORT_ACK) == Acknowledgement(EPOCH, 9, [(2, 3)], [b"h" * 16], [(3, "no")])
    assert [len(msgpack.unpackb(body)) for body in (SHORT_REQUEST, SHORT_ACK)] == [5, 6]
    empty = msgpack.unpackb(encode_request(Request("a", EPOCH, []), more=True))
    assert empty[5] == {}
    assert decode_ack(encode_ack(Acknowledgement(EPOCH, 1), more=True)).more


@SHAPES
@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(type(value)))
def test_a_key_that_nobody_knows_changes_nothing(body: bytes, decode: Any, value: object) -> None:
    known = "withheld" if decode is decode_request else "refused_schemas"
    said = [[1, 2]] if decode is decode_request else [[b"s" * 16, "no", 5]]
    alone = decode(grown(body, {known: said}))
    assert decode(grown(body, {"later": value, known: said, "much later": value})) == alone
    assert decode(grown(body, {known: said})) != decode(grown(body, {}))


@SHAPES
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([{}, {}], "fields, version 1 has"),
        ([None], "is no msgpack map"),
        ([[]], "is no msgpack map"),
        ([{7: 1}], "a key of the last element is int"),
        ([{str(n): n for n in range(65)}], "65 keys of the last element, the limit is 64"),
    ],
    ids=["one too many", "nil", "array", "a number for a key", "too many keys"],
)
def test_what_is_no_such_map_is_refused(body: bytes, decode: Any, more: list[object], says: str) -> None:
    with pytest.raises(WireError, match=says):
        decode(grown(body, *more))


@SHAPES
def test_a_map_that_is_cut_repeated_or_bottomless_is_refused(body: bytes, decode: Any) -> None:
    head = bytes([body[0] + 1]) + body[1:]
    twice = b"\x82\xa1a\x01\xa1a\x01"
    for more in (b"\x81", b"\x81\xa1a", b"\x81\xa1a" + b"\x91" * 5000 + b"\x01", twice, b"\x80\x00", b"\xc1"):
        with pytest.raises(WireError):
            decode(head + more)


@pytest.mark.parametrize(
    ("withheld", "says"),
    [
        ([(0, 1)], "from 0 is not in 1"),
        ([(2, 1)], "to 1 is not in 2"),
        ([(1, 2**40 + 1)], "to 1099511627777 is not in 1"),
        ([(5, 6), (1, 2)], "not ascending: 1 after 6"),
        ([(1, 3), (3, 4)], "not ascending: 3 after 3"),
        ([(n, n) for n in range(1, 4098)], "4097 withheld, the limit is 4096"),
        ([(1,)], "not 2 elements"),
        ([(1.0, 2)], "from is float"),
        (7, "no msgpack array"),
    ],
)
def test_ranges_that_are_withheld_have_bounds(withheld: Any, says: str) -> None:
    with pytest.raises(WireError, match=re.escape(says)):
        decode_request(grown(SHORT_REQUEST, {"withheld": withheld}))
    assert decode_request(grown(SHORT_REQUEST, {"withheld": [(1, 3), (4, 4)]})).withheld == [(1, 3), (4, 4)]


@pytest.mark.parametrize(
    "about",
    [ABOUT, About(), About(backlog=0), About(clock_synchronised=True)],
    ids=["all", "none", "0", "true"],
)
def test_what_an_agent_says_of_itself_comes_back(about: About) -> None:
    body = encode_request(replace(REQUEST, about=about), more=True)
    assert decode_request(body).about == about
    assert decode_request(encode_request(replace(REQUEST, about=about))).about is None
    assert None not in msgpack.unpackb(body)[5]["about"].values()


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"site": 1}, "site is int"),
        ({"version": b"1"}, "version is bytes"),
        ({"backlog": -1}, "backlog -1 is not in 0"),
        ({"backlog": 2**40 + 1}, "backlog 1099511627777 is not in 0"),
        ({"backlog": True}, "backlog is bool"),
        ({"clock_synchronised": 1}, "clock_synchronised is int"),
        ({str(n): n for n in range(65)}, "65 keys of about, the limit is 64"),
        (None, "about is no msgpack map"),
    ],
)
def test_what_an_agent_says_of_itself_has_bounds(about: Any, says: str) -> None:
    with pytest.raises(WireError, match=re.escape(says)):
        decode_request(grown(SHORT_REQUEST, {"about": about}))
    found = decode_request(grown(SHORT_REQUEST, {"about": {"later": about, "site": "a\nb", "version": "9"}}))
    assert found.about == About(printable("a\nb"), "9")


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        ((b"short", "no", 1), "schema hash has 5 bytes"),
        ((b"s" * 16, b"no", 1), "reason is bytes"),
        ((b"s" * 16, "no", -1), "a pause of -1.0 s"),
        ((b"s" * 16, "no", math.nan), "pause is no finite number"),
        ((b"s" * 16, "no", True), "pause is no finite number"),
        ((b"s" * 16, "no"), "not 3 elements"),
    ],
)
def test_schemas_that_are_refused_have_bounds(refused: Any, says: str) -> None:
    with pytest.raises(WireError, match=re.escape(says)):
        decode_ack(grown(SHORT_ACK, {"refused_schemas": [refused]}))
    found = decode_ack(grown(SHORT_ACK, {"refused_schemas": [(b"s" * 16, "a\nreason", 5)]}))
    assert found.refused_schemas == [(b"s" * 16, printable("a\nreason"), 5.0)]


@pytest.mark.parametrize(
    ("accept", "more"),
    [
        (ACCEPT, True),
        (f"text/html, {ACKNOWLEDGEMENT_TYPE.upper()};q=1;More=1,*/*", True),
        (f'{ACKNOWLEDGEMENT_TYPE} ; more="1"', True),
        (ACKNOWLEDGEMENT_TYPE, False),
        (f"{ACKNOWLEDGEMENT_TYPE}; more=10", False),
        (f"{ACKNOWLEDGEMENT_TYPE}, text/html; more=1", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_an_agent_says_it_in_a_header_that_others_may_add_to(accept: str, more: bool) -> None:
    assert takes_more(accept) is more


@given(st.binary(max_size=40))
def test_no_bytes_after_the_head_do_worse_than_be_refused(more: bytes) -> None:
    for body, decode in ((SHORT_REQUEST, decode_request), (SHORT_ACK, decode_ack)):
        try:
            decode(bytes([body[0] + 1]) + body[1:] + more)
        except WireError:
            continue


def plain(node: Any) -> Any:
    """As JSON says it: ids and blobs in hexadecimal."""
    if isinstance(node, (list, tuple)):
        return [plain(one) for one in node]
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    return node.hex() if isinstance(node, bytes) else node


VECTOR = {
    "request-5": SHORT_REQUEST,
    "request-6": encode_request(REQUEST, more=True),
    "request-6-empty": encode_request(Request("site-1", EPOCH, []), more=True),
    "request-6-later": grown(SHORT_REQUEST, {"later": [1, {"a": None}], "withheld": [[1, 2]]}),
    "request-6-about": encode_request(replace(REQUEST, about=ABOUT), more=True),
    "answer-6": SHORT_ACK,
    "answer-7": encode_ack(ACK, more=True),
    "answer-7-empty": encode_ack(Acknowledgement(EPOCH, 0), more=True),
    "answer-7-later": grown(SHORT_ACK, {"refused_schemas": [[b"s" * 16, "no", 60]], "later": {"a": [1.5]}}),
}


@pytest.mark.parametrize("name", VECTOR)
def test_a_vector_of_both_shapes_stays_as_it_is(name: str) -> None:
    body = (VECTORS / f"{name}.bin").read_bytes()
    assert body == VECTOR[name]
    assert plain(msgpack.unpackb(body)) == json.loads((VECTORS / f"{name}.json").read_text())
    (decode_request if name.startswith("request") else decode_ack)(body)


def make() -> None:
    """Write the vectors that are missing; never rewrite one."""
    VECTORS.mkdir(exist_ok=True)
    for name, body in VECTOR.items():
        path = VECTORS / f"{name}.bin"
        if not path.exists():
            path.write_bytes(body)
            path.with_suffix(".json").write_text(json.dumps(plain(msgpack.unpackb(body))) + "\n")


if __name__ == "__main__":
    make()
