"""A serial line's share of its limit: the engine as it is, on a pty that is paced like a UART.

The limit is the bytes' own time, the silence of the standard on both sides of a reply, and the unit's
turnaround. The bench's wire runs in a process of its own.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

from agent.bench.poll.engine import polled_bus, profile_of
from agent.frame import Frame
from agent.quality import Quality
from agent.transport.row import BusTable
from agent.transport.rtu import RtuBus
from drivers.layout import Layout
from drivers.line import bits_per_character

BAUDS = (9600, 19200, 115200)
REGISTERS, READS = 60, 2
TURNAROUND_S = 0.005
CYCLES = 20

WIRE = """
import sys, threading
from itertools import pairwise
from pathlib import Path
from drivers.registers import Area
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
table = RegisterTable()
table.define(Area.HOLDING, 0, [3300] * 1000)
bus = RtuBus(Path(sys.argv[1]), int(sys.argv[2]), {1: table}, turnaround_s=float(sys.argv[3]))
bus.start()
print("ready", flush=True)
threading.Event().wait()
"""


def limit_s(baud: int) -> float:
    """Return what one cycle cannot be faster than."""
    character_s = bits_per_character("N", 1) / baud
    silence_s = 3.5 * character_s if baud <= 19200 else 0.00175
    return READS * ((8 + 5 + 2 * REGISTERS) * character_s + 2 * silence_s + TURNAROUND_S)


def measure() -> list[tuple[str, float | None, str]]:
    """Return the share of the limit at each speed."""
    return [(f"rtu_{baud}_share_of_limit", limit_s(baud) / _cycle_s(baud), "ratio") for baud in BAUDS]


def _cycle_s(baud: int) -> float:
    """Return the median time of a cycle on a pty."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as folder:
        link = Path(folder) / "line"
        with served(link, baud):
            return polled_s(RtuBus(name="bench", transport="rtu", device=link, baud=baud))


@contextmanager
def served(link: Path, baud: int) -> Iterator[None]:
    """Serve the bench's wire at a link, in a process of its own."""
    wire = subprocess.Popen(
        [sys.executable, "-c", WIRE, str(link), str(baud), str(TURNAROUND_S)], stdout=subprocess.PIPE
    )
    try:
        assert wire.stdout is not None
        wire.stdout.readline()
        yield
    finally:
        wire.kill()
        wire.wait()


def polled_s(table: BusTable) -> float:
    """Return the median time of CYCLES cycles of READS blocks each, polled back to back, s."""
    return asyncio.run(_poll(table))


async def _poll(table: BusTable) -> float:
    times: list[float] = []
    done = asyncio.Event()

    def emit(frame: Frame, _layout: Layout) -> None:
        if (frame.quality == Quality.GOOD).all():
            times.append(time.perf_counter())
        if len(times) > CYCLES + 2:
            done.set()

    # two blocks too far apart for one read; a period that is always over means: back to back
    profile = profile_of((0, REGISTERS), (500, REGISTERS))
    bus = polled_bus(table, profile, emit, 1e-3)
    polling = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(60):
            await done.wait()
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    return median(b - a for a, b in pairwise(times[2:]))
