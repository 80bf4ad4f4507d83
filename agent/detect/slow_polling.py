"""What slow polling costs, measured: how much later a heat is told than with a frame a second. Pure.

`python -m agent.bench.detection.periods` prints it, of the abuse tests that reach 60 degC; docs/detection.md
has it in a table.
"""

import math
from typing import NamedTuple

UNTOLD_S = 10.0  # a period up to this is what the rules ask for: nothing is said of it


class Later(NamedTuple):
    """How much later a critical alarm of heat is told, s: median, worst. lost: share that is not told."""

    median_s: float
    worst_s: float
    lost: float


#: By period, s. Beyond the last nothing can be judged.
LATER = {30.0: Later(53.0, 365.0, 12 / 262), 60.0: Later(97.0, 250.0, 37 / 262)}
SLOWEST_S = max(LATER)


#: What is said of a period, with fields in braces: of one beyond the last, and of the others.
BEYOND = (
    "polled every {period:g} s, and beyond {slowest:g} s a heat cannot be judged: a runaway is over between "
    "two polls; lower period_s"
)
COSTS = (
    "polled every {period:g} s: a critical alarm of heat comes {median:.0f} s later than with a poll a "
    "second, {worst:.0f} s at worst, and {lost} % of the heats are not told (docs/detection.md, Slow "
    "polling); lower period_s"
)


def said_of(period_s: float) -> tuple[str, dict[str, float]]:
    """Return what is to be said of a unit that is polled so often, "" nothing, and its fields."""
    if period_s <= UNTOLD_S:
        return "", {}
    if period_s > SLOWEST_S:
        return BEYOND, {"period": period_s, "slowest": SLOWEST_S}
    later = LATER[min(period for period in LATER if period >= period_s)]
    lost = math.ceil(100 * later.lost)
    return COSTS, {"period": period_s, "median": later.median_s, "worst": later.worst_s, "lost": lost}
