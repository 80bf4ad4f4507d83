"""A buffer for several upstreams: each has an account of its own, and none costs another anything."""

import random
import shutil
from pathlib import Path

import pytest

from agent.store.account import BufferSettings
from agent.store.capacity import Full
from agent.store.errors import Implausible
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import Upstream
from agent.wire.batch import decode_batch
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM, BOOT, Opener, frame, kill, noise, open_batch, own_alarm

HERE, THERE = Upstream("here"), Upstream("there")
COPY, ALARMS = Upstream("copy", required=False), Upstream("alarms", frames=False)


def waiting(store: Store, upstream: str) -> list[int]:
    return sorted(b.sequence for b in store.pending(upstream, 10**6, 10**9)[1])


def account(store: Store, upstream: str) -> dict[str, int]:
    """Sealed, acknowledged, pending, dropped, withheld; they balance, and what is pending is there."""
    one = store.account(upstream)
    assert one.sealed == one.acknowledged + one.pending + one.dropped + one.withheld
    assert one.pending == len(waiting(store, upstream))
    return {name: getattr(one, name) for name in ("acknowledged", "pending", "dropped", "withheld")}


def stored(store: Store) -> list[int]:
    rows = store._db.execute("SELECT sequence FROM batch WHERE sequence > 0 ORDER BY 1")
    return [sequence for (sequence,) in rows]


def acknowledge(store: Store, upstream: str, *sequences: int) -> None:
    store.apply_acknowledgement(upstream, store.epoch, sequences, {})
    store.seal(())


def gaps(store: Store, upstream: str) -> list[tuple[list[list[int]], str]]:
    events = [e for b in store.pending(upstream, 10**6, 10**9)[1] for e in decode_batch(b.blob).events]
    return [(e["ranges"], e["reason"]) for e in events if e["kind"] == "gap"]


def test_what_one_holds_the_other_still_lacks(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=n)) for n in range(4)])
    acknowledge(store, "here", 1, 2, 3)
    assert (waiting(store, "here"), waiting(store, "there")) == ([4], [1, 2, 3, 4])
    store.close()
    again = open_store(upstreams=[HERE, THERE])
    assert (waiting(again, "here"), waiting(again, "there")) == ([4], [1, 2, 3, 4])
    assert account(again, "here") == {"acknowledged": 3, "pending": 1, "dropped": 0, "withheld": 0}


def test_a_batch_stays_until_every_required_one_has_it_and_a_copy_holds_nothing(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, COPY], history_bytes=0)
    store.seal([], [Event("rack-1", ALARM)])
    for at_s in range(0, 240, 4):
        store.seal([open_batch(*noise(4, 300, at_s))])
        acknowledge(store, "here", *waiting(store, "here"))
    assert store.account("here").dropped == 0
    lost = account(store, "copy")
    assert lost["dropped"] > 5
    assert stored(store)[0] == 1  # the alarm that the copy lacks is small, and stays
    told = Ranges((a, b) for ranges, _ in gaps(store, "copy") for a, b in ranges)
    assert told.count == lost["dropped"]
    assert {reason for _, reason in gaps(store, "copy")} == {
        "no longer in the history, not delivered to copy"
    }
    assert not {*stored(store)} & {s for a, b in told for s in range(a, b + 1)}


def test_at_the_cap_the_oldest_are_dropped_for_whom_they_are_wanted(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE], max_bytes=1_000_000, history_bytes=0)
    for at_s in range(0, 400, 4):
        store.seal([open_batch(*noise(4, 300, at_s))])
        acknowledge(store, "here", *waiting(store, "here"))
    assert account(store, "here")["dropped"] == 0
    assert account(store, "there")["dropped"] > 0
    assert {reason for _, reason in gaps(store, "there")} == {"buffer full, not delivered to there"}


def test_a_buffer_that_drops_says_who_takes_nothing_until_there_is_room(open_store: Opener) -> None:
    cap = 8_000_000
    store = open_store(upstreams=[HERE, COPY], max_bytes=cap, history_bytes=0)
    sealed = 0
    while not account(store, "here")["dropped"]:
        store.seal([open_batch(*noise(50, 300, at_s=50 * sealed))])
        sealed += 1
        assert sealed < 200
    for _ in range(3):
        store.seal(())
        assert store.full == Full(cap, False, len(waiting(store, "here")), ("here",))
    acknowledge(store, "here", *waiting(store, "here"))
    store.seal(())
    assert store.full is None  # a copy that has nothing fills nothing


