"""msgpack of strangers: what each element may be, one more and one less of all that is counted."""

import re
from typing import Any

import msgpack
import pytest

from agent.wire import Malformed, NotMsgpack, TooLarge, UnknownVersion
from agent.wire.packing import Fields, pack, unpack_tree


def fields(*elements: Any, version: int = 1, count: int | None = None) -> Fields:
    content = msgpack.packb((1, *elements))
    return Fields("thing", content, version, 1 + len(elements) if count is None else count)


def refused(kind: type[Exception], said: str) -> Any:
    return pytest.raises(kind, match="^" + re.escape(said))


def test_an_array_says_its_version_and_has_as_many_fields_as_that_has() -> None:
    read = fields(7)
    assert read.take(int, "seven") == 7
    read.end()
    for count in (1, 3):
        with refused(Malformed, f"thing: 2 fields, version 1 has {count}"):
            fields(7, count=count)
    for version in (0, 2):
        with refused(UnknownVersion, f"thing of version 1, this receiver knows version {version}"):
            fields(7, version=version)
    with refused(UnknownVersion, "thing of version None, this receiver knows version 1"):
        Fields("thing", msgpack.packb([]), 1, 0)
    for content in (b"", b"\x07", b"\xc1", msgpack.packb({1: 2})):
        with refused(NotMsgpack, "thing: envelope is no msgpack array ("):
            Fields("thing", content, 1, 2)


def test_an_element_is_of_its_type_and_no_other() -> None:
    for kind, fits, others in (
        (int, [0, -(2**63), 2**64 - 1], [True, 1.0, "1", b"1", None]),
        (str, ["", "é"], [b"", 1, None]),
        (bytes, [b"", b"x" * 99], ["", 1, None]),
    ):
        for value in fits:
            assert fields(value).take(kind, "it") == value
        for value in others:
            with refused(Malformed, f"thing: it is {type(value).__name__}, expected {kind.__name__}"):
                fields(value).take(kind, "it")
    for value in ([1], {"a": 1}, msgpack.ExtType(5, b"x")):
        with refused(NotMsgpack, "thing: it cannot be unpacked ("):
            fields(value).take(int, "it")
    with refused(Malformed, "thing: it is list, expected int"):
        fields([]).take(int, "it")
    with refused(NotMsgpack, "thing: ends before it"):
        Fields("thing", b"\x92\x01", 1, 2).take(int, "it")


def test_bytes_are_as_many_as_they_must_be_or_nil_where_they_may() -> None:
    assert fields(b"abc").take(bytes, "it", 3) == fields(b"abc").take_optional("it", 3) == b"abc"
    assert fields(None).take_optional("it", 3) is None
    assert fields("abcd").take(str, "it", 3) == "abcd", "only bytes have a size"
    assert fields(b"").take(bytes, "it", 0) == b""
    for value in (b"ab", b"abcd", b""):
        with refused(Malformed, f"thing: it has {len(value)} bytes, expected 3"):
            fields(value).take(bytes, "it", 3)
        with refused(Malformed, "thing: it is neither nil nor 3 bytes"):
            fields(value).take_optional("it", 3)
    for other in ("abc", 3, True):
        with refused(Malformed, "thing: it is neither nil nor 3 bytes"):
            fields(other).take_optional("it", 3)


def test_an_array_inside_is_as_long_as_allowed() -> None:
    read = fields([4, 5], 6)
    assert read.array("numbers", 2) == 2
    assert [read.take(int, "number") for _ in range(3)] == [4, 5, 6]
    read.end()
    assert fields([0] * 99).array("numbers") == 99
    assert fields([]).array("numbers", 0) == 0
    with refused(TooLarge, "thing: 2 numbers, the limit is 1"):
        fields([4, 5]).array("numbers", 1)
    with refused(NotMsgpack, "thing: numbers is no msgpack array ("):
        fields(4).array("numbers", 1)


