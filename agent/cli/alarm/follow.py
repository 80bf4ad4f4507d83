"""The way of a test alarm: from the running agent to the collectors' disks."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.cli.common.ask_agent import get
from agent.message import Message

COLLECTOR_S = 15.0  # an alarm overtakes everything: a collector that is there has it within a second
STEP_S = 0.1
#: By whether there are several collectors.
ON_DISK = {
    False: "On the collector's disk: acknowledged {later}.",
    True: "On the disk of {name}: acknowledged {later}.",
}
NOT_ON_DISK = {
    False: "the collector has not acknowledged it; {why}",
    True: "the collector of {name} has not acknowledged it; {why}",
}


def later(after_s: float) -> Message:
    """Return "40 ms later", "12.0 s later"."""
    if after_s < 1.0:
        return Message("{n:.0f} ms later", n=1e3 * after_s)
    return Message("{n:.1f} s later", n=after_s)


def follow(socket: Path, wait_s: float = COLLECTOR_S) -> dict[str, Any]:
    """Wait until each collector has acknowledged the last test alarm, or will not; return how far it came.

    As the control socket tells of it, and besides `trouble`: by upstream, why its collector has not, "" where
    it has. Raises Unreachable.
    """
    end_s = time.monotonic() + wait_s
    names = [upstream["name"] for upstream in get(socket, "/v1/status")["upstreams"]]
    while True:
        test: dict[str, Any] = get(socket, "/v1/alarms")["test"]
        if all(name in test["collectors"] or name in test["refused"] for name in names):
            return {**test, "trouble": {name: _refused(test, name) for name in names}}
        if time.monotonic() > end_s:
            status = get(socket, "/v1/status")
            late = {
                u["name"]: Message("not within {time:g} s: {why}", time=wait_s, why=_why(status, u))
                for u in status["upstreams"]
            }
            held = dict.fromkeys(test["collectors"], "")
            return {**test, "trouble": {name: _refused(test, name) or late[name] for name in late} | held}
        time.sleep(STEP_S)


def told(test: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a line for each collector, and why it has not acknowledged ("": it has)."""
    several = len(test["trouble"]) > 1
    for name, trouble in test["trouble"].items():
        held = test["collectors"].get(name)
        if held and not trouble:
            yield Message(ON_DISK[several], name=name, later=later(held["after_s"])), ""
        else:
            yield "", Message(NOT_ON_DISK[several], name=name, why=trouble)


def _refused(test: Mapping[str, Any], name: str) -> str:
    return Message("refused: {why}", why=test["refused"][name]) if name in test["refused"] else ""


def _why(status: Mapping[str, Any], upstream: Mapping[str, Any]) -> str:
    return Message(status["store"]["trouble"] or upstream["trouble"] or "no reason is named")
