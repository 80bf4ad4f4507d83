"""Frames of zstd, put together byte by byte as RFC 8878, 3.1.1 describes them."""

import numpy as np
import pytest
import zstandard

from agent.wire import Limits, NotZstd, TooLarge
from agent.wire.zstd import declared, deflate, inflate

NOISE = np.random.default_rng(5).bytes(300)
MAGIC = bytes.fromhex("28b52ffd")


def framed(content: bytes, window: int) -> bytes:
    """A frame with a window descriptor (3.1.1.1.2), a content size of 4 bytes, one raw block, a checksum."""
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(content)
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return (
        MAGIC + b"\x84" + bytes([window]) + len(content).to_bytes(4, "little") + block + content + whole[-4:]
    )


@pytest.mark.parametrize(
    ("window", "size", "inflated"),
    # 2^(10 + exponent) and eighths of that: exponent in the high five bits, eighths in the low three
    [(0x50, 1024 * 1024, 1024 * 1024), (0x51, 1024 * 1152, 1024 * 1024), (0, 1024, 100), (1, 1152, 100)],
)
def test_a_window_is_as_large_as_the_content_may_be_and_never_less_than_zstd_knows(
    window: int, size: int, inflated: int
) -> None:
    blob, limits = framed(NOISE[:90], window), Limits(inflated=inflated)
    if size <= max(inflated, 1024):
        assert inflate(blob, limits) == NOISE[:90]
        return
    with pytest.raises(TooLarge, match=f"a zstd window of {size} bytes, the limit is {inflated}"):
        inflate(blob, limits)


def test_limits_of_bytes_are_kept_to_the_byte() -> None:
    blob = deflate(NOISE)
    assert inflate(blob, Limits(compressed=len(blob), inflated=300)) == NOISE
    with pytest.raises(TooLarge, match=f"{len(blob)} compressed bytes"):
        inflate(blob, Limits(compressed=len(blob) - 1))
    with pytest.raises(TooLarge, match="declares 300 inflated bytes, the limit is 299"):
        inflate(blob, Limits(inflated=299))


@pytest.mark.parametrize("parts", [[b""], [b"", b""], [NOISE], [NOISE, b""], [b"x" * 1000, NOISE, b"y" * 3]])
def test_parts_come_back_as_one_in_a_frame_that_says_its_size_and_has_a_checksum(parts: list[bytes]) -> None:
    blob, content = deflate(*parts), b"".join(parts)
    assert inflate(blob) == zstandard.decompress(blob) == content
    header = zstandard.get_frame_parameters(blob)
    assert (header.content_size, header.has_checksum) == (len(content), True)
    assert declared(blob) == len(content)


def test_each_part_but_the_last_ends_a_block() -> None:
    """3.1.1.2: three bytes before each block, with "last" in bit 0 and its size from bit 3 on."""
    blob = deflate(NOISE, NOISE[::-1])
    at = len(MAGIC) + 1 + 2  # a descriptor, and a size of two bytes: the frame is a single segment
    heads = []
    while not heads or not heads[-1] & 1:
        heads.append(int.from_bytes(blob[at : at + 3], "little"))
        at += 3 + (heads[-1] >> 3)
    assert [head >> 3 for head in heads][:2] == [300, 300]
    assert len(blob) == at + 4


def test_content_is_compressed_at_level_3_with_matches_of_6_bytes_or_more() -> None:
    # words of 5 to 9 letters in any order: each level and each shortest match finds others in them
    rng = np.random.default_rng(2)
    words = [rng.bytes(size) for size in rng.integers(5, 10, 400)]
    text = b"".join(words[k] for k in rng.integers(0, 400, 6000))
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, source_size=len(text), min_match=6, write_checksum=True
    )
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=len(text))
    assert deflate(text) == frame.compress(text) + frame.flush()


def test_a_size_that_is_not_said_is_none_and_such_a_frame_is_refused() -> None:
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(NOISE)
    assert declared(unsaid) == declared(b"") == declared(b"no frame") == 0
    assert declared(zstandard.compress(b"")) == 0
    assert declared(bytes.fromhex("28b52ffd e4 0000000000010000")) == 2**40
    unchecked = zstandard.ZstdCompressor(write_checksum=False).compress(NOISE)
    for blob, said in (
        (unsaid, "does not declare its content size"),
        (unchecked, "carries no checksum"),
        (MAGIC[:3], "starts with 28b52f, expected 28b52ffd"),
        (b"", "starts with nothing"),
    ):
        with pytest.raises(NotZstd, match=said):
            inflate(blob)
