"""A rack of cells: strings of modules of cells, floating behind a UPS."""

import math
from dataclasses import dataclass, field

import numpy as np

from hil.plant.chemistry import CHEMISTRIES, ocv_grid
from hil.plant.duty import Duty, Float
from hil.plant.events import InternalShort, RackEvent, cell_index
from hil.plant.kernel import CELL, CHEMICAL, ELECTRIC_IN, HEAT, TO_ROOM, step_rack
from hil.source import Arrangement, Floats


@dataclass(frozen=True, slots=True)
class RackParameters:
    """What a rack is built from. Spreads are relative standard deviations, drawn from `seed`.

    Thermal figures are those of a 100 Ah cell (engineering values: m*cp 2000 J/K, hA 0.5 W/K) and follow the
    capacity: heat capacity in proportion, surface with the power 2/3, resistance inversely.
    """

    arrangement: Arrangement
    chemistry: str = "LFP"
    capacity_ah: float = 100.0
    soc: float | None = None  # None: where this chemistry floats
    room_degc: float = 25.0
    room_swing_k: float = 0.5  # daily, peak
    capacity_spread: float = 0.01
    resistance_spread: float = 0.05
    soc_spread: float = 0.003
    neighbour_w_per_k: float = 0.3
    ripple_a: float = 0.1  # standard deviation of each string's current
    seed: int = 0
    duty: Duty = field(default_factory=Float)


@dataclass(frozen=True, slots=True)
class EnergyBook:
    """Where the energy went since t = 0, J. electric_in = chemical + heat, and heat = stored + to_room."""

    electric_in_j: float
    chemical_j: float
    heat_j: float
    to_room_j: float
    stored_heat_j: float


class Rack:
    """Cells in motion: `step` advances them, `apply` lets something happen, the arrays tell how they are."""

    RIPPLE_TIME_S = 5.0
    MAX_STEP_S = 10.0  # far below heat capacity / conductance, where the explicit step would fail

    def __init__(self, parameters: RackParameters) -> None:
        p = parameters
        self.parameters = p
        self.arrangement = p.arrangement
        self.t_s = 0.0
        self._random = np.random.default_rng(p.seed)
        chemistry = CHEMISTRIES[p.chemistry]
        self._ocv_v = ocv_grid(p.chemistry)
        size = p.capacity_ah / 100.0
        n = math.prod(p.arrangement.shape)
        soc = chemistry.float_soc if p.soc is None else p.soc
        self.cells = np.zeros(n, CELL)
        self.cells["capacity_ah"] = p.capacity_ah * self._spread(p.capacity_spread, n)
        self.cells["r_ohm"] = 0.0005 / size * self._spread(p.resistance_spread, n)
        self.cells["heat_capacity_j_per_k"] = 2000.0 * size
        self.cells["to_room_w_per_k"] = 0.5 * size ** (2 / 3)
        self.cells["short_ohm"] = np.inf
        self.cells["soc"] = soc * self._spread(p.soc_spread, n)
        self.cells["temp_degc"] = self.room_degc
        self.string_a = np.zeros(p.arrangement.strings)
        self.string_v = np.zeros(p.arrangement.strings)
        self._ripple_a = np.zeros(p.arrangement.strings)
        self._book_j = np.zeros(4)
        self._first_temp_degc = self.cells["temp_degc"].copy()
        self.rest_v = sum(chemistry.ocv(float(s)) for s in self.cells["soc"]) / p.arrangement.strings
        self._advance(0.0)

    def _spread(self, relative: float, n: int) -> Floats:
        return 1.0 + relative * np.clip(self._random.standard_normal(n), -3.0, 3.0)

    @property
    def room_degc(self) -> float:
        """The air around the rack now."""
        return self.parameters.room_degc + self.parameters.room_swing_k * math.sin(
            2 * math.pi * self.t_s / 86400.0
        )

    def step(self, dt_s: float) -> None:
        """Advance by `dt_s`, in several steps where one would be too long."""
        steps = max(1, math.ceil(dt_s / self.MAX_STEP_S))
        for _ in range(steps):
            self._advance(dt_s / steps)

    def _advance(self, dt_s: float) -> None:
        p = self.parameters
        keep = math.exp(-dt_s / self.RIPPLE_TIME_S)
        fresh = self._random.standard_normal(p.arrangement.strings)
        self._ripple_a *= keep
        self._ripple_a += math.sqrt(1.0 - keep * keep) * p.ripple_a * fresh
        bus = p.duty.bus_at(self.t_s, self.rest_v)
        step_rack(
            self.cells,
            p.arrangement.cells,
            p.neighbour_w_per_k,
            self._ocv_v,
            np.array([bus.volts, bus.max_charge_a, bus.max_discharge_a]),
            self._ripple_a,
            self.room_degc,
            dt_s,
            self.string_a,
            self.string_v,
            self._book_j,
        )
        self.t_s += dt_s

    def apply(self, event: RackEvent) -> None:
        """Let `event` happen now. ValueError when its place is no cell of this rack."""
        match event:
            case InternalShort(place, ohm):
                self.cells["short_ohm"][cell_index(self.arrangement, place)] = ohm

    @property
    def energy(self) -> EnergyBook:
        """The energy book."""
        stored_j = self.cells["heat_capacity_j_per_k"] * (self.cells["temp_degc"] - self._first_temp_degc)
        book = self._book_j
        return EnergyBook(book[ELECTRIC_IN], book[CHEMICAL], book[HEAT], book[TO_ROOM], float(stored_j.sum()))
