"""Batches beside a slow encoder and a stranger's decoder, both of the document alone."""

import msgpack
import numpy as np
import pytest
import zstandard

from agent.quality import NOT_READ, Quality
from agent.wire import (
    CLOCK_REPAIRED,
    CLOCK_SIMULATED,
    CLOCK_SYNCHRONISED,
    Batch,
    Limits,
    Malformed,
    TooLarge,
    decode_batch,
    encode_batch,
)
from agent.wire import batch as wire_batch
from agent.wire.batch import renamed
from agent.wire.zstd import deflate, inflate
from tests.agent.wire import naive, stranger
from tests.agent.wire.test_vectors import plain
from tests.agent.wire.test_wire_batch import BOOT, EPOCH, SCHEMA, batch_of

LOW, HIGH = -(2**63), 2**63 - 1
#: Where a code changes: nibbles end at a zigzag of 14, and each byte plane at another power of 256.
EDGES = [0, 1, -1, 6, -6, 7, -7, 8, -8, 9]
EDGES += [sign * (2**bits + more) for bits in range(7, 64, 8) for sign in (-1, 1) for more in (-1, 0, 1)]
EDGES = [number for number in [*EDGES, LOW, HIGH] if LOW <= number <= HIGH]
SHAPES = [(0, 0), (1, 1), (1, 6), (2, 1), (2, 3), (3, 1), (3, 4), (4, 4), (5, 2), (8, 9), (9, 7)]


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers whose differences are small, or edges, or anything."""
    kind = rng.integers(0, 3)
    if kind == 0:
        return np.cumsum(rng.integers(-9, 10, shape), axis=0, dtype=np.int64)
    if kind == 1:
        return np.cumsum(rng.choice(np.array(EDGES, np.int64), shape), axis=0)
    most = 2 ** int(rng.integers(3, 64))
    return rng.integers(-most, most - 1, shape, endpoint=True)


def any_batch(seed: int, n: int, m: int) -> Batch:
    rng = np.random.default_rng(seed)
    quality = rng.integers(0, 8, (n, m), np.uint8) if seed % 3 else np.zeros((n, m), np.uint8)
    if seed % 3 == 1:  # long runs, of what was read and what was not
        quality = np.repeat(quality[:, :1], m, axis=1)
    return Batch(
        agent=f"site-{seed}",
        epoch=EPOCH,
        sequence=seed + 1,
        unit="rack1/bmu1" if n else "",
        schema=SCHEMA if n else None,
        boot_id=BOOT,
        boottime_ns=numbers(rng, n),
        utc_ns=numbers(rng, n),
        clock=rng.integers(0, 256, n, np.uint8),
        raw=numbers(rng, n, m),
        quality=quality,
        events=({"kind": "alarm", "count": seed},) * (seed % 3),
    )


BATCHES = [any_batch(17 * i + k, n, m) for i, (n, m) in enumerate(SHAPES) for k in range(6)]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"{batch.agent} {batch.raw.shape}")
def test_a_batch_has_the_bytes_that_the_document_says_and_all_decoders_read_it_alike(batch: Batch) -> None:
    blob = encode_batch(batch)
    said = plain(batch) | {name: getattr(batch, name) for name in ("epoch", "schema", "boot_id")}
    assert msgpack.unpackb(zstandard.decompress(blob)) == naive.fields(said)
    unread = np.isin(batch.quality, [int(q) for q in NOT_READ])
    expected = plain(batch) | {"raw": np.where(unread, 0, batch.raw).tolist()}
    assert (
        stranger.decode(blob)
        == plain(decode_batch(blob))
        == plain(decode_batch(blob, strict=True))
        == expected
    )


def test_the_cases_hold_every_quality_and_every_width() -> None:
    assert {int(q) for batch in BATCHES for q in batch.quality.flat} == set(Quality)
    written = [msgpack.unpackb(zstandard.decompress(encode_batch(batch))) for batch in BATCHES]
    for element in (11, 13, 17, 18):
        assert {w[element][0] for w in written if w[element]} >= {0, 1, 8}, element
    assert set(range(1, 9)) <= {w[18][0] for w in written if w[18]}


@pytest.mark.parametrize("batch", BATCHES[::7], ids=lambda batch: batch.agent)
def test_a_batch_under_another_name_is_the_same_but_for_that(batch: Batch) -> None:
    blob, new = encode_batch(batch), (b"n" * 16, 2**40)
    named = renamed(blob, batch.agent, (EPOCH, batch.sequence), new)
    assert plain(decode_batch(named)) == plain(decode_batch(blob)) | {
        "epoch": new[0].hex(),
        "sequence": new[1],
    }
    for agent, old in (
        ("another", (EPOCH, batch.sequence)),
        (batch.agent, (SCHEMA, batch.sequence)),
        (batch.agent, (EPOCH, batch.sequence + 1)),
    ):
        with pytest.raises(Malformed, match=f"not batch {old[1]} of this agent and epoch"):
            renamed(blob, agent, old, new)


def test_a_batch_that_only_just_fits_does_so_under_another_name_too() -> None:
    rng = np.random.default_rng(4)
    raw = np.cumsum(rng.integers(-3, 4, (60, 3000)), axis=0, dtype=np.int64)
    fits, fits_not = 2000, 3000
    while fits_not - fits > 1:
        m = (fits + fits_not) // 2
        try:
            blob = encode_batch(batch_of(raw[:, :m]))
            fits = m
        except TooLarge:
            fits_not = m
    blob = encode_batch(batch_of(raw[:, :fits]))
    named = renamed(blob, "site-1", (EPOCH, 1), (SCHEMA, 2))
    assert len(named) <= 65_536
    assert decode_batch(named).raw.tolist() == raw[:, :fits].tolist()


def test_small_differences_begin_a_block_of_their_own() -> None:
    rng = np.random.default_rng(5)
    batch = batch_of(np.cumsum(rng.integers(-3, 4, (60, 300)), axis=0, dtype=np.int64))
    blob = encode_batch(batch)
    content = inflate(blob)
    small = msgpack.unpackb(content)[20]
    assert blob == deflate(content[: -len(small)], small) != deflate(content)


def test_a_batch_that_just_fits_under_another_name_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("it is decoded")

    blob = encode_batch(batch_of(np.zeros((1, 1), np.int64)))
    old, new = (EPOCH, 1), (SCHEMA, 2)
    size = len(renamed(blob, "site-1", old, new))
    monkeypatch.setattr(wire_batch, "decode_batch", decoded)
    monkeypatch.setattr(wire_batch, "DEFAULT_LIMITS", Limits(compressed=size))
    assert len(renamed(blob, "site-1", old, new)) == size
    monkeypatch.setattr(wire_batch, "DEFAULT_LIMITS", Limits(compressed=size - 1))
    with pytest.raises(AssertionError, match="it is decoded"):
        renamed(blob, "site-1", old, new)


def test_a_batch_whose_clock_was_right_is_the_same_object() -> None:
    batch = batch_of(np.zeros((2, 1), np.int64))
    assert batch.repaired(1000) is batch.repaired(None) is batch
    assert (CLOCK_SYNCHRONISED, CLOCK_REPAIRED, CLOCK_SIMULATED) == (0x01, 0x02, 0x80)


@pytest.mark.parametrize(
    ("clock", "offset_ns", "utc_ns", "repaired"),
    [
        ([0, 1, 0x80, 0x81], 1000, [1000, 51, 52, 53], [2, 1, 0x80, 0x81]),
        ([0, 0, 1, 0], 1000, [1000, 1001, 52, 1003], [2, 2, 1, 2]),
        ([0, 1, 0x80, 0x81], None, [50, 51, 52, 53], [0, 1, 0x80, 0x81]),
        ([1, 1, 0x80, 1], 1000, [50, 51, 52, 53], [1, 1, 0x80, 1]),
        ([2, 1, 4, 0], 1000, [1000, 51, 1002, 1003], [2, 1, 6, 2]),  # a second time; a bit of tomorrow
    ],
)
def test_times_before_the_clock_was_set_are_put_right_and_no_others(
    clock: list[int], offset_ns: int | None, utc_ns: list[int], repaired: list[int]
) -> None:
    times = np.arange(4, dtype=np.int64)
    raw = np.zeros((4, 1), np.int64)
    batch = batch_of(raw, boottime_ns=times, utc_ns=times + 50, clock=np.array(clock, np.uint8))
    found = batch.repaired(offset_ns)
    assert (found.utc_ns.tolist(), found.clock.tolist()) == (utc_ns, repaired)
    assert found.clock.dtype == np.uint8
    assert found.boottime_ns.tolist() == [0, 1, 2, 3]
