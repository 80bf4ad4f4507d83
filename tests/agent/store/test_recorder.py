"""Nothing is forgotten while the disk refuses, and what memory cannot hold is told."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

import agent.store.recorder as module
from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.store import Store
from agent.store.writer import Writer
from agent.wire.batch import Batch, decode_batch
from tests.agent.store.buffers import ALARM, Opener, frame, pending


class Site:
    """A recorder over a buffer whose disk can be made to refuse."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store, self.told = store, list[bool]()
        self.recorder = Recorder(store, writer, 60, self.told.append)

    def refuse(self, refuse: bool = True) -> None:
        self.store._db.execute(f"PRAGMA query_only = {int(refuse)}")

    def batches(self) -> list[Batch]:
        return [decode_batch(b.blob) for b in self.store.pending("main", 10**6, 10**9)[1]]


@pytest.fixture
async def site(open_store: Opener) -> AsyncIterator[Site]:
    writer = Writer()
    yield Site(open_store(), writer)
    writer.close()


async def test_what_the_disk_refuses_is_kept_marked_and_sealed_when_it_takes_it(site: Site) -> None:
    alarm = Event("rack-1", ALARM)
    site.recorder.add(frame(at_s=1))
    site.refuse()
    await site.recorder.seal("rack-1", [alarm])
    assert "readonly" in site.recorder.trouble
    assert site.recorder.unrecorded == [alarm]
    assert site.recorder.open.frames == 1
    assert site.told == []

    site.recorder.add(frame(at_s=2))
    site.refuse(False)
    await site.recorder.seal()
    assert (site.recorder.trouble, site.recorder.unrecorded, site.recorder.open.frames) == ("", [], 0)
    assert site.told == [True]
    assert [b.boottime_ns.tolist() for b in site.batches()] == [[], [10**9], [2 * 10**9]]


async def test_an_alarm_seals_the_open_batches_of_its_rack_and_no_other(site: Site) -> None:
    for unit in ("rack-1/a", "rack-2/a", "rack-1/b"):
        site.recorder.add(frame(unit))
    await site.recorder.seal("rack-1", [Event("rack-1/a", ALARM)])
    assert [b.unit for b in site.batches() if b.frames] == ["rack-1/a", "rack-1/b"]
    assert site.recorder.open.frames == 1


async def test_a_full_batch_asks_for_a_commit_once(site: Site) -> None:
    due = [site.recorder.add(frame(at_s=at_s)) for at_s in range(62)]
    assert due.index(True) == 60
    await site.recorder.seal()
    assert pending(site.store) == [1, 2]


async def test_what_memory_cannot_hold_is_lost_and_said_to_be(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_VALUES", 3 * 100)
    site.refuse()
    for at_s in range(200):
        site.recorder.add(frame(at_s=at_s))
        await site.recorder.seal()
    assert site.recorder.open.values <= 3 * 100
    site.refuse(False)
    await site.recorder.seal()
    sealed = sum(b.frames for b in site.batches())
    losses: list[dict[str, Any]] = [e for b in site.batches() for e in b.events if e["kind"] == "lost"]
    assert sum(loss["frames"] for loss in losses) == 200 - sealed > 0
    assert losses[0]["first_boottime_ns"] == 0
    assert "readonly" in losses[0]["reason"]
    assert site.recorder._lost == {}


async def test_a_unit_that_tells_nothing_keeps_no_other_from_the_disk(site: Site) -> None:
    site.recorder.add(frame("rack-1", n=0))
    site.recorder.add(frame("rack-2"))
    await site.recorder.seal()
    assert [b.unit for b in site.batches()] == ["rack-2"]
    assert site.recorder.open.frames == 0
