"""Everything that can happen in a room: a row per kind, and from the rows the tables of a room file."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from hil.bmu import bmu
from hil.modbus.faults import FaultKind
from hil.plant import events as plant
from hil.plant import faults as sensor


@dataclass(frozen=True, slots=True)
class Mute:
    """The unit stops answering."""


@dataclass(frozen=True, slots=True)
class Unmute:
    """The unit answers again."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """A fault of `hil.modbus.faults` begins at this unit."""

    fault: FaultKind
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    delay_s: Annotated[float, Field(ge=0)] = 0.5
    code: Annotated[int, Field(ge=0, le=255)] = 4


@dataclass(frozen=True, slots=True)
class WireClear:
    """A fault of this unit ends; without `fault` all of them do."""

    fault: FaultKind | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The wire of a bus is cut, for `for_s`: nobody on it is heard."""

    for_s: Annotated[float, Field(gt=0)] = float("inf")


@dataclass(frozen=True, slots=True)
class CollectorAway:
    """The collector is stopped, and started again after `for_s`."""

    for_s: Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The agent's calendar clock is set by this much; what counts its seconds since boot goes on."""

    by_s: float


@dataclass(frozen=True, slots=True)
class BuildingLost:
    """The collector is killed, halfway to `over_s` the line to a second one is cut, then the agent is killed.

    The second collector, of another place, is there from the start on; what it has is the evidence.
    """

    over_s: Annotated[float, Field(gt=0)]


# kind -> what happens, and what it happens to: a modelled rack, any unit, a bus, or the site.
KINDS: dict[str, tuple[type, str]] = {
    "internal_short": (plant.InternalShort, "rack"),
    "loose_busbar": (plant.LooseBusbar, "rack"),
    "weak_cell": (plant.WeakCell, "rack"),
    "self_discharge": (plant.SelfDischarge, "rack"),
    "fans": (plant.Fans, "rack"),
    "room_temperature": (plant.RoomTemperature, "rack"),
    "discharge": (plant.Discharge, "rack"),
    "disconnect": (plant.Disconnect, "rack"),
    "sensor_offset": (sensor.SensorOffset, "rack"),
    "sensor_noise": (sensor.SensorNoise, "rack"),
    "sensor_drift": (sensor.SensorDrift, "rack"),
    "sensor_lag": (sensor.SensorLag, "rack"),
    "sensor_stuck": (sensor.SensorStuck, "rack"),
    "sensor_open": (sensor.SensorOpen, "rack"),
    "sensor_swapped": (sensor.SensorSwapped, "rack"),
    "sensor_repaired": (sensor.SensorRepaired, "rack"),
    "bmu_averages": (bmu.BmuAverages, "unit"),
    "bmu_holds": (bmu.BmuHolds, "unit"),
    "bmu_heartbeat_stops": (bmu.BmuHeartbeatStops, "unit"),
    "bmu_reboots": (bmu.BmuReboots, "unit"),
    "bmu_loses_module": (bmu.BmuLosesModule, "unit"),
    "bmu_alarm": (bmu.BmuAlarm, "unit"),
    "mute": (Mute, "unit"),
    "unmute": (Unmute, "unit"),
    "fault": (WireFault, "unit"),
    "clear": (WireClear, "unit"),
    "cut": (Cut, "bus"),
    "collector_away": (CollectorAway, "site"),
    "clock_step": (ClockStep, "site"),
    "building_lost": (BuildingLost, "site"),
}

# Fields that must be above 0, and those that must not be below, wherever an event has them.
_ABOVE_0 = ("ohm", "for_s", "capacity", "resistance", "lag_s")
_FROM_0 = ("amps", "factor", "over_s", "sigma", "late_s", "stop_v")


class EventTable(BaseModel):
    """[[event]] of a room file: when, and what. `what()` is what happens, without when and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at_s: Annotated[float, Field(ge=0)]
    kind: str
    unit: str = ""
    bus: str = ""

    def what(self) -> Any:
        """The event itself: an instance of the kind's class."""
        happens, _ = KINDS[self.kind]
        return happens(**{f.name: getattr(self, f.name) for f in dataclasses.fields(happens)})

    @property
    def on(self) -> str:
        """What it happens to: "rack", "unit", "bus" or "site"."""
        return KINDS[self.kind][1]

    @property
    def label(self) -> str:
        """What a line about it begins with."""
        return f"event {self.kind} at {self.at_s:g} s"

    def said(self) -> dict[str, Any]:
        """All its fields but when and which kind, as plain values."""
        return {k: v for k, v in self.model_dump(exclude={"kind", "at_s"}).items() if v not in ("", None)}

    @model_validator(mode="after")
    def _possible(self) -> "EventTable":
        self.what()
        return self


def wire_event(event: EventTable) -> bool:
    """Whether it keeps a unit's replies from coming as they should."""
    return isinstance(event.what(), Mute | Cut | WireFault | bmu.BmuReboots)


def _table(kind: str) -> type[EventTable]:
    happens, on = KINDS[kind]
    hints: dict[str, Any] = get_type_hints(happens, include_extras=True)
    fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
    if on in ("rack", "unit"):
        fields["unit"] = (str, ...)
    elif on == "bus":
        fields["bus"] = (str, ...)
    for f in dataclasses.fields(happens):
        bound: dict[str, Any] = {"gt": 0} if f.name in _ABOVE_0 else {"ge": 0} if f.name in _FROM_0 else {}
        hint: Any = (
            Annotated[hints[f.name], Field(**bound)] if bound and hints[f.name] is float else hints[f.name]
        )
        fields[f.name] = (hint, ... if f.default is dataclasses.MISSING else f.default)
    return create_model(f"{happens.__name__}Event", __base__=EventTable, **fields)


if TYPE_CHECKING:
    AnyEvent = EventTable
else:
    AnyEvent = Annotated[Union[tuple(_table(kind) for kind in KINDS)], Field(discriminator="kind")]  # noqa: UP007
