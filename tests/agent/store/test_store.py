"""The buffer accounts for everything, over restarts, refusals and a cap."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.clock import Stamp
from agent.store.errors import StoreError
from agent.store.ledger import Event
from agent.store.receipt import Receipt
from agent.wire.batch import Batch, decode_batch
from agent.wire.ranges import Ranges
from agent.wire.sound import unsound
from tests.agent.store.buffers import ALARM, Opener, balance, frame, noise, open_batch, pending


def events(batches: list[Batch], kind: str) -> list[dict[str, Any]]:
    return [e for batch in batches for e in batch.events if e["kind"] == kind]


def test_what_was_sealed_is_read_back_as_the_same_frames(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame(at_s=1), frame(at_s=2))])
    ((sealed,), epoch) = store.pending("main", 10, 10**6)[1], store.epoch
    batch = decode_batch(sealed.blob)
    assert (batch.agent, batch.epoch, batch.sequence, batch.unit) == ("agent-1", epoch, 1, "rack-1")
    np.testing.assert_array_equal(batch.raw, [[1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(batch.boottime_ns, [10**9, 2 * 10**9])
    assert store.account("main").frames == 2


def test_alarms_then_the_minutes_around_them_then_fresh_then_backlog(open_store: Opener) -> None:
    store = open_store(before_alarm_s=20, after_alarm_s=20)
    for at_s in (0, 100, 110):
        store.seal([open_batch(frame("rack-1/bmu-1", at_s=at_s)), open_batch(frame("rack-2", at_s=at_s))])
    alarm = Event("rack-1/bmu-2", {**ALARM, "boottime_ns": 115 * 10**9})
    store.seal([open_batch(frame("rack-1/bmu-2", at_s=114))], [alarm])  # 7, with the open batch of its rack
    store.seal([open_batch(frame("rack-1/bmu-1", at_s=130)), open_batch(frame("rack-2", at_s=130))])
    store.seal([open_batch(frame("rack-1/bmu-1", at_s=140))])
    fresh_after = 9
    sequences = [b.sequence for b in store.pending("main", 100, 10**6, fresh_after)[1]]
    assert sequences == [7, 3, 5, 8, 9, 10, 11, 1, 2, 4, 6]
    without_backlog = store.pending("main", 100, 10**6, fresh_after, backlog=False)[1]
    assert [b.sequence for b in without_backlog] == sequences[:7]


def test_an_acknowledgement_is_stored_with_the_next_batch_and_asked_for_again_if_the_power_went_first(
    open_store: Opener,
) -> None:
    store = open_store()
    for n in range(4):
        store.seal([open_batch(frame(at_s=n))])
    store.apply_acknowledgement("main", store.epoch, [1, 3], {})
    assert pending(store) == [2, 4]
    assert balance(store) == (4, 2, 2, 0)

    after_power_cut = open_store()
    assert pending(after_power_cut) == [1, 2, 3, 4]
    after_power_cut.apply_acknowledgement("main", store.epoch, [1, 3], {})
    after_power_cut.seal([open_batch(frame(at_s=5))])

    again = open_store()
    assert pending(again) == [2, 4, 5]
    assert balance(again) == (5, 2, 3, 0)


def test_a_receipt_tells_when_an_event_is_on_disk_and_when_its_own_batch_is_held(open_store: Opener) -> None:
    store, times = open_store(), iter(range(1, 9))
    receipts = [Receipt(lambda: Stamp(next(times), 0, synchronised=True)) for _ in range(3)]
    held, refused, foreign = receipts
    store.seal(
        [open_batch(frame())], [Event("", ALARM), *(Event("", ALARM, receipt) for receipt in receipts)]
    )
    assert [receipt.sequence for receipt in receipts] == [2, 3, 4]
    assert all(receipt.recorded for receipt in receipts)
    store.apply_acknowledgement("main", store.epoch, [1, 5], {})
    store.apply_acknowledgement("main", bytes(16), [2, 3, 4], {})  # another epoch's
    assert not any(receipt.held for receipt in receipts)
    store.apply_acknowledgement("main", store.epoch, [1, 2], {3: "malformed"})
    store.apply_acknowledgement("main", store.epoch, [2], {})  # again: the first word counts
    assert held.held == {"main": Stamp(4, 0, synchronised=True)}
    assert (refused.held, refused.refused) == ({}, {"main": "malformed"})
    assert (foreign.held, foreign.refused) == ({}, {})
    assert not foreign.settle("main", bytes(16), [4], {})  # of a buffer that began anew meanwhile


def test_a_receipt_waits_for_the_disk(open_store: Opener) -> None:
    store, receipt = open_store(), Receipt(lambda: Stamp(1, 2, synchronised=True))
    store._db.execute("CREATE TRIGGER no BEFORE INSERT ON batch BEGIN SELECT RAISE(ABORT, 'no'); END")
    store._opened.files.note()
    with pytest.raises(StoreError):
        store.seal([], [Event("", ALARM, receipt)])
    assert receipt.recorded is None
    store._db.execute("DROP TRIGGER no")
    store._opened.files.note()
    store.seal([], [Event("", ALARM, receipt)])
    assert receipt.sequence == 1


def test_a_batch_refused_for_good_is_dropped_with_its_reason_and_kept_for_a_person(
    open_store: Opener,
) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    store.seal([open_batch(frame(at_s=1))])
    store.apply_acknowledgement("main", store.epoch, [2], {1: "no such unit"})
    assert pending(store) == []
    assert balance(store) == (2, 1, 0, 1)
    store.close()
    again = open_store()
    assert again._db.execute("SELECT sequence, reason FROM refused").fetchall() == [(1, "no such unit")]
    (gap,) = [decode_batch(b.blob) for b in again.pending("main", 9, 10**6)[1]]
    assert gap.events == ({"kind": "gap", "ranges": [[1, 1]], "reason": "refused: no such unit"},)
    assert balance(again) == (3, 1, 1, 1)


def test_a_sequence_never_repeats_though_every_batch_has_left(open_store: Opener) -> None:
    store = open_store(history_bytes=0)
    for n in range(400):
        store.seal([open_batch(*noise(1, 300, at_s=n))])
        store.apply_acknowledgement("main", store.epoch, [n + 1], {})
    store.close()
    again = open_store()
    assert pending(again) == []
    assert again._db.execute("SELECT min(sequence) FROM batch").fetchone()[0] > 1
    again.seal([open_batch(frame(at_s=1))])
    assert pending(again) == [401]
    assert again.epoch == store.epoch


def test_delivered_batches_stay_as_history_but_never_stand_in_the_way(open_store: Opener) -> None:
    cap = 512 * 1024
    store = open_store(max_bytes=cap, history_bytes=cap)
    for n in range(600):
        store.seal([open_batch(frame(n=300, at_s=n))])
        store.apply_acknowledgement("main", store.epoch, [n + 1], {})
    assert balance(store) == (600, 600, 0, 0)
    kept = store._db.execute("SELECT count(*), max(sequence) FROM batch").fetchone()
    assert kept[0] > 100
    assert kept[1] == 600
    assert store.path.stat().st_size < 2 * cap


def test_at_its_cap_the_buffer_drops_the_oldest_routine_and_says_which(open_store: Opener) -> None:
    cap = 1024 * 1024
    store = open_store(max_bytes=cap, history_bytes=0)
    store.seal([open_batch(*noise(4, 300))], [Event("rack-1", ALARM)])
    for n in range(400):
        store.seal([open_batch(*noise(4, 300, at_s=n))])
        assert store._db.execute("PRAGMA page_count").fetchone()[0] * 1024 < 2 * cap
    sealed, acknowledged, left, dropped = balance(store)
    assert (acknowledged, sealed) == (0, left + dropped)
    stored = [b.sequence for b in store.pending("main", 10**6, 10**9)[1]]
    assert 1 in stored  # the alarm
    gaps = events([decode_batch(b.blob) for b in store.pending("main", 10**6, 10**9)[1]], "gap")
    assert {gap["reason"] for gap in gaps} == {"buffer full"}
    told = Ranges((first, last) for gap in gaps for first, last in gap["ranges"])
    assert list(told) == list(Ranges([(1, sealed)]).minus(Ranges((s, s) for s in stored)))


def test_a_gap_record_that_is_dropped_itself_is_said_again(open_store: Opener) -> None:
    store = open_store(max_bytes=64 * 1024, history_bytes=0)
    for n in range(60):
        store.seal([open_batch(*noise(4, 300, at_s=n))])
    for _ in range(400):  # alarms alone fill it now
        store.seal([], [Event("rack-1", {**ALARM, "text": "x" * 400})])
    found = store.pending("main", 10**6, 10**9)[1]
    gaps = events([decode_batch(b.blob) for b in found], "gap")
    told = Ranges((first, last) for gap in gaps for first, last in gap["ranges"])
    stored = Ranges((b.sequence, b.sequence) for b in found)
    assert list(Ranges([(1, store.last_sequence)]).minus(stored).minus(told)) == []
    balance(store)


def test_hundreds_of_missing_ranges_are_no_trouble(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame(unit=f"rack-{n}")) for n in range(3000)])
    store.apply_acknowledgement("main", store.epoch, range(2, 3001, 2), {})
    assert balance(store) == (3000, 1500, 1500, 0)
    assert pending(store)[:3] == [1, 3, 5]
    store.seal([open_batch(frame())])
    assert balance(open_store()) == (3001, 1500, 1501, 0)


def test_a_batch_larger_than_collectors_take_is_sealed_as_several(open_store: Opener) -> None:
    frames = noise(frames=8, n=4000)
    store = open_store()
    store.seal([open_batch(*frames)])
    batches = [decode_batch(b.blob) for b in store.pending("main", 100, 10**9)[1]]
    assert len(batches) > 1
    np.testing.assert_array_equal(np.concatenate([b.raw for b in batches]), [f.raw for f in frames])


def test_a_commit_that_is_too_large_for_the_cap_is_refused_and_loses_nothing(open_store: Opener) -> None:
    store = open_store(max_bytes=256 * 1024)
    store.seal([open_batch(frame())])
    with pytest.raises(StoreError, match="full"):
        store.seal([open_batch(*noise(frames=10, n=500, at_s=n)) for n in range(40)])
    assert balance(store) == (1, 0, 1, 0)
    store.seal([open_batch(frame(at_s=1))])
    assert balance(store) == (2, 0, 2, 0)


def test_what_arrives_for_an_epoch_that_ended_changes_nothing(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    store.apply_acknowledgement("main", bytes(16), [1], {})
    assert pending(store) == [1]


def test_detectors_find_their_state_again_after_a_restart(open_store: Opener) -> None:
    store = open_store()
    store.seal([], snapshots={"rack-1": b"old", "rack-2": b"state"})
    store.seal([], snapshots={"rack-1": b"new"})
    assert open_store().snapshots() == {"rack-1": b"new", "rack-2": b"state"}


def test_two_agents_never_share_a_buffer(open_store: Opener) -> None:
    open_store()
    with pytest.raises(StoreError, match="uses this buffer; stop that agent"):
        open_store(end=False)


def test_a_buffer_of_a_newer_version_is_refused_by_name(open_store: Opener, tmp_path: Path) -> None:
    open_store().close()
    with sqlite3.connect(tmp_path / "buffer.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
            ["agent.store", "m099_future", "2030-01-01"],
        )
    with pytest.raises(StoreError, match=r"newer cellwarden \(it knows m099_future\)"):
        open_store()


def test_an_alarm_whose_value_is_no_number_is_sealed_without_it(open_store: Opener) -> None:
    store = open_store()
    odd = {**ALARM, "value": float("nan"), "limit": float("inf"), "text": "heats \ud800"}
    store.seal([], [Event("rack1/bmu1", odd)])
    (batch,) = (decode_batch(sealed.blob, strict=True) for sealed in store.pending("main", 10, 10**6)[1])
    assert unsound(batch) == ""
    assert batch.events[0] == {**ALARM, "value": None, "limit": None, "text": "heats \\ud800"}
