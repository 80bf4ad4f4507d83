"""An address behind which two databases answer in turn, which is a mistake of a person's."""

import asyncio
import time
from pathlib import Path

from agent.detect.explanations.said import Said
from agent.tls.contexts import client_context
from agent.uplink.alarms import FORGETS
from agent.uplink.pace import Pace
from agent.uplink.uplink import PATH, Uplink
from tests.agent.uplink.conftest import site_in
from tests.agent.uplink.test_several import two, until_all
from tests.agent.uplink.test_uplink import running

ALARM_S = 10.0


async def test_two_databases_in_turn_lose_nothing_cost_the_other_nothing_and_are_told(tmp_path: Path) -> None:
    told: dict[str, Said | None] = {}
    (tmp_path / "other").mkdir()
    async with two(tmp_path) as (here, there, (_, second)), site_in(tmp_path / "other") as other:
        first = Uplink(
            "first", here.url, "site-1", here.store, here.writer, Pace(1.0), client_context, told.__setitem__
        )
        async with running(first), running(second):
            end_s, n = time.monotonic() + ALARM_S, 0
            while time.monotonic() < end_s and not told.get(FORGETS):
                first._url = (here, other)[n % 2].url + PATH
                first._healing.at_s = 0.0
                await here.seal(n)
                for uplink in (first, second):
                    uplink.wake()
                await asyncio.sleep(0.05)
                n += 1
            assert "several collectors answer there" in told[FORGETS].text
            await until_all(here, "second")
            await until_all(here, "first")
        assert [(a.stored, a.balanced) for a in there.audit()] == [(n, True)]
        counts = [account.stored for site in (here, other) for account in site.audit()]
        assert max(counts) <= n <= sum(counts)
        requests = len(here.requests) + len(other.requests)
        assert requests < 6 * n + 20, requests
