"""From a register that says alarm to the relay: for `bench service`.

A unit on a real socket, the real agent, and an I/O module that is pymodbus's own server. The delay counts
from the moment in which the unit read its registers for the reply that carries the alarm bit, until the
module has the coil's new value.
"""

import asyncio
import socket
import statistics
import tempfile
import time
from pathlib import Path

from agent.control import client
from drivers.registers import Area
from hil.modbus.io_module import IoModule
from hil.modbus.table import RegisterTable, Words
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Children

ALARM_WORDS = 13  # one bit a trial: a little over 200
TRIAL_LIMIT_S = 20.0
COIL = 0


PROFILE = """
schema = 1
model = "bench-alarm"
source = "made for this benchmark"
unverified = ["everything: there is no such unit"]
topology = { strings = 1, modules = 1, cells = 16 }
[[point]]
name = "cell_voltage"
quantity = "cell_voltage"
table = "holding"
address = 0
type = "u16"
count = 16
place = "cell"
scale = 0.001
unit = "V"
"""

ALARM_POINT = """
[[point]]
name = "alarms_{k}"
table = "holding"
address = {address}
type = "u16"
unnamed = "critical"
"""


def measure() -> list[tuple[str, float | None, str]]:
    """Return the quantiles of the delay; half a minute."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name:
        delays_ms = sorted(1e3 * delay for delay in asyncio.run(trials(Path(name), 16 * ALARM_WORDS)))
    return [
        ("wire_to_relay_p50_ms", statistics.median(delays_ms), "ms"),
        ("wire_to_relay_p99_ms", delays_ms[int(0.99 * (len(delays_ms) - 1))], "ms"),
        ("wire_to_relay_max_ms", delays_ms[-1], "ms"),
    ]


class AlarmUnit(RegisterTable):
    """A unit whose alarm bits are set one after the other; it remembers when it first told of the last."""

    def __init__(self) -> None:
        super().__init__()
        self.define(Area.HOLDING, 0, [3300] * 16 + [0] * ALARM_WORDS)
        self._bits = [0] * ALARM_WORDS
        self.told_s: float | None = None

    def raise_alarm(self, number: int) -> None:
        """Set a bit."""
        self._bits[number // 16] |= 1 << number % 16
        self.define(Area.HOLDING, 16, self._bits)
        self.told_s = None

    def read(self, area: Area, address: int, count: int) -> Words | None:
        """Answer, and take the time."""
        words = super().read(area, address, count)
        if words is not None and address + count > 16 and self.told_s is None:
            self.told_s = time.monotonic()
        return words


async def trials(folder: Path, count: int) -> list[float]:
    """Return the delays, s, of `count` alarms, one after the other."""
    unit = AlarmUnit()
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    port = free_port()
    module = IoModule(port)
    await module.start()
    words = [ALARM_POINT.format(k=k, address=16 + k) for k in range(ALARM_WORDS)]
    (folder / "bench-alarm.toml").write_text(PROFILE + "".join(words))
    config = folder / "relay.toml"
    rack = configuration.tcp_unit("rack", endpoint.port, "bench-alarm.toml", period_s=0.2)
    config.write_text(configuration.agent(folder, relay=configuration.coil(port)) + rack)
    delays = []
    with Children(folder) as children:
        children.start("relay-agent", "agent.cli", "run", "--config", str(config))
        for number in range(count):
            async with asyncio.timeout(TRIAL_LIMIT_S):
                await module.wait(COIL, True)
                unit.raise_alarm(number)
                dropped_s = await module.wait(COIL, False)
            assert unit.told_s is not None
            delays.append(dropped_s - unit.told_s)
            alarm = f"rack:alarms_{number // 16}.bit{number % 16}:"
            body = {"alarm": alarm, "minutes": 60, "why": "bench"}
            await asyncio.to_thread(client.post, folder / "control.sock", "/v1/alarms/shelve", body)
    await endpoint.stop()
    await module.stop()
    return delays


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
