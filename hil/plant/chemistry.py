"""Open-circuit voltage over state of charge, per chemistry."""

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
    """One kind of cell. The curve is an engineering value at 25 degC, good enough for relative behaviour."""

    name: str
    soc: tuple[float, ...]
    ocv_v: tuple[float, ...]
    float_soc: float  # the mean charge at which a UPS string of this kind floats

    def ocv(self, soc: float) -> float:
        """Open-circuit voltage, V, of one cell at `soc` (0 to 1)."""
        return float(np.interp(soc, self.soc, self.ocv_v))


CHEMISTRIES = {
    "LFP": Chemistry(
        "LFP",
        (-0.10, 0.00, 0.05, 0.10, 0.20, 0.30, 0.40, 0.60, 0.65, 0.70, 0.90, 0.95, 0.98, 1.00, 1.10),
        (1.60, 2.60, 3.05, 3.20, 3.25, 3.28, 3.29, 3.30, 3.32, 3.33, 3.335, 3.34, 3.36, 3.45, 4.20),
        0.97,
    ),
    "NMC": Chemistry(
        "NMC",
        (-0.10, 0.00, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.00, 1.10),
        (2.20, 3.00, 3.35, 3.45, 3.55, 3.60, 3.64, 3.68, 3.77, 3.87, 3.96, 4.06, 4.18, 4.40),
        0.80,
    ),
}


@cache
def ocv_grid(name: str) -> NDArray[np.float64]:
    """The curve of a chemistry on the kernel's grid, float64[241], V."""
    chemistry = CHEMISTRIES[name]
    grid: NDArray[np.float64] = np.interp(_GRID, chemistry.soc, chemistry.ocv_v)
    grid.flags.writeable = False
    return grid
