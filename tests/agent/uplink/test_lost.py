"""A collector that lost what it had acknowledged gets it again; one that only says so costs nothing fresh."""

import asyncio
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from agent.store.account import Account
from agent.store.ledger import Event
from agent.uplink.alarms import FORGETS
from agent.uplink.healing import HealingPace
from agent.wire import Acknowledgement, Request, encode_ack
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM
from tests.agent.uplink.peer import Box, Peer, box, own, peer
from tests.until import until


class Forgetful:
    """A collector that holds what it got, until it is told to forget."""

    def __init__(self) -> None:
        self.held, self.forgets_all = Ranges(), False

    def __call__(self, request: Request) -> bytes:
        sent = Ranges((s, s) for s, _ in request.batches)
        self.held = Ranges([*self.held, *sent])
        said = sent if self.forgets_all else self.held
        top = self.held.highest
        missing = list(Ranges.through(top).minus(said))
        return own(200, encode_ack(Acknowledgement(request.epoch, top, missing)))


async def delivered(there: Peer, here: Box, *at_s: int) -> list[int]:
    """Seal batches, wait until they came, and return what came besides, in order."""
    before = len(there.sent)
    first = here.store.last_sequence + 1
    await here.seal(*at_s)
    await until(lambda: {*range(first, first + len(at_s))} <= {*there.sent}, within_s=2.0)
    return there.sent[before:]


async def settled(here: Box) -> None:
    async with asyncio.timeout(20):
        while await here.pending():  # noqa: ASYNC110 - told by the uplink's own task
            await asyncio.sleep(0.005)


async def known_as_lost(here: Box, batches: int) -> Account:
    """Seal until it is known on disk that so many are missing: what an answer says is written with the next
    commit, and a batch came before its answer did.
    """
    async with asyncio.timeout(20):
        for at_s in count(10_000):
            account = await here.writer(here.store.account, "main")
            if account.pending == account.healing == batches:
                break
            await here.seal(at_s)
            await asyncio.sleep(0.05)
    return account


async def test_what_is_lost_is_sent_again_behind_what_is_fresh(tmp_path: Path) -> None:
    collector = Forgetful()
    async with peer(collector) as there, box(tmp_path, there.port, batches=20) as here:
        await until(lambda: collector.held.count == 20)
        await here.alarm()
        await until(lambda: collector.held.count == 21)
        await here.seal(100)
        await settled(here)
        collector.held = Ranges([(1, 5)])
        here.uplink._healing.at_s = 1e12  # not yet
        await delivered(there, here, 101)
        assert (await known_as_lost(here, 17)).dropped == 0
        before = len(there.sent)
        here.uplink._healing.at_s = 0.0
        here.uplink.wake()
        await settled(here)
        healed = there.sent[before:]
        assert healed[0] == 21  # the alarm
        assert sorted(healed[1:]) == [*range(6, 21), 22]
        assert FORGETS not in here.alarms


async def test_the_greeting_of_a_collector_that_is_empty_begins_it_too(tmp_path: Path) -> None:
    collector = Forgetful()
    async with peer(collector) as there, box(tmp_path, there.port, batches=5) as here:
        await settled(here)
    collector.held = Ranges()
    async with peer(collector) as there, box(tmp_path, there.port, batches=1) as here:
        await until(lambda: there.sent == [6])
        await here.seal(50)
        await until(lambda: collector.held.count == 7)
        assert sorted(there.sent[2:]) == [1, 2, 3, 4, 5]


async def test_one_that_calls_everything_missing_for_ever_gets_each_batch_twice_and_fresh_ones_at_once(
    tmp_path: Path,
) -> None:
    collector = Forgetful()
    async with peer(collector) as there, box(tmp_path, there.port, batches=300) as here:
        await settled(here)
        collector.forgets_all = True
        for at_s in range(1000, 1030):
            await delivered(there, here, at_s)
        here.uplink._healing.at_s = 0.0
        for at_s in range(1030, 1040):
            await delivered(there, here, at_s)
            here.uplink._healing.at_s = 0.0
        assert max(Counter(there.sent).values()) == 2
        assert "acknowledged twice" in here.alarms[FORGETS]


async def test_a_turn_that_comes_while_the_buffer_is_asked_is_taken_at_once(tmp_path: Path) -> None:
    collector = Forgetful()
    async with peer(collector) as there, box(tmp_path, there.port, batches=20) as here:
        await settled(here)
        collector.held = Ranges([(1, 5)])
        here.uplink._healing.at_s = 1e12  # not yet
        await delivered(there, here, 100)
        await known_as_lost(here, 15)
        here.uplink._healing.at_s = time.monotonic() + 0.1
        asking = asyncio.create_task(here.writer(time.sleep, 0.3))  # it is looked before, and answered after
        here.uplink.wake()
        await asking
        async with asyncio.timeout(5):  # of the 20 s until the next sign of life
            while (await here.writer(here.store.account, "main")).healing:  # noqa: ASYNC110 - told by the uplink's own task
                await asyncio.sleep(0.005)


@pytest.mark.long(20)
async def test_a_live_alarm_overtakes_what_is_healed(tmp_path: Path) -> None:
    collector = Forgetful()
    async with peer(collector) as there, box(tmp_path, there.port, batches=50) as here:
        await here.writer(here.store.seal, [], [Event("rack-1", ALARM)] * 50)
        here.uplink.wake()
        await settled(here)
        here.uplink._pace.max_batches = here.uplink._pace._most_batches = 4
        collector.held = Ranges()
        await delivered(there, here, 200, 201)
        await here.alarm()
        live = here.store.last_sequence
        await until(lambda: collector.held.count == live, 120.0)  # of a core, which may be slow
        behind = there.sent[there.sent.index(live) :]
        assert len(set(range(1, 101)) & set(behind)) > 50  # it did not wait for all of them


def test_healing_takes_a_backlogs_share_of_the_link_and_a_fifth_of_a_core() -> None:
    pace = HealingPace(backlog_share=0.8)
    pace.taken(now_s=100.0, took_s=10.0, cpu_s=0.1)
    assert pace.at_s == 100.0 + 2.5  # 10 s of 12.5
    pace.taken(now_s=100.0, took_s=0.1, cpu_s=0.1)
    assert abs(pace.at_s - (100.0 + 0.1 / 0.2 - 0.1)) < 1e-9
