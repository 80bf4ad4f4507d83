"""Every type in every order of words and bytes, at the edges of its bits, beside integer arithmetic."""

import math
import struct
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

import drivers.decode
from agent.quality import NOT_READ, Quality
from drivers.decode import decode, encode, raw_pattern, to_si
from drivers.values import Coding, Reading
from tests.drivers import naive
from tests.drivers.test_decode import F32, F64, I16, U16, coded, table, value

INTEGER, UNSIGNED_64, FLOAT_32, FLOAT_64, SIGN_MAGNITUDE, BCD = Reading
LOW, HIGH = -(2**63), 2**63 - 1

BOTH = (False, True)
#: Reading, words; width and shift of each field in them; signed or not.
FIELDS = [
    (INTEGER, 1, [(16, 0), (8, 8), (8, 0), (5, 3), (1, 0), (1, 15)], BOTH),
    (INTEGER, 2, [(32, 0), (12, 20), (17, 8)], BOTH),
    (INTEGER, 3, [(48, 0)], BOTH),
    (INTEGER, 4, [(63, 0), (63, 1), (58, 3), (33, 30)], BOTH),
    (INTEGER, 4, [(64, 0)], [True]),
    (UNSIGNED_64, 4, [(64, 0)], [False]),
    (FLOAT_32, 2, [(32, 0)], [True]),
    (FLOAT_64, 4, [(64, 0)], [True]),
    (SIGN_MAGNITUDE, 1, [(16, 0), (8, 8)], [False]),
    (SIGN_MAGNITUDE, 2, [(32, 0)], [False]),
    (SIGN_MAGNITUDE, 4, [(64, 0)], [False]),
    (BCD, 1, [(16, 0), (8, 8)], [False]),
    (BCD, 2, [(32, 0), (12, 4)], [False]),
    (BCD, 4, [(64, 0)], [False]),
]
INPUTS = [(1, 1, 0), (4, 4, 0), (9, 5, 3), (63, 63, 0)]  # how many, width, shift
CODINGS = [
    *(
        Coding(reading, words, width, shift, signed)
        for reading, words, fields, signs in FIELDS
        for (width, shift), signed in product(fields, signs)
    ),
    *(Coding(INTEGER, bits, width, shift, unit_bits=1) for bits, width, shift in INPUTS),
]
FLOATS_32 = [struct.unpack(">I", struct.pack(">f", x))[0] for x in (0.0, -0.0, 1.5, -2.25, 3.4e38, -1e-45)]
FLOATS_64 = [struct.unpack(">Q", struct.pack(">d", x))[0] for x in (0.0, -0.0, 1.5, -2.25, 1.7e308, -5e-324)]
#: Bits where each type ends: the greatest number, infinity, the first of what is no number.
PATTERNS = {
    FLOAT_32: [*FLOATS_32, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0xFF800001, 0x7FFFFFFF],
    FLOAT_64: [
        *(*FLOATS_64, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF0000000000001),
        *(0xFFF0000000000001, 0x7FFFFFFFFFFFFFFF, 0x7F800001),
    ],
    BCD: [
        *(0x9, 0xA, 0x90, 0xA0, 0x900, 0xA00, 0x1234, 0x9999, 0xA999, 0x12345678, 0xF2345678),
        *(0x9876543210987654, 0xA876543210987654, 0x9999999999999999),
    ],
}


def patterns(coding, rng):
    """Bits of the field: its edges, and two of no meaning."""
    width = coding.width
    edges = [0, 1, 2 ** (width - 1) - 1, 2 ** (width - 1), 2 ** (width - 1) + 1, 2**width - 2, 2**width - 1]
    some = [int(rng.integers(0, 2**63)) >> 3, int(rng.integers(0, 2**63)) << 1 | 1]
    return sorted({p % 2**width for p in [*PATTERNS.get(coding.reading, []), *edges, *some]})


def words_of(coding, pattern, rng):
    """Words with these bits in the field, and any others around it."""
    plain = value(replace(coding, reading=INTEGER))
    around = rng.integers(0, 2**coding.unit_bits, coding.words).tolist()
    return naive.encode(plain, pattern, around)


