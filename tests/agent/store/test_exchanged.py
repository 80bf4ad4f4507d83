"""Files deleted, replaced or written under a running agent: noticed, told, and nothing is lost for it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import agent.store.carry as carry
from agent.clock import Stamp
from agent.store.errors import StoreError
from agent.store.ledger import Event
from agent.store.reading import Buffer
from agent.store.receipt import Receipt
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire.batch import Batch, decode_batch
from agent.wire.schema import encode_schema
from tests.agent.store.buffers import ALARM, BOOT, Opener, balance, frame, open_batch, own_alarm

Mischief = Callable[[Path, Path], object]  # the buffer, and an older copy of its folder
SCHEMA, BODY = encode_schema({"model": "acme"})


def over(suffix: str) -> Mischief:
    """As `cp` does it: the same file, emptied and written again."""

    def write(buffer: Path, old: Path) -> None:
        Path(f"{buffer}{suffix}").write_bytes((old / f"buffer.db{suffix}").read_bytes())

    return write


def gone(*suffixes: str) -> Mischief:
    return lambda buffer, _: [Path(f"{buffer}{suffix}").unlink() for suffix in suffixes]


def replaced(buffer: Path, old: Path) -> None:
    os.replace(old / "buffer.db", buffer)


def restored(buffer: Path, old: Path) -> None:
    buffer.parent.rename(buffer.parent.with_name("broken"))
    shutil.copytree(old, buffer.parent)


def another_process(buffer: Path, _: Path) -> None:
    with closing(sqlite3.connect(buffer)) as db, db:
        db.execute("DELETE FROM alarm")


MISCHIEF: dict[str, Mischief] = {
    "db gone": gone(""),
    "wal gone": gone("-wal"),
    "shm gone": gone("-shm"),
    "lock gone": gone("-lock"),
    "all gone": gone("", "-wal", "-shm", "-lock"),
    "db replaced": replaced,
    "db written over": over(""),
    "wal written over": over("-wal"),
    "shm written over": over("-shm"),
    "lock written over": over("-lock"),
    "all written over": lambda b, old: [over(suffix)(b, old) for suffix in ("", "-wal", "-lock")],
    "folder renamed": lambda b, _: b.parent.rename(b.parent.with_name("elsewhere")),
    "folder restored": restored,
    "another process writes": another_process,
}


def batches(store: Store) -> list[Batch]:
    return [decode_batch(b.blob) for b in store.pending("main", 10**6, 10**9)[1]]


def frames(store: Store) -> list[int]:
    return sorted(int(ns) // 10**9 for batch in batches(store) for ns in batch.boottime_ns)


def texts(store: Store) -> list[str]:
    return [e["text"] for b in batches(store) for e in b.events if e["kind"] == "alarm"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two batches delivered, two not, an alarm; and an older copy of the folder, of before all of them."""
    (tmp_path / "var").mkdir()
    store = Store(tmp_path / "var" / "buffer.db", "agent-1", BOOT, [MAIN], own_alarm)
    store.add_schema(SCHEMA, BODY)
    store.seal([open_batch(frame(at_s=0, schema=SCHEMA))])
    shutil.copytree(tmp_path / "var", tmp_path / "old")
    store.seal([open_batch(frame(at_s=1, schema=SCHEMA))])
    store.apply_acknowledgement("main", store.epoch, [1, 2], {})
    store.seal([open_batch(frame(at_s=2, schema=SCHEMA))], [Event("rack-1", ALARM)])
    store.seal([open_batch(frame(at_s=3, schema=SCHEMA))])
    return store


@pytest.mark.parametrize("mischief", MISCHIEF.values(), ids=MISCHIEF)
def test_files_exchanged_under_the_agent_are_told_and_what_is_wanted_goes_on_in_a_new_epoch(
    store: Store, tmp_path: Path, mischief: Mischief
) -> None:
    epoch = store.epoch
    mischief(store.path, tmp_path / "old")
    assert store.look()
    assert not store.look()
    assert store.epoch != epoch
    (gap,) = [e for b in batches(store) for e in b.events if e["kind"] == "gap"]
    assert (gap["epoch"], gap["ranges"]) == (epoch, [[1, 5]])
    assert "buffer's files were exchanged under the running agent" in "".join(texts(store))
    assert "it heats" in texts(store)
    if mischief not in (MISCHIEF["all written over"],):
        assert frames(store) == [2, 3]
    balance(store)
    again = power_cut(store)
    assert (again.epoch, "it heats" in texts(again)) == (store.epoch, True)
    assert again.schemas([SCHEMA]) == [BODY]
    again.close()


