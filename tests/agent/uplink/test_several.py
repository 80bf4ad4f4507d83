"""Two collectors and one buffer: none delays the other, and both ends of each agree."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.store.ledger import Event
from agent.store.upstream import Upstream
from agent.uplink.uplink import Uplink
from tests.agent.store.buffers import ALARM
from tests.agent.uplink.conftest import Site, batch, site_in
from tests.agent.uplink.test_uplink import running

FIRST, SECOND = Upstream("first"), Upstream("second", required=False)
ALARMS = Upstream("second", required=False, frames=False)


@asynccontextmanager
async def two(folder: Path, second: Upstream = SECOND) -> AsyncIterator[tuple[Site, Site, list[Uplink]]]:
    """A buffer, that of the first site, with two collectors."""
    async with AsyncExitStack() as stack:
        sites = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            sites.append(await stack.enter_async_context(site_in(folder / name)))
        here, there = sites
        await here.writer(here.store.name_upstreams, [FIRST, second])
        other = replace(there, writer=here.writer).uplink(store=here.store, name="second")
        yield here, there, [here.uplink(name="first"), other]


async def until_all(here: Site, name: str) -> None:
    async with asyncio.timeout(20):
        while (await here.writer(here.store.account, name)).pending:  # noqa: ASYNC110 - told by another task
            await asyncio.sleep(0.01)


async def test_each_gets_everything_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there, (first, second)):
        await here.seal(*range(20))
        async with running(first), running(second):
            await until_all(here, "first")
            await until_all(here, "second")
        assert [(a.stored, a.balanced) for site in (here, there) for a in site.audit()] == [(20, True)] * 2
        assert here.receiver.counts["duplicates"] == there.receiver.counts["duplicates"] == 0


@pytest.mark.long(60)
async def test_one_that_hangs_delays_no_alarm_of_the_other(tmp_path: Path) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.sleep(60)

    async with two(tmp_path) as (here, there, (first, second)):
        here.faults = [hangs] * 9  # type: ignore[list-item]
        await here.seal(1, 2, 3)
        async with running(first), running(second):
            await until_all(here, "second")
            begun_s = time.monotonic()
            await here.writer(here.store.seal, [batch(9)], [Event("rack-1", ALARM)])
            for uplink in (first, second):
                uplink.wake(alarm=True)
            await until_all(here, "second")
            assert time.monotonic() - begun_s < 1.5
        assert (await here.writer(here.store.account, "first")).pending == 5
        assert [(a.stored, a.balanced) for a in there.audit()] == [(5, True)]


async def test_one_for_alarms_alone_never_misses_what_it_is_not_to_have(tmp_path: Path) -> None:
    async with two(tmp_path, ALARMS) as (here, there, (first, second)):
        async with running(first), running(second):
            await here.seal(1, 2)
            await here.writer(here.store.seal, [batch(3)], [Event("rack-1", ALARM)])
            await here.seal(4)
            for uplink in (first, second):
                uplink.wake(alarm=True)
            await until_all(here, "second")
            await until_all(here, "first")
            await here.writer(here.store.seal, [], [Event("rack-1", ALARM)])
            second.wake(alarm=True)
            await until_all(here, "second")
        (account,) = there.audit()
        assert (account.stored, account.withheld, account.missing) == (2, 4, [])
        own = await here.writer(here.store.account, "second")
        assert (own.acknowledged, own.withheld, own.pending) == (2, 4, 0)


async def test_a_second_place_that_is_named_later_gets_what_is_here(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there, (first, second)):
        await here.writer(here.store.name_upstreams, [FIRST])
        await here.seal(*range(10))
        async with running(first):
            await until_all(here, "first")
            await here.writer(here.store.seal, [])
            with_gaps = "DELETE FROM batch WHERE sequence <= 4"  # as if the history had gone on
            await here.writer(here.store._db.execute, with_gaps)
            await here.writer(here.store._opened.files.note)
            await here.writer(here.store.name_upstreams, [FIRST, SECOND])
            async with running(second):
                await until_all(here, "second")
                await here.seal(11)
                second.wake()
                await until_all(here, "second")
        (account,) = there.audit()
        assert (account.stored, account.withheld, account.missing, account.balanced) == (7, 4, [], True)
