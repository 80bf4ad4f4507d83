"""Time steps of a rack: currents, charge and heat of every cell, in one compiled loop.

`run_rack` reads as a step goes: each string's current, what it does in every cell, heat between the cells and
the air, what becomes of each cell's temperature. The records below are what it works on.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.plant.abuse import ABUSE_FROM_DEGC, RATE, SEI, react
from hil.plant.chemistry import GRID_FROM, GRID_STEP

_LN2 = math.log(2.0)

# Only `run_rack` is called from Python: its parts need no wrappers, and compile a third faster without.
_part: Any = njit(  # type: ignore[call-overload]  # numba's types leave the last two out
    cache=True, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)

CELL = np.dtype(
    [
        # what a cell is built as
        ("capacity_ah", np.float64),
        ("r_ohm", np.float64),
        ("rc_ohm", np.float64),
        ("heat_capacity_j_per_k", np.float64),
        ("self_discharge_a", np.float64),  # at 25 degC and the float voltage
        ("short_ohm", np.float64),  # inf: no internal short
        ("busbar_ohm", np.float64),  # to the next cell
        # its state
        ("soc", np.float64),
        ("temp_degc", np.float64),
        ("rc_v", np.float64),  # over the RC pair
        ("v", np.float64),  # between the sense wires: the cell and the busbar behind it
        ("sei", np.float64),  # this and the next five: the abuse reactions, see `hil.plant.abuse`
        ("anode", np.float64),
        ("sei_thickness", np.float64),
        ("cathode_1", np.float64),
        ("cathode_2", np.float64),
        ("electrolyte", np.float64),
        ("vent_w_per_k", np.float64),  # heat given to the air by venting; 0 until the cell has burst
        # of the last step only
        ("emf_v", np.float64),
        ("divider", np.float64),  # the part of the source that an internal short leaves at the terminals
        ("heat_w", np.float64),  # made in the cell by its currents
        ("flow_w", np.float64),  # taken in from neighbours, frame and air
    ]
)

NETWORK = np.dtype(
    [
        ("neighbour", np.float64),  # conductance between adjacent cells of a module, W/K, as the next five
        ("cell_module", np.float64),
        ("cell_air", np.float64),
        ("module_air", np.float64),
        ("module_module", np.float64),  # between adjacent modules of a string
        ("air_room", np.float64),
        ("module_j_per_k", np.float64),  # heat capacity
        ("air_j_per_k", np.float64),
        ("fan", np.float64),  # factor of cell_air, module_air and air_room; 1: as built, 0.25: failed
    ]
)

#: Energy since t = 0, J: in at the terminals, stored, made as heat, the part of the heat that the abuse
#: reactions made, given off to the room.
BOOK = np.dtype(
    [(name, np.float64) for name in ("electric_in_j", "chemical_j", "heat_j", "reaction_j", "to_room_j")]
)


class CellKind(NamedTuple):
    """What all cells of a rack have in common."""

    ocv_v: NDArray[np.float64]  # (241,) open-circuit voltage on the grid of `hil.plant.chemistry`
    rc_s: float
    self_discharge_v: float
    float_v: float
    collapse_degc: float  # this and the next three: see `hil.plant.abuse.Abuse`
    short_in_r: float
    vent_w_per_k: float
    reactions: NDArray[np.float64]  # (5, 3); all 0: none


class RackState(NamedTuple):
    """A rack now; all but `module_cells` and `network` is changed in place.

    Cells lie string by string, module by module.
    """

    cells: NDArray[Any]  # (n,) CELL
    module_cells: int  # cells of a module; only cells of one module touch each other
    module_degc: NDArray[np.float64]  # (m,) the modules' frames
    air_degc: NDArray[np.float64]  # (1,) the cabinet's air
    network: Any  # NETWORK
    book: Any  # BOOK


class Steps(NamedTuple):
    """What the UPS and the room do in each of k steps of `dt_s`."""

    dt_s: float
    ups: NDArray[Any]  # (k,) `hil.plant.duty.UPS`
    ripple_a: NDArray[np.float64]  # (k, n_strings) added to each string's current
    room_degc: NDArray[np.float64]  # (k,)


class Course(NamedTuple):
    """What a rack did, after each of k steps. Currents are positive when charging."""

    string_a: NDArray[np.float64]  # (k, n_strings), as the next two
    string_v: NDArray[np.float64]
    string_soc: NDArray[np.float64]  # mean of the string's cells, 0 to 1
    cell_v: NDArray[np.float64]  # (k, n), as the next
    cell_degc: NDArray[np.float64]
    room_degc: NDArray[np.float64]  # (k,) that of the steps


@njit(cache=True)
def run_rack(rack: RackState, kind: CellKind, steps: Steps, course: Course) -> None:
    """
    Advance a rack by k steps and record each.

    Parameters
    ----------
    rack : RackState
        Changed in place.
    kind : CellKind
    steps : Steps
    course : Course
        Output, all but `room_degc`; owned by the caller.

    Notes
    -----
    The RC pair is advanced by the midpoint rule, so that what it takes in is what it stores and heats, to
    the last digit. A short of R ohm lies across the terminals: they see the source and its resistance r
    divided by 1 + r/R. The cabinet's air is implicit, as its own heat capacity is small; the rest is explicit
    and stable while dt_s is far below heat capacity / conductance (half an hour for a cell).
    """
    n_strings = steps.ripple_a.shape[1]
    string_cells = len(rack.cells) // n_strings
    half = steps.dt_s / (2.0 * kind.rc_s)
    rc_share = half / (1.0 + half)  # of the RC pair's resistance that the mean current of a step meets
    for step in range(len(steps.ups)):
        for s in range(n_strings):
            string = rack.cells[s * string_cells : (s + 1) * string_cells]
            source_v, source_ohm = _string_source(string, kind, rc_share)
            current_a = _string_current(steps.ups[step], steps.ripple_a[step, s], source_v, source_ohm)
            course.string_a[step, s] = current_a
            course.string_v[step, s] = source_v + source_ohm * current_a
            charge = _carry(string, kind, current_a, rc_share, steps.dt_s, rack.book)
            course.string_soc[step, s] = charge / string_cells
        _exchange_heat(rack, n_strings, steps.room_degc[step], steps.dt_s)
        _warm(rack, kind, steps.dt_s)
        for i in range(len(rack.cells)):
            course.cell_v[step, i] = rack.cells[i].v
            course.cell_degc[step, i] = rack.cells[i].temp_degc


@_part
def _string_source(string: NDArray[Any], kind: CellKind, rc_share: float) -> tuple[float, float]:
    """Set each cell's emf_v and divider; return the string as one source: its voltage and resistance."""
    source_v = 0.0
    source_ohm = 0.0
    for i in range(len(string)):
        cell = string[i]
        place = min(max((cell.soc - GRID_FROM) / GRID_STEP, 0.0), len(kind.ocv_v) - 1.001)
        k = int(place)  # k + 1 is still on the grid
        cell.emf_v = kind.ocv_v[k] + (place - k) * (kind.ocv_v[k + 1] - kind.ocv_v[k])
        inner_v, inner_ohm = _inner(cell, rc_share)
        cell.divider = 1.0 / (1.0 + inner_ohm / cell.short_ohm)
        source_v += inner_v * cell.divider
        source_ohm += inner_ohm * cell.divider + cell.busbar_ohm
    return source_v, source_ohm