def test_one_for_alarms_alone_never_has_frames_and_is_told_which(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, ALARMS])
    store.seal([open_batch(frame(at_s=1)), open_batch(frame(at_s=2))], [Event("rack-1", ALARM)])
    store.seal([open_batch(frame(at_s=3))])
    assert waiting(store, "alarms") == [1]
    assert list(store.withheld("alarms")) == [(2, 4)]
    assert account(store, "alarms") == {"acknowledged": 0, "pending": 1, "dropped": 0, "withheld": 3}
    assert waiting(store, "here") == [1, 2, 3, 4]
    acknowledge(store, "alarms", 1)
    # a collector that knows nothing: what it is not to have is no loss of its
    assert store.name_missing("alarms", store.epoch, Ranges()) == 0
    store.seal(())
    assert waiting(store, "alarms") == [1]
    store.close()
    again = open_store(upstreams=[HERE, ALARMS])
    assert list(again.withheld("alarms")) == [(2, 4)]
    assert account(again, "alarms")["withheld"] == 3


def test_what_one_is_not_to_have_is_read_once_after_each_commit(open_store: Opener) -> None:
    store, read = open_store(upstreams=[HERE, ALARMS]), list[str]()
    store.seal([open_batch(frame(at_s=1))], [Event("rack-1", ALARM)])
    store._db.set_trace_callback(lambda sql: read.append(sql) if "FROM event_range" in sql else None)
    for at_s in (2, 3):
        for _ in range(2):  # for a request, and for its answer
            assert list(store.withheld("alarms")) == [(2, store.last_sequence)]
            assert store.name_missing("alarms", store.epoch, Ranges([(1, 1)])) == 0
        store.seal([open_batch(frame(at_s=at_s))])
    assert len(read) == 2


def test_a_new_one_gets_what_is_stored_and_is_not_to_have_what_is_not(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE], history_bytes=0)
    for at_s in range(0, 240, 4):
        store.seal([open_batch(*noise(4, 300, at_s))], [Event("rack-1", ALARM)])
        acknowledge(store, "here", *waiting(store, "here"))
    kept, last = stored(store), store.last_sequence
    assert 1 < len(kept) < last
    store.name_upstreams([HERE, THERE, ALARMS])
    assert waiting(store, "there") == kept
    assert account(store, "there")["withheld"] == last - len(kept)
    assert {*waiting(store, "alarms")} < {*kept}
    account(store, "alarms")
    store.seal([open_batch(frame(at_s=100))])
    assert store.last_sequence in waiting(store, "there")
    assert store.last_sequence in store.withheld("alarms")
    # it has what it is not to have, as it had another name before: that is acknowledged
    store.reconcile("there", store.epoch, Ranges([(1, kept[0] - 1)]))
    assert account(store, "there")["withheld"] == 0
    store.close()
    account(open_store(upstreams=[HERE, THERE, ALARMS]), "there")


def test_one_that_is_named_no_more_holds_nothing(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=n)) for n in range(3)])
    acknowledge(store, "here", 1, 2)
    store.name_upstreams([HERE])
    assert store.pending("there", 10, 10**6) == (store.epoch, [])
    store.apply_acknowledgement("there", store.epoch, [3], {})  # an answer that came too late
    store.reconcile("there", store.epoch, Ranges([(1, 10**9)]))
    assert account(store, "here") == {"acknowledged": 2, "pending": 1, "dropped": 0, "withheld": 0}
    store.close()
    assert list(open_store(upstreams=[HERE]).accounts()) == ["here"]


def test_alarms_alone_and_everything_again(open_store: Opener) -> None:
    store = open_store(upstreams=[THERE])
    store.seal([open_batch(frame(at_s=1))], [Event("rack-1", ALARM)])  # 1 the alarm, 2 the frame
    alarms, everything = Upstream("there", frames=False), THERE
    store.name_upstreams([alarms])
    assert account(store, "there") == {"acknowledged": 0, "pending": 1, "dropped": 0, "withheld": 1}
    store.seal([open_batch(frame(at_s=2))], [Event("rack-1", ALARM)])  # 3, 4
    store.name_upstreams([everything])
    store.seal([open_batch(frame(at_s=3))], [Event("rack-1", ALARM)])  # 5, 6
    assert waiting(store, "there") == [1, 3, 5, 6]
    store.name_upstreams([alarms])
    store.seal([open_batch(frame(at_s=4))])  # 7
    assert list(store.withheld("there")) == [(2, 2), (4, 4), (6, 7)]
    store.close()
    assert account(open_store(upstreams=[alarms]), "there")["withheld"] == 4


