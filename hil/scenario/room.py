"""The room file: which battery units there are, on which wires, with which values, and what happens."""

import copy
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.wire.hosts import host_and_port
from hil.bmu.bmu import BmuLosesModule, module_of
from hil.modbus.faults import FOREIGN
from hil.modbus.rtu import BAUDS
from hil.plant.chemistry import CHEMISTRIES
from hil.plant.events import cell_index
from hil.plant.faults import SensorFault, SensorSwapped, find
from hil.plant.sensors import TYPICAL
from hil.plant.source import Arrangement
from hil.scenario.events import KINDS, AnyEvent, EventTable, WireFault

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=1000)]


class RoomError(Exception):
    """A room that cannot be served; `problems` has one line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RackTable(_Table):
    """A modelled rack, floating. `sensors` probes per module, probe k on the first cell of its group."""

    strings: Count = 1
    modules: Count = 1
    cells: Count = 16
    sensors: Annotated[int, Field(ge=0)] | None = None  # None: four, or one per cell where there are fewer
    chemistry: str = "LFP"
    capacity_ah: Positive = 100.0
    soc: Annotated[float, Field(ge=0, le=1)] | None = None
    room_degc: float = 25.0
    room_swing_k: Annotated[float, Field(ge=0)] = 0.5  # the day's wave, peak
    cooling_k: Annotated[float, Field(ge=0)] = 0.0  # the compressor's cycle of 15 min, peak
    float_wobble_v: Annotated[float, Field(ge=0)] = 0.0  # the charger's, peak
    cell_noise_v: Annotated[float, Field(ge=0)] = TYPICAL.noise["cell_voltage"]  # of a measured cell
    charge_limit_a: Positive = 20.0  # each string's
    neighbour_w_per_k: Annotated[float, Field(ge=0)] = 0.3  # between two cells of 100 Ah
    seed: Annotated[int, Field(ge=0)] = 0

    @field_validator("chemistry")
    @classmethod
    def _known(cls, chemistry: str) -> str:
        if chemistry not in CHEMISTRIES:
            raise ValueError(f"{chemistry!r} is not known; choose {' or '.join(CHEMISTRIES)}")
        return chemistry

    @model_validator(mode="after")
    def _arranged(self) -> "RackTable":
        _ = self.arrangement
        return self

    @property
    def arrangement(self) -> Arrangement:
        """How the cells sit."""
        sensors = min(4, self.cells) if self.sensors is None else self.sensors
        return Arrangement(self.strings, self.modules, self.cells, sensors)


class SourceTable(_Table):
    """Where a unit's values come from: a recording, by name or path, or a modelled rack."""

    recording: str | None = None
    rack: RackTable | None = None

    @model_validator(mode="after")
    def _one(self) -> "SourceTable":
        if (self.recording is None) == (self.rack is None):
            raise ValueError("say either recording = NAME or rack = { ... }")
        return self


class RoomBusTable(_Table):
    """A wire that several units share.

    RTU on a pty, with `link`, the path an agent opens; RTU on a real serial `device`, whose other end is the
    agent's; RTU behind a `serial_server` in transparent mode, HOST:PORT; or TCP with `listen`.
    """

    name: str
    link: Path | None = None
    device: Path | None = None
    serial_server: str | None = None
    listen: str | None = None
    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    turnaround_ms: Annotated[float, Field(ge=0)] = 5.0
    echo: bool = False
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def transport(self) -> Literal["rtu", "tcp"]:
        """What is spoken here."""
        return "rtu" if self.listen is None else "tcp"

    @field_validator("baud")
    @classmethod
    def _possible(cls, baud: int) -> int:
        if baud not in BAUDS:
            raise ValueError(f"{baud} is none of {', '.join(map(str, BAUDS))}")
        return baud

    @field_validator("listen", "serial_server")
    @classmethod
    def _address(cls, listen: str | None) -> str | None:
        return None if listen is None else _checked_address(listen)

    @model_validator(mode="after")
    def _one(self) -> "RoomBusTable":
        if sum(x is not None for x in (self.link, self.device, self.serial_server, self.listen)) != 1:
            raise ValueError(
                'say either link = "PATH" (RTU on a pty), device = "/dev/..." (RTU on a real serial port),'
                ' serial_server = "HOST:PORT" (RTU frames over TCP) or listen = "HOST:PORT" (TCP)'
            )
        return self


