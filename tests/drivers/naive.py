"""Slow, obvious twins of the kernels and of the planner, written from the words of the standards."""

import math
import struct

from agent.quality import NOT_READ, Quality
from drivers.values import Reading, Value


def decode(value: Value, words: list[int], arrived: Quality = Quality.GOOD) -> tuple[int, Quality]:
    """Raw value and quality of one value from its own words (lowest address first)."""
    if arrived in NOT_READ:
        return 0, arrived
    coding = value.coding
    if coding.unit_bits == 1:
        bits = [str(w) for w in words]
        text = "".join(bits if coding.big_words else reversed(bits))
    else:
        ordered = words if coding.big_words else words[::-1]
        pairs = [w.to_bytes(2, "big" if coding.big_bytes else "little") for w in ordered]
        text = "".join(f"{byte:08b}" for pair in pairs for byte in pair)
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
