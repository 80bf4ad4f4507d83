"""A batch and its bytes: whatever goes in comes out, to the last bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given

from agent.quality import NOT_READ, Quality
from agent.wire import Batch, Limits, Malformed, TooLarge, decode_batch, encode_batch
from agent.wire.limits import UNBOUNDED
from tests.agent.wire.strategies import batches

EPOCH, BOOT, SCHEMA = b"e" * 16, b"b" * 16, b"s" * 16
ID = b"i" * 16
LISTS = {"boottime_ns": np.int64, "utc_ns": np.int64, "clock": np.uint8}
COLUMNS = ("boottime_ns", "utc_ns", "clock", "raw", "quality")


def batch_of(raw: np.ndarray, quality: np.ndarray | None = None, **changes: object) -> Batch:
    n = len(raw)
    boottime_ns = np.arange(n, dtype=np.int64) * 10**9
    fields = {
        "agent": "site-1",
        "epoch": EPOCH,
        "sequence": 1,
        "unit": "rack1/bmu1",
        "schema": SCHEMA,
        "boot_id": BOOT,
        "boottime_ns": boottime_ns,
        "utc_ns": boottime_ns + 1_790_000_000 * 10**9,
        "clock": np.ones(n, np.uint8),
        "raw": raw,
        "quality": np.zeros(raw.shape, np.uint8) if quality is None else quality,
    }
    return Batch(**{**fields, **changes})  # type: ignore[arg-type]


def assert_same(got: Batch, sent: Batch) -> None:
    """Equal but for what was not read, which is 0."""
    for field in dataclasses.fields(Batch):
        if field.name not in COLUMNS:
            assert getattr(got, field.name) == getattr(sent, field.name), field.name
    read = ~np.isin(sent.quality, [int(q) for q in NOT_READ])
    for name in COLUMNS:
        expected = np.where(read, sent.raw, 0) if name == "raw" else getattr(sent, name)
        np.testing.assert_array_equal(getattr(got, name), expected, err_msg=name)
        assert getattr(got, name).dtype == expected.dtype


@given(batches())
def test_any_batch_comes_back(batch: Batch) -> None:
    assert_same(decode_batch(encode_batch(batch)), batch)


def test_extremes_follow_each_other_without_loss() -> None:
    low, high = -(2**63), 2**63 - 1
    raw = np.array([[low, high], [high, low], [low, low], [0, high], [high, high]], dtype=np.int64)
    assert_same(decode_batch(encode_batch(batch_of(raw))), batch_of(raw))


def test_values_that_were_not_read_cost_next_to_nothing_and_decode_as_zero() -> None:
    rng = np.random.default_rng(3)
    raw = np.full((60, 200), 3300, dtype=np.int64)
    lost = rng.random(raw.shape) < 0.5
    raw[lost] = rng.integers(-(2**63), 2**63 - 1, np.count_nonzero(lost))  # rubbish that must not travel
    steady = np.where(lost, Quality.STALE, Quality.GOOD).astype(np.uint8)
    got = decode_batch(encode_batch(batch_of(raw, steady)))
    np.testing.assert_array_equal(got.raw, np.where(lost, 0, 3300))

    every_other = np.zeros(raw.shape, np.uint8)
    every_other[1::2] = Quality.STALE
    quiet = len(encode_batch(batch_of(np.full_like(raw, 3300))))
    assert len(encode_batch(batch_of(np.where(every_other, 0, 3300), every_other))) < quiet + 300


def test_the_same_batch_is_the_same_bytes() -> None:
    batch = batch_of(np.arange(600, dtype=np.int64).reshape(20, 30))
    assert encode_batch(batch) == encode_batch(batch)


def test_decoded_tables_are_contiguous_by_frame() -> None:
    got = decode_batch(encode_batch(batch_of(np.arange(600, dtype=np.int64).reshape(20, 30))))
    assert got.raw.flags.c_contiguous
    assert (got.frames, got.values) == (20, 600)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epoch": b"short"}, "epoch is b'short', expected 16 bytes"),
        ({"sequence": 0}, "sequence 0 is not in 1"),
        ({"sequence": 2**63}, "sequence 9223372036854775808 is not in 1"),
        *(({name: ID[1:]}, f"{name} is .*, expected 16 bytes") for name in ("epoch", "boot_id", "schema")),
        *(({name: None}, f"{name} is None, expected 16 bytes") for name in ("epoch", "boot_id")),
        ({"schema": None}, "4 values and no schema"),
        ({"raw": np.zeros(2, np.int64)}, "raw has 1 dimensions, expected frames by values"),
        *(({name: np.zeros(3, kind)}, f"{name} is .*, expected .* .2,.") for name, kind in LISTS.items()),
        *(({name: np.zeros(2, np.int32)}, f"{name} is int32") for name in LISTS),
        ({"raw": np.zeros((2, 2), np.int32)}, "raw is int32"),
        ({"quality": np.zeros((2, 3), np.uint8)}, "quality is uint8"),
        ({"events": (7,)}, "an event without a kind: 7"),
        ({"events": ({"kind": 7},)}, "an event without a kind"),
        ({"clock": np.ones(3, np.uint8)}, r"clock is uint8 \(3,\), expected uint8 \(2,\)"),
        ({"quality": np.zeros((2, 2), np.int64)}, "quality is int64"),
        ({"events": ({"text": "no kind"},)}, "an event without a kind"),
    ],
)
def test_a_batch_that_contradicts_itself_cannot_be_made(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Malformed, match=said):
        batch_of(**{"raw": np.zeros((2, 2), np.int64), **changes})  # type: ignore[arg-type]


def test_a_batch_counts_its_frames_and_values() -> None:
    batch = batch_of(np.zeros((2, 3), np.int64), sequence=2**63 - 1)
    assert (batch.frames, batch.values) == (2, 6)


def test_a_sender_is_told_of_a_batch_that_receivers_would_refuse() -> None:
    raw = np.random.default_rng(1).integers(-(2**40), 2**40, (60, 300))
    with pytest.raises(TooLarge, match=r"60 frames of 300 values compress to .* the limit is 65536"):
        encode_batch(batch_of(raw))
    with pytest.raises(TooLarge, match="the limits are 4096 frames and 100 values"):
        encode_batch(batch_of(raw), Limits(values=100))
    with pytest.raises(Malformed, match="sequence 1099511627777 is not in 1 "):
        encode_batch(batch_of(raw[:1, :1], sequence=2**40 + 1))
    with pytest.raises(Malformed, match="sequence 1099511627777 is not in 1 "):
        decode_batch(encode_batch(batch_of(raw[:1, :1], sequence=2**40 + 1), UNBOUNDED))
    with pytest.raises(Malformed, match="cannot be packed"):
        encode_batch(batch_of(raw[:1, :1], events=({"kind": "alarm", "when": object()},)))
