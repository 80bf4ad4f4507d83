"""What says how to read a unit's values: sent once, named by its hash ever after."""

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from agent.wire.errors import Malformed, UnknownVersion, WireError
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES, pack, unpack_tree
from agent.wire.text import printable
from agent.wire.zstd import deflate, inflate

VERSION = 1
READINGS = range(6)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


#: Parallel to the values of a frame: what each element must be.
_LISTS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("name", "place", "unit", "quantity"), lambda text: type(text) is str),
    "reading": lambda code: type(code) is int and code in READINGS,
    "raw_offset": _is_number,
    "scale": lambda value: _is_number(value) and value != 0,  # it would make every value the same
    "offset": _is_number,
}


def encode_schema(description: dict[str, Any], limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, bytes]:
    """`(hash, body)` of plain content (`drivers.layout.Layout.describe()`); equal content has an equal hash.

    The hash is BLAKE2b of 16 bytes over the inflated body, whose maps have sorted keys.
    """
    content = pack([VERSION, _sorted(description)])
    body = deflate(content)
    decode_schema(body, limits)  # a receiver would refuse it: better now than at the collector
    return blake2b(content, digest_size=ID_BYTES).digest(), body


def decode_schema(
    body: bytes, limits: Limits = DEFAULT_LIMITS, strict: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """`(hash, description)`; the hash is computed, never believed.

    strict: for who takes it in; what is stored is read as far as it can be.
    """
    content = inflate(body, limits)
    tree = unpack_tree("schema", content, limits.inflated, limits.schema_containers, limits.depth, strict)
    if not isinstance(tree, list) or not tree:
        raise Malformed("schema: no array of version and description")
    if tree[0] != VERSION:
        raise UnknownVersion(f"schema of version {str(tree[0])[:20]}, this receiver knows version {VERSION}")
    if len(tree) != 2 or not isinstance(tree[1], dict):
        raise Malformed("schema: no array of version and description")
    return blake2b(content, digest_size=ID_BYTES).digest(), tree[1]


def hash_of(body: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """The hash by which batches name a body, whatever is in it; None where it cannot be inflated."""
    try:
        return blake2b(inflate(body, limits), digest_size=ID_BYTES).digest()
    except WireError:
        return None


def unusable(description: dict[str, Any]) -> str:
    """Why values cannot be read by this description; "" where they can."""
    lengths = {}
    for key, fits in _LISTS.items():
        column = description.get(key)
        if not isinstance(column, list):
            return f"{key} is {type(column).__name__}, expected a list" if key in description else f"no {key}"
        lengths[key] = len(column)
        for index, value in enumerate(column):
            if not fits(value):
                return f"{key} of value {index} is {printable(repr(value), 60)}"
    if len(set(lengths.values())) > 1:
        return "lists of unequal length: " + ", ".join(f"{key} {length}" for key, length in lengths.items())
    within_s = description.get("changes_within_s", {})
    if not isinstance(within_s, dict) or not all(map(_is_number, within_s.values())):
        return "changes_within_s is no map to seconds"
    return ""


def width(description: dict[str, Any]) -> int:
    """How many values a frame has that this description says how to read."""
    return len(description["reading"])


def _sorted(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _sorted(node[key]) for key in sorted(node)}
    return [_sorted(child) for child in node] if isinstance(node, (list, tuple)) else node
