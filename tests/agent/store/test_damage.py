"""A buffer that is damaged, or older than what the collector has seen of it, goes on and accounts for it."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent.alarms.own import OwnAlarms
from agent.alarms.record import record_of
from agent.clock import Stamp
from agent.detect.explanations.said import Said
from agent.store.errors import StoreError
from agent.store.ledger import Event
from agent.store.store import Store
from agent.wire.batch import decode_batch
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM, Opener, balance, frame, kill, noise, open_batch, pending


def fill(store: Store, batches: int = 40) -> None:
    store.add_schema(bytes(16), b"body")
    for n in range(batches):
        store.seal([open_batch(*noise(1, 300, at_s=n))])
    store.seal([], [Event("rack-1", ALARM)])


def told(store: Store) -> list[dict[str, Any]]:
    return [e for b in store.pending("main", 10**6, 10**9)[1] for e in decode_batch(b.blob).events]


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x55]))


def test_a_damaged_buffer_is_put_aside_and_its_epoch_accounted_for_with_its_alarms(
    open_store: Opener, tmp_path: Path
) -> None:
    store = open_store()
    fill(store)
    old_epoch, path = store.epoch, store.path
    store.close()
    for offset in range(40 * 1024, 60 * 1024, 8):
        flip(path, offset)

    again = open_store()
    assert again.epoch != old_epoch
    assert (tmp_path / "buffer.db-quarantine-1").stat().st_size > 40_000
    again.seal([open_batch(frame())])
    gap, own, alarm = told(again)
    assert gap == {"kind": "gap", "epoch": old_epoch, "ranges": [[1, 41]], "reason": "damaged buffer"}
    assert own["detector"] == "buffer_damaged"
    assert "buffer.db-quarantine-1" in own["text"]
    assert (alarm["text"], alarm["salvaged_epoch"], alarm["salvaged_sequence"]) == ("it heats", old_epoch, 41)
    balance(again)


def test_a_header_that_is_none_still_leaves_the_epoch_to_tell(open_store: Opener) -> None:
    store = open_store()
    fill(store)
    old_epoch, path = store.epoch, store.path
    store.close()
    flip(path, 3)
    again = open_store()
    again.seal([])
    gap = told(again)[0]
    assert (gap["epoch"], gap["ranges"]) == (old_epoch, [])  # how far it had come, nobody knows


def test_an_account_that_does_not_balance_is_damage_though_every_page_is_sound(open_store: Opener) -> None:
    store = open_store()
    fill(store)
    old_epoch = store.epoch
    store._db.execute("DELETE FROM batch WHERE sequence = 7")
    assert open_store().epoch != old_epoch


def test_an_epoch_that_no_batch_has_is_damage_and_the_old_one_is_told(open_store: Opener) -> None:
    store = open_store()
    fill(store)
    old_epoch, path = store.epoch, store.path
    store.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        other = bytes([old_epoch[0] ^ 1]) + old_epoch[1:]
        db.execute("UPDATE ledger SET epoch = ? WHERE name = ''", [other])
    path.with_name(path.name + "-lock").unlink()  # which knows it as well
    again = open_store()
    assert again.epoch[1:] != old_epoch[1:]
    again.seal([])
    gap, own, alarm = told(again)
    assert (gap["epoch"], gap["ranges"]) == (old_epoch, [[1, 41]])
    assert own["detector"] == "buffer_damaged"
    assert (alarm["salvaged_epoch"], alarm["salvaged_sequence"]) == (old_epoch, 41)


def test_damage_found_while_running_costs_no_restart_and_no_alarm(open_store: Opener) -> None:
    store = open_store(history_bytes=0)
    fill(store)
    old_epoch = store.epoch
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._db.execute("PRAGMA cache_size = 0")
    with store.path.open("r+b") as file:
        file.seek(1024)
        file.write(b"\xff" * 30 * 1024)
    store.seal([open_batch(frame(at_s=99))], [Event("rack-2", {**ALARM, "text": "another"})])
    assert store.epoch != old_epoch
    texts = [e["text"] for e in told(store) if e["kind"] == "alarm"]
    assert texts[-1] == "another"
    assert told(store)[0]["ranges"] == [[1, 41]]
    assert store.schemas([bytes(16)]) == [b"body"]
    balance(store)


def test_an_image_that_was_restored_goes_on_above_what_the_collector_has_seen(
    open_store: Opener, tmp_path: Path
) -> None:
    store = open_store()
    for n in range(3):
        store.seal([open_batch(frame(at_s=n))])
    kill(store)
    image = tmp_path / "image"
    image.mkdir()
    for file in tmp_path.glob("buffer.db*"):
        shutil.copy(file, image)
    store = open_store()
    for n in range(3, 9):
        store.seal([open_batch(frame(at_s=n))])
    kill(store)
    for file in image.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "buffer.db-shm").unlink(missing_ok=True)

    restored = open_store()
    assert restored.last_sequence == 3
    restored.seal([open_batch(frame(at_s=100))], [Event("rack-1", ALARM)])  # 4 and 5, drawn a second time
    restored.reconcile(
        "main", restored.epoch, Ranges([(1, 5), (7, 8)])
    )  # the collector never got 6, and 9 it does not know of
    alarm, gap, own = told(restored)
    assert gap == {"kind": "gap", "ranges": [[6, 6]], "reason": "forgotten by the buffer"}
    assert alarm["text"] == "it heats"
    assert own["detector"] == "buffer_rolled_back"
    assert pending(restored) == [9, 11, 12, 10, 1, 2, 3]
    sealed, acknowledged, left, dropped = balance(restored)
    assert (sealed, acknowledged, left, dropped) == (12, 4, 7, 1)
    batches = [decode_batch(b.blob) for b in restored.pending("main", 10**6, 10**9)[1]]
    assert [b.sequence for b in batches] == pending(restored)
    assert restored.account("main").frames == 4
    restored.reconcile("main", restored.epoch, Ranges([(1, 5), (7, 8)]))  # nothing new
    assert restored.last_sequence == sealed


def test_the_alarm_of_an_image_that_was_restored_outlives_a_disk_that_refuses_it(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    fill(store, batches=1)
    own, stamp = OwnAlarms(), Stamp(1, 2, synchronised=True)

    def alarm(detector: str, told: Said) -> list[Event]:
        said = own.say(detector, told, "critical", "", stamp)
        return [Event("", record_of("", event, stamp)) for event in said]

    monkeypatch.setattr(store._own, "_make", alarm)
    store._db.execute("CREATE TRIGGER refuses BEFORE INSERT ON batch BEGIN SELECT RAISE(ABORT, 'no'); END")
    store._opened.files.note()
    for _ in range(2):
        with pytest.raises(StoreError):
            store.reconcile("main", store.epoch, Ranges([(1, 5)]))
    store._db.execute("DROP TRIGGER refuses")
    store._opened.files.note()
    store.reconcile("main", store.epoch, Ranges([(1, 5)]))
    assert [e["detector"] for e in told(store)].count("buffer_rolled_back") == 1
    store.seal([])
    assert [e["detector"] for e in told(store)].count("buffer_rolled_back") == 1
    balance(store)


def test_a_collector_that_knows_no_more_than_the_buffer_changes_nothing(open_store: Opener) -> None:
    store = open_store()
    fill(store)
    again = open_store()
    again.seal([open_batch(frame())])
    again.reconcile("main", again.epoch, Ranges([(1, 41)]))
    assert len(told(again)) == 1
    assert again.last_sequence == 42


def test_a_name_among_the_migrations_that_lacks_one_of_ours_is_damage_and_no_newer_version(
    open_store: Opener,
) -> None:
    store = open_store()
    store._db.execute("UPDATE _sqlite_migrations SET name = 'm001_batcies' WHERE name = 'm001_batches'")
    assert open_store().epoch != store.epoch


def test_damage_in_the_words_of_the_tables_themselves_is_no_crash_loop(open_store: Opener) -> None:
    """A flipped name of a table or column fails no check of the pages, and its message may be no UTF-8."""
    for word in (b"CREATE TABLE ledger", b"batch (", b"value_count", b"first_utc_ns"):
        for mask in (0x01, 0x80):
            store = open_store()
            fill(store, batches=2)
            epoch, path = store.epoch, store.path
            store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            kill(store)
            body = path.read_bytes()
            place = body.index(word) + len(word) - 3
            path.write_bytes(body[:place] + bytes([body[place] ^ mask]) + body[place + 1 :])
            assert open_store().epoch != epoch, word


def test_a_priority_or_an_index_that_would_hide_a_batch_for_ever_is_damage(open_store: Opener) -> None:
    for harm in (
        "UPDATE batch SET priority = 6 WHERE sequence = 3",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'snapshot')"
        " WHERE name = 'batch_first'",
    ):
        store = open_store()
        fill(store, batches=5)
        epoch = store.epoch
        store._db.execute("PRAGMA writable_schema = ON")
        store._db.execute(harm)
        assert open_store().epoch != epoch, harm


def test_a_blob_that_became_a_text_is_damage_found_while_running(open_store: Opener) -> None:
    store = open_store()
    fill(store, batches=5)
    epoch = store.epoch
    store._db.execute("UPDATE batch SET schema = CAST(x'34ff07' AS TEXT) WHERE sequence = 3")
    with pytest.raises(StoreError):
        store.pending("main", 100, 10**6)
    assert store.epoch != epoch


@pytest.mark.parametrize("offset", range(100))
def test_no_byte_of_the_header_keeps_the_agent_from_starting(open_store: Opener, offset: int) -> None:
    store = open_store()
    fill(store, 3)
    path = store.path
    store.close()
    flip(path, offset)
    again = open_store()
    again.seal([open_batch(frame())])
    assert "it heats" in [e.get("text") for e in told(again)] or again.epoch != store.epoch
