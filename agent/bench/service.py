"""The agent as a service, as real processes: how soon it sees, and what it costs to keep looking.

Four SunSpec units of 14 cells each, polled every second over TCP, delivered to a collector.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from agent.bench import wire_to_relay
from agent.box import kernel_cache
from agent.detect.knowledge import Knowledge
from hil.run import configuration, rooms
from hil.run.processes import Children, Status, cpu_s, wait_for_status

STARTS = 5
SETTLE_S, IDLE_S = 10.0, 60.0
LOOK_S = 0.01
PROFILE = "sunspec-lithium-ion"


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of `cellwarden bench service`."""
    kernel_cache.prepare()  # compiled once per installation, as the packages do
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name, Children(Path(name)) as children:
        folder = Path(name)
        config = _surroundings(folder, children)
        starts_s = []
        for _ in range(STARTS):
            began_s = time.monotonic()
            agent = children.start("agent", "agent.cli", "run", "--config", str(config))
            wait_for_status(agent, _sees, every_s=LOOK_S)
            starts_s.append(time.monotonic() - began_s)
            if len(starts_s) < STARTS:
                agent.stop()
        time.sleep(SETTLE_S)
        before_s, began_s = cpu_s(agent.process.pid), time.monotonic()
        time.sleep(IDLE_S)
        idle = (cpu_s(agent.process.pid) - before_s) / (time.monotonic() - began_s)
    return [
        ("cold_start_s", statistics.median(starts_s), "s"),
        ("idle_cpu_percent_4_units", 100 * idle, "% of a core"),
        *wire_to_relay.measure(),
    ]


def _surroundings(folder: Path, children: Children) -> Path:
    """Start bench and collector; return the agent's configuration."""
    numbers = range(1, 5)
    room, config = folder / "room.toml", folder / "agent.toml"
    room.write_text(
        "".join(rooms.tcp_unit(f"rack-{n}", PROFILE, {"rack": {"cells": 14, "seed": n}}) for n in numbers)
    )
    ready = json.loads(children.start("bench", "hil.cli", "serve", str(room)).first_line())
    ports = {unit["name"]: unit["port"] for unit in ready["units"]}
    sink = f"sqlite:{folder / 'collector.db'}"
    collector = children.start(
        "collector", "collector.cli", "serve", "--sink", sink, "--listen", "127.0.0.1:0"
    )
    url = collector.first_line().rpartition(" ")[2]
    units = "".join(configuration.tcp_unit(f"rack-{n}", ports[f"rack-{n}"], PROFILE) for n in numbers)
    config.write_text(configuration.agent(folder, url) + units)
    return config


def _sees(status: Status) -> bool:
    return any(unit["knowledge"] == Knowledge.LIVE for unit in status["units"])
