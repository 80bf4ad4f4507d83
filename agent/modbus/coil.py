"""The one permitted write: a single coil of a remote I/O module, which holds the alarm relay.

It has its own connection and its own table in agent.toml, and shares nothing with the buses that read
batteries: an address of a battery cannot get here by mistake.
"""

import asyncio

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from agent.wire.hosts import authority

REFRESH_S = 1.0  # feeds the module's host time-out; a module without one keeps the coil when we die
TIMEOUT_S = 1.0
RETRY_S = 1.0


class CoilDriver:
    """A coil that is written whenever it should change, and again every second."""

    def __init__(self, host: str, port: int, unit_id: int, coil: int) -> None:
        self.name = f"coil {coil} of unit {unit_id} at {authority(host, port)}"
        self.trouble = "not written yet"
        self._host, self._port = host, port
        self._client: AsyncModbusTcpClient | None = None  # made within the event loop, which it needs
        self._unit_id, self._coil = unit_id, coil
        self._energised = False
        self._changed = asyncio.Event()

    def drive(self, energised: bool) -> None:
        """Set what the coil is to be; `run` writes it at once."""
        if energised != self._energised:
            self._energised = energised
            self._changed.set()

    async def run(self) -> None:
        """Write until cancelled; a module that does not answer is asked again every second."""
        while True:
            self._changed.clear()
            await self._write(self._energised)
            try:
                async with asyncio.timeout(RETRY_S if self.trouble else REFRESH_S):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _write(self, energised: bool) -> None:
        if self._client is None:
            self._client = AsyncModbusTcpClient(
                self._host, port=self._port, timeout=TIMEOUT_S, retries=0, reconnect_delay=0
            )
        try:
            if not self._client.connected and not await self._client.connect():
                self.trouble = f"{self.name}: no connection"
                return
            reply = await self._client.write_coil(self._coil, energised, device_id=self._unit_id)
            self.trouble = f"{self.name}: exception {reply.exception_code}" if reply.isError() else ""
        except (ModbusException, OSError, TimeoutError) as error:
            self.trouble = f"{self.name}: {error}"
            self._client.close()  # `connected` may stay True after a failed call

    async def close(self) -> None:
        """Drop the relay, if the module still listens, and hang up."""
        await self._write(False)
        if self._client is not None:
            self._client.close()
