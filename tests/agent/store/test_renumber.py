"""No answer moves a buffer farther than it can have come; one that 0.1.0 moved gets away from there."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

import agent.store.ledger as ledger_module
from agent.store.errors import Implausible
from agent.store.ledger import Event
from agent.store.reading import Buffer
from agent.store.store import Store
from agent.wire.batch import Batch, decode_batch, encode_batch
from agent.wire.limits import UNBOUNDED
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM, Opener, balance, frame, kill, noise, open_batch, pending

NOW_S = 1_800_000_000.0
MADE = "UPDATE _sqlite_migrations SET applied_at = ?"


def batches_of(store: Store) -> list[Batch]:
    return [decode_batch(b.blob) for b in store.pending("main", 10**6, 10**9)[1]]


@pytest.mark.parametrize(
    ("made", "units", "most"),
    [
        ("2027-01-15 07:55:00+00:00", 1, 3000),  # five minutes ago
        ("2027-01-15 07:59:59.9+00:00", 2, 1200),  # just now: a minute's worth
        ("2027-01-15 07:55:00", 3, 9000),  # as another version may write it: UTC all the same
        ("1970-01-01 00:00:10+00:00", 1, 315_576_000),  # the clock was never set: a year's worth
        ("2025-06-01 00:00:00+00:00", 1, 315_576_000),  # nor here: that is before our first release
        ("2031-01-01 00:00:00+00:00", 1, 315_576_000),  # nor now, it seems
        ("nonsense", 1, 315_576_000),
        (None, 1, 315_576_000),
    ],
)
def test_an_answer_moves_a_buffer_by_no_more_than_it_can_have_forgotten(
    open_store: Opener, made: str | None, units: int, most: int
) -> None:
    store = open_store(units=units)
    store.seal([open_batch(frame())])
    store._db.execute(MADE, [made])
    again = open_store(units=units)
    again.seal([open_batch(frame(at_s=1))])
    for beyond in (most + 2, 2**40, 2**63 - 1):
        with pytest.raises(Implausible, match="more than there can be"):
            again.reconcile("main", again.epoch, Ranges([(1, beyond)]), NOW_S)
        assert (again.last_sequence, pending(again)) == (2, [1, 2])
    again.reconcile("main", again.epoch, Ranges([(1, most + 1)]), NOW_S)
    assert balance(again)[0] == again.last_sequence == most + 3  # what was sealed meanwhile, and the alarm


def test_a_buffer_is_moved_once_and_whoever_claims_more_later_is_not_believed(open_store: Opener) -> None:
    store = open_store()
    store.seal([open_batch(frame())])
    again = open_store()
    again.reconcile("main", again.epoch, Ranges([(1, 5)]))
    account = balance(again)
    again.reconcile("main", again.epoch, Ranges([(1, account[0])]))
    with pytest.raises(Implausible):
        again.reconcile("main", again.epoch, Ranges([(1, account[0] + 1)]))
    again.reconcile("main", bytes(16), Ranges([(1, 10**6)]))  # of an epoch that ended
    assert balance(again) == account


def moved(open_store: Opener, to: int, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A buffer as 0.1.0 left it that had believed such an answer: two delivered batches, three that wait."""
    store = open_store()
    store.seal([open_batch(frame(at_s=1)), open_batch(frame(at_s=2))])
    monkeypatch.setattr(ledger_module, "encode_batch", partial(encode_batch, limits=UNBOUNDED))
    with store._transaction() as ledger:
        ledger.acknowledge("main", Ranges([(1, 2)]))
        ledger.rejoin(2, "main", Ranges([(1, to)]), "forgotten by the buffer")
        ledger.report_gap([(to - 9, to - 7)], "refused: for a reason")
    store.seal([open_batch(frame(at_s=3), frame(at_s=4))], [Event("rack-1", ALARM)])
    kill(store)
    monkeypatch.undo()
    return store


@pytest.mark.parametrize("to", [2**40, 2**62, 2**63 - 4], ids=["just", "far", "to the end of all numbers"])
def test_a_buffer_that_was_moved_too_far_begins_a_new_epoch_once(
    open_store: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: int
) -> None:
    old = moved(open_store, to, monkeypatch)
    store = open_store()
    assert store.epoch != old.epoch
    batches = sorted(batches_of(store), key=lambda batch: batch.sequence)
    assert {(batch.epoch, batch.agent) for batch in batches} == {(store.epoch, "agent-1")}
    end, alarm, frames, own = batches  # the gap of the old epoch is told by its end
    (gap,) = end.events
    assert (gap["kind"], gap["ranges"], gap["epoch"]) == ("gap", [], old.epoch)
    origin = {"salvaged_epoch": old.epoch, "salvaged_sequence": to + 2}
    assert (alarm.unit, *alarm.events) == ("rack-1", {**origin, **ALARM})
    assert frames.raw.tolist() == [[3, 4, 5], [4, 5, 6]]
    assert own.events[0]["detector"] == "buffer_renumbered"
    assert balance(store) == (4, 0, 4, 0)
    assert store.account("main").frames == 2

    kill(store)
    again = open_store()
    assert (again.epoch, again.last_sequence) == (store.epoch, 4)  # once
    again.apply_acknowledgement("main", again.epoch, [1, 2, 3, 4], {})
    again.seal([open_batch(frame(at_s=5))])
    assert balance(again) == (5, 4, 1, 0)
    with_history = Buffer(tmp_path / "buffer.db")
    assert [int(batch.raw[0, 0]) for _, batch in with_history.batches()] == [1, 2, 3, 5]
    with_history.close()


def test_history_of_an_ended_epoch_is_the_first_to_go(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(open_store, 2**50, monkeypatch)
    store = open_store(history_bytes=0)
    for at_s in range(40):
        store.seal([open_batch(*noise(20, 100, at_s))])
    (left,) = store._db.execute("SELECT count(*) FROM batch WHERE sequence < 1").fetchone()
    assert left == 0
    assert balance(store)[2] == 44


def test_where_a_moved_buffer_cannot_be_mended_a_new_one_is_begun_and_the_alarm_is_kept(
    open_store: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(open_store, 2**62, monkeypatch)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("agent.store.store.renumber", full)
    store = open_store()
    assert [event["text"] for batch in batches_of(store) for event in batch.events if "text" in event][
        1:
    ] == ["it heats"]
    assert (tmp_path / "buffer.db-quarantine-1").exists()
    balance(store)
