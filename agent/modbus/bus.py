"""One task per physical bus: which unit is polled next, and what happens when the port itself fails."""

import asyncio
import logging
import random
import time

from agent.modbus.ports import Port, PortError
from agent.modbus.unit import Unit

log = logging.getLogger(__name__)

REOPEN_FLOOR_S = 1.0
REOPEN_CEILING_S = 8.0


class Bus:
    """A port and the units behind it, polled in the order in which they are due.

    A cycle that could not start in time is dropped and counted, never made up for: values are not bunched.
    """

    def __init__(self, name: str, port: Port, units: list[Unit]) -> None:
        self.name, self.port, self.units = name, port, units
        self.trouble = ""
        self._reopen_at_s = 0.0
        self._reopen_failures = 0

    async def run(self) -> None:
        """Poll until cancelled."""
        start_s = time.monotonic()
        # units of one bus start evenly spread over their first period, so that their requests do not queue
        due_s = {
            unit.name: start_s + unit.period_s * k / len(self.units) for k, unit in enumerate(self.units)
        }
        try:
            while True:
                unit = min(self.units, key=lambda u: due_s[u.name])
                await asyncio.sleep(due_s[unit.name] - time.monotonic())
                await self._cycle(unit)
                late = int((time.monotonic() - due_s[unit.name]) // unit.period_s)
                unit.counters.late_cycles += late
                due_s[unit.name] += (late + 1) * unit.period_s
        finally:
            self.port.close()

    async def _cycle(self, unit: Unit) -> None:
        try:
            await unit.cycle(self.port if await self._ready() else None)
        except PortError as error:
            self.port.close()
            self._failed(error)

    async def _ready(self) -> bool:
        if self.port.is_open:
            return True
        if time.monotonic() < self._reopen_at_s:
            return False
        try:
            await self.port.open()
        except PortError as error:
            self._failed(error)
            return False
        if self.trouble:
            log.info("bus %s: %s is open again", self.name, self.port.name)
        self.trouble, self._reopen_failures = "", 0
        return True

    def _failed(self, error: PortError) -> None:
        """Note why the port failed, and when to try again: doubling, jittered, never beyond the ceiling."""
        if str(error) != self.trouble:
            log.warning("bus %s: %s; its units are not being read", self.name, error)
        self.trouble = str(error)
        wait_s = min(REOPEN_CEILING_S, REOPEN_FLOOR_S * 2.0**self._reopen_failures)
        self._reopen_failures += 1
        self._reopen_at_s = time.monotonic() + wait_s * random.uniform(0.5, 1.0)
