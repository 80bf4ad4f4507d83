"""What one read over TCP costs: the engine beside a bare loop over pymodbus's client, and libmodbus in C.

Each client reads 125 registers, one request at a time, from the same units in another process. The engine's
reads are whole cycles, decoded into frames; the others only read.
"""

import ctypes.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

READS = 4000

OURS = """
import asyncio, sys, time
from agent.bench.poll.engine import polled_bus, profile_of
from agent.transport.tcp import TcpBus
async def main(port, reads):
    frames, done, began = 0, asyncio.Event(), None
    def emit(frame, _layout):
        nonlocal frames, began
        frames += 1
        if frames == 200:
            began = time.process_time(), time.perf_counter()
        if frames == reads + 200:
            done.set()
    table = TcpBus(name="bench", transport="tcp", host="127.0.0.1", port=port)
    polling = asyncio.create_task(polled_bus(table, profile_of((0, 125)), emit, 1e-6).run())
    await done.wait()
    print(time.process_time() - began[0], time.perf_counter() - began[1])
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""

THEIRS = """
import asyncio, sys, time
from pymodbus.client import AsyncModbusTcpClient
async def main(port, reads):
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    for _ in range(200):
        await client.read_holding_registers(0, count=125, device_id=1)
    began = time.process_time(), time.perf_counter()
    for _ in range(reads):
        await client.read_holding_registers(0, count=125, device_id=1)
    print(time.process_time() - began[0], time.perf_counter() - began[1])
    client.close()
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""

IN_C = """
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}
int main(int argc, char **argv) {
    uint16_t words[125];
    int reads = atoi(argv[2]);
    double cpu = 0, wall = 0;
    modbus_t *bus = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    (void)argc;
    if (!bus || modbus_connect(bus)) return 1;
    modbus_set_slave(bus, 1);
    for (int i = -200; i < reads; i++) {
        if (i == 0) { cpu = seconds(CLOCK_PROCESS_CPUTIME_ID); wall = seconds(CLOCK_MONOTONIC); }
        if (modbus_read_registers(bus, 0, 125, words) != 125) return 2;
    }
    printf("%f %f\\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall);
    return 0;
}
"""


def measure() -> list[tuple[str, float | None, str]]:
    """Return the ratios, each the median of three turns in which the clients take turns."""
    units = subprocess.Popen([sys.executable, "-m", "agent.bench.units", "0:well"], stdout=subprocess.PIPE)
    try:
        assert units.stdout is not None
        (port,) = json.loads(units.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as folder:
            in_c = _build(Path(folder))
            python = [sys.executable, "-c"]
            turns = [
                (
                    _run([*python, OURS], port),
                    _run([*python, THEIRS], port),
                    _run([str(in_c)], port) if in_c else None,
                )
                for _ in range(3)
            ]
    finally:
        units.kill()
        units.wait()
    cpu = sorted(ours[0] / theirs[0] for ours, theirs, _ in turns)[1]
    rates = sorted(c[1] / ours[1] for ours, _, c in turns if c)
    return [
        ("tcp_cpu_us_per_read", 1e6 * min(ours[0] for ours, *_ in turns) / READS, "us"),
        ("tcp_cpu_ratio_to_pymodbus", cpu, "ratio"),
        ("tcp_rate_ratio_to_libmodbus", rates[1] if rates else None, "ratio"),
    ]


def _run(command: list[str], port: int) -> tuple[float, float]:
    """Return the CPU and wall seconds that a client needed for READS reads."""
    done = subprocess.run([*command, str(port), str(READS)], check=True, capture_output=True, text=True)
    cpu, wall = map(float, done.stdout.split())
    return cpu, wall


def _build(folder: Path) -> Path | None:
    """Build the C client; None where there is no compiler or no libmodbus with its header."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or ctypes.util.find_library("modbus") is None:
        return None
    source, program = folder / "client.c", folder / "client"
    source.write_text(IN_C)
    include = ["-I/usr/include/modbus", "-I/usr/local/include/modbus"]
    built = subprocess.run(
        [compiler, "-O2", *include, "-o", program, source, "-lmodbus"], check=False, capture_output=True
    )
    return program if built.returncode == 0 else None
