"""A collector that says where it is: a real process, heard by the agent's own ear over loopback multicast."""

import asyncio
from pathlib import Path

import pytest

from agent.box.discovery import COLLECTOR, find
from collector.announce import KIND
from tests.agent.box.test_discovery import HOME, found
from tests.collector.authority import Authority
from tests.collector.processes import Collector


@pytest.mark.usefixtures("multicast")
async def test_a_collector_is_found_under_the_name_in_its_certificate_and_says_goodbye(
    tmp_path: Path,
) -> None:
    assert KIND == COLLECTOR
    authority = Authority(tmp_path)
    cert, key = authority.issue("collector")
    tls = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with (
        Collector(tmp_path / "a.db", "--announce", "collector.example", *tls) as secured,
        Collector(tmp_path / "b.db", "--announce", "this box") as plain,
        Collector(tmp_path / "c.db") as silent,
    ):
        listed = {one.name: one.url for one in await found(COLLECTOR, 2)}
        port = secured.url.rpartition(":")[2]
        ours = {"collector-example": f"https://collector.example:{port}", "this box": plain.url}
        assert ours.items() <= listed.items()
        assert silent.url not in listed.values()
        for collector in (secured, plain):
            assert await asyncio.to_thread(collector.stop) == 0
    assert not {one.name for one in await find(COLLECTOR, 0.5, [HOME])} & ours.keys()
