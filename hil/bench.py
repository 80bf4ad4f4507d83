"""A room that runs: sources tick, registers follow, events happen, until it is stopped."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.problems import ProfileError
from drivers.profile import load_profile
from hil.battery_models import SunSpecMap
from hil.modbus.faults import Fault, FaultKind, FaultTable
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import EndpointError, TcpEndpoint
from hil.plant.duty import Room as Air
from hil.plant.events import InternalShort
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.recording import Recording, RecordingError, load_recording
from hil.registers import ProfileMap, RegisterError, RegisterMap
from hil.room import ClearEvent, FaultEvent, MuteEvent, Room, RoomError, ShortEvent, SourceTable, UnitTable

log = logging.getLogger(__name__)

TICK_S = 1.0  # how often units measure and fill their registers
Announce = Callable[[dict[str, Any]], None]


@dataclass
class Unit:
    """One simulated unit: its table in the room file, its source and its registers."""

    table: UnitTable
    source: "RackSource | Recording"
    registers: RegisterMap
    wire: "TcpEndpoint | RtuBus"

    @property
    def faults(self) -> FaultTable:
        """The faults of the unit's wire."""
        return self.wire.faults

    def tick(self, t_s: float) -> None:
        """Measure, and fill the registers."""
        self.registers.update(self.source.read_at(t_s), t_s)

    def describe(self) -> dict[str, Any]:
        """Where a client finds it."""
        table, wire = self.table, self.wire
        if isinstance(wire, TcpEndpoint):
            place: dict[str, Any] = {"host": wire.host, "port": wire.port}
        else:
            place = {"device": str(wire.link), "baud": wire.baud}
        about = {"unit_id": table.unit_id, "profile": table.profile}
        return {"name": table.name, "transport": table.transport, **place, **about}


class Bench:
    """All units of a room. Build it, `start` it, `run` it until `stop` is set, `close` it.

    Raises RoomError, with every problem, when the room names what cannot be loaded or does not fit.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.units: list[Unit] = []
        self._wires: dict[str, TcpEndpoint | RtuBus] = {}
        self._tables: dict[str, dict[int, RegisterTable]] = {}
        problems: list[str] = []
        for table in room.unit:
            try:
                self.units.append(self._build(table))
            except (RecordingError, RegisterError, OSError) as error:
                problems.append(f'unit "{table.name}": {error}')
            except ProfileError as error:
                problems += [f'unit "{table.name}": {line}' for line in str(error).splitlines()]
        if problems:
            raise RoomError(problems)

    def _build(self, table: UnitTable) -> Unit:
        profile = load_profile(table.profile)
        source = _source(table.source)
        registers: RegisterMap
        if profile.sunspec is not None:
            registers = SunSpecMap(profile, source, table.identity, table.name, table.unit_id)
        else:
            registers = ProfileMap(profile, source, table.identity, table.name)
        key, wire = self._wire_of(table)
        for offset, words in registers.tables.items():
            if table.unit_id + offset in self._tables[key]:
                raise RegisterError(f"unit id {table.unit_id + offset} is taken by another unit of {key}")
            self._tables[key][table.unit_id + offset] = words
        return Unit(table, source, registers, wire)

    def _wire_of(self, table: UnitTable) -> "tuple[str, TcpEndpoint | RtuBus]":
        """The wire of a unit, made when its first unit comes."""
        bus = self.room.bus_of(table)
        listen = table.listen if bus is None else bus.listen
        lone = bus is None and str(listen).endswith(":0")  # any port: an endpoint of its own
        key = table.name if lone else str(bus.name if bus else listen)
        if key not in self._wires:
            units = self._tables.setdefault(key, {})
            seed = bus.seed if bus else 0
            if bus is not None and bus.link is not None:
                self._wires[key] = RtuBus(
                    bus.link,
                    bus.baud,
                    units,
                    parity=bus.parity,
                    stop_bits=bus.stop_bits,
                    turnaround_s=bus.turnaround_ms / 1000,
                    echo=bus.echo,
                    seed=seed,
                )
            else:
                host, _, port = str(listen).rpartition(":")
                self._wires[key] = TcpEndpoint(host, int(port), units, seed)
        return key, self._wires[key]

    async def start(self) -> None:
        """Fill all registers and open all wires. EndpointError when one is taken: then none stays open."""
        for unit in self.units:
            unit.tick(0.0)
        try:
            for wire in self._wires.values():
                if isinstance(wire, TcpEndpoint):
                    await wire.start()
                else:
                    wire.start()
        except EndpointError:
            await self.close()
            raise

    async def run(self, stop: asyncio.Event, announce: Announce) -> None:
        """Announce readiness, then tick and let events happen in real time until `stop` is set."""
        start_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        units = [unit.describe() for unit in self.units]
        announce({"ready": True, "boottime_s": start_s, "units": units})
        events = sorted(self.room.event, key=lambda event: event.at_s)
        tick = 1
        while not stop.is_set():
            now_s = time.clock_gettime(time.CLOCK_BOOTTIME) - start_s
            if events and events[0].at_s <= now_s:
                event = events.pop(0)
                self._happen(event, now_s)
                announce(
                    {
                        "event": event.kind,
                        **event.model_dump(exclude={"kind", "at_s"}),
                        "t_s": round(now_s, 3),
                    }
                )
            elif tick * TICK_S <= now_s:
                for unit in self.units:
                    unit.tick(now_s)
                if now_s > (tick + 1) * TICK_S:
                    log.warning(
                        "the bench is %.1f s late: too many units for this machine", now_s - tick * TICK_S
                    )
                tick = int(now_s // TICK_S) + 1
            else:
                due_s = min([tick * TICK_S] + [event.at_s for event in events[:1]])
                await _wait(stop, due_s - now_s)

    async def close(self) -> None:
        """Close all wires and remove their links."""
        for wire in self._wires.values():
            if isinstance(wire, TcpEndpoint):
                await wire.stop()
            else:
                wire.stop()

    def _happen(self, event: "ShortEvent | MuteEvent | FaultEvent | ClearEvent", t_s: float) -> None:
        unit = next(u for u in self.units if u.table.name == event.unit)
        unit_id, faults = unit.table.unit_id, unit.faults
        match event:
            case ShortEvent():
                assert isinstance(unit.source, RackSource)
                unit.source.read_at(t_s)  # the rack as it is when it happens
                unit.source.apply(InternalShort(event.place, event.ohm))
            case MuteEvent(kind="mute"):
                faults.set(Fault(FaultKind.MUTE, unit_id))
            case MuteEvent():
                faults.clear(FaultKind.MUTE, unit_id)
            case FaultEvent():
                faults.set(
                    Fault(event.fault, unit_id, event.probability, event.times, event.delay_s, event.code)
                )
            case ClearEvent():
                faults.clear(event.fault, unit_id)


def _source(table: SourceTable) -> "RackSource | Recording":
    if table.recording is not None:
        return load_recording(table.recording)
    rack = table.rack
    assert rack is not None
    return RackSource(
        Rack(
            RackParameters(
                rack.arrangement,
                chemistry=rack.chemistry,
                capacity_ah=rack.capacity_ah,
                soc=rack.soc,
                room=Air(rack.room_degc),
                seed=rack.seed,
            )
        )
    )


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
