"""The buffer accounts for everything, over restarts, refusals and a full disk."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.clock import Stamp
from agent.frame import Frame
from agent.store.open_batch import OpenBatch, OpenBatches
from agent.store.store import PRIORITY_ALARM, PRIORITY_FRAMES, Event, Store, StoreError
from agent.wire.batch import decode_batch

SCHEMA = bytes(16)
BOOT = bytes(range(16))
UPSTREAM = "http://127.0.0.1:1"
ALARM = {
    "kind": "alarm",
    "boottime_ns": 1,
    "utc_ns": 2,
    "location": "string1/module1/cell5",
    "detector": "thermal_slope",
    "severity": "critical",
    "state": "NEW",
    "text": "it heats",
}

Opener = Callable[[], Store]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Opener]:
    opened = []

    def opener() -> Store:
        store = Store(tmp_path / "buffer.db", "agent-1", BOOT, UPSTREAM)
        opened.append(store)
        return store

    yield opener
    for store in opened:
        store._db.close()


def frame(unit: str = "rack-1", n: int = 3, at_s: int = 0, schema: bytes = SCHEMA) -> Frame:
    stamp = Stamp(at_s * 10**9, at_s * 10**9 + 5, synchronised=True)
    raw = np.arange(n, dtype=np.int64) + at_s
    return Frame(unit, unit.split("/")[0], schema, stamp, raw, np.zeros(n, np.uint8))


def noise(frames: int, n: int) -> list[Frame]:
    """Return frames that do not compress."""
    rng = np.random.default_rng(1)
    made = [frame(n=n, at_s=at_s) for at_s in range(frames)]
    for one in made:
        one.raw[:] = rng.integers(-(2**62), 2**62, n)
    return made


def open_batch(*frames: Frame) -> OpenBatch:
    batch = OpenBatch(frames[0])
    batch.frames[1:] = frames[1:]
    return batch


def pending(store: Store) -> list[int]:
    return [b.sequence for p in (PRIORITY_ALARM, PRIORITY_FRAMES) for b in store.pending(p, 100, 10**6)]


def balance(store: Store) -> tuple[int, int, int, int]:
    account = store.account()
    assert account.sealed == account.acknowledged + account.pending + account.dropped
    return account.sealed, account.acknowledged, account.pending, account.dropped


def test_what_was_sealed_is_read_back_as_the_same_frames(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame(at_s=1), frame(at_s=2))])
    (sealed,) = store.pending(PRIORITY_FRAMES, 10, 10**6)
    batch = decode_batch(sealed.blob)
    assert (batch.agent, batch.epoch, batch.sequence, batch.unit) == ("agent-1", store.epoch, 1, "rack-1")
    np.testing.assert_array_equal(batch.raw, [[1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(batch.boottime_ns, [10**9, 2 * 10**9])
    assert store.account().frames == 2


def test_alarms_overtake_the_frames_that_were_sealed_before_them(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    store.seal([open_batch(frame(at_s=9))], [Event("rack-1", ALARM)])
    assert pending(store) == [2, 1, 3]
    (alarm,) = store.pending(PRIORITY_ALARM, 10, 10**6)
    assert decode_batch(alarm.blob).events[0]["text"] == "it heats"


def test_an_acknowledgement_is_stored_with_the_next_batch_and_asked_for_again_if_the_power_went_first(
    open_store: Opener,
) -> None:
    store = open_store()
    for n in range(4):
        store.seal([open_batch(frame(at_s=n))])
    store.settle(3, [(2, 2)], {})
    assert pending(store) == [2, 4]
    assert balance(store) == (4, 2, 2, 0)

    after_power_cut = open_store()
    assert pending(after_power_cut) == [1, 2, 3, 4]
    after_power_cut.settle(3, [(2, 2)], {})
    after_power_cut.seal([open_batch(frame(at_s=5))])

    again = open_store()
    assert pending(again) == [2, 4, 5]
    assert balance(again) == (5, 2, 3, 0)


def test_a_batch_refused_for_good_is_counted_as_dropped_and_kept_for_a_person(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    store.seal([open_batch(frame(at_s=1))])
    store.settle(2, [(1, 1)], {1: "no such unit"})
    assert pending(store) == []
    assert balance(store) == (2, 1, 0, 1)
    store.close()
    again = open_store()
    assert balance(again) == (2, 1, 0, 1)
    assert again._db.execute("SELECT sequence, reason FROM refused").fetchall() == [(1, "no such unit")]


def test_a_sequence_never_repeats_though_every_batch_has_left(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    store.settle(1, [], {})
    store.close()
    again = open_store()
    assert pending(again) == []
    again.seal([open_batch(frame(at_s=1))])
    assert pending(again) == [2]
    assert again.epoch == store.epoch


def test_hundreds_of_missing_ranges_are_no_trouble(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame(unit=f"rack-{n}")) for n in range(3000)])
    store.settle(3000, [(n, n) for n in range(1, 3000, 2)], {})
    assert balance(store) == (3000, 1500, 1500, 0)
    assert pending(store)[:3] == [1, 3, 5]


def test_a_batch_larger_than_collectors_take_is_sealed_as_several(open_store: Opener) -> None:
    frames = noise(frames=8, n=4000)
    store = open_store()
    store.seal([open_batch(*frames)])
    batches = [decode_batch(b.blob) for b in store.pending(PRIORITY_FRAMES, 100, 10**9)]
    assert len(batches) > 1
    np.testing.assert_array_equal(np.concatenate([b.raw for b in batches]), [f.raw for f in frames])


def test_a_full_disk_refuses_the_commit_and_loses_nothing(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    large = open_batch(*noise(frames=10, n=500))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.seal([large])
    assert balance(store) == (1, 0, 1, 0)
    store._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    store.seal([large])
    assert balance(store) == (2, 0, 2, 0)


def test_a_buffer_of_a_newer_version_is_refused_by_name(open_store: Opener, tmp_path: Path) -> None:
    open_store().close()
    with sqlite3.connect(tmp_path / "buffer.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
            ["agent.store", "m099_future", "2030-01-01"],
        )
    with pytest.raises(StoreError, match=r"newer cellwarden \(it knows m099_future\)"):
        open_store()


def test_what_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    path.write_text("not a database, but long enough to be taken for the header of one" * 20)
    with pytest.raises(StoreError, match=r"buffer\.db: file is not a database"):
        Store(path, "agent-1", BOOT, UPSTREAM)


def test_open_batches_begin_anew_with_a_new_schema_and_when_full() -> None:
    batches = OpenBatches(max_frames=2)
    batches.add(frame(at_s=0))
    batches.add(frame(at_s=1, schema=bytes(15) + b"\1"))
    assert batches.full
    for at_s in range(2, 4):
        batches.add(frame(at_s=at_s, schema=bytes(15) + b"\1"))
    batches.add(frame(unit="rack-2/bmu-1"))
    assert batches.frames == 5
    assert [len(b.frames) for b in batches.take("rack-1")] == [1, 2, 1]
    taken = batches.take()
    assert [b.unit for b in taken] == ["rack-2/bmu-1"]
    assert batches.frames == 0
    batches.put_back(taken)
    assert batches.take("rack-2") == taken
