"""A real agent, a unit that reports a critical alarm, and an I/O module that holds the relay."""

from pathlib import Path

from agent.cli.bench import wire_to_relay


async def test_a_critical_alarm_drops_the_coil_and_shelving_it_lets_the_next_one_be_heard(
    tmp_path: Path,
) -> None:
    assert len(await wire_to_relay.trials(tmp_path, 2)) == 2