def near(item, number):
    """Ranges whose ends lie beside a number, or are it."""
    if not math.isfinite(number):
        return [None, (-1.0, 1.0)]
    if item.coding.reading in (FLOAT_32, FLOAT_64):
        real = np.float32 if item.coding.reading is FLOAT_32 else np.float64
        with np.errstate(over="ignore"):
            below, above = (float(np.nextafter(real(number), real(end))) for end in (-math.inf, math.inf))
    elif abs(number) < 2**53:
        below, above = number - 1, number + 1
    else:  # beside it there is no float
        return [None, (number / 2, math.inf), (-math.inf, number / 2)]
    return [None, (number, number), (above, math.inf), (-math.inf, below), (below, above)]


def limited(item, words, rng):
    """The same value with a valid range and sentinels that lie close to what these words mean."""
    raw, _ = naive.decode(item, words)
    ranges = near(item, naive.number(item, raw))
    valid = ranges[rng.integers(0, len(ranges))]
    sentinels = [(), (raw,), (raw ^ 1,), (LOW, raw), (raw, 7), (LOW, HIGH)][rng.integers(0, 6)]
    return replace(item, valid=valid and (float(valid[0]), float(valid[1])), missing=sentinels)


def expected(item, words, arrived):
    """Raw value and quality; Python compares an integer with a float exactly."""
    raw, quality = naive.decode(replace(item, valid=None, missing=()), words, arrived)
    if quality == Quality.GOOD and item.valid:
        low, high = item.valid
        quality = Quality.GOOD if low <= naive.number(item, raw) <= high else Quality.OUT_OF_RANGE
    return raw, Quality.MISSING if raw in item.missing and arrived not in NOT_READ else quality


def cases():
    rng = np.random.default_rng(17)
    for kind in CODINGS:
        for pattern, big_words in product(patterns(kind, rng), BOTH):
            big_bytes = kind.unit_bits == 1 or bool(rng.integers(0, 2))
            coding = replace(kind, big_words=big_words, big_bytes=big_bytes)
            words = words_of(coding, pattern, rng)
            arrived = Quality.GOOD if rng.random() < 0.9 else Quality(int(rng.choice([3, 4, 5, 7])))
            yield limited(value(coding), words, rng), words, arrived


CASES = list(cases())


def test_every_type_at_every_edge_reads_as_plain_arithmetic_says():
    values = [item for item, _, _ in CASES]
    image, arrived, slots = [7], [Quality.NO_REPLY], []
    for _, words, quality in CASES:
        slots.append(len(image))
        image += [*words, 0x5A5A]  # between two values there are words of others
        arrived += [quality, *[Quality.GOOD] * (len(words) - 1), Quality.NO_REPLY]
    codec, missing = table(values, slots)
    raw, quality = np.full(len(CASES), -77, np.int64), np.full(len(CASES), 99, np.uint8)
    with np.errstate(over="ignore"):
        decode(np.array(image, np.uint16), np.array(arrived, np.uint8), codec, missing, raw, quality)
    found = list(zip(raw.tolist(), quality.tolist(), strict=True))
    for (item, words, how), one in zip(CASES, found, strict=True):
        assert one == expected(item, words, how), (item, words, how)


def test_every_type_is_written_as_plain_arithmetic_says_and_no_other_bit():
    rng = np.random.default_rng(18)
    slots, bank, asked, after, values = [], [0xFFFF], [], [0xFFFF], []
    for item, words, _ in CASES:
        raw, quality = naive.decode(value(item.coding), words)
        if item.coding.reading is BCD and quality == Quality.MISSING:
            continue  # no number has these digits
        before = rng.integers(0, 2**item.coding.unit_bits, item.coding.words).tolist()
        slots.append(len(bank))
        values.append(item)
        asked.append(raw)
        bank += before
        after += naive.encode(item, raw, before)
    codec, _ = table(values, [0] * len(values))
    written = np.array(bank, np.uint16)
    with np.errstate(over="ignore"):
        encode(codec, np.array(slots), np.array(asked, np.int64), written)
    assert written.tolist() == after


