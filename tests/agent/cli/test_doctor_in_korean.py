"""What doctor and status see is said in the language of the locale, what an agent told too."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.alarms.site import SiteAlarms
from agent.cli import main
from agent.cli.doctor import CHECKS, box
from agent.clock import Clock
from agent.control.api import Resources
from agent.control.server import ControlServer
from agent.control.status import health
from agent.message import Message, joined
from agent.uplink.answer import HttpAnswer, UplinkError, understand
from agent.uplink.proxy import refused
from agent.view.language import made_of, put_together, speaking, tr
from agent.wire.request import Request
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from tests.agent.cli.test_doctor import bus, config  # noqa: F401  fixtures
from tests.agent.cli.test_speaking import site

ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
#: Commands, what a maker or the system says, and places.
TYPED = re.compile(
    r"(sudo )?(cellwarden|systemctl|journalctl|curl|ping|ls|getent|timedatectl|ss) [^;()]*|\[CW-\d+\]|SD"
    r"|[\w.]*agent\.toml|Connection refused|please log in|HTTP \d+ \w+ \w+"
)


def english(said: str) -> list[str]:
    """Return lines that have English in them; names of checks are what programs know them by."""
    names = re.compile("|".join(rf"\b{check.name}\b" for check in CHECKS))
    return [line for line in said.splitlines() if ENGLISH.search(names.sub("", TYPED.sub("", line)))]


def test_doctor_alone_says_what_it_saw(
    config: Path,  # noqa: F811
    bus: RtuBus,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(box, "SYSTEMD", tmp_path / "no systemd")
    bus.faults.set(Fault(FaultKind.WRONG_UNIT, unit_id=1))
    bus.faults.set(Fault(FaultKind.MUTE, unit_id=2))
    korean = CliRunner(env={"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "200"})
    said = korean.invoke(main, ["doctor", "--config", str(config)]).stdout
    assert english(said) == []
    assert all(code in said for code in ("CW-101", "CW-201", "CW-205"))


def trouble() -> str:
    """What an uplink says of a login page between."""
    page = HttpAnswer(302, "text/html", "portal", None, b"please log in")
    with pytest.raises(UplinkError) as told:
        understand("https://c.example:8440/v1/batches", page, Request("a", bytes(16), []), time.time())
    text: str = told.value.args[0]
    return text


@pytest.fixture
async def socket(tmp_path: Path) -> Any:
    said = site("rack-1", "rack-2")
    proxy = refused("http://10.0.0.1:3128", "https://c.example", 407, "Proxy Authentication Required")
    said["upstreams"][0] |= {"reached": False, "trouble": trouble(), "answered": True}
    said["upstreams"].append(said["upstreams"][0] | {"name": "copy", "trouble": proxy})
    said["units"][1]["trouble"] = Message("does not answer")
    gone = joined(": ", ["/dev/ttyUSB0", Message("the device is gone")])
    said["buses"] = [{"name": "a", "units": said["units"], "trouble": gone, "open": False, "port": "x"}]
    said["health"] = health(said | {"clock_synchronised": False}, ["relay"])

    async def status() -> dict[str, Any]:
        return said

    of = Resources(SiteAlarms({}, {}, lambda *_: None, Clock()), status, lambda _: None, None, time.monotonic)  # type: ignore[arg-type]
    server = ControlServer(tmp_path / "control.sock", of.routes())
    await server.start()
    yield tmp_path / "control.sock"
    await server.stop()


async def test_what_an_agent_told_is_said_in_the_language_of_who_asks(socket: Path) -> None:
    korean = CliRunner(env={"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "200"})
    run: Callable[..., Any] = korean.invoke
    told = (await asyncio.to_thread(run, main, ["status", "--socket", str(socket)])).output
    lines = [line for line in told.splitlines() if line.startswith("기능 저하")]
    assert len(lines) == 5, told
    assert english("\n".join(lines)) == []
    assert "407" in told
    found = json.loads(
        (await asyncio.to_thread(run, main, ["status", "--json", "--socket", str(socket)])).output
    )
    assert "messages" not in found
    assert found["health"]["degraded"][2].startswith("upstream main: https://c.example")


def test_messages_are_put_together_again_whatever_they_hold() -> None:
    text = joined("; ", [Message("bus {bus}: {why}", bus=Path("/dev/x"), why=Message("not connected")), "x"])
    content = {"a": [{"b": text, "n": 1, "none": None}], "c": str(text), "d": "plain"}
    again = put_together(json.loads(json.dumps(content)), json.loads(json.dumps(made_of(content))))
    assert again == content
    with speaking("ko"):
        assert tr(again["a"][0]["b"]) == "버스 /dev/x: 연결되지 않음; x"
