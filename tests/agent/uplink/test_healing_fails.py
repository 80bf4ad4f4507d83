"""A collector that fails at what is sent again, or does not acknowledge it: no fresh batch notices."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import agent.uplink.uplink as module
from agent.uplink.aside import Aside
from agent.uplink.healing import HealingPace
from agent.uplink.pace import MIN_REQUEST_BYTES, RETRY_CEILING_S, RETRY_FLOOR_S
from agent.wire import Acknowledgement, Request, encode_ack
from agent.wire.ranges import Ranges
from tests.agent.uplink.peer import Box, Peer, Say, ack, box, http, own, peer, refused
from tests.until import until

LOST = 20


def closes(request: Request) -> bytes:
    raise ConnectionError


class Stumbling:
    """A collector that lost its first batches, and does one thing to whatever brings them again."""

    def __init__(self) -> None:
        self.held, self.lost = Ranges(), Ranges()
        self.does: Callable[[Request], bytes | None] | None = None

    def __call__(self, request: Request) -> bytes | None:
        sent = Ranges((s, s) for s, _ in request.batches)
        if self.does and sent.count > sent.minus(self.lost).count:
            return self.does(request)
        self.held = Ranges([*self.held, *sent])
        return self.answer(request)

    def answer(self, request: Request) -> bytes:
        top = self.held.highest
        missing = list(Ranges.through(top).minus(self.held))
        return own(200, encode_ack(Acknowledgement(request.epoch, top, missing)))

    def lose(self, does: Say) -> None:
        self.lost, self.held, self.does = self.held, Ranges(), does

    def tries(self, there: Peer) -> list[float]:
        """When it was sent what it lost, after it lost it."""
        found, seen = [], Ranges()
        for at_s, request in there.heard:
            sent = Ranges((s, s) for s, _ in request.batches)
            if seen.minus(sent).count < seen.count:
                found.append(at_s)
            seen = Ranges([*seen, *sent])
        return found


WAYS: dict[str, Callable[[Stumbling], Say]] = {
    "fails": lambda _: lambda _: refused(500),
    "closes": lambda _: closes,
    "never acknowledges": lambda collector: collector.answer,
    "is busy": lambda _: lambda _: refused(503, Retry_After="600"),
    "finds it too large": lambda _: lambda _: refused(413),
    "a proxy finds it too large": lambda _: lambda _: http(413, b"<html>too large</html>"),
    "says what cannot be": lambda _: lambda request: ack(request, durable_through=10**6),
    "acknowledges another epoch": lambda _: (
        lambda request: own(200, encode_ack(Acknowledgement(bytes(16), 1)))
    ),
}


async def arrives_within_s(collector: Stumbling, here: Box, at_s: int, alarm: bool = False) -> float:
    """Seal something, and return how long it took to be held."""
    began_s = time.monotonic()
    await (here.alarm() if alarm else here.seal(at_s))
    sequence = here.store.last_sequence
    await until(lambda: sequence in collector.held, within_s=20.0)
    return time.monotonic() - began_s


async def noticed(here: Box) -> None:
    """Seal something by whose answer the loss is noticed, and something with which that is on disk."""
    await here.seal(50)
    await until(lambda: here.store._deliveries["main"].healing.named.count > 0)
    await here.seal(51)


@pytest.mark.parametrize("way", WAYS)
async def test_what_it_does_to_what_is_sent_again_costs_no_fresh_batch(tmp_path: Path, way: str) -> None:
    collector = Stumbling()
    async with peer(collector) as there, box(tmp_path, there.port, batches=LOST) as here:
        await until(lambda: collector.held.count == LOST and here.store.account("main").pending == 0)
        pace, began_s = here.uplink._pace, time.monotonic()
        collector.lose(WAYS[way](collector))
        took_s, n = [], 0
        while time.monotonic() - began_s < 4.0:
            n += 1
            took_s.append(await arrives_within_s(collector, here, 100 + n, alarm=n % 5 == 0))
            assert (pace.failures, pace.wait_s(time.monotonic())) == (0, 0.0)
        tries_s = [at_s for at_s in collector.tries(there) if at_s > began_s]
        assert tries_s  # it was asked, and did it
        assert len(tries_s) <= 5  # within 4 s: no more than one a second
        assert max(took_s) < 0.9, took_s
        assert pace.max_bytes > 2 * MIN_REQUEST_BYTES
        assert pace.max_batches == 256
        assert here.uplink.status.reached
        account = here.store.account("main")
        assert (account.healing, account.dropped) == (LOST, 0)
        collector.does = None
        here.uplink._aside = Aside()
        async with asyncio.timeout(20):
            while here.store.account("main").healing:
                here.uplink._healing.at_s = 0.0
                here.uplink.wake()
                await asyncio.sleep(0.02)
        assert set(range(1, LOST + 1)) <= {s for ends in collector.held for s in range(ends[0], ends[1] + 1)}


async def test_one_that_says_nothing_to_it_keeps_an_alarm_for_half_a_second_and_a_batch_for_five(
    tmp_path: Path,
) -> None:
    collector = Stumbling()
    async with peer(collector) as there, box(tmp_path, there.port, batches=LOST) as here:
        await until(lambda: collector.held.count == LOST and here.store.account("main").pending == 0)
        collector.lose(lambda _: None)
        await noticed(here)
        await until(lambda: len(collector.tries(there)) == 1)
        assert await arrives_within_s(collector, here, 0, alarm=True) < 3.0
        here.uplink._healing.at_s = 0.0
        here.uplink.wake()
        await until(lambda: len(collector.tries(there)) == 2)
        assert 4.0 < await arrives_within_s(collector, here, 52) < 8.0
        assert here.uplink._pace.failures == 0
        assert here.uplink._healing.at_s > time.monotonic() + 4.0  # its share of the link is used up


async def test_where_all_that_waits_is_sent_again_a_sign_of_life_says_whether_the_collector_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 1.0)
    collector = Stumbling()
    async with peer(collector) as there, box(tmp_path, there.port, batches=LOST) as here:
        await until(lambda: collector.held.count == LOST and here.store.account("main").pending == 0)
        collector.lose(lambda _: refused(500))
        await noticed(here)
        await until(lambda: len(collector.tries(there)) >= 1)
        before = len(there.heard)
        await until(lambda: any(not request.batches for _, request in there.heard[before:]), within_s=3.0)
        assert here.uplink.status.reached
        there.say = lambda _: refused(500)
        await until(lambda: not here.uplink.status.reached, within_s=3.0)


async def test_a_last_effort_sends_nothing_again(tmp_path: Path) -> None:
    collector = Stumbling()
    async with peer(collector) as there, box(tmp_path, there.port, batches=LOST, start=False) as here:
        await here.uplink.flush(5.0)
        collector.lose(lambda _: None)
        await here.seal(50)
        await here.uplink.flush(5.0)
        await here.seal(51)
        assert here.store.account("main").healing == LOST
        began_s = time.monotonic()
        await here.uplink.flush(5.0)
        assert time.monotonic() - began_s < 4.0
        assert here.store.last_sequence in collector.held


def test_what_fails_for_ever_is_tried_more_and_more_seldom_and_one_by_one() -> None:
    pace, now_s, waits_s = HealingPace(backlog_share=1.0), 0.0, []
    for n in range(12):
        pace.failed(now_s, 0.01, 0.0, max(1, 256 >> n), chance=1.0)
        waits_s.append(pace.at_s - now_s)
        now_s = pace.at_s
    assert RETRY_FLOOR_S < waits_s[0] < waits_s[2] < waits_s[-1] == RETRY_CEILING_S
    assert len(pace.fitting([])) == 0
    pace.failed(now_s, 0.01, 0.0, 1, 0.0, retry_after_s=300.0)
    assert pace.at_s == now_s + 300.0
    pace.failed(now_s, 5.0, 4.0, 1, 0.0)
    assert pace.at_s == now_s + 15.0  # of a core: 4 s in 20 s