class RoomUnitTable(_Table):
    """One battery unit. On TCP it listens for itself, or sits on a `bus`; on RTU always on a `bus`."""

    name: str
    transport: Literal["tcp", "rtu"]
    listen: str | None = None
    bus: str | None = None
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    profile: str
    identity: dict[str, str | int | float] = {}
    dead: bool = False  # from before anybody asks it, until an `unmute`
    source: SourceTable

    @property
    def chemistry(self) -> str | None:
        """What an installer would say of it in agent.toml; None: of a recording nobody says."""
        return self.source.rack.chemistry if self.source.rack else None

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str | None) -> str | None:
        return None if listen is None else _checked_address(listen)

    @model_validator(mode="after")
    def _wired(self) -> "RoomUnitTable":
        if (self.listen is None) == (self.bus is None):
            raise ValueError('say either listen = "HOST:PORT" or bus = "NAME"')
        if self.transport == "rtu" and self.listen is not None:
            raise ValueError('an rtu unit sits on a bus: say bus = "NAME" instead of listen')
        return self


AnyRoom = TypeVar("AnyRoom", bound="Room")


class Room(_Table):
    """A whole room file."""

    unit: Annotated[tuple[RoomUnitTable, ...], Field(min_length=1)]
    bus: tuple[RoomBusTable, ...] = ()
    event: tuple[AnyEvent, ...] = ()

    def bus_of(self, unit: RoomUnitTable) -> RoomBusTable | None:
        """The shared wire of a unit."""
        return next((b for b in self.bus if b.name == unit.bus), None)


Contradictions = Callable[[Any], Iterator[str]]


def load_room(path: Path) -> Room:
    """Read and check a room file. RoomError with every problem; relative paths start at the file's folder."""
    return load(path, Room, contradictions)


def load(
    path: Path, model: type[AnyRoom], contradictory: Contradictions, said: dict[str, Any] | None = None
) -> AnyRoom:
    """Read a file of the kind of `model`, and check it whole. RoomError with every problem.

    `said` are top-level keys that come from elsewhere and win.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RoomError([f"{path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RoomError([f"{path}: not TOML: {error}"]) from error
    room, problems = _validated(content | (said or {}), model)
    if room is not None:
        found = list(contradictory(room))
        # units and buses that have lost keys contradict each other in ways that nobody wrote
        problems += [f for f in found if not problems or f.startswith(("event ", "expect "))]
    if room is None or problems:
        raise RoomError([f"{path}: {problem}" for problem in dict.fromkeys(problems)])
    buses = [b.model_copy(update={"link": b.link and path.parent / b.link}) for b in room.bus]
    units = [_from_folder(unit, path.parent) for unit in room.unit]
    return room.model_copy(update={"bus": tuple(buses), "unit": tuple(units)})


def _validated(content: dict[str, Any], model: type[AnyRoom]) -> tuple[AnyRoom | None, list[str]]:
    """The room and what is wrong with single keys; what is wrong is left out, so that the rest can be held
    together. None where nothing is left to hold.
    """
    problems: list[str] = []
    content = copy.deepcopy(content)
    for attempt in range(20):
        try:
            return model.model_validate(content), problems
        except ValidationError as error:
            errors = error.errors()
            # what is missing later was left out here, and tables with mistakes are not counted as there
            mute = {"too_short"} | ({"missing"} if attempt else set())
            told = [e for e in errors if e["type"] not in mute or not content.get(str(e["loc"][0]))]
            problems += [_explained(content, e) for e in told]
            if not all([_left_out(content, e["loc"]) for e in reversed(errors)]):
                return None, problems
    return None, problems


def _left_out(content: dict[str, Any], loc: tuple[int | str, ...]) -> bool:
    """Leave out the key at `loc`, or the whole event or expectation it is in; False where that cannot be."""
    here: Any = content
    if loc[0] in ("event", "expect") and len(loc) > 1 and isinstance(content.get(loc[0]), list):
        if isinstance(loc[1], int) and loc[1] < len(content[loc[0]]):
            table = content[loc[0]][loc[1]]
            if isinstance(table, dict) and loc[-1] in table and loc[-1] not in ("kind", "unit", "at_s"):
                del table[loc[-1]]
            else:
                content[loc[0]].pop(loc[1])
        return True
    for part in loc[:-1]:
        if isinstance(here, dict):
            here = here.get(part, here)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
    if isinstance(here, dict) and loc[-1] in here:
        del here[loc[-1]]
        return True
    return False


def _from_folder(unit: RoomUnitTable, folder: Path) -> RoomUnitTable:
    """The unit with paths to its profile and recording, where these are paths and not names, made whole."""
    profile, recording = unit.profile, unit.source.recording
    if profile.endswith(".toml"):
        profile = str(folder / profile)
    if recording and recording.endswith(".csv"):
        recording = str(folder / recording)
    source = unit.source.model_copy(update={"recording": recording})
    return unit.model_copy(update={"profile": profile, "source": source})


def _checked_address(listen: str) -> str:
    if host_and_port(listen) is None:
        raise ValueError(f"{listen!r} is no HOST:PORT; port 0 takes any free one")
    return listen


def _explained(content: dict[str, Any], error: Any) -> str:
    """A pydantic error with the table's own name and the key."""
    parts = [str(part) for part in error["loc"]]
    where = ".".join(parts)
    if len(parts) > 1 and parts[1].isdigit():
        table = content[parts[0]][int(parts[1])]
        name = table.get("name") or table.get("kind") if isinstance(table, dict) else None
        label = f'{parts[0]} "{name}"' if name else f"{parts[0]} number {int(parts[1]) + 1}"
        keys = [p for p in parts[2:] if p not in KINDS]
        where = f"{label}: {'.'.join(keys)}" if keys else label
    what = {"extra_forbidden": "unknown key", "missing": "is missing"}.get(error["type"])
    return f"{where}: {what or error['msg'].removeprefix('Value error, ')}"


