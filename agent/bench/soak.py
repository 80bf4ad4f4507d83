"""The soak: bench, agent and collector for as long as one likes, with faults on every wire, and what grows.

Each minute one unit has another fault of the wire; each fifth the collector is killed for twenty seconds.
Every five seconds the agent is looked at from outside. `scripts/soak` runs it.
"""

import csv
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from agent.control import client
from agent.detect.knowledge import Knowledge
from hil.run import configuration, rooms
from hil.run.processes import Child, Children, ProcessError, cpu_s, resident_mb

SAMPLE_S = 5.0
WARM_S = 600.0  # what grows in the first ten minutes is not held against the agent
DRAIN_S = 60.0  # for what was pending when the faults ended
COLLECTOR_EVERY_S, COLLECTOR_AWAY_S = 300.0, 20.0
FAULT_S = 40.0
UNITS = {"rack-1": "tcp", "rack-2": "tcp", "rack-3": "rtu"}
FAULTS = {
    "tcp": ("mute", "noise", "truncate", "slow", "drop", "half_open", "exception", "double", "trickle"),
    "rtu": ("mute", "noise", "truncate", "slow", "crc", "foreign", "exception", "double", "wrong_unit"),
}

PROFILES = {"tcp": "sunspec-lithium-ion", "rtu": "pace-rtu"}
CELLS = {"tcp": 14, "rtu": 16}
BAUD = 19200


@dataclass(frozen=True, slots=True)
class Sample:
    """The agent from outside, `t_s` after its start."""

    t_s: float
    rss_mb: float
    descriptors: int
    disk_mb: float
    cpu_s: float
    sealed: int
    pending: int
    dropped: int
    live: int