def restored(open_store: Opener, folder: Path, tmp_path: Path, *upstreams: Upstream) -> Store:
    """An image of a buffer that held 1 to 3, while 4 to 8 were sealed after it."""
    store = open_store(upstreams=upstreams)
    store.seal([open_batch(frame(at_s=n)) for n in range(3)])
    kill(store)
    folder.mkdir()
    for file in tmp_path.glob("buffer.db*"):
        shutil.copy(file, folder)
    store = open_store(upstreams=upstreams)
    store.seal([open_batch(frame(at_s=n)) for n in range(3, 8)])
    kill(store)
    for file in tmp_path.glob("buffer.db*"):
        file.unlink()
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "buffer.db-shm").unlink(missing_ok=True)
    return open_store(upstreams=upstreams)


def test_a_restored_image_hears_each_upstream_of_what_it_has_forgotten(
    open_store: Opener, tmp_path: Path
) -> None:
    store = restored(open_store, tmp_path / "image", tmp_path, HERE, THERE)
    store.seal([open_batch(frame(at_s=100))])
    store.reconcile("here", store.epoch, Ranges([(1, 6)]))  # it never got 7 and 8
    assert store.last_sequence >= 7
    store.seal([open_batch(frame(at_s=101))])
    store.close()  # the other one is not there yet, and a restart comes between
    again = open_store(upstreams=[HERE, THERE])
    before = again.account("there")
    again.reconcile("there", again.epoch, Ranges([(1, 4)]))  # it has less
    again.reconcile("there", again.epoch, Ranges([(1, 4)]))
    after = again.account("there")
    assert (after.acknowledged, after.dropped) == (before.acknowledged + 1, before.dropped + 2)
    assert ([[5, 6]], "forgotten by the buffer") in gaps(again, "there")
    for name in ("here", "there"):
        account(again, name)
    again.close()
    account(open_store(upstreams=[HERE, THERE]), "there")


def test_where_another_one_was_sent_other_batches_of_the_same_numbers_a_new_epoch_begins(
    open_store: Opener, tmp_path: Path
) -> None:
    store = restored(open_store, tmp_path / "image", tmp_path, HERE, THERE, ALARMS)
    old = store.epoch
    store.reconcile("here", store.epoch, Ranges([(1, 3)]))  # it got none of the forgotten
    store.seal([open_batch(frame(at_s=100))], [Event("rack-1", ALARM)])  # drawn a second time: 4, 5
    acknowledge(store, "here", 1, 2, 3, 4, 5)
    store.reconcile("there", old, Ranges([(1, 7)]))  # it has 4 to 7 of the old life
    assert store.epoch != old
    sent = [decode_batch(b.blob) for b in store.pending("there", 10**6, 10**9)[1]]
    assert {(b.epoch, b.agent) for b in sent} == {(store.epoch, "agent-1")}
    times = [int(b.boottime_ns[0]) // 10**9 for b in sent if b.frames]
    assert times == [100]  # 1 to 3 it had, by its own word
    ended = [e for b in sent for e in b.events if e["kind"] == "gap"]
    assert [(e["ranges"], e["epoch"]) for e in ended] == [([], old)]
    # nothing twice: what the first one had is withheld from it under the new epoch
    assert all(not decode_batch(b.blob).frames for b in store.pending("here", 10**6, 10**9)[1])
    store.seal(())
    for name in ("here", "there", "alarms"):
        account(store, name)
    assert any(
        e.get("detector") == "buffer_renumbered"
        for b in store.pending("there", 10**6, 10**9)[1]
        for e in decode_batch(b.blob).events
    )
    store.close()
    again = open_store(upstreams=[HERE, THERE, ALARMS])
    for name in ("here", "there", "alarms"):
        account(again, name)


def test_an_upstream_that_claims_what_was_never_sealed_is_not_believed(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=1))])
    store.reconcile("here", store.epoch, Ranges())
    with pytest.raises(Implausible):
        store.reconcile("there", store.epoch, Ranges([(1, 10**9)]))
    with pytest.raises(Implausible):
        store.reconcile("here", store.epoch, Ranges([(1, 2)]))
    assert waiting(store, "there") == [1]


def test_what_one_refuses_the_other_gets(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=1)), open_batch(frame(at_s=2))])
    store.apply_acknowledgement("here", store.epoch, [1], {2: "no such unit"})
    store.seal(())
    assert 2 in waiting(store, "there")
    assert account(store, "here")["dropped"] == 1
    assert account(store, "there")["dropped"] == 0
    acknowledge(store, "there", 1, 2)
    assert account(store, "there")["acknowledged"] == 2
    assert store._db.execute("SELECT sequence, upstream FROM refused").fetchall() == [(2, "here")]


