"""A scenario: a room, what happens in it until its end, and what must be seen of that."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.quality import Quality
from hil.modbus.faults import FaultKind
from hil.plant.recording import RecordingError, load_recording
from hil.plant.source import Arrangement
from hil.scenario.events import EventTable, WireFault
from hil.scenario.expect import AlarmExpect, AnyExpect, QualityExpect, clock, known_detectors
from hil.scenario.room import Room, RoomError, RoomUnitTable, contradictions, load

SHIPPED = Path(__file__).parents[1] / "scenarios"
LONGEST_S = 3600.0  # that a scenario may take over sockets

# What a fault of the wire does to a whole frame where there is no wire: the frame is lost, or refused.
_F = FaultKind
LOSES = frozenset({_F.MUTE, _F.HALF_OPEN, _F.CRC, _F.TRUNCATE, _F.DROP, _F.WRONG_UNIT})
REFUSES = frozenset({_F.EXCEPTION})


class Scenario(Room):
    """A whole scenario file."""

    about: Annotated[str, Field(min_length=1)]  # one line: what it shows
    lasts_s: Annotated[float, Field(gt=0)]
    way: Literal["direct", "agent"] = "direct"  # unless the command line says otherwise
    time_scale: Annotated[float, Field(ge=1, le=1000)] = 1.0  # of the agent's way
    period_s: Annotated[float, Field(ge=0.1, le=600)] = 1.0  # how often each unit is polled
    safety: dict[str, float] = Field(default_factory=dict)  # quantity -> highest that the site lets be, SI
    expect: Annotated[tuple[AnyExpect, ...], Field(min_length=1)]

    def only_agent(self) -> list[str]:
        """What in it cannot happen in process."""
        return [event.label for event in self.event if not in_process(event)]


def in_process(event: EventTable) -> bool:
    """Whether an event means something where there is no wire, no collector and no agent's clock."""
    what = event.what()
    if isinstance(what, WireFault):
        return what.fault in LOSES | REFUSES
    return event.on != "site"


def load_scenario(path: Path, said: dict[str, Any] | None = None) -> Scenario:
    """Read and check a scenario file; `said` wins over its keys. RoomError with every problem."""
    return load(path, Scenario, _contradictions, said)


def find_scenario(name: str) -> Path:
    """A shipped scenario by its name, or a file. RoomError where there is neither."""
    path = Path(name)
    if path.suffix == ".toml":
        return path
    shipped = SHIPPED / f"{name}.toml"
    if not shipped.is_file():
        raise RoomError(
            [f"{name}: no scenario of this name; see `cellwarden-hil list`, or give a .toml file"]
        )
    return shipped


def _contradictions(scenario: Scenario) -> Iterator[str]:
    """What is wrong between its tables."""
    yield from contradictions(scenario)
    end_s = scenario.lasts_s
    for event in scenario.event:
        if event.at_s >= end_s:
            yield f"{event.label}: after the end, lasts_s = {end_s:g}"
    units = {unit.name: unit for unit in scenario.unit}
    for number, expect in enumerate(scenario.expect, 1):
        label = f'expect number {number} "{expect.kind}"'
        yield from (f"{label}: {problem}" for problem in _unmeetable(expect, units, end_s))
    for bus in scenario.bus:
        if bus.device is not None:
            yield f'bus "{bus.name}": device: a scenario\'s agent needs a link; a real port is for `serve`'
    if scenario.way == "agent" and end_s / scenario.time_scale > LONGEST_S:
        needed = math.ceil(end_s / LONGEST_S)
        yield (
            f"lasts_s: over sockets it would take {clock(end_s / scenario.time_scale)}; an hour at most:"
            f' raise time_scale to {needed}, or say way = "direct"'
        )
    if scenario.way == "direct" and (only := scenario.only_agent()):
        yield f'way: "direct" has no wire, collector or clock for {only[0]}; say way = "agent"'


def _unmeetable(expect: Any, units: dict[str, RoomUnitTable], end_s: float) -> Iterator[str]:
    """Why an expectation cannot be met, whatever happens."""
    for key in ("after_s", "by_s", "from_s"):
        if getattr(expect, key, 0.0) > end_s:
            yield f"{key} = {getattr(expect, key):g} is after the end, lasts_s = {end_s:g}"
    if getattr(expect, "by_s", end_s) <= getattr(expect, "after_s", 0.0):
        yield "by_s must be later than after_s"
    if unknown := set(expect.detectors_named()) - known_detectors():
        yield f"no detector {min(unknown)!r}: there is {', '.join(sorted(known_detectors()))}"
    name = getattr(expect, "unit", "")
    if name and name not in units:
        yield f'there is no unit "{name}"; there is {", ".join(units)}'
    elif isinstance(expect, AlarmExpect) and expect.place:
        yield from _no_place(expect.place, units[name])
    for quality in expect.qualities if isinstance(expect, QualityExpect) else ():
        if quality.upper() not in Quality.__members__:
            known = ", ".join(q.name.lower() for q in Quality)
            yield f"no quality {quality!r}: there is {known}"


def _no_place(place: str, unit: RoomUnitTable) -> Iterator[str]:
    arrangement = _arrangement(unit)
    if arrangement is None:
        return
    known = {channel.place for channel in arrangement.channels()}
    if not any(k == place or k.startswith(place + "/") for k in known):
        s, m, c = arrangement.shape
        yield f"no place {place!r} in {unit.name}: from string1 to string{s}/module{m}/cell{c}"


def _arrangement(unit: RoomUnitTable) -> Arrangement | None:
    if unit.source.rack is not None:
        return unit.source.rack.arrangement
    try:
        return load_recording(str(unit.source.recording)).arrangement
    except RecordingError:
        return None  # the bench will say so
