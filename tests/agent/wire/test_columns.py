"""Arrays as bytes: each code at its edges, and each way in which bytes can contradict themselves."""

import numpy as np
import pytest

from agent.quality import Quality
from agent.wire import Malformed
from agent.wire.columns import (
    decode_narrow,
    decode_quality,
    decode_runs,
    decode_values,
    encode_narrow,
    encode_runs,
    encode_values,
    unzigzag,
    zigzag,
)
from tests.agent.wire import naive

LOW, HIGH = -(2**63), 2**63 - 1
SIGNED = [0, -1, 1, -2, 2, 127, -128, 2**31, -(2**31), HIGH, LOW, HIGH - 1, LOW + 1]


def bytes_of(*codes: int) -> np.ndarray:
    return np.array(codes, np.uint8)


def test_zigzag_goes_back_and_forth() -> None:
    codes = zigzag(np.array(SIGNED, np.int64))
    assert codes.tolist() == [naive.zigzag(number) for number in SIGNED]
    assert unzigzag(codes).tolist() == SIGNED


@pytest.mark.parametrize("width", range(9))
def test_a_narrow_list_is_as_wide_as_its_largest_number(width: int) -> None:
    least, most = 256 ** (width - 1) if width else 0, 256**width - 1
    for numbers in ([least], [0, least, most], [most, 0, 0, least, most]):
        coded = encode_narrow(np.array(numbers, np.uint64))
        assert coded == naive.narrow(numbers)
        assert coded[0] == width
        assert decode_narrow("x", coded, len(numbers)).tolist() == numbers
        for other in (len(numbers) + 1, len(numbers) - 1):
            if width:
                with pytest.raises(
                    Malformed, match=f"{len(coded)} bytes do not hold {other} numbers of {width}"
                ):
                    decode_narrow("x", coded, other)


def test_a_narrow_list_of_none_is_a_byte_or_nothing() -> None:
    assert encode_narrow(np.zeros(0, np.uint64)) == b"\0"
    for coded in (b"", b"\0", b"\5"):
        found = decode_narrow("x", coded, 0)
        assert (found.dtype, found.shape) == (np.uint64, (0,))
    assert decode_narrow("x", b"\0", 3).tolist() == [0, 0, 0]
    for coded, count, said in (
        (b"", 1, "0 bytes do not hold 1 numbers of 9"),
        (b"\x09" + bytes(9), 1, "10 bytes do not hold 1 numbers of 9"),
        (b"\x09", 0, "1 bytes do not hold 0 numbers of 9"),
        (b"\0\0", 0, "2 bytes do not hold 0 numbers"),
        (b"\0\0", 1, "2 bytes do not hold 1 numbers"),
        (b"\2ab", 2, "3 bytes do not hold 2 numbers of 2"),
    ):
        with pytest.raises(Malformed, match=said):
            decode_narrow("x", coded, count)


@pytest.mark.parametrize(
    "flat", [[], [5], [5, 5], [5, 6], [5, 6, 6, 6, 5], [0] * 300, [*[0] * 256, 1], [9, *[7] * 257, 9]]
)
def test_runs_go_back_and_forth(flat: list[int]) -> None:
    values, lengths = encode_runs(bytes_of(*flat))
    expected, counts = naive.runs(flat)
    assert (values, lengths) == (expected, naive.narrow([count - 1 for count in counts]))
    assert decode_runs("x", values, lengths, len(flat)).tolist() == flat
    for other in (len(flat) + 1, len(flat) - 1):
        with pytest.raises(Malformed, match=r"a run is longer|runs cover"):
            decode_runs("x", values, lengths, other)


def test_runs_that_are_too_long_are_not_made() -> None:
    with pytest.raises(Malformed, match="a run is longer than the 3 values"):
        decode_runs("x", b"a", naive.narrow([3]), 3)
    with pytest.raises(Malformed, match="runs cover 4 of 3 values"):
        decode_runs("x", b"ab", naive.narrow([0, 2]), 3)
    with pytest.raises(Malformed, match="a run is longer than the 3 values"):
        decode_runs("x", b"ab", naive.narrow([2**64 - 1, 2]), 3)


