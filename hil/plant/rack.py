"""A rack of cells: strings of modules of cells behind a UPS, in a cabinet, in a room."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.plant.abuse import START, abuse_set
from hil.plant.chemistry import CHEMISTRIES, ocv_grid
from hil.plant.duty import DISCHARGE, FLOAT, OPEN, Duty, Phase, RoomAir
from hil.plant.events import (
    Discharge,
    Disconnect,
    Fans,
    InternalShort,
    LooseBusbar,
    RackEvent,
    RoomTemperature,
    SelfDischarge,
    WeakCell,
    cell_index,
)
from hil.plant.kernel import BOOK, CELL, NETWORK, CellKind, Course, RackState, Steps, run_rack
from hil.plant.source import Arrangement, Floats

GOOD_BUSBAR_OHM = 0.00005


@dataclass(frozen=True, slots=True)
class Cooling:
    """The thermal network around cells of 100 Ah, W/K each; engineering values.

    A cell touches its neighbours and the frame of its module, and gives heat to the cabinet's air, together
    0.5 W/K apart from its neighbours; the air is carried into the room by `air_room` for each cell.
    """

    neighbour: float = 0.3
    cell_module: float = 0.15
    cell_air: float = 0.35
    module_air: float = 0.15  # for each cell of the module
    module_module: float = 1.0
    air_room: float = 1.0
    module_j_per_k: float = 60.0  # for each cell, as the next
    air_j_per_k: float = 100.0


#: One cell in a still room: nothing near it, and hA 0.5 W/K.
UNCOUPLED = Cooling(neighbour=0.0, cell_module=0.0, cell_air=0.5, module_air=0.0, air_room=1e9)


@dataclass(frozen=True, slots=True)
class RackParameters:
    """What a rack is built from. Spreads are relative standard deviations, drawn from `seed`.

    Thermal figures are those of a 100 Ah cell and follow the capacity: heat capacity in proportion, surface
    with the power 2/3, resistance inversely.
    """

    arrangement: Arrangement
    chemistry: str = "LFP"
    capacity_ah: float = 100.0
    soc: float | None = None  # None: where this chemistry floats
    capacity_spread: float = 0.01
    resistance_spread: float = 0.05
    soc_spread: float = 0.003
    self_discharge_spread: float = 0.1
    ripple_a: float = 0.1  # standard deviation of each string's current
    cooling: Cooling = field(default_factory=Cooling)
    room: RoomAir = field(default_factory=RoomAir)
    duty: Duty = field(default_factory=Duty)
    abuse: str | None = None  # None: that of the chemistry
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EnergyBook:
    """Where the energy went since t = 0, J.

    electric_in + reaction = chemical + heat, and heat = stored_heat + to_room.
    """

    electric_in_j: float
    chemical_j: float
    heat_j: float
    reaction_j: float
    to_room_j: float
    stored_heat_j: float


class Rack:
    """Cells in motion: `run` advances them, `apply` lets something happen, the arrays tell how they are."""

    RIPPLE_TIME_S = 5.0
    MAX_STEP_S = 10.0  # far below heat capacity / conductance, where the explicit step would fail

    def __init__(self, parameters: RackParameters) -> None:
        p = self.parameters = parameters
        self.arrangement = p.arrangement
        self.t_s = 0.0
        self.duty, self.room = p.duty, p.room
        self._random = np.random.default_rng(p.seed)
        chemistry = CHEMISTRIES[p.chemistry]
        abuse = abuse_set(p.abuse or chemistry.abuse)
        self._kind = CellKind(
            ocv_v=ocv_grid(p.chemistry),
            rc_s=chemistry.rc_s,
            self_discharge_v=chemistry.self_discharge_v,
            float_v=chemistry.ocv(chemistry.float_soc),
            collapse_degc=abuse.collapse_degc,
            short_in_r=abuse.short_in_r,
            vent_w_per_k=abuse.vent_w_per_k * p.capacity_ah / 100.0,
            reactions=abuse.reactions,
        )
        strings, modules, _ = p.arrangement.shape
        self.cells = self._made_cells()
        self.network = self._made_network()
        degc = self.room.at(np.zeros(1))[0]
        self.module_degc = np.full(strings * modules, degc)
        self.air_degc = np.full(1, degc)
        self.cells["temp_degc"] = degc
        self._first_degc = degc
        self._fans: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)  # from, until, old, new factor
        self._ripple_a = np.zeros(strings)
        self._book = np.zeros(1, BOOK)
        self.rest_v = sum(chemistry.ocv(float(s)) for s in self.cells["soc"]) / strings
        self.course = self.run(1, 0.0)

    def _made_cells(self) -> NDArray[Any]:
        p, chemistry = self.parameters, CHEMISTRIES[self.parameters.chemistry]
        size = p.capacity_ah / 100.0
        cells = np.zeros(math.prod(p.arrangement.shape), CELL)
        n = len(cells)
        cells["capacity_ah"] = p.capacity_ah * self._spread(p.capacity_spread, n)
        resistance = self._spread(p.resistance_spread, n) / size
        cells["r_ohm"] = chemistry.r_ohm * resistance
        cells["rc_ohm"] = chemistry.rc_ohm * resistance
        soc = chemistry.float_soc if p.soc is None else p.soc
        cells["soc"] = soc * self._spread(p.soc_spread, n)
        cells["self_discharge_a"] = (
            chemistry.self_discharge_a * size * self._spread(p.self_discharge_spread, n)
        )
        cells["heat_capacity_j_per_k"] = chemistry.heat_capacity_j_per_k * size
        cells["short_ohm"] = np.inf
        cells["busbar_ohm"] = GOOD_BUSBAR_OHM / size if n > 1 else 0.0
        cells["v"] = [chemistry.ocv(float(s)) for s in cells["soc"]]
        for reactant, amount in START.items():
            cells[reactant] = amount
        return cells

    def _made_network(self) -> NDArray[Any]:
        c, (strings, modules, count) = self.parameters.cooling, self.arrangement.shape
        size = self.parameters.capacity_ah / 100.0
        surface = size ** (2 / 3)
        network = np.zeros(1, NETWORK)
        for name, value in {
            "neighbour": c.neighbour * surface,
            "cell_module": c.cell_module * surface,
            "cell_air": c.cell_air * surface,
            "module_air": c.module_air * surface * count,
            "module_module": c.module_module * surface,
            "module_j_per_k": c.module_j_per_k * size * count,
            "air_room": c.air_room * surface * count * modules * strings,
            "air_j_per_k": c.air_j_per_k * size * count * modules * strings,
            "fan": 1.0,
        }.items():
            network[name] = value
        return network

    def _spread(self, relative: float, n: int) -> Floats:
        return 1.0 + relative * np.clip(self._random.standard_normal(n), -3.0, 3.0)

    @property
    def room_degc(self) -> float:
        """The air around the rack now."""
        return float(self.room.at(np.array([self.t_s]))[0])

    @property
    def string_a(self) -> Floats:
        """Each string's current now, A; positive when charging."""
        now: Floats = self.course.string_a[-1]
        return now

    @property
    def string_v(self) -> Floats:
        """Each string's voltage now."""
        now: Floats = self.course.string_v[-1]
        return now

    def step(self, dt_s: float) -> None:
        """Advance by `dt_s`, in several steps where one would be too long."""
        steps = max(1, math.ceil(dt_s / self.MAX_STEP_S))
        self.run(steps, dt_s / steps)

    def run(self, steps: int, dt_s: float) -> Course:
        """Advance by `steps` times `dt_s` (at most MAX_STEP_S), and return all that happened."""
        n, strings = len(self.cells), self.arrangement.strings
        t_s: Floats = self.t_s + dt_s * np.arange(steps, dtype=np.float64)
        self.network["fan"] = self._fan_at(self.t_s)
        self.course = Course(
            string_a=np.empty((steps, strings)),
            string_v=np.empty((steps, strings)),
            string_soc=np.empty((steps, strings)),
            cell_v=np.empty((steps, n)),
            cell_degc=np.empty((steps, n)),
            room_degc=self.room.at(t_s),
        )
        run_rack(
            RackState(
                cells=self.cells,
                module_cells=self.arrangement.cells,
                module_degc=self.module_degc,
                air_degc=self.air_degc,
                network=self.network[0],
                book=self._book[0],
            ),
            self._kind,
            Steps(
                dt_s=max(dt_s, 1e-9),  # the air's own equation has its inverse
                ups=self.duty.ups(t_s, self.rest_v),
                ripple_a=self._ripple(steps, dt_s),
                room_degc=self.course.room_degc,
            ),
            self.course,
        )
        self.t_s += steps * dt_s
        return self.course

    def _ripple(self, steps: int, dt_s: float) -> Floats:
        keep = math.exp(-dt_s / self.RIPPLE_TIME_S)
        fresh = self._random.standard_normal((steps, self.arrangement.strings))
        fresh *= math.sqrt(1.0 - keep * keep) * self.parameters.ripple_a
        for row in fresh:
            self._ripple_a *= keep
            self._ripple_a += row
            row[:] = self._ripple_a
        return fresh

    def _fan_at(self, t_s: float) -> float:
        from_s, until_s, old, new = self._fans
        part = 1.0 if t_s >= until_s else (t_s - from_s) / (until_s - from_s)
        return old + (new - old) * part

    def apply(self, event: RackEvent) -> None:
        """Let `event` happen now. ValueError when its place is no cell of this rack."""
        cells, now_s = self.cells, self.t_s
        match event:
            case InternalShort(place, ohm):
                cells["short_ohm"][cell_index(self.arrangement, place)] = ohm
            case LooseBusbar(place, ohm):
                cells["busbar_ohm"][cell_index(self.arrangement, place)] = ohm
            case WeakCell(place, capacity, resistance):
                i = cell_index(self.arrangement, place)
                cells["capacity_ah"][i] *= capacity
                cells["r_ohm"][i] *= resistance
                cells["rc_ohm"][i] *= resistance
            case SelfDischarge(amps, place):
                cells["self_discharge_a"][cell_index(self.arrangement, place) if place else slice(None)] = (
                    amps
                )
            case Fans(factor, over_s):
                self._fans = (now_s, now_s + over_s, self._fan_at(now_s), factor)
            case RoomTemperature(degc, over_s):
                self.room = replace(self.room, steps=(*self.room.steps, (now_s, degc, over_s)))
            case Discharge(amps, for_s, stop_v):
                string_cells = self.arrangement.modules * self.arrangement.cells
                self.duty = self.duty.then(Phase(now_s, DISCHARGE, amps, stop_v * string_cells))
                self.duty = self.duty.then(Phase(now_s + for_s, FLOAT))
            case Disconnect(for_s):
                self.duty = self.duty.then(Phase(now_s, OPEN))
                if for_s is not None:
                    self.duty = self.duty.then(Phase(now_s + for_s, FLOAT))

    @property
    def energy(self) -> EnergyBook:
        """The energy book."""
        book = self._book[0]
        stored_j = (self.cells["heat_capacity_j_per_k"] * (self.cells["temp_degc"] - self._first_degc)).sum()
        network = self.network[0]
        stored_j += network["module_j_per_k"] * (self.module_degc - self._first_degc).sum()
        stored_j += network["air_j_per_k"] * (self.air_degc[0] - self._first_degc)
        sums = {name: float(book[name]) for name in BOOK.names or ()}
        return EnergyBook(**sums, stored_heat_j=float(stored_j))
