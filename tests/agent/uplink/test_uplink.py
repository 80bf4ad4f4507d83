"""Every batch arrives once, whatever the collector answers, and alarms arrive first."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

import agent.uplink.pace as pace_module
import agent.uplink.uplink as module
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire import Limits
from tests.agent.store.buffers import ALARM, BOOT, own_alarm
from tests.agent.uplink.conftest import SCHEMA, Fault, Site, batch, site_in

Handler = Callable[[], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "RETRY_FLOOR_S", 0.05)
    monkeypatch.setattr(random, "random", lambda: 0.0)


@asynccontextmanager
async def running(uplink: Uplink) -> AsyncIterator[Uplink]:
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def answering(status: int, **headers: str) -> Fault:
    async def fault(http: web.Request, handler: Handler) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return fault


async def lost_answer(http: web.Request, handler: Handler) -> web.StreamResponse:
    """The collector commits, and the line breaks before the agent hears of it."""
    await handler()
    assert http.transport
    http.transport.abort()
    return web.Response()


async def test_a_lost_acknowledgement_costs_a_resend_and_never_a_batch(site: Site) -> None:
    site.faults = [lost_answer, lost_answer]
    await site.seal(1, 2, 3)
    async with running(site.uplink()):
        await site.delivered()
    assert site.receiver.counts["batches"] == 3
    assert site.receiver.counts["duplicates"] == 6
    assert [(a.stored, a.balanced) for a in site.audit()] == [(3, True)]


async def test_413_halves_the_request_until_it_fits_and_never_a_batch(site: Site) -> None:
    site.receiver.limits = Limits(batches=3)
    await site.seal(*range(20))
    async with running(site.uplink()):
        await site.delivered()
    sizes = [len(request.batches) for request in site.requests if request.batches]
    assert sizes[:4] == [20, 10, 5, 2]
    assert [(a.stored, a.balanced) for a in site.audit()] == [(20, True)]


async def test_a_batch_that_is_refused_for_good_is_accounted_for_at_both_ends(site: Site) -> None:
    site.receiver.limits = Limits(values=100)
    await site.seal(1, 3)
    await site.seal(2, n=200)
    async with running(site.uplink()) as uplink:
        await site.delivered()
        await site.seal(4)
        uplink.wake()
        await site.delivered()
    (account,) = site.audit()
    assert (account.sealed, account.stored, account.dropped, account.balanced) == (5, 4, 1, True)
    own = await site.writer(site.store.account, "main")
    assert (own.sealed, own.acknowledged, own.dropped) == (5, 4, 1)


async def test_an_alarm_waits_for_no_retry_after_and_all_else_does(site: Site) -> None:
    site.faults = [answering(503, **{"Retry-After": "2"})]
    await site.seal(1)
    async with running(site.uplink()) as uplink:
        await site.until(lambda: len(site.requests) == 2)
        refused_s = time.monotonic()
        await site.writer(site.store.seal, [batch(2)], [Event("rack-1", ALARM)])
        uplink.wake(alarm=True)
        await site.until(lambda: site.receiver.counts["batches"] == 1)
        assert time.monotonic() - refused_s < 1.9  # and not after the 2 s
        assert [sequence for sequence, _ in site.requests[-1].batches] == [2]
        await site.delivered()
        assert time.monotonic() - refused_s >= 2.0
        assert len(site.requests) == 4


async def test_an_alarm_is_tried_at_once_though_the_last_try_failed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    site.faults = [answering(500)]
    await site.seal(1)
    async with running(site.uplink()) as uplink:
        uplink._pace.failures = 10  # from here on it would wait for 30 s
        await site.until(lambda: len(site.requests) == 2)
        await site.writer(site.store.seal, [], [Event("rack-1", ALARM)])
        failed_s = time.monotonic()
        uplink.wake(alarm=True)
        await site.delivered()  # the rest, too: nobody said that it had to wait
        assert time.monotonic() - failed_s < 10.0


async def test_alarms_of_before_the_start_wait_for_no_retry_after_either(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_module, "ALARM_S", 1.0)
    await site.writer(site.store.seal, [], [Event("rack-1", ALARM)])
    await site.seal(1)
    site.faults = [answering(503, **{"Retry-After": "300"})] * 2
    async with running(site.uplink()):
        await site.until(lambda: site.receiver.counts["batches"] == 1)
        sent = [[sequence for sequence, _ in request.batches] for request in site.requests]
        assert sent == [[], [1, 2], [1], [1]]


async def test_two_living_copies_of_a_buffer_conflict_and_the_later_one_stops_and_alarms(
    site: Site, tmp_path: Path
) -> None:
    await site.seal(1)
    await site.uplink().flush(5.0)
    image = site.store._db.serialize()
    (tmp_path / "copy.db").write_bytes(image)
    copy = Store(tmp_path / "copy.db", "site-1", BOOT, [MAIN], own_alarm)
    try:
        twin = site.uplink(store=copy)
        await twin.flush(5.0)
        await site.writer(copy.seal, [batch(22)])
        await site.seal(2)
        await site.uplink().flush(5.0)  # 2, as the first one has it
        async with running(twin):
            async with asyncio.timeout(10):
                while not site.conflicts:  # noqa: ASYNC110 - told by the uplink's own task
                    await asyncio.sleep(0)
            count = len(site.requests)
            twin.wake(alarm=True)
            await twin.flush(1.0)
        assert len(site.requests) == count
        assert not twin.status.reached
        assert "this agent's buffer is a copy" in site.conflicts[0]
    finally:
        copy.close()
    assert not site.audit()[0].balanced


async def test_alarms_far_ahead_of_a_backlog_full_of_holes_are_acknowledged(site: Site) -> None:
    for at_s in range(600):
        await site.writer(
            site.store.seal, [batch(at_s, n=1)], [Event("rack-9", {**ALARM, "boottime_ns": at_s})]
        )
    pace = Pace(backlog_share=1e-9)
    pace.max_batches = 100
    pace.backlog_at_s = 1e12  # no backlog at all
    async with running(site.uplink(pace)):
        await site.until(lambda: sum(len(request.batches) for request in site.requests) >= 600)
    (account,) = site.audit()
    assert (account.stored, account.missing_count) == (600, 599)
    assert site.receiver.counts["duplicates"] == 0


async def test_the_collector_asks_for_a_schema_and_gets_it(site: Site) -> None:
    await site.seal(1)
    uplink = site.uplink()
    uplink._schemas.arrived([SCHEMA])  # as if it had gone to a collector that lost its disk
    async with running(uplink):
        await site.until(lambda: any(request.schemas for request in site.requests))
        await site.delivered()
    assert site.receiver.intake._known.lacks([SCHEMA]) == []


async def test_a_quiet_agent_gives_a_sign_of_life(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    async with running(site.uplink()):
        await site.until(lambda: len(site.requests) >= 3)
    assert all(request.batches == [] for request in site.requests)


async def test_fresh_batches_and_alarms_do_not_wait_for_the_backlogs_turn(site: Site) -> None:
    await site.seal(*range(30))
    pace = Pace(backlog_share=1e-9)  # after its first request the backlog waits for years
    pace.max_batches = 1
    uplink = site.uplink(pace)
    async with running(uplink):
        await site.until(lambda: any(request.batches for request in site.requests))
        await site.writer(site.store.seal, [batch(100)], [Event("rack-9", ALARM)])
        uplink.wake(alarm=True)
        await site.until(lambda: sum(len(request.batches) for request in site.requests) == 3)
    sent = [sequence for request in site.requests for sequence, _ in request.batches]
    assert sent == [1, 31, 32]


async def test_a_restored_image_is_told_apart_before_anything_of_it_is_sent(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        await site.seal(1, 2, 3)
        image = site.store._db.serialize()
        async with running(site.uplink()):
            await site.delivered()
            await site.seal(4, 5)
        await site.uplink().flush(5.0)
    (tmp_path / "buffer.db").unlink()
    (tmp_path / "buffer.db").write_bytes(image)
    async with site_in(tmp_path) as site:
        assert site.store.last_sequence == 3
        await site.seal(104, 105)
        async with running(site.uplink()):
            await site.delivered()
        (account,) = site.audit()
        assert (account.balanced, account.doubts) == (True, [])
        assert account.stored == 8  # 1 to 5, the two new ones, and the alarm that says so
        assert site.conflicts == []
