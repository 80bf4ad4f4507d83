"""What a collector had acknowledged and lost again is sent again from the history, and both ends agree."""

import time

import pytest

from agent.clock import Stamp
from agent.store.healing import AGAIN_S, MERGED, Healing
from agent.store.ledger import Event
from agent.store.receipt import Receipt
from agent.store.store import Store
from agent.wire.batch import decode_batch
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM, Opener, balance, frame, noise, open_batch, pending


def deliver(store: Store, *at_s: int) -> None:
    """Seal batches of a second each, and have them acknowledged with the commit after."""
    for one in at_s:
        store.seal([open_batch(frame(at_s=one))])
    store.apply_acknowledgement("main", store.epoch, range(1, store.last_sequence + 1), {})


def holding(*ranges: tuple[int, int]) -> Ranges:
    return Ranges(ranges)


def gaps(store: Store) -> list[tuple[list[list[int]], str]]:
    events = [e for b in store.pending("main", 10**6, 10**9)[1] for e in decode_batch(b.blob).events]
    return [(e["ranges"], e["reason"]) for e in events if e["kind"] == "gap"]


def test_what_is_missing_is_pending_again_until_it_is_acknowledged_again(open_store: Opener) -> None:
    store = open_store()
    deliver(store, *range(9))
    store.seal([open_batch(frame(at_s=10))])
    assert balance(store) == (10, 9, 1, 0)
    store.name_missing("main", store.epoch, holding((1, 3), (7, 7)))
    store.seal([open_batch(frame(at_s=11))])
    assert balance(store) == (11, 4, 7, 0)
    assert pending(store) == [10, 11, 4, 5, 6, 8, 9]
    assert store.account("main").healing == 5
    again = open_store()
    assert balance(again) == (11, 4, 7, 0)
    assert pending(again) == [10, 11, 4, 5, 6, 8, 9]
    again.apply_acknowledgement("main", again.epoch, [4, 5, 6, 8, 9], {})
    again.seal([])
    assert balance(again) == (11, 9, 2, 0)
    assert again.account("main").healing == 0


def test_an_empty_collector_gets_the_whole_history_and_hears_once_what_is_gone(open_store: Opener) -> None:
    store = open_store(history_bytes=0, max_bytes=400_000)
    for at_s in range(300):
        store.seal([open_batch(*noise(2, 300, at_s=10 * at_s))])
        store.apply_acknowledgement("main", store.epoch, [at_s + 1], {})
    store.seal([])
    kept = store._db.execute("SELECT min(sequence) FROM batch").fetchone()[0]
    assert kept > 1
    store.name_missing("main", store.epoch, holding())
    store.seal([])
    said, alarm = store.pending("main", 1, 1)[1], pending(store)
    assert decode_batch(said[0].blob).events[0]["ranges"] == [[1, kept - 1]]
    account = balance(store)
    assert account[3] == kept - 1
    for _ in range(3):  # until that record has arrived they go on to be missing
        store.name_missing("main", store.epoch, holding())
        store.seal([])
    assert len(gaps(store)) == 1
    assert "no longer in this box's history" in str(
        [decode_batch(b.blob).events for b in store.pending("main", 10**6, 10**9)[1] if b.priority == 0]
    )
    assert alarm[-1] == 300
    again = open_store(history_bytes=0, max_bytes=400_000)
    again.name_missing("main", again.epoch, holding())
    again.seal([])
    assert len(gaps(again)) == 1
    assert balance(again)[3] == kept - 1


def test_a_gap_is_told_again_only_when_the_record_that_told_it_is_no_longer_there(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame(at_s=0)), open_batch(frame(at_s=1))])
    store.apply_acknowledgement("main", store.epoch, [1], {2: "not sound"})
    store.seal([open_batch(frame(at_s=2))])
    assert gaps(store) == [([[2, 2]], "refused: not sound")]  # told by 3
    store.apply_acknowledgement("main", store.epoch, [3, 4], {})
    store.seal([])
    assert balance(store) == (4, 3, 0, 1)
    store.name_missing("main", store.epoch, holding((1, 1), (3, 4)))  # contradicts itself
    store.seal([])
    assert balance(store) == (4, 3, 0, 1)
    store.name_missing("main", store.epoch, holding((1, 1), (4, 4)))  # the record is lost with it
    store.seal([])
    assert pending(store) == [3]
    assert balance(store) == (4, 2, 1, 1)
    store.apply_acknowledgement("main", store.epoch, [3], {})
    store.seal([])
    store._db.execute("DELETE FROM batch")
    store._opened.files.note()
    again = open_store()
    again.name_missing("main", again.epoch, holding((1, 1), (4, 4)))
    again.seal([])
    assert [ranges for ranges, _ in gaps(again)] == [[[2, 3]]]
    assert balance(again) == (5, 2, 1, 2)


def test_alarms_and_black_boxes_that_are_healed_follow_the_live_ones_and_all_else_comes_last(
    open_store: Opener,
) -> None:
    store = open_store(before_alarm_s=50, after_alarm_s=0)
    store.seal([open_batch(frame(at_s=0))])
    store.seal([open_batch(frame(at_s=200))])  # of the black box of 3
    store.seal([], [Event("rack-1", {**ALARM, "boottime_ns": 210 * 10**9})])
    deliver(store, 1000)
    store.seal([open_batch(frame(at_s=1100))])  # backlog
    store.name_missing("main", store.epoch, holding())
    store.seal([open_batch(frame(at_s=1200))], [Event("rack-9", ALARM)])
    found = store.pending("main", 100, 10**9, fresh_after=5)[1]
    assert [(b.sequence, b.healed) for b in found] == [
        (6, False), (3, True), (2, True), (7, False), (5, False), (1, True), (4, True)
    ]  # fmt: skip
    live = store.pending("main", 100, 10**9, fresh_after=5, heal=False)[1]
    assert [b.sequence for b in live] == [6, 7, 5]


