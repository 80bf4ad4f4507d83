"""Slow, obvious twins of the kernels and of the planner, written from the words of the standards."""

import math
import struct

from agent.quality import NOT_READ, Quality
from drivers.values import Coding, Reading, Value


def bits(coding: Coding, words: list[int]) -> str:
    """The words as one number in binary digits, most significant first."""
    ordered = words if coding.big_words else words[::-1]
    if coding.unit_bits == 1:
        return "".join(str(word) for word in ordered)
    pairs = [word.to_bytes(2, "big" if coding.big_bytes else "little") for word in ordered]
    return "".join(f"{byte:08b}" for pair in pairs for byte in pair)


def decode(value: Value, words: list[int], arrived: Quality = Quality.GOOD) -> tuple[int, Quality]:
    """Raw value and quality of one value from its own words (lowest address first)."""
    if arrived in NOT_READ:
        return 0, arrived
    coding = value.coding
    text = bits(coding, words)
    cut = text[len(text) - coding.shift - coding.width : len(text) - coding.shift]
    number = int(cut, 2)
    quality = Quality.GOOD
    if coding.reading in (Reading.FLOAT_32, Reading.FLOAT_64):
        size = coding.width // 8
        data = number.to_bytes(size, "big")
        (real,) = struct.unpack(">f" if size == 4 else ">d", data)
        raw = int.from_bytes(data, "big", signed=True)
        if math.isnan(real):
            quality = Quality.MISSING
        elif math.isinf(real):
            quality = Quality.OUT_OF_RANGE
    elif coding.reading is Reading.SIGN_MAGNITUDE:
        raw = real = int(cut[1:], 2) if len(cut) > 1 else 0
        raw = real = -raw if cut[0] == "1" else raw
    elif coding.reading is Reading.BCD:
        padded = cut.zfill(-(-len(cut) // 4) * 4)
        digits = [int(padded[i : i + 4], 2) for i in range(0, len(padded), 4)]
        raw = real = sum(d * 10**i for i, d in enumerate(reversed(digits)))
        if max(digits) > 9:
            quality = Quality.MISSING
    else:
        raw = real = number - (1 << coding.width) if coding.signed and cut[0] == "1" else number
    if coding.reading is Reading.UNSIGNED_64:
        raw = struct.unpack(">q", struct.pack(">Q", number))[0]
    if quality == Quality.GOOD and value.valid:
        si = (real + value.raw_offset) * value.scale + value.offset
        if not value.valid[0] <= si <= value.valid[1]:
            quality = Quality.OUT_OF_RANGE
    if raw in value.missing:
        quality = Quality.MISSING
    return raw, quality


def number(value: Value, raw: int) -> int | float:
    """The number that a raw value stands for."""
    if value.coding.reading is Reading.FLOAT_32:
        return struct.unpack(">f", struct.pack(">i", raw))[0]
    if value.coding.reading is Reading.FLOAT_64:
        return struct.unpack(">d", struct.pack(">q", raw))[0]
    return raw % 2**64 if value.coding.reading is Reading.UNSIGNED_64 else raw


def encode(value: Value, raw: int, words: list[int]) -> list[int]:
    """The words with a raw value written over its own bits."""
    coding = value.coding
    if coding.reading is Reading.SIGN_MAGNITUDE and raw < 0:
        raw = 2 ** (coding.width - 1) - raw
    elif coding.reading is Reading.BCD:
        raw = int(str(raw), 16)
    text = bits(coding, words)
    first = len(text) - coding.shift - coding.width
    text = text[:first] + f"{raw % 2**coding.width:0{coding.width}b}" + text[first + coding.width :]
    size = coding.unit_bits
    units = [int(text[i : i + size], 2) for i in range(0, len(text), size)]
    if size == 16 and not coding.big_bytes:
        units = [int.from_bytes(unit.to_bytes(2, "big"), "little") for unit in units]
    return units if coding.big_words else units[::-1]


def least_cost(spans, allowed, cost):
    """Cheapest way to cover every (first, last) by reads, over all ways to share them out. For few spans."""

    def total(groups):
        ends = [(min(f for f, _ in g), max(n for _, n in g)) for g in groups]
        return sum(cost(first, last) if allowed(first, last) else math.inf for first, last in ends)

    def partitions(rest, groups):
        if not rest:
            yield groups
            return
        for i in range(len(groups)):
            yield from partitions(rest[1:], [*groups[:i], [*groups[i], rest[0]], *groups[i + 1 :]])
        yield from partitions(rest[1:], [*groups, [rest[0]]])

    return min(total(groups) for groups in partitions(spans, []))
