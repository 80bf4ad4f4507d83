"""Raw values as SI, by what a schema says; beside the arithmetic of docs/wire-format.md."""

import math
import struct
from typing import Any

import numpy as np
import pytest

from agent.quality import Quality
from agent.wire.si import to_si

LOW, HIGH = -(2**63), 2**63 - 1


def f32(number: float) -> int:
    return int(struct.unpack(">i", struct.pack(">f", number))[0])


def f64(number: float) -> int:
    return int(struct.unpack(">q", struct.pack(">d", number))[0])


#: reading, raw offset, scale, offset, raw, SI
ROWS = [
    (0, 0, 1, 0, -5, -5.0),
    (0, -40, 0.5, 7.25, 50, 12.25),
    (4, 2, 2.0, -1.0, -5, -7.0),
    (5, 0, 0.25, 0, 2509, 627.25),
    (1, 0, 1, 0, 5, 5.0),
    (1, 0, 1, 0, 0, 0.0),
    (1, 0, 1, 0, -1, 2.0**64),
    (1, 0, 2.0, 0, LOW, 2.0**64),
    (0, 0, 1, 0, -1, -1.0),
    (2, 1.5, 2.0, 0.25, f32(-2.25), -1.25),
    (2, 0, 1, 0, f32(0.5) - 2**32, 0.5),  # its low 32 bits
    (2, 0, 1, 0, f32(math.inf), math.inf),
    (3, 0, 1, 0, f64(0.1), 0.1),
    (3, 0, -1, 0, f64(1e300), -1e300),
]


def described(rows: list[Any]) -> dict[str, Any]:
    reading, raw_offset, scale, offset, *_ = zip(*rows, strict=True)
    return {
        "reading": list(reading),
        "raw_offset": list(raw_offset),
        "scale": list(scale),
        "offset": list(offset),
    }


def test_each_reading_is_what_the_page_says_in_every_frame() -> None:
    m = len(ROWS)
    raw = np.array([[row[4] for row in ROWS], [0] * m], np.int64)
    good = np.zeros(raw.shape, np.uint8)
    found = to_si(described(ROWS), raw, good)
    assert found.dtype == np.float64
    assert found[0].tolist() == [row[5] for row in ROWS]
    assert found[1].tolist() == [row[1] * row[2] + row[3] for row in ROWS]


def test_what_is_not_good_is_no_number() -> None:
    marks = np.array([[int(quality)] for quality in Quality], np.uint8)
    found = to_si(described(ROWS[:1]), np.full(marks.shape, 3, np.int64), marks)
    assert [not math.isnan(number) for number in found[:, 0]] == [
        quality == Quality.GOOD for quality in Quality
    ]


BAD = [
    {"reading": [6]}, {"reading": [-1]}, {"reading": [0.5]}, {"reading": ["0"]}, {"reading": [True]},
    {"reading": []}, {"reading": [0, 0]}, {"scale": [[1.0]]}, {"scale": 1.0},
    {"scale": [math.nan]}, {"offset": [math.inf]}, {"raw_offset": [-math.inf]}, {"offset": [1j]},
    {"scale": [None]},
]  # fmt: skip


@pytest.mark.parametrize("changed", BAD, ids=str)
def test_what_does_not_fit_the_values_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not one number for each of 1 values|a reading that nobody knows"):
        to_si(described(ROWS[:1]) | changed, np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8))


@pytest.mark.parametrize("key", ["reading", "raw_offset", "scale", "offset"])
def test_a_description_without_a_key_is_refused(key: str) -> None:
    described_without = {k: v for k, v in described(ROWS[:1]).items() if k != key}
    with pytest.raises(KeyError):
        to_si(described_without, np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8))