@pytest.mark.parametrize("rest", [b"\x01", b"\xc1", b"\xc0", b"\x90"])
def test_nothing_may_follow(rest: bytes) -> None:
    read = Fields("thing", msgpack.packb((1, 7)) + rest, 1, 2)
    read.take(int, "seven")
    with refused(Malformed, "thing: bytes after the last field"):
        read.end()


def test_a_tree_has_as_many_bytes_containers_and_levels_as_allowed() -> None:
    tree = [{"a": [1, {"b": None}]}, "c"]  # four containers, four deep
    content = msgpack.packb(tree)
    assert unpack_tree("tree", content, len(content), 4, 4) == tree
    with refused(TooLarge, f"tree: {len(content)} bytes, the limit is {len(content) - 1}"):
        unpack_tree("tree", content, len(content) - 1, 4, 4)
    with refused(TooLarge, "tree: more than 3 arrays and maps"):
        unpack_tree("tree", content, 99, 3, 4)
    with refused(TooLarge, "tree: nested too deeply"):
        unpack_tree("tree", content, 99, 4, 3)
    assert unpack_tree("tree", msgpack.packb("x"), 99, 0, 0) == "x"
    with refused(TooLarge, "tree: nested too deeply"):
        unpack_tree("tree", msgpack.packb([]), 99, 1, 0)


def test_keys_are_texts_and_stand_once_where_somebody_is_strict() -> None:
    twice = b"\x82" + msgpack.packb("a") + b"\x01" + msgpack.packb("a") + b"\x02"
    assert unpack_tree("tree", twice, 99, 9, 9) == {"a": 2}
    assert unpack_tree("tree", msgpack.packb({"a": 1, "b": 2}), 99, 9, 9, strict=True) == {"a": 1, "b": 2}
    with refused(Malformed, "tree: a map with a key that stands twice"):
        unpack_tree("tree", twice, 99, 9, 9, strict=True)
    for content in (msgpack.packb({b"a": 1}), msgpack.packb([{b"a": 1}]), msgpack.packb({"x": {b"a": 1}})):
        with refused(Malformed, "tree: a map with a key that is no text"):
            unpack_tree("tree", content, 99, 9, 9)
    for content in (
        b"",
        b"\xc1",
        b"\x92\x01",
        msgpack.packb({1: 2}),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        b"\x01\x01",
    ):
        with refused(NotMsgpack, "tree: cannot be unpacked ("):
            unpack_tree("tree", content, 99, 9, 9)


def test_a_reason_is_one_short_line() -> None:
    for content in (b"\x92" * 2000, b"\x81" + msgpack.packb("x" * 400)):
        with pytest.raises(NotMsgpack) as caught:
            unpack_tree("tree", content, 9999, 9, 9)
        assert len(str(caught.value)) <= 120 + len("tree: cannot be unpacked ()")
    with pytest.raises(NotMsgpack) as caught:
        unpack_tree("tree", b"\xa1\xff", 9999, 9, 9)
    assert str(caught.value).startswith("tree: cannot be unpacked (UnicodeDecodeError: ")


def test_whatever_msgpack_says_is_one_line_of_120_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpackb(*_: Any, **__: Any) -> None:
        raise ValueError("x" * 200 + "\nand more")

    monkeypatch.setattr(msgpack, "unpackb", unpackb)
    with pytest.raises(NotMsgpack) as caught:
        unpack_tree("tree", b"\x01", 9, 9, 9)
    assert str(caught.value) == f"tree: cannot be unpacked (ValueError: {'x' * 108})"


def test_texts_and_bytes_are_packed_apart_and_what_cannot_be_is_named() -> None:
    assert pack((b"a", "a", None)) == b"\x93\xc4\x01a\xa1a\xc0"
    for odd in (object(), 2**64, -(2**63) - 1, {"a": {1}}):
        with refused(Malformed, "cannot be packed as msgpack: "):
            pack(odd)
