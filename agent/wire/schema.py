"""What says how to read a unit's values: sent once, named by its hash ever after."""

from hashlib import blake2b
from typing import Any

from agent.wire.errors import Malformed, UnknownVersion
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES, pack, unpack_tree
from agent.wire.zstd import deflate, inflate

VERSION = 1


def encode_schema(description: dict[str, Any], limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, bytes]:
    """`(hash, body)` of plain content (`drivers.Layout.describe()`); equal content has an equal hash.

    The hash is BLAKE2b of 16 bytes over the inflated body, whose maps have sorted keys.
    """
    content = pack([VERSION, _sorted(description)])
    body = deflate(content)
    decode_schema(body, limits)  # a receiver would refuse it: better now than at the collector
    return blake2b(content, digest_size=ID_BYTES).digest(), body


def decode_schema(body: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, dict[str, Any]]:
    """`(hash, description)`; the hash is computed, never believed."""
    content = inflate(body, limits)
    tree = unpack_tree("schema", content, limits.inflated, limits.schema_containers, limits.depth)
    if not isinstance(tree, list) or not tree:
        raise Malformed("schema: no array of version and description")
    if tree[0] != VERSION:
        raise UnknownVersion(f"schema of version {str(tree[0])[:20]}, this receiver knows version {VERSION}")
    if len(tree) != 2 or not isinstance(tree[1], dict):
        raise Malformed("schema: no array of version and description")
    return blake2b(content, digest_size=ID_BYTES).digest(), tree[1]


def _sorted(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _sorted(node[key]) for key in sorted(node)}
    return [_sorted(child) for child in node] if isinstance(node, (list, tuple)) else node
