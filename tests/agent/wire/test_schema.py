"""Schemas: each key of the page, and what cannot be read by."""

import math
from hashlib import blake2b
from typing import Any

import msgpack
import pytest
import zstandard

from agent.wire import Malformed, NotMsgpack, UnknownVersion, decode_schema, encode_schema
from agent.wire.schema import hash_of, unusable, width

FITS: dict[str, Any] = {
    "name": ["cell_voltage", "soc"],
    "place": ["string1/cell1", ""],
    "unit": ["V", "%"],
    "quantity": ["cell_voltage", "soc"],
    "reading": [0, 5],
    "raw_offset": [0, -40],
    "scale": [0.001, -1],
    "offset": [0.0, 7],
    "changes_within_s": {"1": 60, "0": 0.5},
}


def frame(tree: Any) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(msgpack.packb(tree))


def test_what_says_how_to_read_each_value_is_usable() -> None:
    assert unusable(FITS) == ""
    assert width(FITS) == 2
    assert unusable({key: value for key, value in FITS.items() if key != "changes_within_s"}) == ""
    for reading in range(6):
        assert unusable(FITS | {"reading": [reading, 0]}) == ""
    empty: dict[str, Any] = {key: [] for key in FITS if key != "changes_within_s"}
    assert (unusable(empty), width(empty)) == ("", 0)


TEXTS = ("name", "place", "unit", "quantity")
NUMBERS = ("raw_offset", "scale", "offset")
BAD: list[tuple[str, list[Any]]] = [
    *((key, [1, None, b"x"]) for key in TEXTS),
    ("reading", [6, -1, 0.0, True, "0", None]),
    *((key, [math.nan, math.inf, -math.inf, "1", True, None]) for key in NUMBERS),
    ("scale", [0, 0.0, -0.0]),
]


@pytest.mark.parametrize(("key", "values"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_no_element_of_its_list_is_named(key: str, values: list[Any]) -> None:
    for value in values:
        assert unusable(FITS | {key: [FITS[key][0], value]}) == f"{key} of value 1 is {value!r}"


@pytest.mark.parametrize("key", [*TEXTS, "reading", *NUMBERS])
def test_each_list_must_be_there_and_as_long_as_the_others(key: str) -> None:
    assert unusable({k: v for k, v in FITS.items() if k != key}) == f"no {key}"
    assert unusable(FITS | {key: None}) == f"{key} is NoneType, expected a list"
    assert unusable(FITS | {key: {"0": 1}}) == f"{key} is dict, expected a list"
    assert f"lists of unequal length: name {1 if key == 'name' else 2}" in unusable(
        FITS | {key: FITS[key][:1]}
    )


@pytest.mark.parametrize(
    "within_s", [None, [60], {"0": "60"}, {"0": math.nan}, {"0": 1, "1": math.inf}, {"0": True}]
)
def test_heartbeats_move_within_seconds(within_s: Any) -> None:
    assert unusable(FITS | {"changes_within_s": within_s}) == "changes_within_s is no map to seconds"


def test_a_long_value_is_cut_where_it_is_named() -> None:
    reason = unusable(FITS | {"unit": [b"x" * 500, "%"]})
    assert reason == f"unit of value 0 is b'{'x' * 55}..."


def test_the_hash_is_of_what_is_inflated() -> None:
    digest, body = encode_schema(FITS)
    inflated = zstandard.decompress(body)
    assert digest == hash_of(body) == decode_schema(body)[0] == blake2b(inflated, digest_size=16).digest()
    assert msgpack.unpackb(inflated) == [1, FITS]
    assert list(msgpack.unpackb(inflated)[1]) == sorted(FITS)
    anything = frame("anything")
    assert hash_of(anything) == blake2b(msgpack.packb("anything"), digest_size=16).digest()
    assert hash_of(anything[:-1]) is None
    assert hash_of(b"") is None


@pytest.mark.parametrize(
    ("tree", "kind", "said"),
    [
        ([], Malformed, "no array of version and description"),
        ({"a": 1}, Malformed, "no array of version and description"),
        ([1], Malformed, "no array of version and description"),
        ([1, {}, 2], Malformed, "no array of version and description"),
        ([1, []], Malformed, "no array of version and description"),
        ([2, {}], UnknownVersion, "version 2, this receiver knows version 1"),
        ([0, {}], UnknownVersion, "version 0, this"),
        (["x" * 50, {}], UnknownVersion, f"version {'x' * 20}, this"),
        (msgpack.ExtType(5, b"x"), NotMsgpack, "schema: cannot be unpacked"),
    ],
)
def test_what_is_no_schema_is_refused(tree: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        decode_schema(frame(tree))


def test_a_key_that_stands_twice_is_refused_by_who_takes_it_in_alone() -> None:
    for packed in (b"\x92\1\x82\xa1a\1\xa1a\2", b"\x92\1\x81\xa1a\x82\xa1b\1\xa1b\2"):
        body = zstandard.ZstdCompressor(write_checksum=True).compress(packed)
        assert decode_schema(body)[1] in ({"a": 2}, {"a": {"b": 2}})
        with pytest.raises(Malformed, match="a key that stands twice"):
            decode_schema(body, strict=True)


def test_the_least_schema_is_one() -> None:
    assert decode_schema(frame([1, {}]))[1] == {}
    nested = {"b": [{"d": 1, "c": (2,)}], "a": ()}
    assert decode_schema(encode_schema(nested)[1])[1] == {"a": [], "b": [{"c": [2], "d": 1}]}
    assert list(msgpack.unpackb(zstandard.decompress(encode_schema(nested)[1]))[1]["b"][0]) == ["c", "d"]
