"""bytes <-> one zstd frame, with nothing inflated before its header was read.

A frame's declared content size wins over `max_output_size` in python-zstandard (a 13-byte frame can ask for
gigabytes), so the header is parsed first and a frame that does not declare its size is refused (RFC 8878,
3.1.1.1).
"""

import zstandard

from agent.wire.errors import NotZstd, TooLarge
from agent.wire.limits import DEFAULT_LIMITS, Limits

LEVEL = 3
MIN_MATCH = 6  # level 3 finds chance matches of 5 bytes in noise, which cost more than they save: 2 %
_MAGIC = b"\x28\xb5\x2f\xfd"


def deflate(*parts: bytes) -> bytes:
    """One frame of `parts` joined, with content size and checksum.

    Each part begins a block, and with it an entropy table of its own: identities and times are noise beside
    small differences, and one table for both costs 3 to 4 % of a batch. Compressors are not thread-safe: one
    per call.
    """
    size = sum(map(len, parts))
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, source_size=size, min_match=MIN_MATCH, write_checksum=True, write_content_size=True
    )
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    blocks = []
    for part in parts[:-1]:
        blocks += [frame.compress(part), frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    return b"".join([*blocks, frame.compress(parts[-1]), frame.flush()])


def inflate(blob: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The content of exactly one frame, never more than it declares and `limits.inflated` allows."""
    if len(blob) > limits.compressed:
        raise TooLarge(f"{len(blob)} compressed bytes, the limit is {limits.compressed}")
    if blob[:4] != _MAGIC:  # skippable frames have another magic number and may say any length
        raise NotZstd(f"no zstd frame: starts with {blob[:4].hex() or 'nothing'}, expected {_MAGIC.hex()}")
    try:
        header = zstandard.get_frame_parameters(blob)
        if header.content_size == zstandard.CONTENTSIZE_UNKNOWN:
            raise NotZstd("the zstd frame does not declare its content size")
        if header.content_size > limits.inflated:
            raise TooLarge(f"declares {header.content_size} inflated bytes, the limit is {limits.inflated}")
        if header.window_size > max(limits.inflated, 1024):
            raise TooLarge(
                f"asks for a zstd window of {header.window_size} bytes, the limit is {limits.inflated}"
            )
        if not header.has_checksum:
            raise NotZstd("the zstd frame carries no checksum")
        return bytes(zstandard.ZstdDecompressor().decompress(blob, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise NotZstd(f"damaged zstd frame of {len(blob)} bytes: {error}") from None


def declared(blob: bytes) -> int:
    """How many bytes the content is said to have; 0 where nothing is said, or it is no frame."""
    try:
        size: int = zstandard.get_frame_parameters(blob).content_size
    except zstandard.ZstdError:
        return 0
    return 0 if size == zstandard.CONTENTSIZE_UNKNOWN else size