def room(folder: Path, minutes: float) -> str:
    """Return the room file: every minute a fault at the next unit, which ends before the next one begins."""
    text = rooms.bus("rs485", baud=BAUD, link=folder / "rs485")
    for seed, (name, transport) in enumerate(UNITS.items()):
        source = {"rack": {"cells": CELLS[transport], "seed": seed}}
        if transport == "tcp":
            text += rooms.tcp_unit(name, PROFILES["tcp"], source)
        else:
            text += rooms.rtu_unit(name, "rs485", PROFILES["rtu"], source)
    for minute in range(1, int(minutes)):
        name = list(UNITS)[minute % len(UNITS)]
        kinds = FAULTS[UNITS[name]]
        kind = kinds[minute // len(UNITS) % len(kinds)]
        text += rooms.event(60 * minute, "fault", name, fault=kind, probability=0.7)
        text += rooms.event(60 * minute + FAULT_S, "clear", name)
    return text


def agent_toml(folder: Path, url: str, ports: dict[str, int]) -> str:
    """Return the agent's configuration."""
    text = configuration.agent(folder, url, store={"batch_s": 5})
    for name, transport in UNITS.items():
        if transport == "tcp":
            text += configuration.tcp_unit(name, ports[name], PROFILES["tcp"])
        else:
            text += configuration.rtu_bus("rs485", folder / "rs485", baud=BAUD)
            text += configuration.unit(name, "rs485", PROFILES["rtu"])
    return text


class Soak:
    """One run in `folder`."""

    def __init__(self, folder: Path, minutes: float, children: Children) -> None:
        self.folder, self.minutes, self.children = folder, minutes, children
        self.samples: list[Sample] = []

    def run(self) -> None:
        """Start everything, look at it until the time is over, let the backlog drain, stop."""
        room_file, config = self.folder / "room.toml", self.folder / "agent.toml"
        room_file.write_text(room(self.folder, self.minutes))
        bench = self.children.start("bench", "hil.cli", "serve", str(room_file))
        ready = json.loads(bench.first_line())
        ports = {unit["name"]: unit["port"] for unit in ready["units"] if unit["transport"] == "tcp"}
        collector, url = self._collector("127.0.0.1:0")
        config.write_text(agent_toml(self.folder, url, ports))
        agent = self.children.start("agent", "agent.cli", "run", "--config", str(config))
        began_s = time.monotonic()
        away_s = COLLECTOR_EVERY_S
        while (t_s := time.monotonic() - began_s) < 60 * self.minutes:
            time.sleep(SAMPLE_S)
            self._look(agent, t_s)
            if collector.alive and t_s >= away_s:
                collector.process.kill()
                collector.process.wait()
            elif not collector.alive and t_s >= away_s + COLLECTOR_AWAY_S:
                collector, _ = self._collector(url.rpartition("/")[2])
                away_s += COLLECTOR_EVERY_S
        if not collector.alive:
            self._collector(url.rpartition("/")[2])
        drained_s = time.monotonic() + DRAIN_S
        while self.samples[-1].pending and time.monotonic() < drained_s:
            time.sleep(SAMPLE_S)
            self._look(agent, time.monotonic() - began_s)
        agent.stop()

    def _collector(self, listen: str) -> tuple[Child, str]:
        sink = f"sqlite:{self.folder / 'collector.db'}"
        child = self.children.start("collector", "collector.cli", "serve", "--sink", sink, "--listen", listen)
        return child, child.first_line().rpartition(" ")[2]

    def _look(self, agent: Child, t_s: float) -> None:
        if not agent.alive:
            raise ProcessError(f"the agent ended after {t_s:.0f} s: {agent.log.read_text()[-500:]}")
        pid = agent.process.pid
        try:
            status = client.get(self.folder / "control.sock", "/v1/status")
        except client.NotRunning:
            return  # it is starting
        account = status["account"]
        self._keep(
            Sample(
                round(t_s, 1),
                round(resident_mb(pid), 2),
                len(list(Path(f"/proc/{pid}/fd").iterdir())),
                round(sum(f.stat().st_size for f in self.folder.glob("buffer.db*")) / 1e6, 3),
                round(cpu_s(pid), 2),
                account["sealed"],
                account["pending"],
                account["dropped"],
                sum(unit["knowledge"] == Knowledge.LIVE for unit in status["units"]),
            )
        )

    def _keep(self, sample: Sample) -> None:
        """Remember a sample, on disk too: a soak that is cut short has shown something."""
        with (self.folder / "samples.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            if not self.samples:
                writer.writerow(field.name for field in fields(Sample))
            writer.writerow(astuple(sample))
        self.samples.append(sample)


def slope_per_hour(t_s: list[float], values: list[float]) -> float:
    """Return the median of the slopes of all pairs (Theil-Sen): one jump, or one trough, does not move it."""
    t, y = np.array(t_s), np.array(values)
    first, second = np.triu_indices(len(t), 1)
    return float(3600 * np.median((y[second] - y[first]) / (t[second] - t[first])))


def figures(folder: Path, samples: list[Sample]) -> list[tuple[str, float, str, float | None]]:
    """Return name, value, unit and target of everything that was measured."""
    last = samples[-1]
    steady = [s for s in samples if s.t_s >= min(WARM_S, last.t_s / 3)]
    t_s = [s.t_s for s in steady]
    grown = slope_per_hour(t_s, [s.rss_mb for s in steady])
    descriptors = slope_per_hour(t_s, [float(s.descriptors) for s in steady])
    with closing(sqlite3.connect(f"file:{folder / 'collector.db'}?mode=ro", uri=True)) as db:
        ages_s = [
            (received - last_frame) / 1e9
            for received, last_frame in db.execute(
                "SELECT received_utc_ns, last_utc_ns FROM batch WHERE last_utc_ns IS NOT NULL"
            )
        ]
        ((stored, frames, twice),) = db.execute(
            "SELECT sum(batches), sum(frames), sum(duplicates) FROM stream"
        )
    with closing(sqlite3.connect(f"file:{folder / 'buffer.db'}?mode=ro", uri=True)) as db:
        ((sealed, sealed_frames, acknowledged, dropped),) = db.execute(
            "SELECT last_sequence, frames, acknowledged, dropped FROM account, upstream"
        )
    p50, p99 = np.quantile(ages_s, [0.5, 0.99])
    return [
        ("minutes", last.t_s / 60, "min", None),
        ("rss_growth_mb_per_hour", grown, "MB/h", 1.0),
        ("rss_mb", last.rss_mb, "MB", None),
        ("descriptor_growth_per_hour", descriptors, "1/h", 0.0),
        ("disk_mb", last.disk_mb, "MB", None),
        ("cpu_percent", 100 * last.cpu_s / last.t_s, "% of a core", None),
        ("age_at_collector_p50_s", float(p50), "s", None),
        ("age_at_collector_p99_s", float(p99), "s", None),
        ("age_at_collector_max_s", max(ages_s), "s", None),
        ("batches_sealed", sealed, "batches", None),
        ("batches_not_acknowledged", sealed - acknowledged, "batches", 0.0),
        ("batches_dropped", dropped, "batches", 0.0),
        ("batches_not_stored", sealed - stored, "batches", 0.0),
        ("frames_not_stored", sealed_frames - frames, "frames", 0.0),
        ("batches_twice", twice, "batches, stored once", None),
    ]


def plot(path: Path, samples: list[Sample]) -> None:
    """Draw what may grow, one above the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = {
        "rss_mb": "memory, MB",
        "descriptors": "descriptors",
        "disk_mb": "buffer, MB",
        "pending": "pending batches",
    }
    figure, axes = pyplot.subplots(len(rows), sharex=True, figsize=(9, 8), layout="constrained")
    minutes = [sample.t_s / 60 for sample in samples]
    for axis, (name, label) in zip(axes, rows.items(), strict=True):
        axis.plot(minutes, [getattr(sample, name) for sample in samples], linewidth=1)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.savefig(path)