def test_what_one_has_lost_is_sent_again_to_that_one(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=n)) for n in range(4)])
    acknowledge(store, "here", 1, 2, 3, 4)
    acknowledge(store, "there", 1, 2, 3, 4)
    store.name_missing("there", store.epoch, Ranges([(4, 4)]))
    store.seal(())
    assert (waiting(store, "here"), waiting(store, "there")) == ([], [1, 2, 3])
    assert store.account("there").healing == 3


def test_what_two_lose_one_after_the_other_is_each_ones_loss_and_told_once(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=n)) for n in range(4)])
    acknowledge(store, "here", 1, 2, 3, 4)
    acknowledge(store, "there", 1, 2, 3, 4)
    store._db.execute("DELETE FROM batch WHERE sequence <= 3")  # as if the history had gone on
    store._opened.files.note()
    for name, dropped in (("here", 0), ("there", 3)):
        assert account(store, "there")["dropped"] == 0
        store.name_missing(name, store.epoch, Ranges([(4, 4)]))
        store.seal(())
        assert account(store, "here")["dropped"] == 3
        assert account(store, "there")["dropped"] == dropped
    told = store._db.execute("SELECT first, last FROM gap").fetchall()
    assert told == [(1, 3)]


def test_what_one_refused_and_lost_with_all_else_is_pending_once_more(open_store: Opener) -> None:
    store = open_store(upstreams=[HERE, THERE])
    store.seal([open_batch(frame(at_s=1)), open_batch(frame(at_s=2))])
    store.apply_acknowledgement("here", store.epoch, [1], {2: "no such unit"})
    store.seal(())
    store.name_missing("here", store.epoch, Ranges())
    store.seal(())
    assert {1, 2} <= {*waiting(store, "here")}
    assert account(store, "here")["dropped"] == account(store, "here")["acknowledged"] == 0


def test_files_that_were_exchanged_bring_nobody_anything_twice(open_store: Opener, tmp_path: Path) -> None:
    store = open_store(upstreams=[HERE, THERE, ALARMS])
    store.seal([open_batch(frame(at_s=1)), open_batch(frame(at_s=2))], [Event("rack-1", ALARM)])
    acknowledge(store, "here", 1, 2, 3)
    (tmp_path / "buffer.db").rename(tmp_path / "taken.db")
    assert store.look()
    frames = {
        name: [b for b in store.pending(name, 10**6, 10**9)[1] if decode_batch(b.blob).frames]
        for name in ("here", "there", "alarms")
    }
    assert [len(frames[name]) for name in ("here", "there", "alarms")] == [0, 2, 0]
    for name in frames:
        account(store, name)
    store.close()
    again = open_store(upstreams=[HERE, THERE, ALARMS])
    for name in frames:
        account(again, name)


@pytest.mark.parametrize("seed", range(6))
def test_each_account_balances_whatever_happens(tmp_path: Path, seed: int) -> None:
    """Seals, answers, losses, drops, other upstreams and restarts at random; each opening looks, too."""
    rng = random.Random(seed)
    choices = [HERE, THERE, COPY, ALARMS]
    named = [HERE, COPY]

    def opened() -> Store:
        settings = BufferSettings(max_bytes=400_000, history_bytes=100_000)
        return Store(tmp_path / "buffer.db", "agent-1", BOOT, named, own_alarm, settings)

    store, at_s = opened(), 0
    for _ in range(150):
        what = rng.random()
        if what < 0.45:
            events = [Event("rack-1", ALARM)] if rng.random() < 0.3 else []
            store.seal([open_batch(*noise(2, rng.choice([30, 300]), at_s))], events)
            at_s += 2
        elif what < 0.75:
            one = rng.choice(named).name
            sent = waiting(store, one)
            some = [s for s in sent if rng.random() < 0.6]
            refused = {s: "not sound" for s in some[:1] if rng.random() < 0.1}
            store.apply_acknowledgement(one, store.epoch, [s for s in some if s not in refused], refused)
        elif what < 0.85:
            first = rng.randint(1, store.last_sequence + 1)
            lost = Ranges.through(store.last_sequence).minus(Ranges([(first, first + 5)]))
            store.name_missing(rng.choice(named).name, store.epoch, lost)
        elif what < 0.92:
            named = rng.sample(choices, rng.randint(1, 4))
            store.name_upstreams(named)
        else:
            store.close()
            store = opened()
        for one in named:
            account(store, one.name)
    store.close()
    opened().close()
