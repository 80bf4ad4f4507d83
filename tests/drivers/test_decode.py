"""Registers to raw values: golden words computed by hand, then anything at all against the naive twin."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality import Quality
from drivers.decode import codec_table, decode, encode, raw_pattern, to_si
from drivers.registers import Area
from drivers.values import Coding, Reading, Span, Value
from tests.drivers import naive

U16 = Coding(Reading.INTEGER, 1, 16)
I16 = Coding(Reading.INTEGER, 1, 16, signed=True)
F32 = Coding(Reading.FLOAT_32, 2, 32, signed=True)
F64 = Coding(Reading.FLOAT_64, 4, 64, signed=True)


def value(coding, **fields):
    return Value("x", "", Span(Area.HOLDING, 0, 0, coding.words), coding, **fields)


def table(values, slots):
    """Codec and sentinels; a row has its fields as attributes also where no compiler gives it them."""
    codec, missing = codec_table(values, slots)
    return codec.view(np.recarray), missing


def read(item, words, arrived=Quality.GOOD):
    """One value through the kernels: raw, quality, SI."""
    codec, missing = table([item], [0])
    raw, quality, si = np.zeros(1, np.int64), np.zeros(1, np.uint8), np.zeros(1)
    arrived_words = np.full(len(words), arrived, np.uint8)
    decode(np.array(words, np.uint16), arrived_words, codec, missing, raw, quality)
    to_si(codec, raw, quality, si)
    return int(raw[0]), Quality(int(quality[0])), float(si[0])


def coded(reading, words, width, **rest):
    return Coding(reading, words, width, **rest)


INTEGER, FLOAT = Reading.INTEGER, Reading.FLOAT_32
GOLDEN = [
    # what, coding, words, raw
    ("u16", U16, [0xFFFE], 65534),
    ("i16", I16, [0xFFFE], -2),
    ("u32 ABCD", coded(INTEGER, 2, 32), [0x0001, 0x86A0], 100_000),
    ("u32 CDAB", coded(INTEGER, 2, 32, big_words=False), [0x86A0, 0x0001], 100_000),
    ("u32 BADC", coded(INTEGER, 2, 32, big_bytes=False), [0x0100, 0xA086], 100_000),
    ("u32 DCBA", coded(INTEGER, 2, 32, big_words=False, big_bytes=False), [0xA086, 0x0100], 100_000),
    ("i32", coded(INTEGER, 2, 32, signed=True), [0xFFFE, 0x7960], -100_000),
    ("u48", coded(INTEGER, 3, 48), [0x0001, 0x0000, 0x0000], 1 << 32),
    ("i64", coded(INTEGER, 4, 64, signed=True), [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD], -3),
    ("u64 over the sign", coded(Reading.UNSIGNED_64, 4, 64), [0x8000, 0, 0, 1], -(2**63) + 1),
    ("f32 12.5", F32, [0x4148, 0x0000], 0x41480000),
    ("f32 -1 CDAB", coded(FLOAT, 2, 32, signed=True, big_words=False), [0x0000, 0xBF80], -0x40800000),
    ("f64 2.5", F64, [0x4004, 0, 0, 0], 0x4004000000000000),
    # 12 + 12 + 8 bits in 32: cells 3.301 V and 3.298 V, 25 degC: 0xCE5, 0xCE2, 0x19
    ("first of 12+12+8", coded(INTEGER, 2, 12, shift=20), [0xCE5C, 0xE219], 3301),
    ("second of 12+12+8", coded(INTEGER, 2, 12, shift=8), [0xCE5C, 0xE219], 3298),
    ("third of 12+12+8", coded(INTEGER, 2, 8, signed=True), [0xCE5C, 0xE219], 25),
    ("i8 in the high byte", coded(INTEGER, 1, 8, shift=8, signed=True), [0xFB17], -5),
    ("i8 in the low byte", coded(INTEGER, 1, 8, signed=True), [0xFB17], 23),
    ("4 inputs, first is bit 0", coded(INTEGER, 4, 4, big_words=False, unit_bits=1), [1, 0, 1, 0], 5),
    ("sign and magnitude", coded(Reading.SIGN_MAGNITUDE, 1, 16), [0x8005], -5),
    ("BCD", coded(Reading.BCD, 1, 16), [0x2509], 2509),
]  # fmt: skip


@pytest.mark.parametrize(("coding", "words", "raw"), [g[1:] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_every_coding_reads_the_words_worked_out_by_hand(coding, words, raw):
    assert read(value(coding), words)[:2] == (raw, Quality.GOOD)


def test_scale_and_offsets_stand_where_the_datasheet_puts_them():
    assert read(value(U16, scale=0.1, raw_offset=-30000), [29_874])[2] == -12.6  # (raw - 30000) / 10
    assert read(value(U16, scale=0.1, offset=-273.15), [2982])[2] == pytest.approx(25.05)  # kelvin tenths
    assert read(value(I16, scale=1 / 128), [3264])[2] == 25.5  # raw / 2^7
    assert read(value(U16, scale=0.001), [3300])[2] == 3.3  # and not 3.3000000000000003
    assert read(value(coded(Reading.UNSIGNED_64, 4, 64)), [0x8000, 0, 0, 0])[2] == 2.0**63
    assert read(value(F32, scale=2), [0x4148, 0])[2] == 25.0


def test_sentinels_ranges_and_broken_floats_are_told_apart():
    cell = value(U16, scale=0.001, missing=(0xFFFF, 0), valid=(0.5, 3.65))
    assert read(cell, [0xFFFF])[1] == Quality.MISSING
    assert read(cell, [0])[1] == Quality.MISSING
    assert read(cell, [3650])[1] == Quality.GOOD  # 3.65 / 0.001 is 3649.9999999999995
    assert read(cell, [3651])[1] == Quality.OUT_OF_RANGE
    assert math.isnan(read(cell, [3651])[2])
    assert read(cell, [3651])[0] == 3651  # the evidence stays
    assert read(value(F32), [0x7FC0, 0])[1] == Quality.MISSING
    assert read(value(F32), [0xFF80, 0])[1] == Quality.OUT_OF_RANGE
    assert read(value(F32, valid=(-10, 10)), [0xC130, 0])[1] == Quality.OUT_OF_RANGE  # -11
    assert read(value(coded(Reading.BCD, 1, 16)), [0x25A9])[1] == Quality.MISSING


@pytest.mark.parametrize("arrived", [Quality.STALE, Quality.NO_REPLY, Quality.REFUSED, Quality.MISMATCH])
def test_what_was_not_read_is_zero_and_says_why(arrived):
    assert read(value(U16), [1234], arrived)[:2] == (0, arrived)


@pytest.mark.parametrize(
    ("coding", "written", "raw"),
    [
        (I16, 0x8000, -32768),
        (I16, -32768, -32768),
        (U16, 0xFFFF, 65535),
        (coded(INTEGER, 2, 8, signed=True), 0xFF, -1),
        (coded(Reading.UNSIGNED_64, 4, 64), 2**64 - 1, -1),
        (F32, -9999.0, struct.unpack(">i", struct.pack(">f", -9999.0))[0]),
        (F32, 0xFF7FFFFF, -0x800001),
        (coded(Reading.SIGN_MAGNITUDE, 1, 16), 0x8001, -1),
    ],
)
def test_a_sentinel_may_be_written_as_number_or_pattern(coding, written, raw):
    assert raw_pattern(coding, written) == raw


def test_a_sentinel_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="0xffff does not fit in 8 bits"):
        raw_pattern(coded(INTEGER, 1, 8), 0xFFFF)


@st.composite
def codings(draw):
    unit_bits = draw(st.sampled_from([16, 16, 16, 1]))
    reading = draw(st.sampled_from(list(Reading))) if unit_bits == 16 else Reading.INTEGER
    orders = {"big_words": draw(st.booleans()), "big_bytes": unit_bits == 1 or draw(st.booleans())}
    fixed = {Reading.UNSIGNED_64: 64, Reading.FLOAT_32: 32, Reading.FLOAT_64: 64}
    if reading in fixed:
        return Coding(reading, fixed[reading] // 16, fixed[reading], signed=reading > 1, **orders)
    words = draw(st.integers(1, 4 if unit_bits == 16 else 64))
    width = draw(st.integers(1, words * unit_bits - (reading is Reading.INTEGER and words * unit_bits == 64)))
    shift = draw(st.integers(0, words * unit_bits - width))
    signed = reading is Reading.INTEGER and draw(st.booleans())
    return Coding(reading, words, width, shift, signed, unit_bits=unit_bits, **orders)


def reading_is_small(coding, raw):
    """The raw value is the number, and a float holds it exactly."""
    return coding.reading not in (Reading.FLOAT_32, Reading.FLOAT_64) and 0 <= raw < 2**50


@st.composite
def values_with_words(draw):
    coding = draw(codings())
    top = 0xFFFF if coding.unit_bits == 16 else 1
    words = draw(st.lists(st.integers(0, top), min_size=coding.words, max_size=coding.words))
    plain = value(coding)
    raw, _ = naive.decode(plain, words)
    missing = tuple(draw(st.lists(st.sampled_from([raw, 0, -1, 65535]), max_size=2)))
    edges = [(raw, math.inf), (-math.inf, raw - 1)] if reading_is_small(coding, raw) else []
    near = draw(st.sampled_from([None, (-3.0, 3.0), (0.0, 2.0**40), *edges]))
    return value(coding, missing=missing, valid=near), words


@settings(max_examples=400)
@given(st.lists(values_with_words(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_values_read_as_the_naive_twin_reads_them(items, random):
    words = [w for _, each in items for w in each]
    slots = np.cumsum([0] + [len(each) for _, each in items])[:-1]
    arrived = np.repeat(
        np.array([random.choice([Quality.GOOD] * 4 + [Quality.STALE]) for _ in items], np.uint8),
        [len(each) for _, each in items],
    )
    codec, missing = table([v for v, _ in items], slots.tolist())
    raw, quality = np.zeros(len(items), np.int64), np.zeros(len(items), np.uint8)
    decode(np.array(words, np.uint16), arrived, codec, missing, raw, quality)
    expected = [naive.decode(v, w, Quality(int(arrived[s]))) for (v, w), s in zip(items, slots, strict=True)]
    assert list(zip(raw.tolist(), quality.tolist(), strict=True)) == expected


@settings(max_examples=300)
@given(values_with_words())
def test_encoding_writes_what_decoding_reads_and_leaves_other_bits(item):
    target, words = item
    coding = target.coding
    codec, missing = table([value(coding)], [0])
    bank = np.array(words, np.uint16)
    raw, quality = np.zeros(1, np.int64), np.zeros(1, np.uint8)
    fresh = np.zeros(len(words), np.uint8)
    decode(bank, fresh, codec, missing, raw, quality)
    if coding.reading is Reading.BCD and quality[0] == Quality.MISSING:
        return  # no number has these digits
    if coding.reading is Reading.SIGN_MAGNITUDE and raw[0] == 0:
        return  # minus zero has no number of its own
    scrambled = np.array([0xA5C3 & (0xFFFF if coding.unit_bits == 16 else 1)] * len(words), np.uint16)
    before = scrambled.copy()
    encode(codec, np.zeros(1, np.int64), raw, scrambled)
    again = np.zeros(1, np.int64)
    decode(scrambled, fresh, codec, missing, again, quality)
    assert again[0] == raw[0]
    encode(codec, np.zeros(1, np.int64), raw, bank)
    assert bank.tolist() == words  # writing back what stands there changes nothing
    if coding.width < coding.words * coding.unit_bits:
        blank = np.zeros(1, np.int64)
        encode(codec, np.zeros(1, np.int64), blank, scrambled)
        encode(codec, np.zeros(1, np.int64), blank, before)
        assert scrambled.tolist() == before.tolist()
