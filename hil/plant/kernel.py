"""One time step of a rack: currents, charge and heat of every cell, in one compiled loop."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.plant.chemistry import GRID_FROM, GRID_STEP

CELL = np.dtype(
    [
        ("capacity_ah", np.float64),
        ("r_ohm", np.float64),
        ("heat_capacity_j_per_k", np.float64),
        ("to_room_w_per_k", np.float64),
        ("short_ohm", np.float64),  # inf: no internal short
        ("soc", np.float64),
        ("temp_degc", np.float64),
        ("v", np.float64),  # at the terminals
        ("emf_v", np.float64),
        ("divider", np.float64),
        ("heat_w", np.float64),
        ("flow_w", np.float64),  # heat taken in from neighbours and room
    ]
)

# Columns of the energy book, J.
ELECTRIC_IN, CHEMICAL, HEAT, TO_ROOM = range(4)


@njit(cache=True)
def step_rack(
    cells: NDArray[Any],
    module_cells: int,
    neighbour_w_per_k: float,
    ocv_v: NDArray[np.float64],
    bus: NDArray[np.float64],
    ripple_a: NDArray[np.float64],
    room_degc: float,
    dt_s: float,
    string_a: NDArray[np.float64],
    string_v: NDArray[np.float64],
    book_j: NDArray[np.float64],
) -> None:
    """
    Advance all cells by one explicit step.

    Parameters
    ----------
    cells : (n,) CELL
        All cells, string by string, module by module; changed in place.
    module_cells : int
        Cells of a module; only cells of one module touch each other.
    neighbour_w_per_k : float
        Thermal conductance between adjacent cells.
    ocv_v : (241,) float64, V
        Open-circuit voltage on the grid of `hil.plant.chemistry`.
    bus : (3,) float64
        What the UPS does: voltage it holds (V), most charge and most discharge current of a string (A).
    ripple_a : (n_strings,) float64, A
        Added to each string's current.
    room_degc, dt_s : float
    string_a, string_v : (n_strings,) float64
        Output: current (positive = charging) and voltage of each string.
    book_j : (4,) float64, J
        Energy book, added to: ELECTRIC_IN at the terminals, CHEMICAL stored, HEAT made, TO_ROOM given off.

    Notes
    -----
    A short of R ohm lies across the source and its resistance r: the terminals see source and resistance
    divided by 1 + r/R. The explicit step is stable while dt_s is far below heat
    capacity / conductance (half an hour).
    """
    n_strings = len(string_a)
    string_cells = len(cells) // n_strings
    for s in range(n_strings):
        first = s * string_cells
        source_v = 0.0
        source_ohm = 0.0
        for i in range(first, first + string_cells):
            cell = cells[i]
            where = min(max((cell.soc - GRID_FROM) / GRID_STEP, 0.0), len(ocv_v) - 1.001)
            k = int(where)
            cell.emf_v = ocv_v[k] + (where - k) * (ocv_v[k + 1] - ocv_v[k])
            cell.divider = 1.0 / (1.0 + cell.r_ohm / cell.short_ohm)
            source_v += cell.emf_v * cell.divider
            source_ohm += cell.r_ohm * cell.divider
        current_a = min(max((bus[0] - source_v) / source_ohm, -bus[2]), bus[1]) + ripple_a[s]
        string_a[s] = current_a
        string_v[s] = source_v + source_ohm * current_a
        for i in range(first, first + string_cells):
            cell = cells[i]
            cell.v = (cell.emf_v + cell.r_ohm * current_a) * cell.divider
            leak_a = cell.v / cell.short_ohm
            inner_a = current_a - leak_a
            cell.heat_w = inner_a * inner_a * cell.r_ohm + cell.v * leak_a
            cell.soc += inner_a * dt_s / (3600.0 * cell.capacity_ah)
            book_j[ELECTRIC_IN] += cell.v * current_a * dt_s
            book_j[CHEMICAL] += cell.emf_v * inner_a * dt_s
            book_j[HEAT] += cell.heat_w * dt_s
    for i in range(len(cells)):
        cell = cells[i]
        to_room_w = cell.to_room_w_per_k * (cell.temp_degc - room_degc)
        flow_w = -to_room_w
        if i % module_cells > 0:
            flow_w += neighbour_w_per_k * (cells[i - 1].temp_degc - cell.temp_degc)
        if i % module_cells < module_cells - 1:
            flow_w += neighbour_w_per_k * (cells[i + 1].temp_degc - cell.temp_degc)
        cell.flow_w = flow_w
        book_j[TO_ROOM] += to_room_w * dt_s
    for i in range(len(cells)):
        cell = cells[i]
        cell.temp_degc += (cell.heat_w + cell.flow_w) * dt_s / cell.heat_capacity_j_per_k