def contradictions(room: Room) -> Iterator[str]:
    """What is wrong between the tables."""
    yield from _twice(room)
    units = {u.name: u for u in room.unit}
    buses = {b.name: b for b in room.bus}
    for unit in room.unit:
        bus = buses.get(unit.bus) if unit.bus else None
        if unit.bus and bus is None:
            yield f'unit "{unit.name}": there is no bus "{unit.bus}"; there is {", ".join(buses) or "none"}'
        elif bus and bus.transport != unit.transport:
            yield f'unit "{unit.name}": speaks {unit.transport}, but bus "{bus.name}" speaks {bus.transport}'
    for event in room.event:
        if event.on != "site":
            yield from (f"{event.label}: {problem}" for problem in _misdirected(event, units, buses))


def _twice(room: Room) -> Iterator[str]:
    """What two have and only one can."""
    for what, names in (("unit", [u.name for u in room.unit]), ("bus", [b.name for b in room.bus])):
        for name, times in Counter(names).items():
            if times > 1:
                yield f'{what} "{name}": {times} have this name'
    on_wire = Counter((u.bus or u.listen, u.unit_id) for u in room.unit if u.bus or not _any_port(u.listen))
    for (wire, unit_id), times in on_wire.items():
        if times > 1:
            yield f"unit_id {unit_id}: {times} units on {wire} have it"


def _misdirected(event: EventTable, units: dict[str, RoomUnitTable], buses: dict[str, Any]) -> Iterator[str]:
    """An event of a unit or bus that there is not, or that cannot happen to it."""
    what, name = ("bus", event.bus) if event.on == "bus" else ("unit", event.unit)
    known: dict[str, Any] = buses if event.on == "bus" else units
    if name not in known:
        yield f'there is no {what} "{name}"; there is {", ".join(known) or "none"}'
    elif event.on != "bus":
        yield from _impossible(event, units[name])


def _any_port(listen: str | None) -> bool:
    return listen is not None and listen.endswith(":0")


def _impossible(event: EventTable, unit: RoomUnitTable) -> Iterator[str]:
    rack, what = unit.source.rack, event.what()
    place: str | None = getattr(what, "place", None)
    if event.on == "rack" and rack is None:
        yield f'unit "{unit.name}" replays a recording; there is no {event.kind} in it'
        return
    try:
        if rack and isinstance(what, SensorFault):
            channels = rack.arrangement.channels()
            find(channels, what.place, what.quantity)
            if isinstance(what, SensorSwapped):
                find(channels, what.other, what.quantity)
        elif rack and event.on == "rack" and place is not None and (place or event.kind != "self_discharge"):
            cell_index(rack.arrangement, place)
        elif rack and isinstance(what, BmuLosesModule):
            module_of(rack.arrangement, what.place)
    except ValueError as error:
        yield str(error)
    if isinstance(what, WireFault) and what.fault in FOREIGN[unit.transport]:
        yield f"there is no fault {what.fault} on {unit.transport}"
