"""Simulated time: faster, said in every frame, and never beyond this machine."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli.run import command
from agent.clock import Stamp
from agent.config.simulated import SimulatedClock
from agent.frame import Frame
from agent.store.open_batch import OpenBatch
from agent.wire import CLOCK_SIMULATED, CLOCK_SYNCHRONISED
from hil.run import configuration
from hil.run.tables import Table

HERE, LOOPBACK = configuration.NOWHERE, configuration.tcp_bus("b", 502)


def test_a_simulated_clock_runs_faster_and_says_that_it_is_simulated():
    clock = SimulatedClock(1000.0)
    before_s = time.monotonic()
    first, start_s = clock.stamp(), time.monotonic()
    while (least_s := time.monotonic() - start_s) < 0.02:
        pass
    second = clock.stamp()
    for passed_ns in (second.boottime_ns - first.boottime_ns, second.utc_ns - first.utc_ns):
        assert 1000 * least_s - 1 <= passed_ns / 1e9 <= 1000 * (time.monotonic() - before_s) + 1
    assert first.simulated
    assert second.simulated


def test_a_bench_sets_the_calendar_and_not_the_seconds(tmp_path: Path):
    said = tmp_path / "clock.json"
    since_s = time.clock_gettime(time.CLOCK_BOOTTIME)

    def say(offset_s: float) -> None:
        said.write_text(json.dumps({"since_s": since_s, "utc_offset_s": offset_s}))
        os.utime(said, ns=(0, int(1e9 * (offset_s + 1e6))))

    say(0.0)
    clock = SimulatedClock(1.0, said)
    first = clock.stamp()
    say(3600.0)
    second = clock.stamp()
    assert (second.utc_ns - first.utc_ns) / 1e9 == pytest.approx(3600, abs=5)
    assert (second.boottime_ns - first.boottime_ns) / 1e9 < 5


def test_every_frame_on_the_wire_says_how_its_time_came_about():
    def frame(synchronised: bool, simulated: bool) -> Frame:
        stamp = Stamp(1, 2, synchronised, simulated)
        return Frame("u", "u", bytes(16), stamp, np.zeros(1, np.int64), np.zeros(1, np.uint8))

    open_batch = OpenBatch(frame(True, False))
    open_batch.frames += [frame(False, True), frame(True, True)]
    batch = open_batch.batch("a", bytes(16), bytes(16), 1)
    assert batch.clock.tolist() == [CLOCK_SYNCHRONISED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED | CLOCK_SIMULATED]


@pytest.mark.parametrize(
    ("bus", "url", "more", "expected"),
    [
        (configuration.tcp_bus("b", 502, "192.0.2.1"), HERE, {}, "host: 192.0.2.1 is not this machine"),
        (configuration.rtu_bus("b", Path("/dev/null")), HERE, {}, "/dev/null is not a bench's pty"),
        (LOOPBACK, "https://collector.example", {}, "collector.example is not this machine"),
        (LOOPBACK, HERE, {"relay": {"output": "gpio", "pin": 4}}, "[relay]: would tell a real room"),
    ],
)
def test_simulated_time_is_refused_with_anything_real(
    tmp_path: Path, bus: str, url: str, more: dict[str, Table], expected: str
):
    config = tmp_path / "agent.toml"
    tables = configuration.agent(tmp_path, url, **more)
    config.write_text(tables + bus + configuration.unit("u", "b", "pace-rtu"))
    done = CliRunner().invoke(command, ["--config", str(config), "--time-scale", "10"])
    assert done.exit_code == 2
    assert expected in done.output
    assert "simulated time is for a bench on this very machine" in done.output
    assert not (tmp_path / "buffer.db").exists()
