"""Who may say what, and how much: certificates, busy collectors, slow senders, silent agents."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.wire import CONTENT_TYPE, PATH, Request, decode_ack, decode_refusal, encode_request
from collector.deadman import DeadMan
from collector.sqlite.archive import SqliteArchive
from tests.collector.authority import Authority
from tests.collector.processes import EPOCH, collecting, seal
from tests.collector.receivers import receiving


def test_an_agent_speaks_only_for_the_name_in_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("collector")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with collecting(tmp_path, *options, listen="0.0.0.0:0") as collector:
        assert collector.url.startswith("https://0.0.0.0:")
        collector.url = collector.url.replace("0.0.0.0", "localhost")
        own = authority.client("site-1")
        status, body, _ = collector.post(Request("site-1", EPOCH, [seal(1)]), context=own)
        assert (status, decode_ack(body).durable_through) == (200, 1)

        status, body, _ = collector.post(
            Request("site-2", EPOCH, [seal(1, agent="site-2")]), context=authority.client("site-1")
        )
        assert (status, decode_refusal(body)) == (403, "the certificate is site-1's, the request says site-2")
        with pytest.raises((ssl.SSLError, OSError)):
            collector.post(Request("site-1", EPOCH, []), context=authority.client(None))
        assert collector.rows("SELECT agent FROM stream") == [("site-1",)]


def test_a_refused_certificate_is_told_to_the_agent_and_to_the_log(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("collector")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with collecting(tmp_path, *options, listen="0.0.0.0:0") as collector:
        collector.url = collector.url.replace("0.0.0.0", "localhost")
        authority.now -= timedelta(days=1)
        for _ in range(2):
            with pytest.raises(ssl.SSLError, match="alert certificate expired"):
                collector.post(Request("site-1", EPOCH, []), context=authority.client("site-1"))
        authority.now += timedelta(days=1)
        collector.post(Request("site-1", EPOCH, []), context=authority.client("site-1"))
        collector.process.terminate()
        _, log = collector.process.communicate(timeout=10)
    assert log.count("an agent's certificate was refused: certificate has expired") == 1, log


async def test_a_sender_that_trickles_does_not_hold_its_place(tmp_path: Path) -> None:
    async with (
        receiving(tmp_path, body_timeout_s=0.05) as (receiver, url),
        aiohttp.ClientSession() as session,
    ):

        async def never_ending() -> AsyncIterator[bytes]:
            yield b"\x95"
            await asyncio.Event().wait()

        async with (
            asyncio.timeout(20),
            session.post(url + PATH, data=never_ending(), headers={"Content-Type": CONTENT_TYPE}) as answer,
        ):
            assert answer.status == 408
        assert not receiver.inbox.coming


async def test_a_silent_site_is_an_alarm_until_it_is_heard_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    heats = {"kind": "alarm", "detector": "thermal-rate", "severity": "critical", "state": "NEW"}
    heats |= {"location": "sensor2", "text": "sensor2 heats"}
    archive = partial(SqliteArchive, tmp_path / "collector.db")
    options = {"dead_man": DeadMan(60.0), "now_s": lambda: now[0], "archive": archive}
    async with receiving(tmp_path, **options) as (receiver, url), aiohttp.ClientSession() as session:
        watch = asyncio.create_task(receiver.watch(period_s=0.001))

        async def health() -> dict[str, Any]:
            async with session.get(url + "/healthz") as answer:
                found: dict[str, Any] = await answer.json()
                return found

        async def post(sequence: int) -> None:
            body = encode_request(Request("site-1", EPOCH, [seal(sequence, events=(heats,))]))
            async with session.post(url + PATH, data=body, headers={"Content-Type": CONTENT_TYPE}) as answer:
                assert answer.status == 200

        async with asyncio.timeout(20):
            await post(1)
            now[0] = 59.9
            assert (await health())["silent"] == []
            now[0] = 60.0
            while (await health())["silent"] != ["site-1"]:
                pass
            async with session.get(url + "/metrics") as answer:
                text = await answer.text()
                assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert 'cellwarden_collector_agent_silent{agent="site-1"} 1.0' in text
            assert "cellwarden_collector_batches_total 1.0" in text
            assert text.endswith("# EOF\n")
            await post(2)
            assert (await health())["silent"] == []
            while not any("last known" in record.getMessage() for record in caplog.records):
                await health()
        watch.cancel()
        told = "site-1: last known: critical NEW rack1/bmu1 sensor 2: TAKE LOAD AND CHARGE OFF."
        assert sum(record.getMessage().startswith(told) for record in caplog.records) == 1
        assert receiver.intake.sink._db.execute("SELECT agent, kind, times FROM incident").fetchall() == [
            ("site-1", "silent", 1)
        ]


def test_an_agent_from_before_the_start_is_expected_too() -> None:
    dead_man = DeadMan(60.0)
    dead_man.expect("old", 100.0)
    assert dead_man.check(159.0) == []
    assert dead_man.check(160.0) == ["old"]
    assert dead_man.check(161.0) == []
    assert dead_man.heard("old", 200.0) == 100.0
    assert dead_man.heard("old", 201.0) is None
    assert dead_man.check(261.0) == ["old"]
