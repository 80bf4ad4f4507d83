"""Whatever is answered, to the greeting or later: the agent goes on, counts as it did, and asks seldom."""

import asyncio
import os
import random
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.uplink.uplink as module
from agent.uplink import pace
from agent.uplink.answer import Conflict, HttpAnswer, RequestTooLarge, UplinkError, retry_after_s, understand
from agent.wire import Request, encode_ack
from agent.wire.request import ACKNOWLEDGEMENT_TYPE
from tests.agent.uplink.conftest import SCHEMA, SCHEMA_BODY
from tests.agent.uplink.peer import Say, ack, box, http, own, peer, refused, sound
from tests.until import until

WATCHED_S = 2.5
#: Answers of the collector's own type that cannot be, and are told by an alarm.
UNSOUND: dict[str, Say] = {
    "through 2^63 - 1": lambda r: ack(r, durable_through=2**63 - 1),
    "through 2^63 - 8": lambda r: ack(r, durable_through=2**63 - 8),
    "through 2^64 - 1": lambda r: ack(r, durable_through=2**64 - 1),
    "through 2^40": lambda r: ack(r, durable_through=2**40),
    "through a year more": lambda r: ack(r, durable_through=400_000_000),
    "through -5": lambda r: ack(r, durable_through=-5),
    "missing reversed": lambda r: ack(r, missing=[(9, 3)]),
    "missing from 0": lambda r: ack(r, missing=[(0, 3)]),
    "missing beyond all numbers": lambda r: ack(r, missing=[(1, 2**64 - 1)]),
    "missing without end": lambda r: ack(r, durable_through=2**40, missing=[(n, n) for n in range(1, 60000)]),
    "wanted without end": lambda r: ack(r, need_schema=[os.urandom(16) for _ in range(5000)]),
    "wanted is no hash": lambda r: ack(r, need_schema=[b"short"]),
    "refused 0": lambda r: ack(r, refused=[(0, "no")]),
    "refused far away": lambda r: ack(r, refused=[(2**63, "no")]),
    "refused without end": lambda r: ack(r, refused=[(s + 1, "no") for s in range(5000)]),
    "another epoch": lambda r: ack(r, epoch=b"another epoch is"),
    "an epoch cut short": lambda r: ack(r, epoch=b"short"),
    "another version": lambda r: own(200, b"\x96\x02" + encode_ack(sound(r))[2:]),
    "noise": lambda _: own(200, os.urandom(1000)),
    "nothing": lambda _: own(200, b""),
    "nested": lambda _: own(200, b"\x91" * 500_000),
    "too much": lambda _: own(200, bytes(3_000_000)),
    "a field less": lambda r: own(200, b"\x95" + encode_ack(sound(r))[1:-1]),
    "more behind it": lambda r: own(200, encode_ack(sound(r)) + b"\xc0"),
}
#: Answers that are not the collector's, or with which it takes nothing.
OTHERS: dict[str, Say] = {
    "200 without the type": lambda r: http(200, encode_ack(sound(r))),
    "200 html": lambda _: http(200, b"<html>log in</html>", Content_Type="text/html", Server="portal"),
    "204": lambda _: b"HTTP/1.1 204 x\r\n\r\n",
    "302": lambda _: http(302, Location="http://127.0.0.1:1/elsewhere"),
    "308": lambda _: http(308, Location="/v1/batches"),
    "401": lambda _: http(401, WWW_Authenticate="Basic"),
    "403": lambda _: http(403, b"\x1b[31mno\x1b[0m"),
    "404": lambda _: http(404, b"not\x00here"),
    "409": lambda _: http(409, b"conflict"),
    "409 of two types": lambda _: refused(409).replace(b"\r\n", b"\r\nContent-Type: text/html\r\n", 1),
    "409 of two types, ours first": lambda _: refused(409).replace(
        b"Content-Length", b"Content-Type: text/html\r\nContent-Length", 1
    ),
    "413": lambda _: http(413, b"<html>too large</html>", Server="nginx"),
    "500 with escapes": lambda _: http(500, b"\x1b]0;fire\x07\r\n2026-01-01 CRITICAL fake\n" * 100),
    "500 that says when": lambda _: http(500, Retry_After="0"),
    "503 and 0": lambda _: http(503, Retry_After="0"),
    "429 and 0": lambda _: http(429, Retry_After="0"),
    "503 and a past date": lambda _: http(503, Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
    "503 and nonsense": lambda _: http(503, Retry_After="soon"),
    "503 and less than nothing": lambda _: http(503, Retry_After="-1"),
    "own 400": lambda _: refused(400, "\x1b[2Jno"),
    "own 403": lambda _: refused(403),
    "own 408": lambda _: refused(408),
    "own 415": lambda _: refused(415),
    "own 500": lambda _: refused(500),
    "own 503 and 0": lambda _: refused(503, Retry_After="0"),
    "own 503 and noise": lambda _: own(503, os.urandom(100)),
    "own 201": lambda r: own(201, encode_ack(sound(r))),
    "no http": lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\x1b[31m\r\n\r\n",
    "a bad length": lambda _: b"HTTP/1.1 200 x\r\nContent-Length: -7\r\n\r\n",
    "bad chunks": lambda _: b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "headers without end": lambda _: b"HTTP/1.1 200 x\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
    "a header without end": lambda _: b"HTTP/1.1 200 x\r\nServer: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "an odd type": lambda _: http(200, b"x", Content_Type="\x80;;=\x01,/"),
    "101": lambda _: b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "100 again and again": lambda _: b"HTTP/1.1 100 x\r\n\r\n" * 1000,
    "silence": lambda _: None,
    "half an answer": lambda r: ack(r)[:-3],
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without its chance, and a time-out that a test can wait for."""
    monkeypatch.setattr(random, "random", lambda: 0.0)
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 3.0)


@pytest.mark.parametrize("sound_first", [False, True], ids=["at the greeting", "later"])
async def test_no_answer_ends_stops_or_renumbers_an_agent_or_costs_more_than_a_request_a_second(
    tmp_path: Path, hurried: None, sound_first: bool
) -> None:
    async def one(name: str, say: Say) -> None:
        async with (
            peer(ack if sound_first else say) as there,
            box(tmp_path / name.replace("/", " "), there.port) as site,
        ):
            if sound_first:
                await until(lambda: site.uplink.status.reached)
                there.say = say
                await site.seal(10, 11)
            pending = await site.pending()
            count, begin_s = len(there.heard), time.monotonic()
            await until(lambda: len(there.heard) > count and bool(site.uplink.status.trouble))
            await until(lambda: ("uplink_answer" in site.alarms) == (name in UNSOUND))
            await asyncio.sleep(begin_s + WATCHED_S - time.monotonic())
            assert len(there.heard) - count <= WATCHED_S + 2, name
            account = site.store.account("main")
            sealed = 5 if sound_first else 3
            assert (account.sealed, account.dropped, account.pending) == (sealed, 0, pending), name
            assert site.store.last_sequence == sealed
            assert site.uplink.status.trouble.isprintable(), name
            assert len(site.uplink.status.trouble) < 500, name
            assert ("uplink_answer" in site.alarms) == (name in UNSOUND), (name, site.alarms)
            assert "uplink_conflict" not in site.alarms
            if site.uplink.status.set_aside:  # what becomes of that is for test_too_large.py
                return
            there.say = ack  # and it goes on where it was
            await until(lambda: site.uplink.status.reached and not site.uplink.status.trouble)
            await until(lambda: site.store.account("main").pending == 0)

    await asyncio.gather(*(one(name, say) for name, say in (UNSOUND | OTHERS).items()))


async def test_an_answer_that_cannot_be_is_an_alarm_until_answers_were_sound_for_a_while(
    tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOUND_S", 0.5)
    async with peer(UNSOUND["noise"]) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: "uplink_answer" in site.alarms)
        assert "its acknowledgement cannot be read" in site.alarms["uplink_answer"]
        assert "Batches wait on disk" in site.alarms["uplink_answer"]
        there.say = ack
        await until(lambda: site.uplink.status.reached)
        await site.seal(10)
        await asyncio.sleep(0.5)
        await site.seal(11)
        await until(lambda: "uplink_answer" not in site.alarms)


async def test_a_collector_that_takes_a_batch_at_a_time_is_not_asked_without_end(
    tmp_path: Path, hurried: None
) -> None:
    """Progress, but such that a backlog would be sent as often as it has batches."""
    taken: set[int] = set()

    def one(request: Request) -> bytes:
        taken.update(sorted({s for s, _ in request.batches} - taken)[:1])
        through = max(taken, default=0)
        return ack(request, durable_through=through)

    async with peer(one) as there, box(tmp_path / "box", there.port, batches=50) as site:
        await until(lambda: len(taken) > 1)
        count = len(there.heard)
        await asyncio.sleep(2.5)
        assert 0 < len(there.heard) - count <= 4
        assert site.store.account("main").dropped == 0


async def test_schemas_that_are_asked_for_without_end_go_more_and_more_seldom(
    tmp_path: Path, hurried: None
) -> None:
    """The ones that there are, beside thousands that nobody has."""

    def asking(request: Request) -> bytes:
        return ack(request, need_schema=[SCHEMA, *(os.urandom(16) for _ in range(3000))])

    async with peer(asking) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.store.account("main").pending == 0)
        await asyncio.sleep(3.2)
        times_s = [at_s for at_s, request in there.heard if request.schemas]
        assert [request.schemas for _, request in there.heard if request.schemas] == [[SCHEMA_BODY]] * len(
            times_s
        )
        waits_s = [b - a for a, b in pairwise(times_s)]
        assert len(times_s) == 4  # ahead of need, as asked for, and 1 s and 3 s after
        assert waits_s[1] >= 0.9
        assert waits_s[2] >= 1.9


async def test_reasons_are_kept_short_and_harmless(tmp_path: Path, hurried: None) -> None:
    reason = "\x1b[31m\0\n</script>" + "x" * 5000

    def refusing(request: Request) -> bytes:
        return ack(request, refused=[(s, reason) for s, _ in request.batches] + [(77, "no"), (2**40, "no")])

    async with peer(refusing) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.store.account("main").pending == 0)
        await site.writer(site.store.seal, ())
        kept = site.store._db.execute("SELECT sequence, reason FROM refused").fetchall()
        assert [sequence for sequence, _ in kept] == [1, 2, 3]
        assert {reason[:25] for _, reason in kept} == {r"\x1b[31m\x00\x0a</script>"}
        assert max(len(reason) for _, reason in kept) <= 200
        assert site.store.account("main").dropped == 3  # by the collector's own word


async def test_batches_that_are_refused_for_good_are_an_alarm_until_none_was_for_an_hour(
    tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {1, 2, 3, 6}  # 4 and 7 tell of what was given up before

    def say(request: Request) -> bytes:
        return ack(request, refused=[(s, "its checksum differs") for s, _ in request.batches if s in bad])

    async with peer(say) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: "uplink_refused" in site.alarms)
        said = site.alarms["uplink_refused"]
        assert "refused 3 batches for good" in said
        assert "batch 3: its checksum differs" in said
        await site.seal(10, 11)
        await until(lambda: "refused 4 batches" in site.alarms["uplink_refused"])
        monkeypatch.setattr(module, "REFUSED_S", 0.2)
        await asyncio.sleep(0.3)
        await site.seal(12)
        await until(lambda: "uplink_refused" not in site.alarms)
        bad.add(9)
        await site.seal(13)
        await until(lambda: "refused 1 batches" in site.alarms.get("uplink_refused", ""))


async def test_an_alarm_does_not_wait_until_nobody_has_answered_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "YIELD_S", 0.2)

    def say(request: Request) -> bytes | None:
        return ack(request) if 5 in dict(request.batches) else None

    async with peer(ack) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: site.uplink.status.reached)
        there.say = say
        await site.seal(10)
        await until(lambda: 4 in there.sent)
        begin_s = time.monotonic()
        await site.alarm()
        await until(lambda: 5 in there.sent)
        assert time.monotonic() - begin_s < 5.0
        await until(lambda: site.store.account("main").pending == 1)


async def test_an_alarm_on_a_connection_that_leads_nowhere_is_tried_on_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "ALARM_S", 0.5)
    async with peer(ack) as there, box(tmp_path / "box", there.port) as site:
        await until(lambda: there.sent[-1:] == [3])
        there.say = lambda request: None if there.sent.count(4) < 2 else ack(request)
        begin_s = time.monotonic()
        await site.alarm()
        await until(lambda: there.sent.count(4) == 2)
        assert 0.5 < time.monotonic() - begin_s < 4.0
        await until(lambda: site.store.account("main").pending == 0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0", 0.0),
        ("9" * 400, float("inf")),
        ("9" * 10_000, float("inf")),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("Thu, 01 Jan 9999999 00:00:10 GMT", None),
        ("Thu, 01 Jan 0000 00:00:10 GMT", 946684770.0),  # a year of two digits, to its reader
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("\u0667", None),
    ],
)
def test_retry_after_as_a_number_a_date_and_nonsense(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, utc_s=40.0) == seconds


ASKED = Request("site-1", bytes(16), [(1, b"blob")])


@given(
    st.integers(100, 599) | st.sampled_from([200, 409, 413, 429, 503]),
    st.none() | st.text() | st.just(ACKNOWLEDGEMENT_TYPE) | st.just(f"{ACKNOWLEDGEMENT_TYPE.upper()}; x=y"),
    st.none() | st.text(),
    st.none()
    | st.text()
    | st.integers().map(str)
    | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %T GMT")),
    st.binary() | st.just(encode_ack(sound(ASKED))),
)
def test_every_answer_is_an_acknowledgement_or_says_in_one_line_why_it_is_none(
    status: int, content_type: str | None, server: str | None, retry_after: str | None, body: bytes
) -> None:
    answer = HttpAnswer(status, content_type, server, retry_after, body)
    error = None
    try:
        assert understand("http://here", answer, ASKED, 40.0).epoch == ASKED.epoch
    except (UplinkError, Conflict) as raised:
        error = raised
    if error is None:
        assert (answer.own, status) == (True, 200)
        return
    assert str(error).isprintable()
    assert len(str(error)) < 400
    assert answer.own or type(error) in (UplinkError, RequestTooLarge)
    assert getattr(error, "retry_after_s", None) is None or status in (429, 503)
