"""The way of a test alarm: from the running agent to the collector's disk."""

import time
from pathlib import Path
from typing import Any

from agent.cli.common.ask_agent import get

COLLECTOR_S = 15.0  # an alarm overtakes everything: a collector that is there has it within a second
STEP_S = 0.1


def later(after_s: float) -> str:
    """Return "40 ms later", "12.0 s later"."""
    return f"{1e3 * after_s:.0f} ms later" if after_s < 1.0 else f"{after_s:.1f} s later"


def follow(socket: Path, wait_s: float = COLLECTOR_S) -> dict[str, Any]:
    """Wait until the collector has acknowledged the last test alarm, or will not; return how far it came.

    As the control socket tells of it, and besides `trouble`: why the collector has not, "" where it has.
    Raises Unreachable.
    """
    end_s = time.monotonic() + wait_s
    while True:
        test: dict[str, Any] = get(socket, "/v1/alarms")["test"]
        if test["collector"]:
            return {**test, "trouble": ""}
        if test["refused"]:
            return {**test, "trouble": f"refused: {test['refused']}"}
        if time.monotonic() > end_s:
            status = get(socket, "/v1/status")
            trouble = status["store"]["trouble"] or status["upstream"]["trouble"] or "no reason is named"
            return {**test, "trouble": f"not within {wait_s:g} s: {trouble}"}
        time.sleep(STEP_S)
