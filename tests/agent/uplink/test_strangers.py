"""A real agent behind what is no collector: what `status` and `doctor` say of it; nothing is lost."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from agent.bench import wire_to_relay as bench
from agent.cli import main
from agent.wire import ACCEPT, CONTENT_TYPE, PATH, Request, decode_ack, encode_request
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children
from tests.agent.uplink.peer import ack, http, peer
from tests.agent.uplink.test_refused import status_of
from tests.collector.processes import collecting, rows

LARGE = http(413, b"<html>\r\n<center>413 \x1b[31mToo Large", Server="nginx/1.22.1", Content_Type="text/html")


def of(status: dict[str, Any]) -> dict[str, Any]:
    """The one upstream of an agent."""
    (upstream,) = status["upstreams"]
    return dict(upstream)


@asynccontextmanager
async def watching(folder: Path, url: str) -> AsyncIterator[tuple[Child, bench.AlarmUnit]]:
    """An agent with one unit that can raise an alarm."""
    (folder / "bench-alarm.toml").write_text(bench.PROFILE + bench.ALARM_POINT.format(k=0, address=16))
    unit = bench.AlarmUnit()
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    config = folder / "agent.toml"
    rack = configuration.tcp_unit("rack", endpoint.port, "bench-alarm.toml", period_s=0.2)
    config.write_text(configuration.agent(folder, url, store={"batch_s": 1}) + rack)
    with Children(folder) as children:
        yield children.start("agent", "agent.cli", "run", "--config", str(config)), unit
    await endpoint.stop()


async def doctor(folder: Path, check: str = "collector") -> dict[str, Any]:
    """What the doctor says of the collector, or by another check."""
    asked = ["doctor", "--config", str(folder / "agent.toml"), "--json"]
    done = await asyncio.to_thread(CliRunner().invoke, main, asked)
    (found,) = [r for r in json.loads(done.stdout)["results"] if r["check"] == check]
    return dict(found)


async def test_a_proxy_that_takes_nothing_is_told_apart_from_a_network_that_is_down(tmp_path: Path) -> None:
    async with (
        peer(lambda _: LARGE) as there,
        watching(tmp_path, f"http://127.0.0.1:{there.port}") as (agent, unit),
    ):
        said = "HTTP 413 from nginx/1.22.1, not from the collector: <html> <center>413 \\x1b[31mToo Large"
        status = await status_of(agent, lambda s: said in of(s)["trouble"])
        assert any(said in reason for reason in status["health"]["degraded"])
        found = await doctor(tmp_path)
        assert (found["code"], said in found["seen"]) == ("CW-502", True)
        assert "proxy" in str(found["likely"])

        there.say = lambda r: LARGE if r.batches else ack(r)  # what is empty may pass
        unit.raise_alarm(0)
        status = await status_of(agent, lambda s: of(s)["set_aside"] >= 2)
        assert status["account"]["dropped"] == status["account"]["acknowledged"] == 0
        await status_of(agent, lambda s: any(a["detector"] == "uplink_too_large" for a in s["alarms"]))
        found = await doctor(tmp_path)
        assert (found["code"], said in found["seen"]) == ("CW-504", True)
        assert b"\x1b[31m" not in agent.log.read_bytes()

        there.say = ack
        status = await status_of(agent, lambda s: s["account"]["acknowledged"] > 2)
        assert status["account"]["dropped"] == 0


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; client_max_body_size {most}; location / {{ proxy_pass {url}; }} }}
}}
"""


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx (Debian: nginx-light)")
async def test_nginx_before_a_collector_keeps_out_what_is_too_large_for_it_and_all_of_it_comes_in_the_end(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    conf = tmp_path / "nginx.conf"
    run = ["nginx", "-c", str(conf), "-p", str(tmp_path)]
    url = f"http://127.0.0.1:{unused_tcp_port}"

    def limit(most: str, to: str) -> None:
        conf.write_text(NGINX.format(folder=tmp_path, port=unused_tcp_port, most=most, url=to))

    with collecting(tmp_path) as collector:
        limit("200", collector.url)
        nginx = await asyncio.create_subprocess_exec(*run)
        try:
            async with watching(tmp_path, url) as (agent, unit):
                unit.raise_alarm(0)
                status = await status_of(agent, lambda s: of(s)["set_aside"] >= 3)
                assert "HTTP 413 from nginx/" in of(status)["trouble"]
                limit("2m", collector.url)
                nginx.send_signal(1)  # SIGHUP: read the configuration again
                await status_of(agent, lambda s: s["account"]["acknowledged"] > 3 and not of(s)["set_aside"])
                limit("2m", "http://127.0.0.1:9")  # and now the collector is gone: nginx says 502
                nginx.send_signal(1)
                await status_of(agent, lambda s: "HTTP 502 from nginx/" in of(s)["trouble"])
                limit("2m", collector.url)
                nginx.send_signal(1)
                await status_of(agent, lambda s: of(s)["reached"] and not of(s)["trouble"])
                agent.stop()
                async with aiohttp.ClientSession(headers={"Accept": ACCEPT}) as session:
                    body, kind = encode_request(Request("a", bytes(16), [])), {"Content-Type": CONTENT_TYPE}
                    async with session.post(url + PATH, data=body, headers=kind) as answer:
                        assert decode_ack(await answer.read()).more  # nginx passes the header on
        finally:
            nginx.terminate()
            await nginx.wait()
        ((sealed, dropped),) = rows(
            tmp_path / "buffer.db",
            "SELECT account.last_sequence, dropped FROM account, upstream",
        )
        assert dropped == 0
        assert collector.rows("SELECT count(*) FROM batch")[0][0] >= sealed - 3  # the last ones at the stop
