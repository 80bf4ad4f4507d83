"""A remote I/O module with coils, such as the one that holds an alarm relay: pymodbus's own server."""

import asyncio
import logging
import time

from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

WRITE_SINGLE_COIL = 5
COILS = 16

# when a client hangs up, it logs everything that it ever sent
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class IoModule:
    """Coils 0 to 15 of one unit, and what was written to them: (unit id, coil, value), oldest first.

    `others` counts requests that were no write of one coil. `changed_s` is when the last write that changed
    a coil arrived (time.monotonic).
    """

    def __init__(self, port: int, unit_id: int = 1) -> None:
        bits = [SimData(0, count=COILS, values=False, datatype=DataType.BITS)]
        device = SimDevice(unit_id, simdata=(bits, bits, [SimData(0)], [SimData(0)]))
        self.writes: list[tuple[int, int, bool]] = []
        self.others = 0
        self.changed_s = 0.0
        self._coils = [False] * COILS
        self._written = asyncio.Event()
        self._server = ModbusTcpServer(device, address=("127.0.0.1", port), trace_pdu=self._heard)

    async def start(self) -> None:
        """Listen."""
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        """Close the socket and every connection."""
        await self._server.shutdown()  # type: ignore[no-untyped-call]

    def _heard(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if sending:
            return pdu
        if pdu.function_code != WRITE_SINGLE_COIL:
            self.others += 1
            return pdu
        value = bool(pdu.bits[0])
        self.writes.append((pdu.dev_id, pdu.address, value))
        if pdu.address < COILS and value is not self._coils[pdu.address]:
            self._coils[pdu.address], self.changed_s = value, time.monotonic()
        self._written.set()
        return pdu

    async def wait(self, coil: int, value: bool) -> float:
        """Wait until a coil has a value; return when it was changed last (time.monotonic)."""
        while self._coils[coil] is not value:
            self._written.clear()
            await self._written.wait()
        return self.changed_s
