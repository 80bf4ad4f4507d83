"""What an agent logs."""

import time

from hil.run.processes import Child


def wait_for_log(agent: Child, text: str, within_s: float = 30.0) -> None:
    """Wait until its log says so."""
    deadline_s = time.monotonic() + within_s
    while text not in agent.log.read_text():
        assert time.monotonic() < deadline_s, agent.log.read_text()
        time.sleep(0.02)