class Shifted(np.int64):
    """A number that is shifted by what 64 bits have, and no further: compiled, that is undefined."""

    def __lshift__(self, by):
        assert 0 <= by < 64
        return Shifted(np.int64(self) << by)


def test_no_number_is_shifted_by_more_than_it_has(monkeypatch):
    values = [value(coding) for coding in CODINGS]
    slots = np.cumsum([0, *(coding.words for coding in CODINGS)])
    codec, _ = table(values, slots[:-1].tolist())
    plain = np.zeros(slots[-1], np.uint16)
    shifted = plain.copy()
    raw = np.ones(len(values), np.int64)
    with np.errstate(over="ignore"):
        encode(codec, slots[:-1], raw, plain)
        monkeypatch.setattr(drivers.decode, "np", SimpleNamespace(int64=Shifted, uint16=np.uint16))
        encode(codec, slots[:-1], raw, shifted)
    assert shifted.tolist() == plain.tolist()


SI = [
    # what, value, raw, SI
    ("plain", value(U16), 65535, 65535.0),
    ("negative", value(I16, scale=0.5), -3, -1.5),
    ("thousandths are exact", value(U16, scale=0.001), 3300, 3.3),
    ("a scale of tens", value(U16, scale=10.0), 7, 70.0),
    ("a scale of 2.5", value(U16, scale=2.5), 3, 7.5),
    ("a negative scale", value(U16, scale=-0.1), 33, -3.3),
    ("raw offset, then scale, then offset", value(U16, scale=0.5, raw_offset=-40, offset=7.25), 50, 12.25),
    ("unsigned above the sign", value(coded(UNSIGNED_64, 4, 64)), -1, 2.0**64),
    ("unsigned below the sign", value(coded(UNSIGNED_64, 4, 64)), 2**62, 2.0**62),
    ("unsigned 0", value(coded(UNSIGNED_64, 4, 64)), 0, 0.0),
    ("signed 64 bits", value(coded(INTEGER, 4, 64, signed=True)), -1, -1.0),
    ("f32", value(F32, scale=4.0), struct.unpack(">i", struct.pack(">f", -2.25))[0], -9.0),
    ("f64", value(F64, offset=1.0), struct.unpack(">q", struct.pack(">d", -0.375))[0], 0.625),
    ("sign and magnitude", value(coded(SIGN_MAGNITUDE, 1, 16), scale=2.0), -5, -10.0),
    ("BCD", value(coded(BCD, 1, 16), scale=0.1), 2509, 250.9),
]  # fmt: skip


def test_si_is_raw_and_offset_times_scale_and_offset_and_nan_where_it_is_not_good():
    codec, _ = table([item for _, item, _, _ in SI], [0] * len(SI))
    raw = np.array([r for _, _, r, _ in SI], np.int64)
    for good in range(len(SI)):  # one after the other is the only one that is good
        marks = np.array(
            [Quality.GOOD if i == good else Quality(1 + i % 7) for i in range(len(SI))], np.uint8
        )
        out = np.full(len(SI), 1e9)
        to_si(codec, raw, marks, out)
        assert np.flatnonzero(~np.isnan(out)).tolist() == [good]
        assert out[good] == SI[good][3], SI[good][0]


