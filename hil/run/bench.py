"""A room that runs: units tick, registers follow, events happen, until it is stopped."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.wire.hosts import host_and_port
from hil.bmu.units import BenchUnit, build
from hil.modbus.faults import Fault, FaultKind, FaultTable
from hil.modbus.rtu import RtuBus
from hil.modbus.serial import SerialBus
from hil.modbus.serial_server import SerialServer
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen, TcpEndpoint
from hil.scenario.events import Cut, EventTable, WireClear, WireFault
from hil.scenario.room import Room, RoomError, RoomUnitTable

log = logging.getLogger(__name__)

TICK_S = 1.0  # how often units measure and fill their registers, unless told otherwise
Announce = Callable[[dict[str, Any]], None]


@dataclass
class Served:
    """A unit and the wire it answers on."""

    unit: BenchUnit
    wire: "TcpEndpoint | RtuBus"
    silent: bool = False

    @property
    def table(self) -> RoomUnitTable:
        """Its table in the room file."""
        return self.unit.table

    @property
    def faults(self) -> FaultTable:
        """The faults of its wire."""
        return self.wire.faults

    def tick(self, t_s: float) -> None:
        """Measure, fill the registers, and answer or not."""
        self.unit.source.read_at(t_s)
        self.unit.fill()
        self.answer_or_not()

    def answer_or_not(self) -> None:
        """Be silent on the wire while the unit does not answer."""
        if self.unit.answers == self.silent:
            self.silent = not self.silent
            fault = Fault(FaultKind.MUTE, self.table.unit_id)
            self.faults.set(fault) if self.silent else self.faults.clear(fault.kind, fault.unit_id)

    def describe(self) -> dict[str, Any]:
        """Where a client finds it."""
        table = self.table
        about = {"unit_id": table.unit_id, "profile": table.profile}
        transport = "rtu-over-tcp" if isinstance(self.wire, SerialServer) else table.transport
        return {"name": table.name, "transport": transport, **self.wire.place, **about}


class Bench:
    """All units of a room. Build it, `start` it, `run` it until `stop` is set, `close` it.

    A bench second lasts 1 / `time_scale` s. Raises RoomError, with every problem, when the room names what
    cannot be loaded or does not fit.
    """

    def __init__(self, room: Room, time_scale: float = 1.0, tick_s: float = TICK_S) -> None:
        self.room = room
        self.time_scale, self.tick_s = time_scale, tick_s
        self.late_ticks = 0
        self.units: list[Served] = []
        self.start_s = self.began_s = 0.0  # CLOCK_BOOTTIME of its own start, and of the events' time 0
        self._mended: list[tuple[float, FaultTable]] = []
        self._wires: dict[str, TcpEndpoint | RtuBus] = {}
        self._tables: dict[str, dict[int, RegisterTable]] = {}
        units, problems = build(room.unit)
        for unit in units:
            key, wire = self._wire_of(unit.table)
            for offset, words in unit.registers.tables.items():
                unit_id = unit.table.unit_id + offset
                if unit_id in self._tables[key]:
                    problems.append(
                        f'unit "{unit.name}": unit id {unit_id} is taken by another unit of {key}'
                    )
                self._tables[key][unit_id] = words
            self.units.append(Served(unit, wire))
        if problems:
            raise RoomError(problems)

    def _wire_of(self, table: RoomUnitTable) -> "tuple[str, TcpEndpoint | RtuBus]":
        """The wire of a unit, made when its first unit comes."""
        bus = self.room.bus_of(table)
        listen = table.listen if bus is None else bus.listen
        lone = bus is None and str(listen).endswith(":0")  # any port: an endpoint of its own
        key = table.name if lone else str(bus.name if bus else listen)
        if key not in self._wires:
            units = self._tables.setdefault(key, {})
            seed = bus.seed if bus else 0
            if bus is not None and bus.device is not None:
                self._wires[key] = SerialBus(
                    bus.device,
                    bus.baud,
                    units,
                    parity=bus.parity,
                    stop_bits=bus.stop_bits,
                    turnaround_s=bus.turnaround_ms / 1000,
                    seed=seed,
                )
            elif bus is not None and bus.link is not None:
                self._wires[key] = RtuBus(
                    bus.link,
                    bus.baud,
                    units,
                    parity=bus.parity,
                    stop_bits=bus.stop_bits,
                    turnaround_s=bus.turnaround_ms / 1000,
                    echo=bus.echo,
                    seed=seed,
                    time_scale=self.time_scale,
                )
            elif bus is not None and bus.serial_server is not None:
                server = host_and_port(bus.serial_server)
                assert server is not None  # the room has been checked
                self._wires[key] = SerialServer(
                    *server,
                    bus.baud,
                    units,
                    parity=bus.parity,
                    stop_bits=bus.stop_bits,
                    turnaround_s=bus.turnaround_ms / 1000,
                    echo=bus.echo,
                    seed=seed,
                    time_scale=self.time_scale,
                )
            else:
                endpoint = host_and_port(str(listen))
                assert endpoint is not None  # the room has been checked
                self._wires[key] = TcpEndpoint(*endpoint, units, seed)
        return key, self._wires[key]

    async def start(self) -> None:
        """Fill all registers and open all wires. CannotListen when one is taken: then none stays open."""
        for unit in self.units:
            unit.tick(0.0)
        try:
            for wire in self._wires.values():
                if isinstance(wire, SerialServer):
                    await wire.listen()
                elif isinstance(wire, TcpEndpoint):
                    await wire.start()
                else:
                    wire.start()
        except CannotListen:
            await self.close()
            raise

    async def run(self, stop: asyncio.Event, announce: Announce) -> None:
        """Announce readiness, then tick and let events happen in their time until `stop` is set."""
        start_s = self.start_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.began_s = self.began_s or start_s
        units = [unit.describe() for unit in self.units]
        announce({"ready": True, "boottime_s": start_s, "units": units})
        events = sorted(self.room.event, key=lambda event: event.at_s)
        tick = 1
        while not stop.is_set():
            now_s = self.time_scale * (time.clock_gettime(time.CLOCK_BOOTTIME) - start_s)
            if events and events[0].at_s <= self.scenario_s():
                event = events.pop(0)
                self.happen(event, now_s)
                announce({"event": event.kind, **event.said(), "t_s": round(self.scenario_s(), 3)})
            elif tick * self.tick_s <= now_s:
                self.tick(now_s)
                due = int(now_s // self.tick_s)
                if due > tick:
                    self.late_ticks += due - tick
                    log.warning(
                        "the bench is %.1f s late: too much for it on this machine",
                        now_s - tick * self.tick_s,
                    )
                tick = due + 1
            else:
                soonest_s = [event.at_s - self.scenario_s() for event in events[:1]]
                wait_s = min([tick * self.tick_s - now_s, *soonest_s])
                await _wait(stop, max(0.0, wait_s) / self.time_scale)

    def scenario_s(self) -> float:
        """The time by which events happen: since `begin`, or else since the start; before it, negative."""
        return self.time_scale * (time.clock_gettime(time.CLOCK_BOOTTIME) - self.began_s)

    def hold(self) -> None:
        """Let no event happen before `begin`."""
        self.began_s = math.inf

    def begin(self) -> None:
        """Let the time of events begin now: whoever watches is ready. Late ticks count from here."""
        self.began_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.late_ticks = 0

    def tick(self, t_s: float) -> None:
        """Bring every unit to `t_s`, and mend what was cut until then."""
        for unit in self.units:
            unit.tick(t_s)
        for end_s, faults in [mended for mended in self._mended if mended[0] <= t_s]:
            self._mended.remove((end_s, faults))
            faults.clear(FaultKind.MUTE, None)
            for unit in self.units:
                unit.silent = False
                unit.answer_or_not()

    async def close(self) -> None:
        """Close all wires and remove their links."""
        for wire in self._wires.values():
            if isinstance(wire, SerialServer):
                await wire.hang_up()
            elif isinstance(wire, TcpEndpoint):
                await wire.stop()
            else:
                wire.stop()

    def happen(self, event: EventTable, t_s: float) -> None:
        """Let an event happen. What happens to the site, as to its collector, is not the bench's."""
        what = event.what()
        if isinstance(what, Cut):
            faults = self._wires[event.bus].faults
            faults.set(Fault(FaultKind.MUTE))
            if what.for_s < math.inf:
                self._mended.append((t_s + what.for_s, faults))
            return
        if event.on == "site":
            return
        served = next(u for u in self.units if u.table.name == event.unit)
        unit_id = served.table.unit_id
        match what:
            case WireFault(fault, probability, times, delay_s, code):
                served.faults.set(Fault(fault, unit_id, probability, times, delay_s / self.time_scale, code))
            case WireClear(fault):
                served.faults.clear(fault, unit_id)
            case _:
                served.unit.source.read_at(t_s)  # the rack as it is when it happens
                served.unit.happen(what)
                served.answer_or_not()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