@_part
def _inner(cell: Any, rc_share: float) -> tuple[float, float]:
    """Return a cell as a source without its short: voltage and resistance, means of the step."""
    return cell.emf_v + cell.rc_v * (1.0 - rc_share), cell.r_ohm + cell.rc_ohm * rc_share


@_part
def _string_current(ups: Any, ripple_a: float, source_v: float, source_ohm: float) -> float:
    """Return the current that holds the UPS's voltage, within its bounds, and the ripple on it."""
    wanted_a = (ups.hold_v - source_v) / source_ohm
    current_a = min(max(wanted_a, -ups.most_discharge_a), ups.most_charge_a)
    if ups.most_charge_a > 0.0 or ups.most_discharge_a > 0.0:  # else the string is open, and nothing flows
        current_a += ripple_a
    return float(current_a)


@_part
def _carry(
    string: NDArray[Any], kind: CellKind, current_a: float, rc_share: float, dt_s: float, book: Any
) -> float:
    """Let a current flow through a string: charge, voltage and heat_w of its cells; return their summed soc.

    A busbar gives half its heat to the cell on each side, the last one all of it to the last cell.
    """
    charge = 0.0
    behind_w = 0.0  # half the heat of the busbar from the cell before
    for i in range(len(string)):
        cell = string[i]
        inner_v, inner_ohm = _inner(cell, rc_share)
        terminal_v = (inner_v + inner_ohm * current_a) * cell.divider
        leak_a = terminal_v / cell.short_ohm
        inner_a = current_a - leak_a
        rc_mean_v = (1.0 - rc_share) * cell.rc_v + rc_share * cell.rc_ohm * inner_a
        rc_new_v = 2.0 * rc_mean_v - cell.rc_v
        rc_j = 0.5 * kind.rc_s / cell.rc_ohm * (rc_new_v * rc_new_v - cell.rc_v * cell.rc_v)
        lost_a = _self_discharge(cell, kind)
        heat_w = inner_a * inner_a * cell.r_ohm + rc_mean_v * rc_mean_v / cell.rc_ohm
        heat_w += terminal_v * leak_a + cell.emf_v * lost_a + behind_w
        behind_w = 0.5 * current_a * current_a * cell.busbar_ohm
        heat_w += behind_w
        if i == len(string) - 1:
            heat_w += behind_w
        cell.heat_w = heat_w
        cell.soc += (inner_a - lost_a) * dt_s / (3600.0 * cell.capacity_ah)
        charge += cell.soc
        cell.rc_v = rc_new_v
        cell.v = terminal_v + current_a * cell.busbar_ohm
        book.electric_in_j += cell.v * current_a * dt_s
        book.chemical_j += cell.emf_v * (inner_a - lost_a) * dt_s + rc_j
        book.heat_j += heat_w * dt_s
    return charge


