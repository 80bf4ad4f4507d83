"""What probe says of a unit that the running agent polls: the whole agent on a pty."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.run import configuration
from hil.run.processes import Children, Status, wait_for_status
from tests.agent.cli.test_far_lines import pace

BAUD = 9600


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "line", BAUD, {1: pace()})
    served.start()
    yield served
    served.stop()


def knowledge(status: Status) -> str:
    (unit,) = status["units"]
    return str(unit["knowledge"])


@pytest.mark.long(15)
def test_probe_says_since_when_a_unit_of_the_agent_is_not_read_and_why(bus: RtuBus, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    line = configuration.rtu_bus("b", bus.link, baud=BAUD)
    one = configuration.unit("one", "b", "pace-rtu", chemistry="LFP", unit_id=1, period_s=0.5)
    config.write_text(configuration.agent(tmp_path) + line + one)

    def probe(*more: str) -> Result:
        socket = ("--socket", str(tmp_path / "control.sock"))
        return CliRunner().invoke(main, ["probe", str(bus.link), "--id", "1", *socket, *more])

    bus.faults.set(Fault(FaultKind.MUTE))
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        wait_for_status(agent, lambda status: status["units"][0]["read_errors"] > 0)
        never = probe()
        assert never.exit_code == 3, never.output
        assert "CW-201 one: not read since the start; " in " ".join(never.stderr.split())

        bus.faults.clear()
        wait_for_status(agent, lambda status: knowledge(status) == "LIVE")
        read = probe()
        assert read.exit_code == 0, read.output
        assert "3.3" in read.stdout

        bus.faults.set(Fault(FaultKind.EXCEPTION, code=4))
        wait_for_status(agent, lambda status: knowledge(status) == "STALE")
        failed = probe("--json")
        assert failed.exit_code == 1, failed.output
        assert '"CW-213"' in failed.stdout
        assert 'a failure of its own\\" (exception 4)' in failed.stdout