@pytest.mark.parametrize("mischief", MISCHIEF.values(), ids=MISCHIEF)
def test_what_is_called_recorded_after_an_exchange_is_there_after_a_power_cut(
    store: Store, tmp_path: Path, mischief: Mischief
) -> None:
    mischief(store.path, tmp_path / "old")
    receipt = Receipt(lambda: Stamp(1, 2, synchronised=True))
    store.seal(
        [open_batch(frame(at_s=9, schema=SCHEMA))], [Event("rack-1", {**ALARM, "text": "now"}, receipt)]
    )
    assert receipt.recorded
    assert receipt.epoch == store.epoch
    again = power_cut(store)
    assert texts(again).count("now") == 1
    assert frames(again).count(9) == 1
    balance(again)
    again.close()


def power_cut(store: Store) -> Store:
    """Nothing more is written, and what bears no name any more is gone: open what is at the path."""
    store._opened.lock.release()
    return Store(store.path, "agent-1", BOOT, [MAIN], own_alarm)


def test_what_was_put_aside_before_and_cannot_be_deleted_keeps_no_new_buffer_from_being_begun(
    store: Store,
) -> None:
    for number in range(1, 4):
        store.path.with_name(f"buffer.db-quarantine-{number}").touch()
        store.path.with_name(f"buffer.db-quarantine-{number}-wal").mkdir()
    store.path.unlink()
    assert store.look()
    assert "it heats" in texts(store)


def test_an_exchange_between_a_commit_and_the_look_after_it_is_no_recording(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = store._opened.files.check

    def late(written: bool = True) -> None:
        if not written:  # the look after the commit
            gone("")(store.path, store.path)
        check(written)

    monkeypatch.setattr(store._opened.files, "check", late)
    store.seal([open_batch(frame(at_s=9, schema=SCHEMA))], [Event("rack-1", {**ALARM, "text": "now"})])
    again = power_cut(store)
    assert (texts(again).count("now"), frames(again)) == (1, [2, 3, 9])
    again.close()


def test_receipts_follow_into_the_new_epoch(store: Store) -> None:
    receipt = Receipt(lambda: Stamp(1, 2, synchronised=True))
    store.seal([], [Event("", ALARM, receipt)])
    gone("")(store.path, store.path)
    store.look()
    assert (receipt.epoch, store.epoch) == (store.epoch, receipt.epoch)
    store.apply_acknowledgement("main", store.epoch, [receipt.sequence], {})
    assert receipt.held
    store.close()


def test_what_the_agent_and_its_readers_do_themselves_is_no_exchange(store: Store) -> None:
    epoch = store.epoch
    with closing(Buffer(store.path)) as reader:
        for at_s in range(10, 1500, 10):  # the WAL is copied back meanwhile
            store.seal([open_batch(*(frame(n=300, at_s=at_s + i, schema=SCHEMA) for i in range(3)))])
            assert not store.look()
        assert reader.latest()
    assert not store.look()
    os.chmod(store.path, 0o640)
    assert not store.look()
    assert store.epoch == epoch
    store.close()


def test_what_takes_too_long_to_take_over_is_said_to_be_lost_but_no_alarm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "CARRY_S", -1.0)
    gone("")(store.path, store.path)
    store.look()
    assert frames(store) == []
    assert "it heats" in texts(store)
    assert "with 1 of 3 batches" in "".join(texts(store))
    store.close()


def test_another_agent_on_what_was_restored_is_not_disturbed_and_nothing_is_called_recorded(
    store: Store, tmp_path: Path, open_store: Opener
) -> None:
    restored(store.path, tmp_path / "old")
    other = Store(store.path, "agent-1", BOOT, [MAIN], own_alarm)
    other_epoch = other.epoch
    with pytest.raises(StoreError, match="uses this buffer"):
        store.seal([open_batch(frame(at_s=9, schema=SCHEMA))])
    assert not other.look()
    assert other.epoch == other_epoch
    other.close()
    store.seal([open_batch(frame(at_s=9, schema=SCHEMA))])
    assert frames(store) == [2, 3, 9]
    assert list(store.path.parent.glob("*quarantine*"))
    store.close()


def test_times_that_change_by_themselves_do_not_begin_epochs_for_ever(store: Store) -> None:
    epochs = set()
    for _ in range(10):
        store.path.touch()
        store.look()
        epochs.add(store.epoch)
    assert len(epochs) <= 4
    store.close()