@_part
def _self_discharge(cell: Any, kind: CellKind) -> float:
    """Return the current that a cell loses inside, A; a spent one loses none."""
    if cell.soc < 0.0:
        return 0.0
    # Above it the abuse reactions are what warms a cell, and would be counted twice.
    hottest_degc = ABUSE_FROM_DEGC if kind.reactions[SEI, RATE] > 0.0 else math.inf
    exponent = _LN2 / 10.0 * (min(cell.temp_degc, hottest_degc) - 25.0)
    exponent += (cell.v - kind.float_v) / kind.self_discharge_v
    return float(cell.self_discharge_a * math.exp(min(exponent, 8.0)))  # at most 3000 times


@_part
def _exchange_heat(rack: RackState, n_strings: int, room_degc: float, dt_s: float) -> None:
    """Set each cell's flow_w, and advance the air and the frames.

    The air comes first: it is solved from the temperatures at the beginning of the step, and what the cells
    and frames give it is worked out with its new temperature.
    """
    cells, network = rack.cells, rack.network
    cell_air = network.cell_air * network.fan
    module_air = network.module_air * network.fan
    air_room = network.air_room * network.fan
    weighted = network.air_j_per_k / dt_s * rack.air_degc[0] + air_room * room_degc
    weight = network.air_j_per_k / dt_s + air_room
    for i in range(len(cells)):
        to_air = cell_air + cells[i].vent_w_per_k
        weighted += to_air * cells[i].temp_degc
        weight += to_air
    for m in range(len(rack.module_degc)):
        weighted += module_air * rack.module_degc[m]
        weight += module_air
    air_degc = weighted / weight
    rack.air_degc[0] = air_degc
    rack.book.to_room_j += air_room * (air_degc - room_degc) * dt_s
    string_modules = len(rack.module_degc) // n_strings
    before_degc = 0.0  # of the frame before, at the beginning of the step
    for m in range(len(rack.module_degc)):
        frame_degc = rack.module_degc[m]
        frame_w = module_air * (air_degc - frame_degc)
        if m % string_modules > 0:
            frame_w += network.module_module * (before_degc - frame_degc)
        if m % string_modules < string_modules - 1:
            frame_w += network.module_module * (rack.module_degc[m + 1] - frame_degc)
        module = cells[m * rack.module_cells : (m + 1) * rack.module_cells]
        for i in range(len(module)):
            cell = module[i]
            to_frame_w = network.cell_module * (cell.temp_degc - frame_degc)
            frame_w += to_frame_w
            flow_w = (cell_air + cell.vent_w_per_k) * (air_degc - cell.temp_degc) - to_frame_w
            if i > 0:
                flow_w += network.neighbour * (module[i - 1].temp_degc - cell.temp_degc)
            if i < len(module) - 1:
                flow_w += network.neighbour * (module[i + 1].temp_degc - cell.temp_degc)
            cell.flow_w = flow_w
        before_degc = frame_degc
        rack.module_degc[m] = frame_degc + frame_w * dt_s / network.module_j_per_k


@_part
def _warm(rack: RackState, kind: CellKind, dt_s: float) -> None:
    """Advance each cell's temperature; above `collapse_degc` a cell shorts itself and vents, once."""
    reacts = kind.reactions[SEI, RATE] > 0.0
    for i in range(len(rack.cells)):
        cell = rack.cells[i]
        outer_w = cell.heat_w + cell.flow_w
        if cell.temp_degc < ABUSE_FROM_DEGC or not reacts:
            cell.temp_degc += outer_w * dt_s / cell.heat_capacity_j_per_k
        else:
            given_j = react(cell, kind.reactions, outer_w, dt_s)
            rack.book.heat_j += given_j
            rack.book.reaction_j += given_j
        if cell.temp_degc > kind.collapse_degc and cell.vent_w_per_k == 0.0:
            cell.short_ohm = min(cell.short_ohm, kind.short_in_r * cell.r_ohm)
            cell.vent_w_per_k = kind.vent_w_per_k
