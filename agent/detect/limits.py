"""The limits of a unit's values, and whose they are: the site's, else the profile's, else the chemistry's."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.places import TEMPERATURES

#: Tiers, innermost first: beyond the first is advice, beyond the second a warning, beyond the third critical.
TIERS = ("operating", "recommended", "safety")
OPERATING, RECOMMENDED, SAFETY = range(3)
LOW, HIGH = range(2)
#: Whose a limit is; what people call it stands in `WHOSE`.
NOBODY, SITE, PROFILE, CHEMISTRY, SHIPPED = range(5)
WHOSE = ("", "set by the site", "of the profile", "of the chemistry", "of lithium cells in general")

#: Chemistry -> lowest and highest voltage of one cell, V, that no cell of it reaches in ordinary charge,
#: equalising or discharge. From memory but for LFP and NiCd. Nothing judges by them yet.
CELL_V: dict[str, tuple[float, float]] = {
    "LFP": (1.8, 3.9),  # protection circuits trip at 2.0 and 3.9; charged to 3.65, discharged to 2.5
    "NMC": (1.9, 4.45),  # charged to 4.2 to 4.35, discharged to 2.5
    "NCA": (1.9, 4.4),  # charged to 4.2, discharged to 2.5
    "LCO": (1.9, 4.6),  # charged to 4.2 to 4.5, discharged to 2.75
    "LMO": (1.9, 4.4),  # charged to 4.2, discharged to 2.5
    "LTO": (0.9, 3.1),  # charged to 2.7 to 2.9, discharged to 1.5
    "VRLA": (1.2, 2.75),  # equalised at 2.4, in the cold at 2.6; discharged to 1.6
    "NiCd": (0.5, 1.85),  # vented ones reach 1.71 in the final charge; discharged to 1.0
}
DEAD_BAND_V = 0.01  # of one cell


class UnitLimits(NamedTuple):
    """The limits of the n values of a frame.

    values (n, 3, 2): per tier, innermost first, lowest and highest, SI; infinite where nobody gives one.
    sources (n, 3, 2): whose each is, NOBODY .. SHIPPED. dead_band (n, 3): how far a value must come back.
    load (3, 4): per tier the most charge and discharge of a circuit, A, then W.
    """

    values: Floats
    sources: Codes
    dead_band: Floats
    load: Floats


class HeatRows(NamedTuple):
    """The limits of temperature of the alarm table, per tier: degc (3,), infinite where it has none;
    dead_band (3,); site (3,): it is the site that says so.
    """

    degc: Floats
    dead_band: Floats
    site: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def nowhere(n: int) -> Floats:
    """Return the limits (n, 3, 2) of whoever gives none."""
    return np.tile((-np.inf, np.inf), (n, 3, 1))


def load_of(quantities: Sequence[str], limits: Floats) -> Floats:
    """Return per tier (3, 4) the most charge and discharge, A, then W, of limits (n, 3, 2)."""
    load = np.full((len(TIERS), 4), np.inf)
    for k, quantity in enumerate(("current", "power")):
        of = limits[[i for i, q in enumerate(quantities) if q == quantity]]
        load[:, 2 * k] = np.min(of[:, :, HIGH], axis=0, initial=np.inf)
        load[:, 2 * k + 1] = np.min(-of[:, :, LOW], axis=0, initial=np.inf)
    return load


def cells_in(quantity: str, cells_per_block: int | None) -> float:
    """Return how many cells in series a voltage is of; NaN: nobody says, or it is no voltage of cells."""
    if quantity == "module_voltage" and cells_per_block:
        return float(cells_per_block)
    return 1.0 if quantity == "cell_voltage" else np.nan


def resolve(
    quantities: Sequence[str],
    profile: Floats,
    heat: HeatRows,
    load: Floats,
    chemistry: str = "",
    cells_per_block: int | None = None,
) -> UnitLimits:
    """
    Return the limits that hold for each value of a frame.

    Parameters
    ----------
    quantities : (n,) str
    profile : (n, 3, 2) float64, SI
        What the profile gives.
    heat : HeatRows
        What the alarm table gives for temperatures.
    load : (3, 4) float64
        Most charge and discharge per tier, A, then W: as it is to hold.
    chemistry : str
        A key of `CELL_V`; "" nobody says. Of it only the safety tier is known.
    cells_per_block : int
        Cells in series of each `module_voltage`; None: not known, and no limit of chemistry for it.
    """
    n = len(quantities)
    cells = np.array([cells_in(quantity, cells_per_block) for quantity in quantities]).reshape(n)
    hot = np.array([quantity in TEMPERATURES for quantity in quantities], bool)
    of_site, of_chemistry, shipped = nowhere(n), nowhere(n), nowhere(n)
    for given, rows in ((of_site, heat.site), (shipped, ~heat.site)):
        given[:, :, HIGH] = np.where(hot[:, None] & rows, heat.degc, np.inf)
    if chemistry in CELL_V:
        known = np.isfinite(cells)
        of_chemistry[known, SAFETY] = cells[known, None] * np.array(CELL_V[chemistry])
    values, sources = layered(
        n, ((SITE, of_site), (PROFILE, profile), (CHEMISTRY, of_chemistry), (SHIPPED, shipped))
    )
    volts = DEAD_BAND_V * np.where(np.isfinite(cells), cells, 1.0)
    dead_band = np.where(hot[:, None], heat.dead_band, volts[:, None])
    return UnitLimits(values, sources, dead_band, load)


def layered(n: int, layers: Iterable[tuple[int, Floats]]) -> tuple[Floats, Codes]:
    """Return limits and sources (n, 3, 2): of each the first of (source, limits) that gives one."""
    values, sources = nowhere(n), np.zeros((n, 3, 2), np.uint8)
    for source, given in layers:
        free = ~np.isfinite(values) & np.isfinite(given)
        values[free], sources[free] = given[free], source
    return values, sources
