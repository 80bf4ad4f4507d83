"""One task per physical bus: it asks what the schedule says, and keeps the port open."""

import asyncio
import logging
import random
from collections import deque

from agent.clock import Clock
from agent.message import Message, joined, told_by
from agent.modbus.came import Came
from agent.modbus.manual_read import PATIENCE_S, Exchange, Guest, GuestRefused, parts
from agent.modbus.overheard import ANOTHER_MASTER, REMEDY, Strangers, described
from agent.modbus.ports import HungUp, Port, PortError
from agent.modbus.read_request import ReadRequest
from agent.modbus.repeats import Repeats
from agent.modbus.schedule import Schedule
from agent.modbus.unit import Unit
from drivers.registers import Read

log = logging.getLogger(__name__)

REOPEN_FLOOR_S = 1.0
REOPEN_CEILING_S = 8.0
RESUME_S = 0.5  # within which a port that was lost after it had answered is open again; else its units know
# A device that closes its connections by habit: so many in a row on which it had answered, none for longer.
HABIT, SHORT_S = 3, 30.0
STABLE_S = 60.0  # a port that was open for so long was well: what happens to it then is news


class Bus:
    """One port, and the units that are polled through it."""

    def __init__(self, name: str, port: Port, units: list[Unit], clock: Clock) -> None:
        self.name, self.port, self.units = name, port, units
        self.busy_s = 0.0  # time in which the port carried something, since the start
        self._clock = clock
        self._guests: deque[Guest] = deque()
        self._opened = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._reopen_at_s = 0.0
        self._failures = 0
        self._trouble = ""  # of the port, until it has carried something
        self._came: Came | None = None  # what that was
        self._repeats = Repeats()
        self._up = False  # the port was opened, and is not known to be lost
        self._carried = False  # an answer has come since the port was opened
        self._resumes = False  # the port was lost after an answer: its requests are asked once more
        self._resumed = False  # the port was opened last to resume
        self._opened_s = 0.0
        self._closings = 0  # in a row, by the other side, soon after it had answered
        self._strangers = Strangers()

    @property
    def trouble(self) -> str:
        """What is wrong with the port or the line; "": nothing."""
        return self._trouble or self._strangers.said(self._clock.boottime_s())

    @property
    def came(self) -> Came | None:
        """What is wrong with the port, as a row of the table."""
        return self._came if self._trouble else None

    @property
    def strangers_per_minute(self) -> int:
        """How many requests of other masters were heard in the last minute."""
        return self._strangers.per_minute(self._clock.boottime_s())

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
                continue
            if self._up and self.port.hung_up:  # while nothing was asked
                self._failed(self.port.hung_up)
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
        self._take_late_replies()
        chosen = self._schedule.next(now_s)
        try:
            if isinstance(chosen, float):
                await self._pause((chosen - now_s) / self._clock.scale)
                return
            unit, request = chosen
            answer = await self.port.ask(request.unit_id, request.read, request.timeout_s, request.pause_s)
        except PortError as error:
            if self._up:  # else another request has reported the loss
                self._failed(error)
            if not isinstance(chosen, float):
                self._cut_off(*chosen, error)
            return
        now_s = self._clock.boottime_s()
        self.busy_s += now_s - request.at_s
        self._carried |= answer.response_s is not None
        self._schedule.took(unit, request, answer, now_s)
        if self._trouble:
            self._tell(logging.INFO, f"{self.port.name} is open again", now_s)
            self._trouble, self._came = "", None
        if answer.stranger:
            known = self._strangers.present(now_s)
            self._strangers.heard(answer.stranger, answer.strangers, now_s)
            if not known and self._strangers.present(now_s):
                self._tell(
                    logging.WARNING, f"{ANOTHER_MASTER} ({described(answer.stranger)}); {REMEDY}", now_s
                )
        unit.answered(request, answer, now_s)

    def _cut_off(self, unit: Unit, request: ReadRequest, error: PortError) -> None:
        """Tell the unit that the port was lost under its request."""
        if self._resumes:
            unit.cut_off(request, self._clock.boottime_s())
        elif self._resumed and isinstance(error, HungUp):
            unit.closed_by(request.read)

    async def _pause(self, pause_s: float) -> None:
        """Sleep, or carry the next manual read if it fits into the pause."""
        if self._guests and self._guests[0].longest_s <= pause_s:
            await self._guests.popleft().carry(self.port)
        else:
            await asyncio.sleep(pause_s)

    def _tell(self, level: int, said: str, now_s: float) -> None:
        if line := self._repeats.again(said, now_s):
            log.log(level, "bus %s: %s", self.name, line)

    async def read(self, unit_id: int, read: Read, timeout_s: float | None = None) -> list[Exchange]:
        """Carry a read for a person in a pause of the schedule; see `manual_read`.

        timeout_s: None: the unit's own time-out. Raises GuestRefused, PortError.
        """
        if not self.port.is_open and not self._resumes:
            raise PortError(self._trouble or joined(": ", [self.port.name, Message("is being opened")]))
        polled = next((unit for unit in self.units if unit_id in unit.asked_ids), None)
        owed = polled.owed() if polled and not self.port.has_transaction_ids else set()
        line_s = self.units[0].line.read_s
        pieces = not self.port.has_transaction_ids
        guests = [
            Guest(unit_id, part, polled, timeout_s, line_s(part.area, part.count), in_pieces=pieces)
            for part in parts(read, owed)
        ]
        self._guests += guests
        try:
            async with asyncio.timeout(PATIENCE_S):
                return [await guest.heard for guest in guests]
        except TimeoutError:
            raise GuestRefused(
                f"bus {self.name} has had no pause of {guests[0].longest_s:.2f} s between its own reads;"
                " read with a shorter time-out, or stop the agent"
            ) from None
        finally:
            for guest in guests:
                if guest in self._guests:
                    self._guests.remove(guest)

    async def _closed(self) -> None:
        """Open the port in the background, while the units' frames say that they are not being read."""
        self._opened.clear()
        self._take_late_replies()
        now_s = self._clock.boottime_s()
        if self._resumes:
            await self._resume(now_s)
            return
        wake_s = self._schedule.idle(now_s)
        if self._opening is None and now_s >= self._reopen_at_s:
            self._opening = asyncio.create_task(self._open())
        if self._opening is not None:
            await asyncio.wait({self._opening}, timeout=(wake_s - now_s) / self._clock.scale)
        else:
            await asyncio.sleep((min(wake_s, self._reopen_at_s) - now_s) / self._clock.scale)

    async def _resume(self, now_s: float) -> None:
        """Open the port once a request is due; after RESUME_S its units count as not being read."""
        due_s = now_s if self._guests else self._schedule.due(now_s)
        if due_s > now_s:
            await asyncio.sleep((due_s - now_s) / self._clock.scale)
            return
        self._opening = self._opening or asyncio.create_task(self._open())
        await asyncio.wait({self._opening}, timeout=RESUME_S / self._clock.scale)
        if self._resumes:
            self._not_read()

    async def _open(self) -> None:
        try:
            await self.port.open()
        except PortError as error:
            self._failed(error)
        else:
            now_s = self._clock.boottime_s()
            self._up, self._carried, self._opened_s = True, False, now_s
            self._resumed, self._resumes = self._resumes, False
            self._schedule.backlog.forget()
            for unit in self.units:
                unit.reconnected(now_s, habit=self._closings >= HABIT)
            self._opened.set()
        finally:
            self._opening = None

    def _failed(self, error: PortError) -> None:
        """Note why the port failed, and when to try again.

        At once where it had answered since it was opened; else doubling, jittered, never beyond the ceiling.
        """
        self.port.close()
        now_s = self._clock.boottime_s()
        open_s = now_s - self._opened_s if self._up else 0.0
        if open_s > STABLE_S:
            self._repeats.forget()
        self._resumes, self._up = self._up and self._carried, False
        if self._resumes:
            self._closings = self._closings + 1 if open_s < SHORT_S else 0
            said = f"{error}; opening it again"
            if self._closings >= HABIT:
                said = f"{self.port.name} closes the connection after it has answered; opened anew each time"
            self._tell(logging.WARNING, said, now_s)
            self._failures = 0
            return
        self._not_read()
        self._tell(logging.WARNING, f"{error}; its units are not being read", now_s)
        self._trouble, self._came = told_by(error), error.came
        self._failures += 1
        wait_s = min(REOPEN_CEILING_S, REOPEN_FLOOR_S * 2.0 ** (self._failures - 1))
        self._reopen_at_s = now_s + max(REOPEN_FLOOR_S, wait_s * random.uniform(0.5, 1.0))

    def _not_read(self) -> None:
        """Tell the units that their requests will not be answered."""
        self._resumes, self._closings = False, 0
        for unit in self.units:
            unit.port_lost()

    def _take_late_replies(self) -> None:
        for reply in self.port.late():
            self._schedule.came_late(reply, self._clock.boottime_s())
