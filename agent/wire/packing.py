"""msgpack that a stranger may have written: shapes and counts are checked before objects are made.

`Fields` reads an array of known shape element by element, so nothing nests; `unpack_tree` reads free-form
content under limits of bytes, containers and depth, with text as the only keys.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import msgpack  # type: ignore[import-untyped]

from agent.wire.errors import Malformed, NotMsgpack, TooLarge, UnknownVersion, WireError

ID_BYTES = 16  # of epochs, boot ids and schema hashes
T = TypeVar("T", int, bytes, str)
_UNPACK_ERRORS = (ValueError, TypeError, msgpack.UnpackException, RecursionError)


def pack(content: object) -> bytes:
    """The msgpack of plain content; `Malformed` names what cannot be packed."""
    try:
        packed: bytes = msgpack.packb(content, use_bin_type=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise Malformed(f"cannot be packed as msgpack: {error}") from None
    return packed


class Fields:
    """The elements of one msgpack array whose first element is the version of the format.

    Containers are opened by `array` and never by `take`: where a scalar belongs, a filled array is an error.
    `more`: whether there is one element beyond the `count` of them, where that may be (`grows`): a map.
    """

    def __init__(self, what: str, content: bytes, version: int, count: int, grows: bool = False) -> None:
        self.what = what
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=len(content),
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
            strict_map_key=True,
        )
        self._unpacker.feed(content)
        found = self.array("envelope")
        said = self.take(int, "version") if found else None
        if said != version:
            raise UnknownVersion(f"{what} of version {said}, this receiver knows version {version}")
        if found not in (count, count + grows):
            raise Malformed(f"{what}: {found} fields, version {version} has {count}")
        self.more = found > count

    def array(self, name: str, limit: int | None = None) -> int:
        """Open an array and return its length."""
        try:
            length: int = self._unpacker.read_array_header()
        except _UNPACK_ERRORS as error:
            raise NotMsgpack(f"{self.what}: {name} is no msgpack array ({_short(error)})") from None
        if limit is not None and length > limit:
            raise TooLarge(f"{self.what}: {length} {name}, the limit is {limit}")
        return length

    def map(self, name: str, limit: int, read: dict[str, Callable[[], None]]) -> None:
        """The next element, a map with text keys: `read` takes the value of each that it knows, the values of
        others are passed over without a look, whatever they are.
        """
        try:
            length: int = self._unpacker.read_map_header()
        except _UNPACK_ERRORS as error:
            raise NotMsgpack(f"{self.what}: {name} is no msgpack map ({_short(error)})") from None
        if length > limit:
            raise TooLarge(f"{self.what}: {length} keys of {name}, the limit is {limit}")
        seen = set[str]()
        for _ in range(length):
            key = self.take(str, f"a key of {name}")
            if key in seen:
                raise Malformed(f"{self.what}: {name} with a key that stands twice")
            seen.add(key)
            read.get(key, lambda: self._pass_over(name))()

    def take(self, kind: type[T], name: str, size: int | None = None) -> T:
        """The next element, of exactly this type and, for bytes, of this size."""
        value = self._next(name)
        if type(value) is not kind:
            raise Malformed(f"{self.what}: {name} is {type(value).__name__}, expected {kind.__name__}")
        if isinstance(value, bytes) and size not in (None, len(value)):
            raise Malformed(f"{self.what}: {name} has {len(value)} bytes, expected {size}")
        return value

    def number(self, name: str) -> float:
        """The next element: an integer or a float, finite."""
        value = self._next(name)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise Malformed(f"{self.what}: {name} is no finite number")
        return float(value)

    def take_optional(self, name: str, size: int) -> bytes | None:
        """The next element: nil, or bytes of this size."""
        value = self._next(name)
        if value is None:
            return None
        if type(value) is not bytes or len(value) != size:
            raise Malformed(f"{self.what}: {name} is neither nil nor {size} bytes")
        return value

    def end(self) -> None:
        """Nothing may follow."""
        try:
            self._unpacker.skip()
        except msgpack.OutOfData:
            return
        except _UNPACK_ERRORS:
            pass
        raise Malformed(f"{self.what}: bytes after the last field")

    def _pass_over(self, name: str) -> None:
        try:
            self._unpacker.skip()
        except _UNPACK_ERRORS as error:
            raise NotMsgpack(f"{self.what}: {name} cannot be unpacked ({_short(error)})") from None

    def _next(self, name: str) -> Any:
        try:
            return self._unpacker.unpack()
        except msgpack.OutOfData:
            raise NotMsgpack(f"{self.what}: ends before {name}") from None
        except _UNPACK_ERRORS as error:
            raise NotMsgpack(f"{self.what}: {name} cannot be unpacked ({_short(error)})") from None


def unpack_tree(
    what: str, content: bytes, size: int, containers: int, depth: int, strict: bool = False
) -> Any:
    """Free-form content of at most `size` bytes and `containers` arrays and maps, nested `depth` deep.

    strict: refuse a map with a key that stands twice, too; else the last one counts.
    """
    if len(content) > size:
        raise TooLarge(f"{what}: {len(content)} bytes, the limit is {size}")
    left = containers

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooLarge(f"{what}: more than {containers} arrays and maps")
        return container

    def count_map(pairs: list[tuple[Any, Any]]) -> Any:
        found = dict(pairs)
        if strict and len(found) != len(pairs):
            raise Malformed(f"{what}: a map with a key that stands twice")
        return count(found)

    try:
        tree = msgpack.unpackb(
            content, list_hook=count, object_pairs_hook=count_map, max_ext_len=0, strict_map_key=True
        )
    except WireError:
        raise
    except _UNPACK_ERRORS as error:
        raise NotMsgpack(f"{what}: cannot be unpacked ({_short(error)})") from None
    _check(what, tree, depth)
    return tree


def _check(what: str, node: Any, left: int) -> None:
    if isinstance(node, (list, dict)):
        if left == 0:
            raise TooLarge(f"{what}: nested too deeply")
        if isinstance(node, dict) and not all(type(key) is str for key in node):
            raise Malformed(f"{what}: a map with a key that is no text")
        for child in node.values() if isinstance(node, dict) else node:
            _check(what, child, left - 1)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