def test_qualities_are_changes_and_a_code_that_nobody_knows_is_none() -> None:
    frames = [[0, 1, 7], [0, 0, 7], [2, 0, 7]]
    values, counts = naive.runs(naive.quality_changes(frames))
    coded = values, naive.narrow([count - 1 for count in counts])
    found = decode_quality(*coded, 3, 3)
    assert found.tolist() == frames
    assert found.dtype == np.uint8
    for code in range(12):
        if code in list(Quality):
            assert decode_quality(bytes([code]), b"\0", 1, 1).tolist() == [[code]]
            continue
        with pytest.raises(Malformed, match=f"code {code} is unknown"):
            decode_quality(bytes([code]), b"\0", 1, 1)
    good = decode_quality(b"\0", naive.narrow([5]), 2, 3)
    assert good.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert good.dtype == np.uint8
    assert decode_quality(b"", b"", 0, 0).shape == (0, 0)
    for lengths in ([4], [6], [5, 0]):
        with pytest.raises(Malformed, match="quality: "):
            decode_quality(b"\0", naive.narrow(lengths), 2, 3)


#: What may not be written: first, small and large of a batch, its quality; what is said of it.
ODD = {
    "a large one that is small": (
        naive.zigzagged([0]),
        b"\x0f",
        naive.narrow([14]),
        [[0]] * 2,
        "one is small",
    ),
    "a nibble left over": (naive.zigzagged([0]), b"\x10", b"\0", [[0]] * 2, "left over is not 0"),
    "of a value, too": (naive.zigzagged([0, 0]), b"\0\x10", b"\0", [[0, 0]] * 2, "left over is not 0"),
    "a first one unread": (naive.zigzagged([1]), b"\0", b"\0", [[5], [0]], "nothing was read"),
    "a later one unread": (naive.zigzagged([1]), b"\2", b"\0", [[0], [5]], "nothing was read"),
    "the left over of another": (naive.zigzagged([0]), b"\x11\x10", b"\0", [[0]] * 4, "left over is not 0"),
}


@pytest.mark.parametrize(("first", "small", "large", "quality", "said"), ODD.values(), ids=ODD)
def test_who_is_strict_refuses_what_no_encoder_writes(
    first: bytes, small: bytes, large: bytes, quality: list[list[int]], said: str
) -> None:
    marks = np.array(quality, np.uint8)
    assert decode_values(first, small, large, marks).shape == marks.shape
    with pytest.raises(Malformed, match=said):
        decode_values(first, small, large, marks, strict=True)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 1), (2, 3), (3, 2), (4, 3), (5, 1)])
def test_small_differences_are_half_a_byte_each(n: int, m: int) -> None:
    raw = np.arange(n * m, dtype=np.int64).reshape(n, m) * 3
    good = np.zeros((n, m), np.uint8)
    first, small, large = encode_values(raw, good)
    assert len(small) == m * (n // 2)
    assert decode_values(first, small, large, good, strict=True).tolist() == raw.tolist()
    for other in (small + b"\0", small[:-1] if small else b"\0\0"):
        with pytest.raises(Malformed, match=f"values: {len(other)} bytes .* have {len(small)}"):
            decode_values(first, other, large, good)


def test_numbers_of_values_that_were_not_read_do_not_travel() -> None:
    raw = np.array([[9, 7, 9], [1, 9, 2], [9, 8, 9]], np.int64)
    unread = int(Quality.STALE)
    quality = np.array([[unread, 0, unread], [0, unread, 0], [unread, 0, unread]], np.uint8)
    expected = np.where(quality == unread, 0, raw).tolist()
    first, small, large = encode_values(raw, quality)
    assert decode_values(first, small, large, quality, strict=True).tolist() == expected
    assert decode_narrow("first", first, 3).tolist() == [0, 14, 0]  # 0, 7, and the 7 again


def test_a_difference_of_a_nibble_is_up_to_seven_and_eight_is_large() -> None:
    for step, code in ((7, 14), (-7, 13), (-8, 15), (8, 15)):
        first, small, large = encode_values(np.array([[0], [step]], np.int64), np.zeros((2, 1), np.uint8))
        assert small == bytes([code])
        assert decode_narrow("large", large, int(code == 15)).tolist() == [naive.zigzag(step)] * (code == 15)
        assert decode_values(first, small, large, np.zeros((2, 1), np.uint8), strict=True).tolist() == [
            [0],
            [step],
        ]
