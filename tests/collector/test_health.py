"""/healthz tells whether what comes can be stored, and nothing is acknowledged that is not there."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.wire import CONTENT_TYPE, PATH, Request, encode_request
from collector.app import Receiver
from tests.collector.processes import EPOCH, Collector, seal
from tests.collector.receivers import receiving


async def health(url: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(url + "/healthz") as answer:
        return answer.status, await answer.json()


async def metric(url: str, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as answer:
        assert answer.status == 200
        (line,) = (line for line in (await answer.text()).splitlines() if line.startswith(name))
        return float(line.split()[-1])


async def post(url: str, *batches: tuple[int, bytes]) -> int:
    body = encode_request(Request("site-1", EPOCH, list(batches)))
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + PATH, data=body, headers={"Content-Type": CONTENT_TYPE}) as answer,
    ):
        return answer.status


def limit(receiver: Receiver, pages: int) -> None:
    receiver.thread.submit(receiver.intake.sink._db.execute, f"PRAGMA max_page_count = {pages}").result()


async def test_a_full_database_is_not_ok_until_there_is_room(tmp_path: Path) -> None:
    clock = [0.0]
    async with receiving(tmp_path, now_s=lambda: clock[0]) as (receiver, url):
        assert (await health(url))[0] == 200
        limit(receiver, 1)  # that is: as many as there are
        clock[0] += 10
        assert await post(url, *(seal(n, frames=60) for n in range(1, 20))) == 503
        status, said = await health(url)
        assert (status, said["ok"]) == (503, False)
        assert "database or disk is full" in said["trouble"]
        assert await metric(url, "cellwarden_collector_stores ") == 0
        limit(receiver, 100_000)
        assert (await health(url))[0] == 200
        assert await metric(url, "cellwarden_collector_stores ") == 1
        assert await post(url, seal(1)) == 200


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_files_that_are_gone_are_not_acknowledged_into(tmp_path: Path, suffix: str) -> None:
    async with receiving(tmp_path) as (_, url):
        assert await post(url, seal(1)) == 200
        path, aside = tmp_path / f"collector.db{suffix}", tmp_path / "aside"
        path.rename(aside)
        assert await post(url, seal(2)) == 503
        status, said = await health(url)
        assert status == 503
        assert f"collector.db{suffix} was deleted or replaced" in said["trouble"]
        path.write_bytes(b"another")
        assert (await health(url))[0] == 503
        assert await post(url) == 503
        aside.rename(path)
        assert (await health(url))[0] == 200
        assert await post(url, seal(2), seal(3)) == 200


async def test_a_database_that_can_only_be_read_is_not_ok(tmp_path: Path) -> None:
    async with receiving(tmp_path, now_s=iter(range(0, 10_000, 10)).__next__) as (receiver, url):
        assert await post(url, seal(1)) == 200
        receiver.thread.submit(receiver.intake.sink._db.execute, "PRAGMA query_only = ON").result()
        status, said = await health(url)
        assert status == 503
        assert "readonly" in said["trouble"]
        receiver.thread.submit(receiver.intake.sink._db.execute, "PRAGMA query_only = OFF").result()
        assert (await health(url))[0] == 200


async def test_a_schema_that_cannot_be_read_is_the_disk_s_refusal_too(tmp_path: Path) -> None:
    async with receiving(tmp_path) as (receiver, url):
        db = receiver.intake.sink._db
        receiver.thread.submit(db.execute, "ALTER TABLE schema RENAME TO gone").result()
        assert await post(url, seal(1)) == 503
        receiver.thread.submit(db.execute, "ALTER TABLE gone RENAME TO schema").result()
        assert await post(url, seal(1)) == 200


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nobody lets us mount anything here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_recovers(tiny: Path) -> None:
    ballast = tiny / "ballast"
    with Collector(tiny / "collector.db") as collector:
        assert collector.send(seal(1)).durable_through == 1
        assert collector.http("GET", "/healthz")[0] == 200
        with ballast.open("wb", buffering=0) as file:
            while file.write(bytes(65536)) == 65536:
                pass
        status, said, _ = collector.http("GET", "/healthz")
        assert (status, b"disk full" in said) == (503, True)
        ballast.unlink()
        assert collector.http("GET", "/healthz")[0] == 200
        assert collector.send(seal(2)).durable_through == 2
