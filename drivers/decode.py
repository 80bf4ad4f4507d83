"""Registers to raw values and back: one table with a row per value, one kernel over all types.

Every coding is the same steps with other numbers: gather words into 64 bits, shift the value to the top,
shift it down again (arithmetically, so the sign comes along), mask. What is not an integer keeps its bits;
ranges of floats are compared through a key that orders the bits like the numbers.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from agent.quality import Quality
from drivers.values import Coding, Reading, Value

#: One row per value: everything the kernels need. Public: a simulator encodes by the same table.
CODEC = np.dtype(
    [
        ("slot", np.int32),  # image index of the value's first word (lowest address)
        ("words", np.uint8),  # how many addresses
        ("unit_bits", np.uint8),  # 16, or 1 for coils and discrete inputs
        ("low_word_first", np.bool_),
        ("low_byte_first", np.bool_),
        ("up", np.uint8),  # 64 - shift - width
        ("down", np.uint8),  # 64 - width
        ("mask", np.int64),  # -1 where the sign is kept
        ("reading", np.uint8),  # drivers.values.Reading
        ("flip", np.int64),  # makes unsigned 64-bit numbers comparable as signed ones
        ("low", np.int64),  # least and greatest believable value, as comparison keys
        ("high", np.int64),
        ("missing_from", np.int32),  # the value's part of the list of sentinels
        ("missing_to", np.int32),
        ("raw_offset", np.int64),  # SI = (raw + raw_offset) * scale / divisor + offset
        ("scale", np.float64),
        (
            "divisor",
            np.float64,
        ),  # 1000 for a scale of 0.001, which no float is: 3300 reads 3.3, not 3.3000000000000003
        ("offset", np.float64),
    ],
    align=True,
)

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint16]
Qualities = npt.NDArray[np.uint8]

_MIN, _MAX = -(2**63), 2**63 - 1
_FLOATS = {Reading.FLOAT_32: (np.float32, np.int32), Reading.FLOAT_64: (np.float64, np.int64)}

_GOOD, _MISSING, _OUT_OF_RANGE = int(Quality.GOOD), int(Quality.MISSING), int(Quality.OUT_OF_RANGE)
_UNSIGNED_64, _FLOAT_32, _FLOAT_64, _SIGN_MAGNITUDE, _BCD = map(int, list(Reading)[1:])
_INFINITY_32, _INFINITY_64 = 0x7F800000, 0x7FF0000000000000
_BELOW_TOP = (1 << 60) - 1  # all digits of BCD but the first


@njit(cache=True)
def decode(words, word_quality, codec, missing, raw, quality):  # type: ignore[no-untyped-def]
    """
    Read every value out of an image of one unit.

    Parameters
    ----------
    words : (k,) uint16
        Registers as they came; coils as 0 or 1.
    word_quality : (k,) uint8
        `Quality` of each word. A value never spans two replies, so its first word speaks for all.
    codec : (n,) CODEC
    missing : (s,) int64
        Sentinels of all values, as raw values.
    raw : (n,) int64
        Output: integers as numbers, floats as their bits; 0 where nothing was read.
    quality : (n,) uint8
        Output.

    Notes
    -----
    64-bit sums of shifted words wrap on purpose. Nothing is allocated.
    """
    for i in range(codec.size):
        row = codec[i]
        arrived = word_quality[row.slot]
        if arrived != _GOOD:
            raw[i] = 0
            quality[i] = arrived
            continue
        gathered = np.int64(0)
        count = np.int64(row.words)
        for k in range(count):
            position = count - 1 - k if row.low_word_first else k
            word = np.int64(words[row.slot + position])
            if row.low_byte_first:
                word = ((word & 0xFF) << 8) | (word >> 8)
            gathered = (gathered << np.int64(row.unit_bits)) | word
        value = ((gathered << np.int64(row.up)) >> np.int64(row.down)) & row.mask
        key = value ^ row.flip
        found = _GOOD
        if row.reading >= _FLOAT_32:
            if row.reading == _FLOAT_32 or row.reading == _FLOAT_64:
                magnitude = value & _MAX if row.reading == _FLOAT_64 else value & 0x7FFFFFFF
                infinity = _INFINITY_64 if row.reading == _FLOAT_64 else _INFINITY_32
                if magnitude > infinity:
                    found = _MISSING
                elif magnitude == infinity:
                    found = _OUT_OF_RANGE
                key = magnitude if value >= 0 else -magnitude
            elif row.reading == _SIGN_MAGNITUDE:
                sign = np.int64(1) << (np.int64(63) - np.int64(row.down))
                value = -(value & ~sign) if value & sign else value
                key = value
            else:
                digits, value = value, np.int64(0)
                for k in range(16):
                    digit = (digits >> np.int64(60 - 4 * k)) & 0xF
                    if digit > 9:
                        found = _MISSING
                    value = value * 10 + digit
                key = value
        if found == _GOOD and (key < row.low or key > row.high):
            found = _OUT_OF_RANGE
        for s in range(row.missing_from, row.missing_to):
            if value == missing[s]:
                found = _MISSING
        raw[i] = value
        quality[i] = found


@njit(cache=True)
def to_si(codec, raw, quality, out):  # type: ignore[no-untyped-def]
    """
    Convert raw values to SI, NaN wherever the quality is not GOOD.

    Parameters
    ----------
    codec : (n,) CODEC
    raw : (n,) int64
    quality : (n,) uint8
    out : (n,) float64
        Output, in each value's unit; owned by the caller, nothing is allocated.
    """
    for i in range(codec.size):
        row = codec[i]
        if quality[i] != _GOOD:
            out[i] = np.nan
            continue
        if row.reading == _FLOAT_32:
            number = np.float64(np.int32(raw[i]).view(np.float32))
        elif row.reading == _FLOAT_64:
            number = np.int64(raw[i]).view(np.float64)
        else:
            number = np.float64(raw[i])
            if row.reading == _UNSIGNED_64 and raw[i] < 0:
                number += 2.0**64
        out[i] = (number + row.raw_offset) * row.scale / row.divisor + row.offset


@njit(cache=True)
def encode(codec, slots, raw, bank):  # type: ignore[no-untyped-def]
    """
    Write raw values into registers, the inverse of `decode`; other bits of the registers stay.

    Parameters
    ----------
    codec : (n,) CODEC
    slots : (n,) int64
        Index into `bank` of each value's first word; for an image `codec["slot"]`.
    raw : (n,) int64
        What `decode` would give; bits beyond a value's width are dropped.
    bank : (k,) uint16
        Registers, or coils as 0 and 1; changed in place.
    """
    for i in range(codec.size):
        row = codec[i]
        width = np.int64(64) - np.int64(row.down)
        value = raw[i]
        if row.reading == _SIGN_MAGNITUDE and value < 0:
            value = -value | (np.int64(1) << (width - 1))
        elif row.reading == _BCD:
            rest, value = value, np.int64(0)
            for _ in range(16):  # the last digit first: each comes in at the top and moves down
                value = ((value >> np.int64(4)) & _BELOW_TOP) | ((rest % 10) << np.int64(60))
                rest //= 10
        field = np.int64(-1) if width == 64 else (np.int64(1) << width) - 1
        shift = np.int64(row.down) - np.int64(row.up)
        count = np.int64(row.words)
        unit = np.int64(row.unit_bits)
        ones = (np.int64(1) << unit) - 1
        value, field = (value & field) << shift, field << shift
        for k in range(count):
            position = k if row.low_word_first else count - 1 - k
            word = (value >> (unit * k)) & ones
            touched = (field >> (unit * k)) & ones
            if row.low_byte_first:
                word = ((word & 0xFF) << 8) | (word >> 8)
                touched = ((touched & 0xFF) << 8) | (touched >> 8)
            at = slots[i] + position
            bank[at] = np.uint16((np.int64(bank[at]) & ~touched) | word)


def codec_table(values: Sequence[Value], slots: Sequence[int]) -> tuple[npt.NDArray[np.void], Int64]:
    """The rows and the list of sentinels for `values` whose first words are at `slots`, both read-only.

    To numba an array that can be written is of another type: for each mixture a kernel would be compiled, at
    the first frame that brings it.
    """
    table = np.zeros(len(values), CODEC)
    missing: list[int] = []
    for row, value, slot in zip(table, values, slots, strict=True):
        coding = value.coding
        row["slot"], row["words"], row["unit_bits"] = slot, coding.words, coding.unit_bits
        row["low_word_first"], row["low_byte_first"] = not coding.big_words, not coding.big_bytes
        row["up"], row["down"] = 64 - coding.shift - coding.width, 64 - coding.width
        row["mask"] = -1 if coding.signed or coding.width == 64 else (1 << coding.width) - 1
        row["reading"] = coding.reading
        row["flip"] = _MIN if coding.reading is Reading.UNSIGNED_64 else 0
        row["low"], row["high"] = _keys(value)
        row["missing_from"] = len(missing)
        missing += value.missing
        row["missing_to"] = len(missing)
        divisor = round(1 / abs(value.scale)) or 1
        exact = abs(abs(value.scale) * divisor - 1) < 1e-12
        row["scale"] = math.copysign(1, value.scale) if exact else value.scale
        row["divisor"] = divisor if exact else 1
        row["raw_offset"], row["offset"] = value.raw_offset, value.offset
    sentinels = np.array(missing, np.int64)
    table.flags.writeable = sentinels.flags.writeable = False
    return table, sentinels


def raw_pattern(coding: Coding, number: int | float) -> int:
    """The raw value that a datasheet's number or bit pattern stands for. ValueError if it does not fit."""
    if abs(number) >= 1 << 64 and isinstance(number, int):
        raise ValueError(f"a number of {number.bit_length()} bits")
    if coding.reading in _FLOATS:
        real, whole = _FLOATS[coding.reading]
        pattern = isinstance(number, int) and number >= 1 << 24  # a NaN written as bits
        bits = (
            np.array(number).astype(np.uint64).astype(whole)
            if pattern
            else np.array(number, real).view(whole)
        )
        return int(bits)
    if not float(number).is_integer():
        raise ValueError(f"{number} is no whole number")
    number = int(number)
    if not -(1 << (coding.width - 1)) <= number < 1 << coding.width:
        raise ValueError(f"{number:#x} does not fit in {coding.width} bits")
    if coding.reading is Reading.SIGN_MAGNITUDE and number >> (coding.width - 1):
        return number if number < 0 else -(number - (1 << (coding.width - 1)))
    if coding.signed or coding.width == 64:
        return (number + (1 << (coding.width - 1))) % (1 << coding.width) - (1 << (coding.width - 1))
    return number % (1 << coding.width)


def _keys(value: Value) -> tuple[int, int]:
    """The valid range as comparison keys of the raw value."""
    if value.valid is None:
        return _MIN, _MAX
    low, high = sorted((bound - value.offset) / value.scale - value.raw_offset for bound in value.valid)
    if value.coding.reading in _FLOATS:
        return _float_key(low, value.coding.reading), _float_key(high, value.coding.reading)
    bias = 2**63 if value.coding.reading is Reading.UNSIGNED_64 else 0
    slack = 1e-6  # 3.65 / 0.001 is 3649.9999999999995
    floor = _MIN if low == -math.inf else math.ceil(low - slack) - bias
    ceiling = _MAX if high == math.inf else math.floor(high + slack) - bias
    return max(_MIN, min(_MAX, floor)), max(_MIN, min(_MAX, ceiling))


def _float_key(number: float, reading: Reading) -> int:
    real, whole = _FLOATS[reading]
    with np.errstate(over="ignore"):
        bits = int(np.array(number, np.float64).astype(real).view(whole))
    magnitude = bits & (0x7FFFFFFF if reading is Reading.FLOAT_32 else _MAX)
    return magnitude if bits >= 0 else -magnitude
