"""The first gate: nothing impossible, and no jump that is not confirmed, reaches a detector that learns.

Bad frames are ordinary: cells of 66 V, rooms of 394 degC, the codes 0, 255 and 511 of open inputs. A value
that jumps further than heat or load can move it is held back until two more agree with it. If they stay where
the first one landed, the sensor itself has stepped (a contact, an exchange): its slopes start afresh, and it
is `suspect` until it comes back or a day has passed. If they go on in the direction of the jump, it was real,
and nothing is forgotten. After a silence any possible value is believed: much can happen unseen.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled

GOOD, NOT_GOOD, IMPOSSIBLE, HELD, RESTART, RESUMED = range(6)

#: Quantity -> lowest and highest possible value (both excluded), free jump, jump per second, largest jump.
#: -40 degC and 0 V are what an open input reads; 215 and above are 255, 511 and their like less 40. Cells in
#: runaway climb by more than the jump per second, but they climb on and so pass.
LIMITS: dict[str, tuple[float, float, float, float, float]] = {
    "cell_temperature": (-40.0, 200.0, 2.0, 1.0, 10.0),
    "module_temperature": (-40.0, 200.0, 2.0, 1.0, 10.0),
    "battery_temperature": (-40.0, 200.0, 2.0, 1.0, 10.0),
    "ambient_temperature": (-40.0, 85.0, 2.0, 1.0, 10.0),
    "cell_voltage": (0.0, 5.5, 1.0, 0.5, 2.0),
    "module_voltage": (0.0, 1000.0, 6.0, 3.0, 12.0),
    "current": (-20000.0, 20000.0, 40000.0, 0.0, 40000.0),
}
_ANY = (-np.inf, np.inf, np.inf, 0.0, np.inf)

LOW, HIGH, JUMP, JUMP_PER_S, JUMP_MAX, LIMIT_COLUMNS = range(6)
LAST, LAST_T, HELD_V, HELD_T, HELD_DIRECTION, MEMORY_COLUMNS = range(6)
CONFIRM = 3  # values that must agree before a jump is believed
SILENCE_S = 300.0


class Gate(NamedTuple):
    """The frame of n values, and what the gate keeps of each; see `gate`."""

    si: Floats
    quality: Codes
    limits: Floats
    memory: Floats
    held: Codes
    value: Floats
    verdict: Codes


SENSORS = Part("sensors", 1)  # with it, in this order: the inputs, the last resort, the heat
GATE = Group(
    Gate,
    si=Array(("n",), first=None),
    quality=Array(("n",), np.uint8, first=None),
    limits=Array(("n", LIMIT_COLUMNS), first=None),
    memory=Array(("n", MEMORY_COLUMNS), first=np.nan, kept=SENSORS, clock=(LAST_T, HELD_T)),
    held=Array(("n",), np.uint8, kept=SENSORS),
    value=Array(("n",), first=None),
    verdict=Array(("n",), np.uint8, first=None),
)


@cache
def limits_of(quantities: tuple[str, ...]) -> Floats:
    """Return the (n, 5) table of limits for a frame of these quantities; equal frames share it."""
    return np.array([LIMITS.get(quantity, _ANY) for quantity in quantities], float).reshape(-1, LIMIT_COLUMNS)


@compiled  # no fastmath: it may delete the NaN test below
def gate(
    t_s: float,
    si: Floats,
    quality: Codes,
    measured: Codes,
    limits: Floats,
    memory: Floats,
    held: Codes,
    value: Floats,
    verdict: Codes,
) -> bool:
    """
    Decide for each value of a frame whether a detector may see it.

    Parameters
    ----------
    t_s : float, s
        Time of the frame.
    si : (n,) float64, SI units
    quality : (n,) uint8
        `agent.quality.Quality`; only 0 is good.
    measured : (n,) uint8
        1: a measurement, see `measured`; what is none, as a frame of zeros, is impossible, and no jump.
    limits : (n, 5) float64
        Columns LOW .. JUMP_MAX.
    memory : (n, 5) float64
        Columns LAST .. HELD_DIRECTION, NaN at first; kept between frames.
    held : (n,) uint8
        How many values in a row agreed with a jump that is held back.
    value : (n,) float64
        Output: the value, or NaN where it must not be used.
    verdict : (n,) uint8
        Output: GOOD .. RESUMED.

    Returns
    -------
    moved : bool
        Whether any value of quality 0 is another than when it was last believed; False: the frame repeats.
    """
    moved = False
    for c in range(si.size):
        x = si[c]
        value[c] = np.nan
        if quality[c] != 0:
            verdict[c] = NOT_GOOD
            continue
        if measured[c] == 0 or not (limits[c, LOW] < x < limits[c, HIGH]):  # also true for NaN
            verdict[c] = IMPOSSIBLE
            held[c] = 0
            continue
        last = memory[c, LAST]
        moved = moved or x != last  # also true for the first
        # a jump does not become likely by waiting for it
        since_s = memory[c, LAST_T] if held[c] == 0 else memory[c, HELD_T]
        if np.isnan(last) or abs(x - last) <= _allowed(limits, c, t_s - since_s):
            verdict[c] = GOOD
            held[c] = 0
        elif held[c] == 0 and t_s - memory[c, LAST_T] > SILENCE_S:
            verdict[c] = RESUMED
        elif _confirm(t_s, x, limits, memory, held, c):
            verdict[c] = GOOD if memory[c, HELD_DIRECTION] != 0.0 else RESTART
            held[c] = 0
        else:
            verdict[c] = HELD
            continue
        value[c] = x
        memory[c, LAST] = x
        memory[c, LAST_T] = t_s
    return moved


@compiled
def _confirm(t_s: float, x: float, limits: Floats, memory: Floats, held: Codes, c: int) -> bool:
    """Count values that agree with a jump; True when it is confirmed."""
    direction = np.sign(x - memory[c, LAST])
    moved = x - memory[c, HELD_V]
    climbs = held[c] > 0 and moved * memory[c, HELD_DIRECTION] > 0.5 * limits[c, JUMP]
    stays = held[c] > 0 and abs(moved) <= _allowed(limits, c, t_s - memory[c, HELD_T])
    held[c] = held[c] + 1 if climbs or stays else 1
    if held[c] > 1 and not climbs:
        direction = 0.0
    memory[c, HELD_V] = x
    memory[c, HELD_T] = t_s
    memory[c, HELD_DIRECTION] = direction
    return bool(held[c] >= CONFIRM)


@compiled
def _allowed(limits: Floats, c: int, dt_s: float) -> float:
    return float(min(limits[c, JUMP] + limits[c, JUMP_PER_S] * dt_s, limits[c, JUMP_MAX]))