ROWS = [
    # scale and divisor: a scale is 1 by a whole number where it is one to 12 digits
    (value(U16, scale=0.001), {"scale": 1.0, "divisor": 1000.0}),
    (value(U16, scale=-0.1), {"scale": -1.0, "divisor": 10.0}),
    (value(U16, scale=1 / 128), {"scale": 1.0, "divisor": 128.0}),
    (value(U16, scale=1.0), {"scale": 1.0, "divisor": 1.0}),
    (value(U16, scale=10.0), {"scale": 10.0, "divisor": 1.0}),
    (value(U16, scale=-2.5), {"scale": -2.5, "divisor": 1.0}),
    (value(U16, scale=0.3), {"scale": 0.3, "divisor": 1.0}),
    (value(U16, scale=(1 + 0.95e-12) / 1000), {"scale": 1.0, "divisor": 1000.0}),
    (value(U16, scale=(1 + 1.05e-12) / 1000), {"scale": (1 + 1.05e-12) / 1000, "divisor": 1.0}),
    (value(U16, scale=(1 - 0.95e-12) / 1000), {"scale": 1.0, "divisor": 1000.0}),
    (value(U16, scale=(1 - 1.05e-12) / 1000), {"scale": (1 - 1.05e-12) / 1000, "divisor": 1.0}),
    (value(U16, raw_offset=-40, offset=7.25), {"raw_offset": -40, "offset": 7.25}),
    # ranges: the first and the last raw value inside, which a millionth of a raw step takes in
    (value(U16), {"low": LOW, "high": HIGH}),
    (value(U16, scale=0.001, valid=(0.5, 3.65)), {"low": 500, "high": 3650}),
    (value(U16, scale=-0.1, valid=(-10.0, 0.04)), {"low": 0, "high": 100}),
    (value(U16, scale=0.1, offset=-273.15, valid=(0.0, 100.0)), {"low": 2732, "high": 3731}),
    (value(U16, scale=0.1, raw_offset=-30000, valid=(-10.0, 10.0)), {"low": 29900, "high": 30100}),
    (value(U16, valid=(5 + 0.95e-6, 9 - 0.95e-6)), {"low": 5, "high": 9}),
    (value(U16, valid=(5 + 1.05e-6, 9 - 1.05e-6)), {"low": 6, "high": 8}),
    (value(U16, valid=(-math.inf, 9.0)), {"low": LOW, "high": 9}),
    (value(U16, valid=(5.0, math.inf)), {"low": 5, "high": HIGH}),
    (value(U16, valid=(-1e30, 1e30)), {"low": LOW, "high": HIGH}),
    (value(U16, valid=(1e30, 2e30)), {"low": HIGH, "high": HIGH}),
    (value(U16, valid=(-2e30, -1e30)), {"low": LOW, "high": LOW}),
    (value(coded(UNSIGNED_64, 4, 64), valid=(5.0, 2.0**63)), {"flip": LOW, "low": LOW + 5, "high": 0}),
    (value(coded(UNSIGNED_64, 4, 64), valid=(-math.inf, math.inf)), {"flip": LOW, "low": LOW, "high": HIGH}),
    (value(F32, valid=(-1.5, 2.0)), {"low": -0x3FC00000, "high": 0x40000000}),
    (value(F32, scale=-2.0, valid=(-3.0, 4.0)), {"low": -0x40000000, "high": 0x3FC00000}),
    (value(F32, valid=(-1e300, 1e300)), {"low": -0x7F800000, "high": 0x7F800000}),
    (value(F64, valid=(-1.5, 1e300)), {"low": -0x3FF8000000000000, "high": 0x7E37E43C8800759C}),
    # bits
    (value(coded(INTEGER, 2, 12, shift=20)), {"up": 32, "down": 52, "mask": 0xFFF, "flip": 0}),
    (value(coded(INTEGER, 2, 12, shift=20, signed=True)), {"up": 32, "down": 52, "mask": -1}),
    (value(coded(BCD, 4, 64)), {"up": 0, "down": 0, "mask": -1}),
    (value(coded(INTEGER, 4, 63)), {"up": 1, "down": 1, "mask": HIGH}),
    (value(coded(INTEGER, 9, 5, unit_bits=1, big_words=False)), {"unit_bits": 1, "low_word_first": True}),
    (value(coded(INTEGER, 2, 32, big_bytes=False)), {"low_word_first": False, "low_byte_first": True}),
]


@pytest.mark.parametrize(("item", "fields"), ROWS)
def test_a_row_says_what_the_value_says(item, fields):
    codec, _ = table([value(I16), item], [3, 11])
    assert {name: codec[name][1].item() for name in fields} == fields
    assert codec["slot"].tolist() == [3, 11]
    assert codec["words"].tolist() == [1, item.coding.words]