def test_what_was_healed_and_is_missing_once_more_waits_for_an_hour(open_store: Opener) -> None:
    store, now_s = open_store(), 1000.0
    store._deliveries["main"].healing._now_s = lambda: now_s
    deliver(store, *range(5))
    store.seal([])
    assert store.name_missing("main", store.epoch, holding((1, 2))) == 0
    store.seal([])
    now_s += 5000.0  # the link was slow: the hour begins when it came
    store.apply_acknowledgement("main", store.epoch, [3, 4], {})
    store.seal([])
    for _ in range(3):
        now_s += AGAIN_S / 4
        assert store.name_missing("main", store.epoch, holding((1, 2), (5, 5))) == 2
        store.seal([])
        assert pending(store) == [5]
    now_s += AGAIN_S / 4 + 60.0
    assert store.name_missing("main", store.epoch, holding((1, 2), (5, 5))) == 0
    store.seal([])
    assert pending(store) == [3, 4, 5]
    balance(store)


def test_ranges_that_were_told_wider_than_they_are_heal_nothing_that_came(open_store: Opener) -> None:
    store = open_store()
    for at_s in range(4):
        store.seal([open_batch(frame(at_s=at_s))], [Event("rack-9", ALARM)])
    came = [b.sequence for b in store.pending("main", 100, 10**9)[1] if b.priority == 0]
    store.apply_acknowledgement("main", store.epoch, came, {})
    for _ in range(2 * MERGED):
        store.seal([], [Event("rack-9", ALARM)])
    held = Ranges((s, s) for s in range(10, 10 + 2 * MERGED, 2))
    store.apply_acknowledgement("main", store.epoch, range(10, 10 + 2 * MERGED, 2), {})
    store.seal([])
    before = balance(store)
    store.name_missing("main", store.epoch, held)  # 1 to 9 in one, though alarms among them came
    store.seal([])
    assert balance(store) == before


def test_a_receipt_is_held_no_more_when_the_collector_lost_it_until_it_has_it_again(
    open_store: Opener,
) -> None:
    store, receipt = open_store(), Receipt(lambda: Stamp(1, 2, synchronised=True))
    store.seal([], [Event("", ALARM, receipt)])
    store.apply_acknowledgement("main", store.epoch, [1], {})
    store.seal([])
    assert receipt.held
    store.name_missing("main", store.epoch, holding())
    store.seal([])
    assert not receipt.held
    store.apply_acknowledgement("main", store.epoch, [1], {})
    assert receipt.held


def test_healing_begins_though_nothing_is_sealed(open_store: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    deliver(store, 0, 1)
    store.seal([])
    store.name_missing("main", store.epoch, holding())
    store._deliveries["main"]._named_s -= 60.0
    store.name_missing("main", store.epoch, holding())
    assert pending(store) == [1, 2]


def test_a_collector_that_calls_everything_missing_for_ever_costs_next_to_nothing() -> None:
    settled, healing = Ranges([(1, 100_000)]), Healing()
    healing.name(settled, Ranges(), 100_000)
    healing.begun(Ranges([(1, 100_000)]))
    healing.ranges = Ranges()
    healing._healed.append((time.monotonic(), Ranges([(1, 100_000)])))
    began_s = time.perf_counter()
    for last in range(100_001, 101_001):
        settled.add(last)
        healing.name(settled, Ranges(), last)
        healing.ranges = healing.named
        healing.begun(healing.ranges)
        healing.settled([last - 1])
    assert time.perf_counter() - began_s < 10.0
    assert healing.again > 100_900


def test_one_that_names_thousands_of_scattered_batches_makes_no_commit_large(open_store: Opener) -> None:
    store = open_store()
    deliver(store, *range(1200))
    store.seal([])
    store.name_missing("main", store.epoch, Ranges((s, s) for s in range(2, 1201, 2)))
    store.seal([])
    assert store.account("main").healing <= 256
    (written,) = store._db.execute(
        "SELECT length(settled) + length(healing) FROM ledger WHERE name <> ''"
    ).fetchone()
    assert written < 10_000
    balance(store)


def test_what_names_thousands_of_ranges_for_ever_is_looked_at_now_and_then(open_store: Opener) -> None:
    store, now_s = open_store(), 1000.0
    store.seal([])
    store._deliveries["main"].cursor.settled, store.last_sequence = Ranges([(1, 10_000)]), 10_000
    healing = store._deliveries["main"].healing
    healing._now_s = lambda: now_s
    held, looked = Ranges((s, s) for s in range(2, 8001, 2)), 0
    spent_s = time.thread_time()
    for _ in range(600):  # a minute of ten answers a second
        before = healing.named.count
        store.name_missing("main", store.epoch, held)
        looked += healing.named.count > before
        healing.begun(Ranges())  # and all of it is gone
        now_s += 0.1
    assert 10 <= looked <= 20
    assert time.thread_time() - spent_s < 0.6  # a hundredth of a core


def test_few_ranges_are_looked_at_each_time() -> None:
    healing, settled = Healing(now_s=lambda: 5.0), Ranges([(1, 1000)])
    for lost in range(1, 100):
        healing.name(settled, settled.minus(Ranges([(lost, lost)])), 1000)
        assert healing.named.count == lost
