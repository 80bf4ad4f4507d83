"""The limits of a unit's values, and whose they are: the site's, else the profile's, else the chemistry's."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.places import TEMPERATURES, VOLTAGES

#: Tiers, innermost first: beyond the first is advice, beyond the second a warning, beyond the third critical.
TIERS = ("operating", "recommended", "safety")
OPERATING, RECOMMENDED, SAFETY = range(3)
LOW, HIGH = range(2)
#: Whose a limit is; what people call it stands in `WHOSE`.
NOBODY, SITE, PROFILE, CHEMISTRY, SHIPPED = range(5)
WHOSE = ("", "set by the site", "of the profile", "of the chemistry", "of lithium cells in general")

#: What a site may say; the keys of `CELL_V`.
Chemistry = Literal["LFP", "NMC", "NCA", "LCO", "LMO", "LTO", "VRLA", "NiCd"]
#: What people call them, in capitals -> which it is.
CHEMISTRIES = {
    "LFP": "LFP", "LIFEPO4": "LFP", "NMC": "NMC", "NCM": "NMC", "NCA": "NCA", "LCO": "LCO", "LMO": "LMO",
    "LTO": "LTO", "VRLA": "VRLA", "AGM": "VRLA", "GEL": "VRLA", "LEAD-ACID": "VRLA", "LEAD": "VRLA",
    "NICD": "NiCd", "NI-CD": "NiCd",
}  # fmt: skip
#: Chemistry -> lowest and highest voltage of one cell, V, that no cell of it reaches in ordinary charge,
#: equalising or discharge. [R] read in a source, which docs/detection.md names; [M] from memory.
CELL_V: dict[str, tuple[float, float]] = {
    "LFP": (1.8, 3.9),  # protection boards trip at 2.00 +-0.05 and 3.90 +-0.03 [R]; 3.65, 2.5 are usual [M]
    "NMC": (1.9, 4.45),  # charged to 4.2 [R], high-voltage ones to 4.35 [M]; discharged to 2.5 [R]
    "NCA": (1.9, 4.4),  # charged to 4.2, discharged to 2.5 [R]
    "LCO": (1.9, 4.6),  # charged to 4.23 at most [R], high-voltage ones to 4.5 [M]; discharged to 2.75 [R]
    "LMO": (1.9, 4.4),  # charged to 4.2, discharged to 2.5 [M]
    "LTO": (0.9, 3.1),  # charged to 2.7 to 2.9, discharged to 1.5 [M]
    "VRLA": (1.2, 2.75),  # 2.5 at 20 degC and 4 mV/K more in the cold: 2.64 at -15 [R]; discharged to 1.6 [M]
    "NiCd": (0.5, 1.85),  # no vented cell rises above 1.71 in the final charge; discharged to 1.0 [R]
}
DEAD_BAND_V = 0.01  # of one cell
LOADS = ("current", "power")
#: What may have limits, and the unit in which they are said.
LIMITED = {
    **dict.fromkeys(VOLTAGES, "V"), **dict.fromkeys(TEMPERATURES, "degC"), "current": "A", "power": "W",
    "soc": "%",
}  # fmt: skip
DEAD_BAND_SOC = 1.0  # %
#: Quantity -> within what a limit of it can be reached, SI: what is beyond was written in another unit.
REACHED = {
    "cell_voltage": (0.0, 5.5), "module_voltage": (0.0, 1000.0),
    **dict.fromkeys(TEMPERATURES, (-50.0, 200.0)), "current": (-20000.0, 20000.0), "power": (-1e6, 1e6),
    "soc": (0.0, 100.0),
}  # fmt: skip


class SiteLimit(NamedTuple):
    """What a site says of all values of a quantity: a tier, its lowest and highest, SI; infinite: nothing.

    reviewed_by, why: who answers for a safety tier that is wider than that of others, and the reason.
    """

    quantity: str
    tier: int
    low: float = -np.inf
    high: float = np.inf
    reviewed_by: str = ""
    why: str = ""


class UnitLimits(NamedTuple):
    """The limits of the n values of a frame.

    values (n, 3, 2): per tier, innermost first, lowest and highest, SI; infinite where nobody gives one.
    sources (n, 3, 2): whose each is, NOBODY .. SHIPPED. dead_band (n, 3): how far a value must come back.
    widened (n, 2): 1 where the site says a safety limit that is wider than what would hold without its word.
    load, load_sources, load_band (3, 4): the same per tier of a circuit's charge and discharge, A, then W.
    """

    values: Floats
    sources: Codes
    dead_band: Floats
    widened: Codes
    load: Floats
    load_sources: Codes
    load_band: Floats


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


class Rows(NamedTuple):
    """What the alarm table says of temperatures, or of loads, per tier: limit (3,), infinite where it has
    none; dead_band (3,); site (3,): it is the site that says so.
    """

    limit: Floats
    dead_band: Floats
    site: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def nowhere(n: int) -> Floats:
    """Return the limits (n, 3, 2) of whoever gives none."""
    return np.tile((-np.inf, np.inf), (n, 3, 1))


def load_of(quantities: Sequence[str], limits: Floats, sources: Codes) -> tuple[Floats, Codes]:
    """Return per tier (3, 4) the most charge and discharge, A, then W, of limits (n, 3, 2); and whose."""
    load, whose = np.full((len(TIERS), 4), np.inf), np.zeros((len(TIERS), 4), np.uint8)
    for i, quantity in enumerate(quantities):
        if quantity in LOADS:
            k = 2 * LOADS.index(quantity)
            most, of = limits[i] * (-1.0, 1.0), sources[i]
            for at, end in ((k, HIGH), (k + 1, LOW)):
                less = most[:, end] < load[:, at]
                load[less, at], whose[less, at] = most[less, end], of[less, end]
    return load, whose


def loads(load: Floats, sources: Codes, rows: Rows) -> tuple[Floats, Codes, Floats]:
    """Return from where on a load is told, per tier (3, 4), whose that is, and the dead bands.

    rows: in times of the tier's limit, where it says any; but those of RECOMMENDED, where nobody gives one or
    the site changed them, in times of the operating limit.
    """
    times = np.where(np.isfinite(rows.limit), rows.limit, 1.0)
    told, whose = load * times[:, None], sources.copy()
    given = np.isfinite(load[RECOMMENDED]) & ~rows.site[RECOMMENDED]
    told[RECOMMENDED] = np.where(given, load[RECOMMENDED], times[RECOMMENDED] * load[OPERATING])
    whose[RECOMMENDED] = np.where(given, sources[RECOMMENDED], sources[OPERATING])
    band = np.where(np.isfinite(told), told, 0.0) * (rows.dead_band / times)[:, None]
    return told, whose, band


def heat_from(limits: UnitLimits, index: Ints) -> float:
    """Return from where on a temperature is a heat, degC: the lowest safety limit that somebody gave, and of
    values of which nobody did, the lowest limit that is more than advice. What is below is no heat for a
    doubt and for the last resort, however narrow the tiers are within which people want to hear of it.
    """
    high, sources = limits.values[index][:, :, HIGH], limits.sources[index][:, SAFETY, HIGH]
    given = (sources == SITE) | (sources == PROFILE)
    from_degc = np.where(given, high[:, SAFETY], high[:, RECOMMENDED:].min(axis=1, initial=np.inf))
    return float(np.min(from_degc, initial=np.inf))


def cells_in(quantity: str, cells_per_block: int | None) -> float:
    """Return how many cells in series a voltage is of; NaN: nobody says, or it is no voltage of cells."""
    if quantity == "module_voltage" and cells_per_block:
        return float(cells_per_block)
    return 1.0 if quantity == "cell_voltage" else np.nan


def resolve(
    quantities: Sequence[str],
    profile: Floats,
    heat: Rows,
    load: Rows,
    chemistry: str = "",
    cells_per_block: int | None = None,
    site: Sequence[SiteLimit] = (),
) -> UnitLimits:
    """
    Return the limits that hold for each value of a frame.

    Parameters
    ----------
    quantities : (n,) str
    profile : (n, 3, 2) float64, SI
        What the profile gives.
    heat, load : Rows
        What the alarm table gives for temperatures, and in which times of their limits loads are told.
    chemistry : str
        A key of `CELL_V`; "" nobody says. Of it only the safety tier is known.
    cells_per_block : int
        Cells in series of each `module_voltage`; None: not known, and no limit of chemistry for it.
    site : SiteLimit
        Of several for one quantity and tier the narrowest holds. One that would widen the safety tier, and
        that nobody reviewed, does not.
    """
    n = len(quantities)
    cells = np.array([cells_in(quantity, cells_per_block) for quantity in quantities]).reshape(n)
    hot = np.array([quantity in TEMPERATURES for quantity in quantities], bool)
    of_site, of_chemistry, shipped = nowhere(n), nowhere(n), nowhere(n)
    for given, rows in ((of_site, heat.site), (shipped, ~heat.site)):
        given[:, :, HIGH] = np.where(hot[:, None] & rows, heat.limit, np.inf)
    if chemistry in CELL_V:
        known = np.isfinite(cells)
        of_chemistry[known, SAFETY] = cells[known, None] * np.array(CELL_V[chemistry])
    others = ((PROFILE, profile), (CHEMISTRY, of_chemistry), (SHIPPED, shipped))
    widened = _take_site(quantities, site, of_site, layered(n, others)[0][:, SAFETY])
    values, sources = layered(n, ((SITE, of_site), *others))
    volts = DEAD_BAND_V * np.where(np.isfinite(cells), cells, 1.0)
    dead_band = np.where(hot[:, None], heat.dead_band, volts[:, None])
    dead_band[[i for i, quantity in enumerate(quantities) if quantity == "soc"]] = DEAD_BAND_SOC
    return UnitLimits(
        values, sources, dead_band, widened, *loads(*load_of(quantities, values, sources), load)
    )


def _take_site(quantities: Sequence[str], site: Sequence[SiteLimit], given: Floats, others: Floats) -> Codes:
    """Take a site's limits into `given` (n, 3, 2); return where they are wider than `others`, of the safety
    tier (n, 2).
    """
    widened = np.zeros((len(quantities), 2), np.uint8)
    for i, quantity in enumerate(quantities):
        for limit in site:
            if limit.quantity != quantity:
                continue
            ends = [limit.low, limit.high]
            if limit.tier == SAFETY:
                wider = [-np.inf < limit.low < others[i, LOW], others[i, HIGH] < limit.high < np.inf]
                widened[i] |= np.array(wider, np.uint8)
                if not (limit.reviewed_by and limit.why):
                    ends = [-np.inf if wider[LOW] else limit.low, np.inf if wider[HIGH] else limit.high]
            of = given[i, limit.tier]
            of[LOW], of[HIGH] = max(of[LOW], ends[LOW]), min(of[HIGH], ends[HIGH])
    return widened


def layered(n: int, layers: Iterable[tuple[int, Floats]]) -> tuple[Floats, Codes]:
    """Return limits and sources (n, 3, 2): of each the first of (source, limits) that gives one."""
    values, sources = nowhere(n), np.zeros((n, 3, 2), np.uint8)
    for source, given in layers:
        free = ~np.isfinite(values) & np.isfinite(given)
        values[free], sources[free] = given[free], source
    return values, sources
