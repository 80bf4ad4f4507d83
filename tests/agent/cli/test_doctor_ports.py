"""Ports that other programs hold: named with their process, by the doctor, the agent and its status."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.doctor import box
from agent.cli.doctor.results import CheckState, Result, by_cause, good, note, problem
from agent.control.metrics import MetricsError, MetricsServer
from agent.control.status import health
from agent.web.server import Page
from hil.run import configuration


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which this very process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def look(_unit: str | None) -> Any:
    raise AssertionError


async def page_trouble(port: int, **secure: Any) -> dict[str, Any]:
    page = Page("127.0.0.1", port, look, Path("/nonexistent"), **secure)
    task = asyncio.create_task(page.run())
    await page.tried.wait()
    said = {"port": page.port, "trouble": page.trouble, "code": page.code}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return said


def site(port: int, status: dict[str, Any] | None) -> Any:
    config = SimpleNamespace(
        web=SimpleNamespace(address=("127.0.0.1", port)),
        metrics=SimpleNamespace(listen=f"127.0.0.1:{port}"),
    )
    return SimpleNamespace(config=config, status=status)


async def test_a_page_whose_port_is_taken_is_a_problem_with_the_process(taken: int) -> None:
    web = await page_trouble(taken)
    us = f"process {os.getpid()} ("
    assert us in web["trouble"]
    status = {"units": [], "buses": [], "upstreams": [], "clock_synchronised": True, "web": web}
    (degraded,) = health(status, [])["degraded"]
    assert degraded.startswith(f"page: the page is not served at 127.0.0.1:{taken}: in use by {us}")
    (found,) = box.page(site(taken, {"web": web}))
    assert (found.state, found.code) == (CheckState.PROBLEM, "CW-420")
    assert found.seen.count(us) == 1
    assert found.run == f"ps -fp {os.getpid()}"


async def test_the_doctor_names_whom_the_agent_may_not_see(taken: int) -> None:
    hidden = {"trouble": "the page is not served: in use by another user's process", "code": "CW-420"}
    (found,) = box.page(site(taken, {"web": hidden}))
    assert f"it is process {os.getpid()} (" in found.seen


async def test_a_certificate_that_cannot_be_used_is_another_trouble(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("none")
    web = await page_trouble(0, tls=(tmp_path / "cert.pem", tmp_path / "none.key"))
    (found,) = box.page(site(0, {"web": web}))
    assert (found.state, found.code) == (CheckState.PROBLEM, "CW-421")
    assert str(tmp_path) in found.seen


async def test_a_metrics_port_that_is_taken_is_a_problem_too(taken: int) -> None:
    async def text() -> bytes:
        return b""

    server = MetricsServer(f"127.0.0.1:{taken}", text)
    with pytest.raises(MetricsError, match=rf"in use by process {os.getpid()} \("):
        await server.run()
    (found,) = box.metrics(site(taken, {"metrics": {"trouble": server.trouble}}))
    assert (found.state, found.code) == (CheckState.PROBLEM, "CW-420")
    (older,) = box.metrics(site(taken, {}))  # an agent that does not tell it
    assert older.state is CheckState.GOOD


def test_without_an_agent_a_port_that_is_taken_is_found_all_the_same(tmp_path: Path, taken: int) -> None:
    config = tmp_path / "agent.toml"
    at = {"listen": f"127.0.0.1:{taken}"}
    config.write_text(
        configuration.agent(tmp_path, web=at) + configuration.tcp_unit("rack-1", taken, "pace-rtu")
    )
    result = CliRunner().invoke(main, ["doctor", "--config", str(config), "--json"])
    (found,) = [each for each in json.loads(result.stdout)["results"] if each["check"] == "page"]
    assert (found["state"], found["code"]) == ("problem", "CW-420")
    assert f"127.0.0.1:{taken} is held by process {os.getpid()} (" in found["seen"]


def test_six_units_of_one_cause_are_one_finding() -> None:
    units = [f"rack-{n}" for n in range(6)]
    alike = [problem("CW-211", f"{u}: is another model", "run", "wrong").at(u, "model") for u in units]
    one, other, *rest = by_cause([*alike, problem("CW-211", "rack-9: silent").at("rack-9", "no"), good()])
    assert one.seen == (
        "rack-0: is another model; the same of rack-1, rack-2, rack-3, rack-4, rack-5 (6 in all)"
    )
    assert one.of == tuple(units)
    assert (other.seen, [result.state for result in rest]) == ("rack-9: silent", [CheckState.GOOD])
    many: list[Result] = [note(f"u{n}").at(f"u{n}", "c") for n in range(64)]
    assert by_cause(many)[0].seen.endswith("u8 and 55 more (64 in all)")


def test_a_bus_that_is_out_is_one_line_of_the_status_and_not_one_for_each_unit() -> None:
    names = ["rack-1", "rack-2", "rack-3"]
    unit = {"knowledge": "BLIND", "trouble": "no such device", "watched": True, "empty": []}
    status: dict[str, Any] = {
        "units": [{**unit, "name": name} for name in names],
        "buses": [
            {"name": "north", "trouble": "no such device", "units": [{"name": name} for name in names]}
        ],
        "upstreams": [],
        "clock_synchronised": True,
    }
    assert health(status, [])["degraded"] == ["bus north (rack-1, rack-2, rack-3): no such device"]
    status["buses"][0]["trouble"] = ""
    assert health(status, [])["degraded"] == ["units rack-1, rack-2, rack-3: BLIND; no such device"]
