"""What kinds of cells there are: open-circuit voltage, circuit, self-discharge and heat of a 100 Ah cell."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

# The kernel reads the curves from this uniform grid. Every knot below lies on it: nothing is lost.
GRID_FROM = -0.10
GRID_STEP = 0.005
_GRID = GRID_FROM + GRID_STEP * np.arange(241)  # up to 1.10: an overcharged cell still has a voltage


@dataclass(frozen=True, slots=True)
class Chemistry:
    """One kind of cell, as of 100 Ah and 25 degC. Engineering values, good enough for relative behaviour.

    The circuit is a source, a resistance and one RC pair. The self-discharge current doubles every 10 K and
    rises by e for each `self_discharge_v` above the float voltage; in a VRLA cell it is the recombination
    current that the float charge feeds, and all of it becomes heat.
    """

    name: str
    soc: tuple[float, ...]
    ocv_v: tuple[float, ...]  # 0 V at soc -0.10: a spent cell drives nothing
    float_soc: float  # the mean charge at which a UPS string of this kind floats
    r_ohm: float
    rc_ohm: float
    rc_s: float
    heat_capacity_j_per_k: float
    self_discharge_a: float
    self_discharge_v: float  # inf: the voltage does not matter
    abuse: str  # the set of `hil.plant.abuse` that describes it when hot

    def ocv(self, soc: float) -> float:
        """Open-circuit voltage, V, of one cell at `soc` (0 to 1)."""
        return float(np.interp(soc, self.soc, self.ocv_v))


CHEMISTRIES = {
    "LFP": Chemistry(
        "LFP",
        (-0.10, 0.00, 0.05, 0.10, 0.20, 0.30, 0.40, 0.60, 0.65, 0.70, 0.90, 0.95, 0.98, 1.00, 1.10),
        (0.00, 2.60, 3.05, 3.20, 3.25, 3.28, 3.29, 3.30, 3.32, 3.33, 3.335, 3.34, 3.36, 3.45, 4.20),
        float_soc=0.97,
        r_ohm=0.0005, rc_ohm=0.0004, rc_s=60.0,
        heat_capacity_j_per_k=2000.0,
        self_discharge_a=0.003, self_discharge_v=np.inf,  # 2 % a month
        abuse="lfp",
    ),
    "NMC": Chemistry(
        "NMC",
        (-0.10, 0.00, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.00, 1.10),
        (0.00, 3.00, 3.35, 3.45, 3.55, 3.60, 3.64, 3.68, 3.77, 3.87, 3.96, 4.06, 4.18, 4.40),
        float_soc=0.80,
        r_ohm=0.0006, rc_ohm=0.0005, rc_s=40.0,
        heat_capacity_j_per_k=2000.0,
        self_discharge_a=0.003, self_discharge_v=np.inf,
        abuse="nmc",
    ),
    # Full at 1.00, 2.14 V; above that gassing holds the voltage up. Floats at 2.25 V, where 40 mA recombine:
    # 0.09 W for each cell of 100 Ah. 120 mV per decade of current: oxygen evolution.
    "VRLA": Chemistry(
        "VRLA",
        (-0.10, 0.00, 0.10, 0.30, 0.50, 0.70, 0.90, 1.00, 1.02, 1.10),
        (0.00, 1.95, 1.97, 2.01, 2.04, 2.08, 2.12, 2.14, 2.25, 2.50),
        float_soc=1.02,
        r_ohm=0.0006, rc_ohm=0.0006, rc_s=120.0,
        heat_capacity_j_per_k=5500.0,
        self_discharge_a=0.04, self_discharge_v=0.052,
        abuse="none",
    ),
}  # fmt: skip


@cache
def ocv_grid(name: str) -> NDArray[np.float64]:
    """The curve of a chemistry on the kernel's grid, float64[241], V."""
    chemistry = CHEMISTRIES[name]
    grid: NDArray[np.float64] = np.interp(_GRID, chemistry.soc, chemistry.ocv_v)
    grid.flags.writeable = False
    return grid
