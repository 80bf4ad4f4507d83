"""Arrays <-> bytes that zstd compresses well. Integers wrap at 64 bits, so every int64 comes back exactly.

Three codes, each the smallest of those that were measured (docs/adr/0002-column-layout.md):

narrow     a list of uint64 as one byte w (0-8: bytes that the largest needs), then w planes, low bytes first
nibbles    small deltas, two to a byte, column after column, each padded to whole bytes; 15 says "in the list
           of the large ones"
runs       equal bytes as (value, length - 1)

Signed numbers are zigzagged first: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
"""

import numpy as np
from numpy.typing import NDArray

from agent.quality import NOT_READ, Quality
from agent.wire.errors import Malformed

Int64s = NDArray[np.int64]
Uint64s = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

ESCAPE = 15
_NOT_READ = np.array([quality in NOT_READ for quality in Quality])
_MARK = 99  # in place of a delta that is in the list of the large ones; small deltas are -7 ... 7
_SMALL = np.array([(code >> 1) ^ -(code & 1) for code in range(ESCAPE)] + [_MARK], dtype=np.int64)
_PAIRS = np.stack([np.tile(_SMALL, 16), np.repeat(_SMALL, 16)], axis=1)  # (256, 2): low nibble comes first


def zigzag(numbers: Int64s) -> Uint64s:
    """Signed to unsigned, small magnitudes to small numbers."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def unzigzag(codes: Uint64s) -> Int64s:
    """The inverse of `zigzag`."""
    numbers = codes.view(np.int64)
    return ((codes >> np.uint64(1)).view(np.int64)) ^ -(numbers & 1)


def encode_narrow(codes: Uint64s) -> bytes:
    """`codes` (k,) as a width byte and that many byte planes."""
    width = (int(np.max(codes)).bit_length() + 7) // 8 if codes.size else 0
    planes = np.ascontiguousarray(codes, dtype="<u8").view(np.uint8).reshape(-1, 8)[:, :width]
    return bytes([width]) + planes.T.tobytes()


def decode_narrow(name: str, coded: bytes, count: int) -> Uint64s:
    """The inverse of `encode_narrow`; the receiver knows how many there must be. Of none, b"" will do."""
    if not coded and not count:
        return np.zeros(0, dtype=np.uint64)
    width = coded[0] if coded else 9
    if width > 8 or len(coded) != 1 + width * count:
        raise Malformed(f"{name}: {len(coded)} bytes do not hold {count} numbers of {width} bytes each")
    codes = np.zeros((count, 8), dtype=np.uint8)
    codes[:, :width] = np.frombuffer(coded, np.uint8, offset=1).reshape(width, count).T
    return codes.reshape(-1).view("<u8").astype(np.uint64, copy=False)


def encode_runs(flat: Bytes) -> tuple[bytes, bytes]:
    """`flat` (k,) as one byte per run and the narrow list of the runs' lengths less one."""
    if not flat.size:
        return b"", encode_narrow(np.zeros(0, np.uint64))
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(starts, append=flat.size)
    return flat[starts].tobytes(), encode_narrow((lengths - 1).astype(np.uint64))


def decode_runs(name: str, values: bytes, lengths: bytes, count: int) -> Bytes:
    """The inverse of `encode_runs`; the lengths must add up to `count`."""
    less_one = decode_narrow(name, lengths, len(values))
    if less_one.size and int(np.max(less_one)) >= count:
        raise Malformed(f"{name}: a run is longer than the {count} values")
    repeats = less_one.astype(np.int64) + 1
    if int(repeats.sum()) != count:
        raise Malformed(f"{name}: runs cover {int(repeats.sum())} of {count} values")
    return np.repeat(np.frombuffer(values, np.uint8), repeats)


def encode_quality(quality: Bytes) -> tuple[bytes, bytes]:
    """(n, m) as runs of what changed since the frame before (XOR), frame after frame."""
    changes = quality.copy()
    changes[1:] ^= quality[:-1]
    return encode_runs(changes.reshape(-1))


