"""From setup to values behind real ser2net: in transparent mode, and told how to set its line."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from hil.modbus.rtu import RtuBus
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.agent.cli.test_far_lines import pace
from tests.agent.transport.ser2net import needs_ser2net, ser2net

BAUD = 9600


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def read(status: Status) -> bool:
    """Whether its one unit was read a few times."""
    (unit,) = status["units"]
    return bool(unit["frames"] >= 3 and not unit["trouble"])


@needs_ser2net
@pytest.mark.parametrize(
    ("accepter", "scheme", "line"),
    [("", "rtu-over-tcp", ()), ("telnet(rfc2217),", "rfc2217", ("--line", f"{BAUD}-8N1"))],
    ids=["transparent", "rfc2217"],
)
@pytest.mark.long(15)
async def test_what_setup_finds_behind_ser2net_the_agent_reads(
    accepter: str, scheme: str, line: tuple[str, ...], tmp_path: Path, unused_tcp_port: int
) -> None:
    bus, config = RtuBus(tmp_path / "line", BAUD, {1: pace()}), tmp_path / "agent.toml"
    bus.start()
    # told by RFC 2217, the line is set from here: it begins at another speed
    setting = f"{2400 if line else BAUD}n81"
    endpoint = f"{scheme}://127.0.0.1:{unused_tcp_port}"
    try:
        async with ser2net(tmp_path, accepter, unused_tcp_port, bus.link, setting):
            find = ("--endpoint", endpoint, *line, "--id", 1, "--chemistry", "LFP", "--yes")
            written = await asyncio.to_thread(run, "setup", "--config", config, *find)
            assert written.exit_code == 0, written.output
            assert f'transport = "{scheme}"' in config.read_text()
            checked = await asyncio.to_thread(run, "check", "--config", config)
            assert checked.exit_code == 0, checked.output
            with Children(tmp_path) as children:
                agent: Child = children.start("agent", "agent.cli", "run", "--config", str(config))
                await asyncio.to_thread(wait_for_status, agent, read)
    finally:
        bus.stop()
