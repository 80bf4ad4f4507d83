"""The limits of a unit's values, and whose they are: the site's, else the profile's, else the chemistry's."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.places import TEMPERATURES

#: Tiers, innermost first: beyond the first is advice, beyond the second a warning, beyond the third critical.
TIERS = ("operating", "recommended", "safety")
OPERATING, RECOMMENDED, SAFETY = range(3)
LOW, HIGH = range(2)
#: Whose a limit is; what people call it stands in `WHOSE`.
NOBODY, SITE, PROFILE, CHEMISTRY, SHIPPED = range(5)
WHOSE = ("", "set by the site", "of the profile", "of the chemistry", "of lithium cells in general")

#: What a site may say; the keys of `CELL_V`.
Chemistry = Literal["LFP", "NMC", "NCA", "LCO", "LMO", "LTO", "VRLA", "NiCd"]
#: Chemistry -> lowest and highest voltage of one cell, V, that no cell of it reaches in ordinary charge,
#: equalising or discharge. [R] read in a source, which docs/detection.md names; [M] from memory.
CELL_V: dict[str, tuple[float, float]] = {
    "LFP": (
        1.8,
        3.9,
    ),  # protection boards trip at 2.00 +-0.05 and 3.90 +-0.03 [R]; 3.65 and 2.5 are usual [M]
    "NMC": (1.9, 4.45),  # charged to 4.2 [R], high-voltage ones to 4.35 [M]; discharged to 2.5 [R]
    "NCA": (1.9, 4.4),  # charged to 4.2, discharged to 2.5 [R]
    "LCO": (1.9, 4.6),  # charged to 4.23 at most [R], high-voltage ones to 4.5 [M]; discharged to 2.75 [R]
    "LMO": (1.9, 4.4),  # charged to 4.2, discharged to 2.5 [M]
    "LTO": (0.9, 3.1),  # charged to 2.7 to 2.9, discharged to 1.5 [M]
    "VRLA": (1.2, 2.75),  # 2.5 at 20 degC and 4 mV/K more in the cold: 2.64 at -15 [R]; discharged to 1.6 [M]
    "NiCd": (0.5, 1.85),  # no vented cell rises above 1.71 in the final charge; discharged to 1.0 [R]
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


class Limited(NamedTuple):
    """What the scores of n channels are compared with, per tier: limit, dead_band (n, 3); source (n, 3)."""

    limit: Floats
    dead_band: Floats
    source: Codes


#: A value that reads its limit is not beyond it, whatever the last digit of a float says.
INSIDE = 1e-9


def above(limits: UnitLimits, index: Ints, inside: float = INSIDE) -> Limited:
    """Return the limits of values that are compared with their highest."""
    return Limited(
        limits.values[index][:, :, HIGH] + inside,
        limits.dead_band[index],
        limits.sources[index][:, :, HIGH],
    )


def below(limits: UnitLimits, index: Ints) -> Limited:
    """Return the limits of values that are compared with their lowest: of their negatives."""
    return Limited(
        INSIDE - limits.values[index][:, :, LOW], limits.dead_band[index], limits.sources[index][:, :, LOW]
    )


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
