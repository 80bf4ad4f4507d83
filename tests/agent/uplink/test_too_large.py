"""413, of the collector or of what lies before it: the request is halved, nothing is dropped or held up."""

import asyncio
import time
from pathlib import Path

import pytest

import agent.uplink.pace as pace_module
import agent.uplink.uplink as module
from agent.store.black_box import ROUTINE
from agent.store.outgoing import PendingBatch
from agent.uplink.aside import AGAIN_S, MOST, Aside
from agent.wire import Request
from tests.agent.uplink.conftest import SCHEMA, SCHEMA_BODY, batch
from tests.agent.uplink.peer import ack, box, http, peer, refused
from tests.until import until

NGINX = http(413, b"<html>\r\n<h1>413 Too Large</h1>", Server="nginx/1.22.1", Content_Type="text/html")
OWN = refused(413, "too large")
#: Who refuses, and what of it is said.
BOTH = pytest.mark.parametrize(
    ("answer", "says"),
    [
        (NGINX, "HTTP 413 from nginx/1.22.1, not from the collector: <html> <h1>413 Too Large</h1>"),
        (OWN, "HTTP 413: too large"),
    ],
    ids=["on the way", "the collector"],
)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "RETRY_FLOOR_S", 0.05)
    monkeypatch.setattr(module, "ALONE_S", 0.2)


def shapes(heard: list[tuple[float, Request]]) -> list[tuple[int, int]]:
    """How many batches and schemas each request had."""
    return [(len(request.batches), len(request.schemas)) for _, request in heard]


@BOTH
async def test_whatever_is_too_large_alone_is_passed_over_said_and_never_dropped(
    tmp_path: Path, answer: bytes, says: str
) -> None:
    async with (
        peer(lambda r: answer if r.batches else ack(r)) as there,
        box(tmp_path / "box", there.port, batches=4) as site,
    ):
        await until(lambda: site.uplink.status.set_aside == 4)
        assert shapes(there.heard)[:5] == [(0, 0), (4, 1), (2, 1), (1, 1), (1, 0)]
        await asyncio.sleep(0.5)
        assert there.sent.count(1) == 4  # and no more for an hour
        account = site.store.account("main")
        assert (account.sealed, account.pending, account.dropped) == (4, 4, 0)
        assert says in site.uplink.status.trouble
        assert "4 of the batches that wait" in site.alarms["uplink_too_large"]
        await site.alarm()
        await until(lambda: site.uplink.status.set_aside == 5)
        assert there.sent.count(5) == 1


@BOTH
async def test_a_batch_that_is_too_large_holds_up_no_other(tmp_path: Path, answer: bytes, says: str) -> None:
    def not_2(request: Request) -> bytes:
        return answer if 2 in dict(request.batches) else ack(request, missing=[(2, 2)])

    async with peer(not_2) as there, box(tmp_path / "box", there.port, batches=5) as site:
        await until(lambda: site.store.account("main").pending == 1)
        assert says in site.alarms["uplink_too_large"]
        assert site.uplink.status.reached
        assert "passed over" in site.uplink.status.trouble
        count = there.sent.count(2)
        await site.seal(10, 11, 12)
        await until(lambda: site.store.account("main").pending == 1)
        assert there.sent.count(2) <= count + (answer is NGINX)  # at most once, as it may have been mended


async def test_the_others_go_together_again_once_it_is_known_which_one_is_too_large(tmp_path: Path) -> None:
    def not_2(request: Request) -> bytes:
        return OWN if 2 in dict(request.batches) else ack(request, missing=[(2, 2)])

    async with peer(not_2) as there, box(tmp_path / "box", there.port, batches=8) as site:
        await until(lambda: site.store.account("main").pending == 1)
        alone = max(n for n, (_, request) in enumerate(there.heard) if [*dict(request.batches)] == [2])
        assert max(shapes(there.heard)[alone:])[0] > 1


async def test_what_is_as_large_as_what_was_kept_out_goes_alone(tmp_path: Path) -> None:
    def small(request: Request) -> bytes:
        large = any(len(blob) > 1000 for _, blob in request.batches)
        return NGINX if large else ack(request, missing=[(s, s) for s in (4, 8, 12)])

    async with (
        peer(small) as there,
        box(tmp_path / "box", there.port) as site,
    ):
        for n in range(2):
            await site.writer(site.store.seal, [batch(90 + n, n=500)])
            await site.writer(site.store.seal, [batch(10 * n + m) for m in (11, 12, 13)])
            site.uplink.wake()
            await until(lambda n=n: site.uplink.status.set_aside == n + 1)  # type: ignore[misc]
            await until(lambda n=n: site.store.account("main").pending == n + 1)  # type: ignore[misc]
        assert there.sent.count(8) == 1


