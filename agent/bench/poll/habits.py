"""Devices with habits, over real sockets in real time: one that closes, and a gateway whose units are dead.

The device that closes does so after each answer. Behind each gateway twenty units are dead, and the last one
lives. Gateways differ in what they do for a dead one: nothing, while others are answered; or they wait for it
on the line that all share, and say exception 11, or nothing.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from agent.bench.poll.engine import profile_of
from agent.bench.poll.lossy import quiet
from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.unit import Unit
from agent.quality import Quality
from agent.transport.tcp import TcpBus
from drivers.layout import Layout
from drivers.profile.load import Profile
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint

PERIOD_S, LASTS_S = 1.0, 75.0
READS, DEAD = 4, 20
LINE_TIMEOUT_S = 1.0  # of a gateway that waits: a usual setting


class Gateway(TcpEndpoint):
    """Has no answer for a dead unit: waits_s for it on its one line, and says exception 11, or nothing."""

    def __init__(self, units: dict[int, RegisterTable], *, waits_s: float, says_so: bool) -> None:
        super().__init__("127.0.0.1", 0, units)
        self._waits_s, self._says_so = waits_s, says_so
        self._line = asyncio.Lock()

    async def _answer(
        self, writer: asyncio.StreamWriter, unit_id: int, transaction: int, request: bytes, open_s: float
    ) -> bool:
        async with self._line:
            if unit_id not in self.units:
                await asyncio.sleep(self._waits_s)
                if not self._says_so:
                    return True
            return await super()._answer(writer, unit_id, transaction, request, open_s)


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures, all taken beside each other within LASTS_S."""
    quiet()
    return asyncio.run(_measure())


async def _measure() -> list[tuple[str, float | None, str]]:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [3300] * 1000 * READS)
    living = {DEAD + 1: table}
    profile = profile_of(*((1000 * k, 100) for k in range(READS)))
    # decoding is compiled by the first frame, which takes seconds that are no gateway's
    await _whole(TcpEndpoint("127.0.0.1", 0, {1: table}), profile, [1], lasts_s=2.0)
    device = TcpEndpoint("127.0.0.1", 0, {1: table})
    device.faults.set(Fault(FaultKind.CLOSE))
    closing, *gateways = await asyncio.gather(
        _whole(device, profile, [1]),
        _whole(Gateway(living, waits_s=0.0, says_so=False), profile, range(1, DEAD + 2)),
        _whole(Gateway(living, waits_s=LINE_TIMEOUT_S, says_so=True), profile, range(1, DEAD + 2)),
        _whole(Gateway(living, waits_s=LINE_TIMEOUT_S, says_so=False), profile, range(1, DEAD + 2)),
    )
    names = ("gateway_20_dead", "gateway_20_dead_exception", "gateway_20_dead_waits")
    figures = [("closing_device_interval_s", longest(closing[1:]), "s")]
    for name, times in zip(names, gateways, strict=True):
        figures.append((f"{name}_first_frame_s", times[1] - times[0] if len(times) > 1 else None, "s"))
        figures.append((f"{name}_interval_s", longest(times[1:]), "s"))
    return figures


def longest(times: Sequence[float]) -> float | None:
    """Return the longest time from one to the next; None: there are no two."""
    return max((after - before for before, after in pairwise(times)), default=None)


async def _whole(
    endpoint: TcpEndpoint, profile: Profile, unit_ids: Sequence[int], lasts_s: float | None = None
) -> list[float]:
    """Poll for LASTS_S, or as said; return when that began, and when frames came that are all good, s."""
    await endpoint.start()
    table = TcpBus(name="bench", transport="tcp", host=endpoint.host, port=endpoint.port)
    port, clock = table.new_port(profile), Clock()
    times = [clock.boottime_s()]

    def emit(frame: Frame, _layout: Layout) -> None:
        if (frame.quality == Quality.GOOD).all():
            times.append(clock.boottime_s())

    units = [
        Unit(
            name=f"unit-{unit_id}",
            rack="bench",
            unit_id=unit_id,
            profile=profile,
            line=table.line(profile),
            period_s=PERIOD_S,
            timeout_s=table.timeout_s(profile),
            has_transaction_ids=port.has_transaction_ids,
            clock=clock,
            connected=lambda _unit, _layout: bytes(16),
            emit=emit,
        )
        for unit_id in unit_ids
    ]
    polling = asyncio.create_task(Bus("bench", port, units, clock).run())
    await asyncio.wait({polling}, timeout=lasts_s or LASTS_S)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    await endpoint.stop()
    return times
