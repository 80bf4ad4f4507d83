"""Time steps of a rack: currents, charge and heat of every cell, in one compiled loop."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.plant.abuse import ABUSE_FROM_DEGC, react
from hil.plant.chemistry import GRID_FROM, GRID_STEP

_LN2 = math.log(2.0)

CELL = np.dtype(
    [
        ("capacity_ah", np.float64),
        ("r_ohm", np.float64),
        ("rc_ohm", np.float64),
        ("heat_capacity_j_per_k", np.float64),
        ("self_discharge_a", np.float64),  # at 25 degC and the float voltage
        ("short_ohm", np.float64),  # inf: no internal short
        ("busbar_ohm", np.float64),  # to the next cell
        ("soc", np.float64),
        ("temp_degc", np.float64),
        ("rc_v", np.float64),  # over the RC pair
        ("v", np.float64),  # between the sense wires: the cell and the busbar behind it
        ("sei", np.float64),  # what is left of, or was done by, the abuse reactions
        ("anode", np.float64),
        ("sei_thickness", np.float64),
        ("cathode_1", np.float64),
        ("cathode_2", np.float64),
        ("electrolyte", np.float64),
        ("vent_w_per_k", np.float64),  # what it gives to the air by venting, once it has burst
        ("emf_v", np.float64),  # of this step, as all below
        ("divider", np.float64),
        ("heat_w", np.float64),
        ("flow_w", np.float64),  # heat taken in from what is around it
    ]
)

# Conductances and capacities of a rack, W/K and J/K.
NETWORK = np.dtype(
    [
        ("neighbour", np.float64),  # between adjacent cells of a module
        ("cell_module", np.float64),
        ("cell_air", np.float64),  # this one, the next and the last grow with the fans
        ("module_air", np.float64),
        ("module_module", np.float64),  # between adjacent modules of a string
        ("module_j_per_k", np.float64),
        ("air_room", np.float64),
        ("air_j_per_k", np.float64),
        ("fan", np.float64),  # 1: as built; 0.25: failed, the air moves by itself
    ]
)

# Columns of the energy book, J.
ELECTRIC_IN, CHEMICAL, HEAT, REACTION, TO_ROOM = range(5)

# What the kernel is told of the chemistry.
RC_S, SELF_DISCHARGE_V, FLOAT_V, COLLAPSE_DEGC, SHORT_IN_R, VENT_W_PER_K = range(6)


@njit(cache=True)
def run_rack(
    cells: NDArray[Any],
    module_cells: int,
    module_degc: NDArray[np.float64],
    air_degc: NDArray[np.float64],
    network: Any,
    ocv_v: NDArray[np.float64],
    kind: NDArray[np.float64],
    reactions: NDArray[np.float64],
    bus: NDArray[np.float64],
    ripple_a: NDArray[np.float64],
    room_degc: NDArray[np.float64],
    dt_s: float,
    string_a: NDArray[np.float64],
    string_v: NDArray[np.float64],
    string_soc: NDArray[np.float64],
    book_j: NDArray[np.float64],
    cell_v: NDArray[np.float64],
    cell_degc: NDArray[np.float64],
) -> None:
    """
    Advance all cells by k steps and record each.

    Parameters
    ----------
    cells : (n,) CELL
        All cells, string by string, module by module; changed in place.
    module_cells : int
        Cells of a module; only cells of one module touch each other.
    module_degc : (m,) float64, degC
        The modules' frames; changed in place.
    air_degc : (1,) float64, degC
        The cabinet's air; changed in place.
    network : NETWORK
    ocv_v : (241,) float64, V
        Open-circuit voltage on the grid of `hil.plant.chemistry`.
    kind : (6,) float64
        RC_S .. VENT_W_PER_K of the chemistry and its abuse set.
    reactions : (5, 3) float64
        As in `hil.plant.abuse.react`.
    bus : (k, 3) float64
        What the UPS does: voltage it holds (V), most charge and most discharge current of a string (A).
    ripple_a : (k, n_strings) float64, A
        Added to each string's current.
    room_degc : (k,) float64, degC
    dt_s : float
    string_a, string_v : (k, n_strings) float64
        Output: current (positive = charging) and voltage of each string.
    string_soc : (k, n_strings) float64
        Output: mean charge of the cells of each string, 0 to 1.
    book_j : (5,) float64, J
        Energy book, added to: ELECTRIC_IN at the terminals, CHEMICAL stored, HEAT made, of which REACTION
        by the abuse reactions, TO_ROOM given off.
    cell_v, cell_degc : (k, n) float64
        Output, after each step.

    Notes
    -----
    The RC pair is advanced by the midpoint rule, so that what it takes in is what it stores and heats, to
    the last digit. A short of R ohm lies across the terminals: they see the source and its resistance r
    divided by 1 + r/R. The cabinet's air is implicit, as its own heat capacity is small; the rest is explicit
    and stable while dt_s is far below heat capacity / conductance (half an hour for a cell).
    """
    steps, n_strings = ripple_a.shape
    string_cells = len(cells) // n_strings
    # Above it the abuse reactions are what warms a cell, and would be counted twice.
    hottest_degc = ABUSE_FROM_DEGC if reactions[0, 0] > 0.0 else math.inf
    half = dt_s / (2.0 * kind[RC_S])
    share = half / (1.0 + half)
    for step in range(steps):
        for s in range(n_strings):
            first = s * string_cells
            source_v = 0.0
            source_ohm = 0.0
            for i in range(first, first + string_cells):
                cell = cells[i]
                where = min(max((cell.soc - GRID_FROM) / GRID_STEP, 0.0), len(ocv_v) - 1.001)
                k = int(where)
                cell.emf_v = ocv_v[k] + (where - k) * (ocv_v[k + 1] - ocv_v[k])
                inner_ohm = cell.r_ohm + cell.rc_ohm * share
                cell.divider = 1.0 / (1.0 + inner_ohm / cell.short_ohm)
                source_v += (cell.emf_v + cell.rc_v * (1.0 - share)) * cell.divider
                source_ohm += inner_ohm * cell.divider + cell.busbar_ohm
            wanted_a = (bus[step, 0] - source_v) / source_ohm
            current_a = min(max(wanted_a, -bus[step, 2]), bus[step, 1])
            if bus[step, 1] > 0.0 or bus[step, 2] > 0.0:  # else the string is open, and nothing flows
                current_a += ripple_a[step, s]
            string_a[step, s] = current_a
            string_v[step, s] = source_v + source_ohm * current_a
            busbar_w = 0.0
            charge = 0.0
            for i in range(first, first + string_cells):
                cell = cells[i]
                inner_ohm = cell.r_ohm + cell.rc_ohm * share
                source = cell.emf_v + cell.rc_v * (1.0 - share)
                terminal_v = (source + inner_ohm * current_a) * cell.divider
                leak_a = terminal_v / cell.short_ohm
                inner_a = current_a - leak_a
                rc_mean_v = (1.0 - share) * cell.rc_v + share * cell.rc_ohm * inner_a
                rc_new_v = 2.0 * rc_mean_v - cell.rc_v
                rc_j = 0.5 * kind[RC_S] / cell.rc_ohm * (rc_new_v * rc_new_v - cell.rc_v * cell.rc_v)
                faster = _LN2 / 10.0 * (min(cell.temp_degc, hottest_degc) - 25.0)
                faster += (cell.v - kind[FLOAT_V]) / kind[SELF_DISCHARGE_V]
                lost_a = cell.self_discharge_a * math.exp(min(faster, 8.0))
                if cell.soc < 0.0:
                    lost_a = 0.0
                heat_w = inner_a * inner_a * cell.r_ohm + rc_mean_v * rc_mean_v / cell.rc_ohm
                heat_w += terminal_v * leak_a + cell.emf_v * lost_a + busbar_w
                busbar_w = 0.5 * current_a * current_a * cell.busbar_ohm
                heat_w += busbar_w
                if i == first + string_cells - 1:
                    heat_w += busbar_w
                cell.heat_w = heat_w
                cell.soc += (inner_a - lost_a) * dt_s / (3600.0 * cell.capacity_ah)
                charge += cell.soc
                cell.rc_v = rc_new_v
                cell.v = terminal_v + current_a * cell.busbar_ohm
                book_j[ELECTRIC_IN] += cell.v * current_a * dt_s
                book_j[CHEMICAL] += cell.emf_v * (inner_a - lost_a) * dt_s + rc_j
                book_j[HEAT] += heat_w * dt_s
            string_soc[step, s] = charge / string_cells
        _exchange(
            cells, module_cells, module_degc, air_degc, network, n_strings, room_degc[step], dt_s, book_j
        )
        for i in range(len(cells)):
            cell = cells[i]
            outer_w = cell.heat_w + cell.flow_w
            if cell.temp_degc < ABUSE_FROM_DEGC or reactions[0, 0] == 0.0:
                cell.temp_degc += outer_w * dt_s / cell.heat_capacity_j_per_k
            else:
                given_j = react(cell, reactions, outer_w, dt_s)
                book_j[HEAT] += given_j
                book_j[REACTION] += given_j
            if cell.temp_degc > kind[COLLAPSE_DEGC] and cell.vent_w_per_k == 0.0:
                cell.short_ohm = min(cell.short_ohm, kind[SHORT_IN_R] * cell.r_ohm)
                cell.vent_w_per_k = kind[VENT_W_PER_K]
            cell_v[step, i] = cell.v
            cell_degc[step, i] = cell.temp_degc


@njit(cache=True)
def _exchange(
    cells: NDArray[Any],
    module_cells: int,
    module_degc: NDArray[np.float64],
    air_degc: NDArray[np.float64],
    network: Any,
    n_strings: int,
    room_degc: float,
    dt_s: float,
    book_j: NDArray[np.float64],
) -> None:
    """Work out the heat that each cell takes in, and advance the frames and the air."""
    n_modules = len(module_degc)
    string_modules = n_modules // n_strings
    cell_air = network.cell_air * network.fan
    module_air = network.module_air * network.fan
    air_room = network.air_room * network.fan
    into = network.air_j_per_k / dt_s * air_degc[0] + air_room * room_degc
    holds = network.air_j_per_k / dt_s + air_room
    for i in range(len(cells)):
        to_air = cell_air + cells[i].vent_w_per_k
        into += to_air * cells[i].temp_degc
        holds += to_air
    for m in range(n_modules):
        into += module_air * module_degc[m]
        holds += module_air
    air = into / holds
    air_degc[0] = air
    book_j[TO_ROOM] += air_room * (air - room_degc) * dt_s
    before = 0.0
    for m in range(n_modules):
        frame = module_degc[m]
        frame_w = module_air * (air - frame)
        if m % string_modules > 0:
            frame_w += network.module_module * (before - frame)
        if m % string_modules < string_modules - 1:
            frame_w += network.module_module * (module_degc[m + 1] - frame)
        for i in range(m * module_cells, (m + 1) * module_cells):
            cell = cells[i]
            to_frame_w = network.cell_module * (cell.temp_degc - frame)
            frame_w += to_frame_w
            flow_w = (cell_air + cell.vent_w_per_k) * (air - cell.temp_degc) - to_frame_w
            if i % module_cells > 0:
                flow_w += network.neighbour * (cells[i - 1].temp_degc - cell.temp_degc)
            if i % module_cells < module_cells - 1:
                flow_w += network.neighbour * (cells[i + 1].temp_degc - cell.temp_degc)
            cell.flow_w = flow_w
        before = frame
        module_degc[m] = frame + frame_w * dt_s / network.module_j_per_k