async def test_a_schema_that_the_buffer_does_not_have_holds_up_no_batch(tmp_path: Path) -> None:
    def small(request: Request) -> bytes:
        large = any(len(blob) > 1000 for _, blob in request.batches)
        return NGINX if large else ack(request, missing=[(4, 4)])

    async with peer(small) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.store.account("main").pending == 0)
        await site.writer(site.store.seal, [batch(90, n=500)])  # of a schema that nobody kept
        site.uplink.wake()
        await until(lambda: site.uplink.status.set_aside == 1)
        site.store.seal([batch(10)])
        time.sleep(1.5 * module.ALONE_S)  # noqa: ASYNC251 - both are due at once, the schema and the batch
        site.uplink.wake()
        await until(lambda: site.store.account("main").pending == 1, 5.0)


async def test_where_the_limit_on_the_way_is_mended_all_that_it_kept_out_is_tried_again(
    tmp_path: Path,
) -> None:
    async with (
        peer(lambda r: NGINX if r.batches else ack(r)) as there,
        box(tmp_path / "box", there.port) as site,
    ):
        await site.alarm()
        await until(lambda: site.uplink.status.set_aside == 4)
        there.say = ack
        await site.writer(site.store.seal, [batch(99, n=200)])  # larger than all
        site.uplink.wake()
        await until(lambda: site.store.account("main").pending == 0 and site.alarms == {})
        assert (site.uplink.status.trouble, site.uplink.status.set_aside) == ("", 0)


async def test_batches_go_without_a_schema_that_a_limit_keeps_out_and_that_is_said(tmp_path: Path) -> None:
    def limited(request: Request) -> bytes:
        return NGINX if request.schemas else ack(request, need_schema=[SCHEMA])

    async with peer(limited) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.store.account("main").pending == 0)
        await until(lambda: "uplink_schema_too_large" in site.alarms)
        assert "nginx" in site.alarms["uplink_schema_too_large"]
        assert "uplink_too_large" not in site.alarms
        count = len([r for _, r in there.heard if r.schemas])
        await site.seal(10, 11)
        await until(lambda: site.store.account("main").pending == 0)
        assert len([r for _, r in there.heard if r.schemas]) == count  # not before an hour is over
        there.say = ack
        site.uplink._schemas._asked[SCHEMA] = time.monotonic()  # which it is
        await site.seal(12)
        await until(lambda: "uplink_schema_too_large" not in site.alarms)
        assert there.heard[-1][1].schemas == [SCHEMA_BODY] or there.heard[-2][1].schemas == [SCHEMA_BODY]


async def test_a_batch_and_its_schema_go_one_by_one_where_only_both_are_too_large(tmp_path: Path) -> None:
    def limited(request: Request) -> bytes:
        return NGINX if request.batches and request.schemas else ack(request)

    async with peer(limited) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.store.account("main").pending == 0)
        await until(lambda: (0, 1) in shapes(there.heard))
        assert site.alarms == {}


async def test_a_413_to_a_greeting_is_no_word_on_any_batch(tmp_path: Path) -> None:
    async with peer(lambda _: NGINX) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: len(there.heard) == 2)
        assert shapes(there.heard) == [(0, 0), (0, 0)]
        assert site.uplink.status.set_aside == 0
        assert site.uplink.status.trouble.endswith("from the collector: <html> <h1>413 Too Large</h1>")
        there.say = ack
        await until(lambda: site.store.account("main").pending == 0)


def test_what_is_set_aside_is_tried_once_an_hour_and_forgotten_once_it_is_no_more_there() -> None:
    aside = Aside()
    for n in range(MOST + 5):
        aside.put(n, 100, "why", own=True, now_s=0.0)
    assert len(aside) == len(aside.waiting(AGAIN_S - 1)) == MOST
    assert not aside.waiting(AGAIN_S)
    aside.put(7, 100, "why", own=True, now_s=AGAIN_S)
    assert aside.waiting(AGAIN_S + 1) == {7}
    aside.taken({8: 10_000}, AGAIN_S + 1)
    assert aside.waiting(AGAIN_S + 1) == {7}  # the collector's own word is not doubted
    aside.waiting(2 * AGAIN_S + 1)
    assert len(aside) == 1  # the others were dropped by the cap meanwhile


def test_one_that_may_be_too_large_goes_alone_until_one_as_large_gets_through() -> None:
    def parts(*sizes: int) -> list[int]:
        batches = [PendingBatch(n, ROUTINE, None, bytes(size)) for n, size in enumerate(sizes)]
        return [len(batch.blob) for batch in aside.apart(batches)]

    aside = Aside()
    assert parts(1, 9, 5) == [1, 9, 5]
    aside.taken({1: 4}, 0.0)
    assert aside.put(2, 8, "why", own=True, now_s=0.0)  # which nobody had expected
    assert [parts(), parts(1, 9, 2), parts(9, 1), parts(1, 4, 2)] == [[], [1], [9], [1, 4, 2]]
    assert not aside.put(3, 9, "why", own=True, now_s=0.0)
    aside.taken({4: 9}, 0.0)
    assert parts(1, 9, 2) == [1, 9, 2]
    assert aside.put(5, 3, "why", own=True, now_s=0.0)
    assert parts(1, 9, 2) == [1]