def test_sentinels_of_all_values_stand_in_one_list_and_nobody_may_write_it():
    codec, missing = table([value(U16, missing=(1, 2)), value(U16), value(I16, missing=(-3,))], [0, 1, 2])
    assert missing.tolist() == [1, 2, -3]
    assert codec["missing_from"].tolist() == [0, 2, 2]
    assert codec["missing_to"].tolist() == [2, 2, 3]
    assert not codec.flags.writeable
    assert not missing.flags.writeable
    none, no_sentinels = table([], [])
    assert len(none) == len(no_sentinels) == 0


def f32(number):
    return struct.unpack(">i", struct.pack(">f", number))[0]


def f64(number):
    return struct.unpack(">q", struct.pack(">d", number))[0]


@pytest.mark.parametrize(
    ("coding", "written", "raw"),
    [
        (U16, 0, 0),
        (U16, 5.0, 5),
        (U16, 65535, 65535),
        (U16, -1, 65535),
        (U16, -32768, 32768),
        (I16, 32767, 32767),
        (I16, 32768, -32768),
        (I16, 65535, -1),
        (I16, -32768, -32768),
        (coded(INTEGER, 4, 64, signed=True), 2**63, LOW),
        (coded(INTEGER, 4, 64, signed=True), HIGH, HIGH),
        (coded(UNSIGNED_64, 4, 64), 2**63, LOW),
        (coded(UNSIGNED_64, 4, 64), 2**63 - 1, HIGH),
        (coded(UNSIGNED_64, 4, 64), 2**64 - 1, -1),
        (coded(BCD, 4, 64), 2**64 - 1, -1),
        (coded(BCD, 1, 16), 9999, 9999),
        (coded(SIGN_MAGNITUDE, 1, 16), 0x7FFF, 32767),
        (coded(SIGN_MAGNITUDE, 1, 16), 0x8000, 0),
        (coded(SIGN_MAGNITUDE, 1, 16), 0xFFFF, -32767),
        (coded(SIGN_MAGNITUDE, 1, 16), -5, -5),
        (coded(SIGN_MAGNITUDE, 1, 16), 5, 5),
        (F32, 2**24 - 1, f32(2.0**24 - 1)),
        (F32, 2**24, 2**24),
        (F32, 1e9, f32(1e9)),
        (F32, -(2**25), f32(-(2.0**25))),
        (F32, 0x7FC00000, 0x7FC00000),
        (F32, 0xFFFFFFFF, -1),
        (F64, 2**24 - 1, f64(2.0**24 - 1)),
        (F64, 2**24, 2**24),
        (F64, -9999, f64(-9999.0)),
        (F64, 0xFFF0000000000000, -(2**52)),
        (F64, 2**64 - 1, -1),
    ],
)  # fmt: skip
def test_a_number_or_a_pattern_is_the_raw_value_that_the_unit_sends(coding, written, raw):
    found = raw_pattern(coding, written)
    assert type(found) is int
    assert found == raw


@pytest.mark.parametrize(
    ("coding", "written", "said"),
    [
        (U16, 65536, "0x10000 does not fit in 16 bits"),
        (U16, -32769, "-0x8001 does not fit in 16 bits"),
        (I16, 65536, "does not fit"),
        (I16, -32769, "does not fit"),
        (U16, 1.5, "1.5 is no whole number"),
        (coded(UNSIGNED_64, 4, 64), 2**64, "a number of 65 bits"),
        (coded(UNSIGNED_64, 4, 64), -(2**64), "a number of 65 bits"),
        (coded(UNSIGNED_64, 4, 64), -(2**64) + 1, "does not fit in 64 bits"),
        (coded(UNSIGNED_64, 4, 64), 2.0**64, "does not fit in 64 bits"),
        (F64, 2**64, "a number of 65 bits"),
    ],
)
def test_what_no_unit_can_send_is_refused(coding, written, said):
    with pytest.raises(ValueError, match=said):
        raw_pattern(coding, written)
