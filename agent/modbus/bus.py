"""One task per physical bus: it asks what the schedule says, and keeps the port open."""

import asyncio
import logging
import random
from collections import deque

from agent.clock import Clock
from agent.modbus.guest import PATIENCE_S, Guest, GuestRefused, Heard, parts
from agent.modbus.ports import Port, PortError
from agent.modbus.schedule import Schedule
from agent.modbus.unit import Unit
from drivers.registers import Read

log = logging.getLogger(__name__)

REOPEN_FLOOR_S = 1.0
REOPEN_CEILING_S = 8.0


class Bus:
    """A port and the units behind it."""

    def __init__(self, name: str, port: Port, units: list[Unit], clock: Clock) -> None:
        self.name, self.port, self.units = name, port, units
        self.trouble = ""
        self.busy_s = 0.0  # time in which the port carried something, since the start
        self._clock = clock
        self._guests: deque[Guest] = deque()
        self._opened = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._reopen_at_s = 0.0
        self._failures = 0
        self._up = False  # opened, and not known to be lost
        self._carried = False  # something, since then
        port.heard_late = self._heard_late
        for unit in units:
            unit.numbered = port.numbered

    async def run(self) -> None:
        """Poll until cancelled."""
        self._schedule = Schedule(self.units, self._clock.boottime_s())
        for unit in self.units:
            unit.intervals.begin(self._clock.boottime_s())
        try:
            async with asyncio.TaskGroup() as carriers:
                carriers.create_task(self._carry())
                for _ in range(self.port.in_flight - 1):
                    carriers.create_task(self._help())
        finally:
            if self._opening is not None:
                self._opening.cancel()
            self.port.close()

    async def _carry(self) -> None:
        while True:
            if self.port.is_open:
                await self._step()
            else:
                await self._closed()

    async def _help(self) -> None:
        """Carry further requests at once, where the units allow it."""
        while True:
            if self.port.is_open:
                await self._step()
            else:
                self._opened.clear()  # the port may have closed by itself
                await self._opened.wait()

    async def _step(self) -> None:
        """Carry one request, or wait until there is one."""
        now_s = self._clock.boottime_s()
        ask = self._schedule.next(now_s)
        if isinstance(ask, float):
            pause_s = (ask - now_s) / self._clock.scale
            if self._guests and self._guests[0].longest_s <= pause_s:
                await self._guests.popleft().carry(self.port)
            else:
                await asyncio.sleep(pause_s)
            return
        try:
            answer = await self.port.ask(
                ask.unit.unit_id + ask.read.unit_offset, ask.read, ask.timeout_s, ask.pause_s
            )
        except PortError as error:
            self._failed(error)
            return
        now_s = self._clock.boottime_s()
        self.busy_s += now_s - ask.at_s
        self._carried |= answer.response_s is not None
        ask.unit.answered(ask, answer, now_s)

    async def read(self, unit_id: int, read: Read, timeout_s: float | None = None) -> list[Heard]:
        """Ask something for a person, in a pause of the schedule; see `guest`.

        timeout_s: if not said, what the unit usually needs. Raises GuestRefused, PortError.
        """
        if not self.port.is_open:
            raise PortError(self.trouble or f"{self.port.name}: is being opened")
        polled = next((unit for unit in self.units if unit_id in unit.asked_ids), None)
        owed = polled.owed() if polled and not self.port.numbered else set()
        line_s = self.units[0].line.read_s
        guests = [
            Guest(unit_id, part, polled, timeout_s, line_s(part.area, part.count))
            for part in parts(read, owed)
        ]
        self._guests += guests
        try:
            async with asyncio.timeout(PATIENCE_S):
                return [await guest.heard for guest in guests]
        except TimeoutError:
            raise GuestRefused(
                f"bus {self.name} has had no pause of {guests[0].longest_s:.2f} s between its own reads;"
                " ask with a shorter time-out, or stop the agent"
            ) from None
        finally:
            for guest in guests:
                if guest in self._guests:
                    self._guests.remove(guest)

    async def _closed(self) -> None:
        """Open the port in the background, while the units say that they are not being read."""
        self._opened.clear()
        now_s = self._clock.boottime_s()
        wake_s = self._schedule.idle(now_s)
        if self._opening is None and now_s >= self._reopen_at_s:
            self._opening = asyncio.create_task(self._open())
        if self._opening is not None:
            await asyncio.wait({self._opening}, timeout=(wake_s - now_s) / self._clock.scale)
        else:
            await asyncio.sleep((min(wake_s, self._reopen_at_s) - now_s) / self._clock.scale)

    async def _open(self) -> None:
        try:
            await self.port.open()
        except PortError as error:
            self._failed(error)
        else:
            if self.trouble:
                log.info("bus %s: %s is open again", self.name, self.port.name)
            self.trouble, self._up, self._carried = "", True, False
            self._opened.set()
        finally:
            self._opening = None

    def _failed(self, error: PortError) -> None:
        """Note why the port failed, and when to try again.

        At once where it had worked; else doubling, jittered, never beyond the ceiling.
        """
        self.port.close()
        for unit in self.units:
            unit.port_lost()
        if not self._up and self._opening is None:
            return  # another request has told of it
        if str(error) != self.trouble:
            log.warning("bus %s: %s; its units are not being read", self.name, error)
        self.trouble = str(error)
        self._failures = 0 if self._carried else self._failures + 1
        wait_s = 0.0
        if self._failures:
            wait_s = min(REOPEN_CEILING_S, REOPEN_FLOOR_S * 2.0 ** (self._failures - 1))
        self._up = self._carried = False
        self._reopen_at_s = self._clock.boottime_s() + wait_s * random.uniform(0.5, 1.0)

    def _heard_late(self, unit_id: int, response_s: float) -> None:
        for unit in self.units:
            if unit_id in unit.asked_ids:
                unit.heard_late(response_s)
