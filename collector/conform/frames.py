"""zstd frames made by hand (RFC 8878, 3.1.1): raw and repeated blocks, with what the page asks or without."""

from agent.wire.zstd import deflate

_MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK = 128 * 1024  # no block is larger
_RAW, _REPEATED = 0, 1
_SINGLE, _CHECKSUM, _SIZE_OF_4 = 1 << 5, 1 << 2, 2 << 6
_WINDOW_1_MIB = 10 << 3


def frame(content: bytes, *, size: bool = True, checksum: bool = True) -> bytes:
    """`content` uncompressed; size and checksum: whether the frame says them."""
    header = bytes([(_SINGLE | _SIZE_OF_4 if size else 0) | (_CHECKSUM if checksum else 0)])
    header += len(content).to_bytes(4, "little") if size else bytes([_WINDOW_1_MIB])
    parts = [content[at : at + _BLOCK] for at in range(0, len(content), _BLOCK)]
    blocks = [_block(_RAW, part, len(part), part is parts[-1]) for part in parts]
    return _MAGIC + header + b"".join(blocks) + (deflate(content)[-4:] if checksum else b"")


def bomb(size: int) -> bytes:
    """A small frame that declares, and holds, this many zeros; without a checksum."""
    header = bytes([_SINGLE | _SIZE_OF_4]) + size.to_bytes(4, "little")
    count = size // _BLOCK
    return _MAGIC + header + b"".join(_block(_REPEATED, b"\0", _BLOCK, i == count - 1) for i in range(count))


def _block(kind: int, content: bytes, size: int, last: bool) -> bytes:
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + content
