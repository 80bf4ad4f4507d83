"""A real agent whose unit reports a critical alarm to a relay, and one whose relay is not there."""

import json
from pathlib import Path

from agent.bench import wire_to_relay
from hil.run import configuration
from hil.run.processes import Children, wait_for_status


async def test_a_critical_alarm_drops_the_coil_and_shelving_it_lets_the_next_one_be_heard(
    tmp_path: Path,
) -> None:
    assert len(await wire_to_relay.trials(tmp_path, 2)) == 2


def test_an_agent_without_the_chip_of_its_relay_watches_and_says_that_nobody_would_hear_it(
    tmp_path: Path,
) -> None:
    config = tmp_path / "agent.toml"
    text = configuration.agent(tmp_path, relay={"output": "gpio", "pin": 17})
    config.write_text(text + configuration.tcp_unit("rack-1", 1, "sunspec-lithium-ion"))
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        status = wait_for_status(
            agent, lambda said: any(alarm["detector"] == "relay_trouble" for alarm in said["alarms"])
        )
        assert "nobody in the room hears an alarm" in json.dumps(status["alarms"])
        assert any("relay: GPIO pin 17" in reason for reason in status["health"]["degraded"])
        agent.stop()
    assert agent.process.returncode == 0
