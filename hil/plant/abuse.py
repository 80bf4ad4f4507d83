"""What a hot cell does by itself: the lumped abuse reactions of Hatchard (2001) and Kim (2007).

SEI decomposition, anode and electrolyte (slowed by the layer that it grows), cathode in one or two steps, and
electrolyte decomposition; each first order, the cathode autocatalytic. Sets: "kim2007" is the published one
(LiCoO2) and has no separator; "nmc" takes cathode and electrolyte of Bilyaz (2020); "lfp" has a tenth of the
published cathode heat. Where a separator gives way the cell shorts itself and vents.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

ABUSE_FROM_DEGC = 60.0  # below, the reactions give less than 2 mW in a 100 Ah cell
_STEP_K = 1.0  # rates change by about a tenth over one kelvin
_SHORTEST_S = 0.001
_GAS = 8.314462618

SEI, ANODE, CATHODE_1, CATHODE_2, ELECTROLYTE = range(5)
RATE, EA_OVER_R, HEAT = range(3)

_DATA = json.loads((Path(__file__).parent / "data" / "abuse_reactions.json").read_text("utf-8"))
START: dict[str, float] = _DATA["start"]
SEI_REFERENCE = START["sei_thickness"]


@dataclass(frozen=True, slots=True)
class Abuse:
    """One set. `reactions` (5, 3) float64: 1/s, K, J per J/K of heat capacity (a temperature, K)."""

    reactions: NDArray[np.float64]
    collapse_degc: float  # the separator gives way; inf: there is none to
    short_in_r: float  # the short that follows, in multiples of the cell's own resistance
    vent_w_per_k: float  # what escaping gas carries off, of a 100 Ah cell


@cache
def abuse_set(name: str) -> Abuse:
    """The set of that name; "none" has no reactions: a lead cell boils above 110 degC, and that cools it."""
    if name == "none":
        return Abuse(np.zeros((5, 3)), 110.0, math.inf, 2.0)
    table = np.array(list(_DATA["reactions"][name].values()), float)
    table[:, EA_OVER_R] /= _GAS
    table[:, HEAT] /= _DATA["rho_cp_j_per_m3_k"]
    collapse = _DATA["collapse"][name]
    degc = math.inf if collapse["degc"] is None else collapse["degc"]
    return Abuse(table, degc, collapse["short_in_r"], collapse["vent_w_per_k"])


@njit(cache=True)
def react(cell: Any, reactions: NDArray[np.float64], outer_w: float, dt_s: float) -> float:
    """
    Advance the temperature of one hot cell, in steps short enough for its reactions.

    Parameters
    ----------
    cell : CELL
        Changed in place: what is left of the reactants, and the temperature.
    reactions : (5, 3) float64
        Columns RATE, EA_OVER_R, HEAT of `Abuse`.
    outer_w : float
        All other heat that the cell takes in, constant over the step.
    dt_s : float

    Returns
    -------
    float, J
        The heat that the reactions gave.

    Notes
    -----
    First-order and logistic decay are solved exactly within each step, so no reactant goes below zero; the
    step is as long as the temperature, at the rate of its beginning, moves by one kelvin.
    """
    left_s = dt_s
    given_j = 0.0
    while left_s > 0.0:
        kelvin = cell.temp_degc + 273.15
        k_sei = reactions[SEI, RATE] * math.exp(-reactions[SEI, EA_OVER_R] / kelvin)
        slowed = math.exp(-cell.sei_thickness / SEI_REFERENCE)
        k_anode = reactions[ANODE, RATE] * slowed * math.exp(-reactions[ANODE, EA_OVER_R] / kelvin)
        k_1 = reactions[CATHODE_1, RATE] * math.exp(-reactions[CATHODE_1, EA_OVER_R] / kelvin)
        k_2 = reactions[CATHODE_2, RATE] * math.exp(-reactions[CATHODE_2, EA_OVER_R] / kelvin)
        k_e = reactions[ELECTROLYTE, RATE] * math.exp(-reactions[ELECTROLYTE, EA_OVER_R] / kelvin)
        k_per_s = (
            k_sei * cell.sei * reactions[SEI, HEAT]
            + k_anode * cell.anode * reactions[ANODE, HEAT]
            + k_1 * cell.cathode_1 * (1.0 - cell.cathode_1) * reactions[CATHODE_1, HEAT]
            + k_2 * cell.cathode_2 * (1.0 - cell.cathode_2) * reactions[CATHODE_2, HEAT]
            + k_e * cell.electrolyte * reactions[ELECTROLYTE, HEAT]
            + outer_w / cell.heat_capacity_j_per_k
        )
        h_s = left_s
        if abs(k_per_s) * h_s > _STEP_K:
            h_s = min(left_s, max(_SHORTEST_S, _STEP_K / abs(k_per_s)))
        sei = cell.sei * math.exp(-k_sei * h_s)
        anode = cell.anode * math.exp(-k_anode * h_s)
        cathode_1 = _logistic(cell.cathode_1, k_1 * h_s)
        cathode_2 = _logistic(cell.cathode_2, k_2 * h_s)
        electrolyte = cell.electrolyte * math.exp(-k_e * h_s)
        kelvins = (
            (cell.sei - sei) * reactions[SEI, HEAT]
            + (cell.anode - anode) * reactions[ANODE, HEAT]
            + (cathode_1 - cell.cathode_1) * reactions[CATHODE_1, HEAT]
            + (cathode_2 - cell.cathode_2) * reactions[CATHODE_2, HEAT]
            + (cell.electrolyte - electrolyte) * reactions[ELECTROLYTE, HEAT]
        )
        cell.sei_thickness += cell.anode - anode
        cell.sei = sei
        cell.anode = anode
        cell.cathode_1 = cathode_1
        cell.cathode_2 = cathode_2
        cell.electrolyte = electrolyte
        cell.temp_degc += kelvins + outer_w * h_s / cell.heat_capacity_j_per_k
        given_j += kelvins * cell.heat_capacity_j_per_k
        left_s -= h_s
    return given_j


@njit(cache=True)
def _logistic(converted: float, kt: float) -> float:
    grown = converted * math.exp(min(kt, 50.0))
    return grown / (1.0 - converted + grown)