def decode_quality(values: bytes, lengths: bytes, n: int, m: int) -> Bytes:
    """The inverse of `encode_quality`, (n, m) uint8 of known qualities."""
    if values == b"\0":  # every value good: the common case
        decode_runs("quality", values, lengths, n * m)
        return np.zeros((n, m), dtype=np.uint8)
    changes = decode_runs("quality", values, lengths, n * m).reshape(n, m)
    quality = np.bitwise_xor.accumulate(changes, axis=0)
    if quality.size and quality.max() > max(Quality):
        raise Malformed(f"quality: code {quality.max()} is unknown")
    return quality


def encode_values(raw: Int64s, quality: Bytes) -> tuple[bytes, bytes, bytes]:
    """
    Code raw values as differences.

    Parameters
    ----------
    raw : (n, m) int64
        Frame by frame. Where `quality` is one of NOT_READ the number is not sent.
    quality : (n, m) uint8
        `agent.quality.Quality`.

    Returns
    -------
    first, small, large : bytes
        The first frame as differences from value to value (narrow); the later frames as differences from
        frame to frame (nibbles, by value then frame); those of the later that do not fit a nibble (narrow).
    """
    n, m = raw.shape
    if not raw.size:
        return b"", b"", b""
    if quality.any() and _NOT_READ[quality].any():
        raw = _carry(raw, ~_NOT_READ[quality])
    first = np.diff(raw[0], prepend=np.int64(0))
    codes = zigzag(np.ascontiguousarray((raw[1:] - raw[:-1]).T))
    nibbles = np.zeros((m, n // 2 * 2), dtype=np.uint8)  # an even number of places for n - 1 differences
    np.minimum(codes, ESCAPE, out=nibbles[:, : n - 1], casting="unsafe")
    small = nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)
    return encode_narrow(zigzag(first)), small.tobytes(), encode_narrow(codes[codes >= ESCAPE])


def decode_values(first: bytes, small: bytes, large: bytes, quality: Bytes, strict: bool = False) -> Int64s:
    """The inverse of `encode_values`: (n, m) int64, 0 where nothing was read.

    strict: refuse, too, what can be read but no encoder may write, for it is a sign of a broken one.
    """
    n, m = quality.shape
    if len(small) != m * (n // 2):
        raise Malformed(
            f"values: {len(small)} bytes of small differences, {n} frames of {m} values have {m * (n // 2)}"
        )
    columns = np.zeros((m, max(n, 1)), dtype=np.int64)
    columns[:, 0] = unzigzag(decode_narrow("first frame", first, m))
    later = columns[:, 1:]
    nibbles = _PAIRS[np.frombuffer(small, np.uint8)].reshape(m, n // 2 * 2)
    later[:] = nibbles[:, : max(n - 1, 0)]
    escaped = later == _MARK
    numbers = decode_narrow("large differences", large, int(np.count_nonzero(escaped)))
    later[escaped] = unzigzag(numbers)
    if not n:
        return np.zeros((n, m), dtype=np.int64)
    unread = _NOT_READ[quality] if quality.any() else None
    if strict:
        if numbers.size and int(np.min(numbers)) < ESCAPE:
            raise Malformed("large differences: one is small")
        if nibbles[:, n - 1 :].any():
            raise Malformed("small differences: a nibble left over is not 0")
        if unread is not None and columns.T[unread].any():
            raise Malformed("values: a difference where nothing was read")
    np.cumsum(columns[:, 0], out=columns[:, 0])
    raw = np.ascontiguousarray(np.cumsum(columns, axis=1, out=columns).T)
    if unread is not None:
        raw[unread] = 0
    return raw


def _carry(raw: Int64s, read: NDArray[np.bool_]) -> Int64s:
    """`raw` with every value that was not read replaced by its predecessor, so that its difference is 0."""
    n, m = raw.shape
    first = np.where(read[0], np.arange(m), -1)
    source = np.maximum.accumulate(first)
    carried = raw.copy()
    carried[0] = np.where(source >= 0, raw[0, source], 0)
    rows = np.where(read, np.arange(n)[:, None], 0)
    return np.take_along_axis(carried, np.maximum.accumulate(rows, axis=0), axis=0)
