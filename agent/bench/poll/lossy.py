"""Lines that lose four replies in ten, twenty of them beside each other for ten minutes of simulated time.

Buses, ports, schedule and units are the agent's own; simulated are the seconds, and what carries the bytes.
Figures are of the times from frame to frame in which every value of a unit is good.
"""

import asyncio
import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

from agent.bench.poll import virtual, wires
from agent.bench.poll.engine import profile_of
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile
from hil.modbus.faults import Fault, FaultKind

SEEDS, LASTS_S, PERIOD_S, TIMEOUT_S = 20, 600.0, 1.0, 1.0
BAUD = 9600
# A second fault strikes only where the first did not: a fifth is lost, and another fifth damaged.
LOST = (Fault(FaultKind.MUTE, probability=0.4),)
LOST_OR_DAMAGED = (Fault(FaultKind.MUTE, probability=0.2), Fault(FaultKind.CRC, probability=0.25))

Intervals = list[float]


def measure() -> list[tuple[str, float | None, str]]:
    """Return quantiles of the intervals; takes half a minute of two cores."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), quiet) as pool:
        runs = [pool.submit(run) for run in (tcp_intervals, rtu_intervals, rtu_silent_intervals)]
        tcp, rtu, silent = (run.result() for run in runs)
    return [
        ("lossy_40_interval_p99_s", quantile(tcp, 0.99), "s"),
        ("lossy_40_interval_p999_s", quantile(tcp, 0.999), "s"),
        ("lossy_40_rtu_interval_p99_s", quantile(rtu, 0.99), "s"),
        ("lossy_40_rtu_interval_p999_s", quantile(rtu, 0.999), "s"),
        ("lossy_40_rtu_silent_interval_p99_s", quantile(silent, 0.99), "s"),
        ("lossy_40_rtu_silent_interval_p999_s", quantile(silent, 0.999), "s"),
    ]


def quiet() -> None:
    """Keep what units say of themselves off the terminal: it is what is measured."""
    logging.getLogger("agent.modbus").setLevel(logging.CRITICAL)


def quantile(intervals: Intervals, share: float) -> float:
    """Return the interval that so many are no longer than."""
    return sorted(intervals)[int(share * len(intervals))]


def tcp_intervals() -> Intervals:
    """One unit of four reads on each of twenty connections that lose replies."""
    profile = profile_of(*((1000 * k, 100) for k in range(4)))
    ports = [wires.tcp(LOST, seed) for seed in range(SEEDS)]
    return _intervals(ports, profile, Line.tcp(), units=1)


def rtu_intervals(faults: tuple[Fault, ...] = LOST_OR_DAMAGED) -> Intervals:
    """Two units of one read of 40 registers on each of twenty lines that lose and damage replies."""
    ports = [wires.rtu(BAUD, faults, seed) for seed in range(SEEDS)]
    return _intervals(ports, profile_of((0, 40)), Line.rtu(BAUD), units=2)


rtu_silent_intervals = partial(rtu_intervals, LOST)


def _intervals(ports: list[Port], profile: Profile, line: Line, units: int) -> Intervals:
    async def beside_each_other() -> list[Intervals]:
        return await asyncio.gather(*(_polled(port, profile, line, units) for port in ports))

    return [interval for found in virtual.run(beside_each_other) for interval in found]


async def _polled(port: Port, profile: Profile, line: Line, units: int) -> Intervals:
    """Poll so many units for LASTS_S; return their intervals, and that which was still open at the end."""
    clock = virtual.LoopClock()
    whole: dict[str, list[float]] = {f"unit-{k}": [] for k in range(1, units + 1)}

    def emit(frame: Frame, _layout: Layout) -> None:
        if (frame.quality == Quality.GOOD).all():
            whole[frame.unit].append(clock.boottime_s())

    polled = [
        Unit(
            name=name,
            rack="bench",
            unit_id=k,
            profile=profile,
            line=line,
            period_s=PERIOD_S,
            timeout_s=TIMEOUT_S,
            has_transaction_ids=port.has_transaction_ids,
            clock=clock,
            connected=lambda _unit, _layout: bytes(16),
            emit=emit,
        )
        for k, name in enumerate(whole, 1)
    ]
    polling = asyncio.create_task(Bus("bench", port, polled, clock).run())
    await asyncio.wait({polling}, timeout=LASTS_S)
    end_s = clock.boottime_s()
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    return [after - before for times in whole.values() for before, after in pairwise([*times, end_s])]
