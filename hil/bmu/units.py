"""One simulated unit: its table in the room file, what it measures, what it makes of that, its registers."""

from dataclasses import replace
from typing import Any

from drivers.profile.load import Profile, load_profile
from drivers.profile.problems import ProfileError
from hil.bmu.battery_models import SunSpecMap
from hil.bmu.bmu import Bmu, BmuEvent
from hil.bmu.registers import ProfileMap, RegisterError, RegisterMap
from hil.plant.duty import Duty, RoomAir
from hil.plant.rack import Cooling, Rack, RackParameters
from hil.plant.recording import Recording, RecordingError, load_recording
from hil.plant.sensors import TYPICAL, RackSource
from hil.scenario.events import Mute, Unmute
from hil.scenario.room import RackTable, RoomUnitTable, SourceTable

STEP_S = 0.5  # of a unit that is served in real time


class BenchUnit:
    """Built from its table. Raises ProfileError, RecordingError, RegisterError or OSError."""

    def __init__(self, table: RoomUnitTable, step_s: float = STEP_S) -> None:
        self.table = table
        self.name = table.name
        self.profile: Profile = load_profile(table.profile)
        self.base = _source(table.source, step_s)
        self.source = Bmu(self.base)
        self.muted = table.dead
        self.registers: RegisterMap
        if self.profile.sunspec is not None:
            self.registers = SunSpecMap(self.profile, self.source, table.identity, table.name, table.unit_id)
        else:
            self.registers = ProfileMap(self.profile, self.source, table.identity, table.name)
        self.fill()

    def happen(self, what: Any) -> None:
        """Let something happen to the rack, a sensor, or the unit itself."""
        if isinstance(what, Mute | Unmute):
            self.muted = isinstance(what, Mute)
        elif isinstance(what, BmuEvent):
            self.source.apply(what)
        else:
            assert isinstance(self.base, RackSource)  # the room's own check
            self.base.apply(what)

    @property
    def answers(self) -> bool:
        """Whether it answers now, as far as it is up to itself."""
        return not self.muted and bool(self.source.now.answers[-1])

    def fill(self) -> None:
        """Put what the unit tells now into its registers."""
        now = self.source.now
        self.registers.update(now.channels[-1], float(now.beat_s[-1]))


def _source(table: SourceTable, step_s: float) -> RackSource | Recording:
    if table.recording is not None:
        return load_recording(table.recording, step_s)
    assert table.rack is not None
    noise = TYPICAL.noise | {"cell_voltage": table.rack.cell_noise_v}
    return RackSource(Rack(parameters(table.rack)), replace(TYPICAL, noise=noise), step_s)


def parameters(rack: RackTable) -> RackParameters:
    """What the table of a room file says of a rack."""
    return RackParameters(
        rack.arrangement,
        chemistry=rack.chemistry,
        capacity_ah=rack.capacity_ah,
        soc=rack.soc,
        cooling=Cooling(neighbour=rack.neighbour_w_per_k),
        room=RoomAir(rack.room_degc, swing_k=rack.room_swing_k, cooling_k=rack.cooling_k),
        duty=Duty(limit_a=rack.charge_limit_a, wobble_v=rack.float_wobble_v),
        seed=rack.seed,
    )


def build(tables: tuple[RoomUnitTable, ...], step_s: float = STEP_S) -> tuple[list[BenchUnit], list[str]]:
    """The units of a room, and a line for each reason why one cannot be built."""
    units, problems = [], []
    for table in tables:
        try:
            units.append(BenchUnit(table, step_s))
        except ProfileError as error:
            problems += [f'unit "{table.name}": {line}' for line in str(error).splitlines()]
        except (RecordingError, RegisterError, OSError) as error:
            problems.append(f'unit "{table.name}": {error}')
    return units, problems
