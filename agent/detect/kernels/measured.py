"""What is no measurement: no limit is passed by it, and it is no witness of anything.

A number that a register holds is a measurement unless one of these says that it is none, the first that does:

NOT_READ: its quality is neither GOOD nor one of the next two: nobody knows of it (see `blind`).
CODE: the unit says that it has none (`Quality.MISSING`); or a temperature is what an open or full register
    reads (CODES_DEGC, FULL less 0 or 40).
INVALID: it is outside the profile's `valid` (`Quality.OUT_OF_RANGE`).
BEYOND: it is what no matter in the room has: see POSSIBLE.
ZEROS: it is 0 in a frame of zeros. In such a frame all that is read of the voltages of cells, or of modules,
    is 0 V, and all that is read of another quantity of VOLTAGES, PACK or TEMPERATURES is 0 (or, of a
    temperature, -40 degC and less: a register of 0 with an offset). Current, power and charge may be 0
    honestly, and so may temperatures of a cold room, or the voltage of an open pack: alone they tell nothing.
TOGETHER: it came in one frame to one and the same number as at least two other channels of its quantity, by
    a leap (REACH; the first value of a temperature after a start is one), beyond the innermost limit that it
    has; and at least half of those of its quantity that leapt beyond a limit in that frame came to this
    number. It stays so while it reads that number. Cells that pass a limit one after the other, or step by
    step, or to many numbers, are measured, and so are those that stand there when they are first seen;
    equal numbers inside the limits mean nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Channels, Codes, Floats, Ints
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.validity import LIMITS
from agent.detect.limits import UnitLimits
from agent.detect.places import TEMPERATURES, VOLTAGES
from agent.quality import Quality

_MISSING, _OUT_OF_RANGE = int(Quality.MISSING), int(Quality.OUT_OF_RANGE)
MEASURED, NOT_READ, CODE, INVALID, BEYOND, ZEROS, TOGETHER = range(7)

HOTTEST_DEGC = 1100.0  # beyond it nothing reads that burns: flames of a battery stay below
#: What open inputs read: 255 and 511, and these less 40.
CODES_DEGC = np.array([215.0, 255.0, 471.0, 511.0])
FULL = np.array([32767.0, 65535.0])  # register steps
AT_ZERO_DEGC = -40.0

PACK = ("voltage",)
_DEGC = (AT_ZERO_DEGC, HOTTEST_DEGC)
#: Quantity -> lowest and highest that can be, both excluded. A block of six lead cells ends at 16.5 V.
POSSIBLE = {
    **dict.fromkeys((*TEMPERATURES, "ambient_temperature"), _DEGC),
    "cell_voltage": (-30.0, 30.0),
    "module_voltage": (-1000.0, 1000.0),
}
#: Quantity -> what it may move without a leap: at once, per second, at most. A cell that is charged or loaded
#: as hard as it can be moves by less; of a module as many times more as `validity.LIMITS` allows it.
REACH = {
    "cell_voltage": (0.1, 0.01, 0.3),
    "module_voltage": (0.6, 0.06, 1.8),
    **{quantity: LIMITS[quantity][2:] for quantity in TEMPERATURES},
}
MANY = 3  # so many channels at one number

OTHER, VOLTAGE, EVIDENCE, HEAT = range(4)  # kinds: of cells or modules; of a pack; a temperature


class Measuring(NamedTuple):
    """Of the n values of a frame: quantity, kind (n,), counted from 0; possible, inner (n, 2): lowest and
    highest that can be, and of the innermost limits; reach (n, 3); step (n,), register step.

    last (n,): as read last, in single precision; age_s (n,): since; came (n,): 1 while it is TOGETHER; seen
    (n, 2): scratch. why (n,): output, MEASURED .. TOGETHER.
    """

    quantity: Ints
    kind: Ints
    possible: Floats
    inner: Floats
    reach: Floats
    step: Floats
    last: Floats
    age_s: Floats
    came: Codes
    seen: Ints
    why: Codes


_MEASURED = Part("measured", 1)
MEASURING = Group(
    Measuring,
    quantity=Array(("frame",), np.int64, first=None),
    kind=Array(("frame",), np.int64, first=None),
    possible=Array(("frame", 2), first=None),
    inner=Array(("frame", 2), first=None),
    reach=Array(("frame", 3), first=None),
    step=Array(("frame",), first=None),
    last=Array(("frame",), first=np.nan, kept=_MEASURED),
    age_s=Array(("frame",)),
    came=Array(("frame",), np.uint8, kept=_MEASURED),
    seen=Array(("frame", 2), np.int64),
    why=Array(("frame",), np.uint8),
)
#: The bank `measured`: (frame,), 1: the value is a measurement.
MEASURED_ARRAY = Group(None, measured=Array(("frame",), np.uint8))


def new_measuring(channels: Channels, limits: UnitLimits) -> Measuring:
    """Return the arrays of a unit of which nothing has been seen yet."""
    quantities = channels.judged_as
    step = np.zeros(len(quantities))
    step[channels.temps.index] = channels.temps.step
    given = {
        "quantity": np.unique(np.array(quantities, str), return_inverse=True)[1].astype(np.int64).reshape(-1),
        "kind": np.array([_kind(quantity) for quantity in quantities], np.int64),
        "possible": _table([POSSIBLE.get(quantity, (-np.inf, np.inf)) for quantity in quantities], 2),
        "inner": np.stack([limits.values[:, :, 0].max(axis=1), limits.values[:, :, 1].min(axis=1)], axis=1),
        "reach": _table([REACH.get(quantity, (0.0, 0.0, 0.0)) for quantity in quantities], 3),
        "step": step,
    }
    made: Measuring = MEASURING.new(given=given, frame=len(quantities))
    return made


def _table(rows: Sequence[Sequence[float]], width: int) -> Floats:
    return np.array(rows, float).reshape(-1, width)


def _kind(quantity: str) -> int:
    kinds = {**dict.fromkeys(VOLTAGES, VOLTAGE), **dict.fromkeys(PACK, EVIDENCE)}
    return HEAT if quantity in (*TEMPERATURES, "ambient_temperature") else kinds.get(quantity, OTHER)


@compiled  # no fastmath: it may delete the NaN tests below
def judge_measured(dt_s: float, si: Floats, quality: Codes, of: Measuring, measured: Codes) -> None:
    """
    Say of each value of a frame whether it is a measurement, and why not; the rules stand above.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    si : (n,) float64, quality : (n,) uint8
        The frame; what is not GOOD is NaN.
    of : Measuring
        State, and output in `why`.
    measured : (n,) uint8
        Output: 1 a measurement, 0 none.
    """
    _arrive(dt_s, si, quality, of)
    zeros = _zeros(si, quality, of)
    for c in range(si.size):
        x = si[c]
        why = MEASURED
        if quality[c] == _MISSING:
            why = CODE
        elif quality[c] == _OUT_OF_RANGE:
            why = INVALID
        elif quality[c] != 0 or np.isnan(x):
            why = NOT_READ
        elif of.kind[c] == HEAT and _is_code(x, of.step[c]):
            why = CODE
        elif not of.possible[c, 0] < x < of.possible[c, 1]:
            why = ZEROS if zeros and of.kind[c] == HEAT and x <= AT_ZERO_DEGC else BEYOND
        elif zeros and x == 0.0:
            why = ZEROS
        elif of.came[c] != 0:
            why = TOGETHER
        of.why[c] = why
        measured[c] = why == MEASURED


@compiled
def _is_code(degc: float, step_k: float) -> bool:
    """Is it what an open or a full register reads."""
    if degc < min(CODES_DEGC[0], FULL[0] * step_k - 40.0) - step_k:
        return False  # below the least of them, as nearly all readings
    for code in CODES_DEGC:
        if abs(degc - code) < 0.5 * step_k:
            return True
    for full in FULL:
        for offset in (0.0, 40.0):
            if abs(degc + offset - full * step_k) < 0.5 * step_k:
                return True
    return False


@compiled
def _zeros(si: Floats, quality: Codes, of: Measuring) -> bool:
    """Is it a frame of zeros."""
    any_cell = False
    for c in range(si.size):
        any_cell |= (si[c] == 0.0) & (of.kind[c] == VOLTAGE)
    if not any_cell:
        return False  # as nearly all frames
    seen = of.seen
    for c in range(si.size):
        seen[c, 0] = seen[c, 1] = 0  # of each quantity: values read; of them, at 0
    for c in range(si.size):
        x = si[c]
        if quality[c] != 0 or np.isnan(x) or of.kind[c] == OTHER:
            continue
        q = of.quantity[c]
        seen[q, 0] += 1
        seen[q, 1] += x == 0.0 or (of.kind[c] == HEAT and x <= AT_ZERO_DEGC)
    zero = 0
    cells = False
    for c in range(si.size):
        q = of.quantity[c]
        if seen[q, 0] > 0 and seen[q, 0] == seen[q, 1]:
            zero += 1
            cells = cells or of.kind[c] == VOLTAGE
        seen[q, 0] = 0  # counted
    return cells and zero >= 2


@compiled
def _arrive(dt_s: float, si: Floats, quality: Codes, of: Measuring) -> None:
    """Follow which channels came together to the number that they read."""
    came, last, quantity = of.came, of.last, of.quantity
    leapt = False
    for c in range(si.size):
        of.age_s[c] += dt_s
        if quality[c] != 0 or np.isnan(si[c]):
            continue
        x = float(np.float32(si[c]))  # so is it kept
        moved = abs(x - last[c])
        since_s = of.age_s[c]
        of.age_s[c] = 0.0
        last[c] = x
        came[c] = came[c] if moved == 0.0 else 0
        if of.inner[c, 0] <= si[c] <= of.inner[c, 1] or moved == 0.0:
            continue  # not beyond a limit, as nearly all; that is asked first, for whether it moved is noise
        free = min(of.reach[c, 0] + of.reach[c, 1] * since_s, of.reach[c, 2])
        first = np.isnan(moved)  # a cell seen for the first time is where it is
        if moved > free or (first and of.kind[c] != VOLTAGE):
            came[c] = 2
            leapt = True
    if not leapt:
        return
    for c in range(si.size):
        if came[c] < 2:
            continue
        same = 0
        there = 0
        for d in range(si.size):
            if came[d] >= 2 and quantity[d] == quantity[c]:
                there += 1
                same += last[d] == last[c]
        came[c] = 3 if same >= MANY and 2 * same >= there else 2
    for c in range(si.size):
        if came[c] >= 2:
            came[c] -= 2
