"""The validity gate: what no sensor can mean never reaches a detector, and never counts as thermal.

A good value passes. A bad quality, NaN, infinity or a value outside what is physically possible does not. A
jump is held back until two more values agree with it: a lone spike is dropped; values that go on climbing or
falling are heat and pass; values that stay at the new level are a sensor that stepped, so the detectors must
forget the old level ("RESTART").
"""

import numpy as np
from numba import njit

from agent.detect.channels import Codes, Floats, Ints

GOOD, NOT_GOOD, IMPOSSIBLE, HELD, RESTART = range(5)

#: Quantity -> lowest and highest possible value (both excluded), free jump, jump per second, largest jump,
#: SI.
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

LOW, HIGH, JUMP, JUMP_PER_S, JUMP_MAX = range(5)
LAST, LAST_T, HELD_V, HELD_T, HELD_DIRECTION = range(5)
CONFIRM = 3  # values that must agree before a jump is believed


def limits_of(quantities: tuple[str, ...] | list[str]) -> Floats:
    """Return the (n, 5) table of limits for a frame of these quantities."""
    return np.array([LIMITS.get(quantity, _ANY) for quantity in quantities], float).reshape(-1, 5)


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def gate(
    t_s: float,
    si: Floats,
    quality: Codes,
    limits: Floats,
    memory: Floats,
    held: Ints,
    value: Floats,
    verdict: Codes,
) -> None:
    """
    Decide for each value of a frame whether a detector may see it.

    Parameters
    ----------
    t_s : float, s
        Time of the frame.
    si : (n,) float64, SI units
    quality : (n,) uint8
        `agent.quality.Quality`; only 0 is good.
    limits : (n, 5) float64
        Columns LOW .. JUMP_MAX.
    memory : (n, 5) float64
        Columns LAST .. HELD_DIRECTION, NaN at first; kept between frames.
    held : (n,) int64
        How many values in a row agreed with a jump that is held back.
    value : (n,) float64
        Output: the value, or NaN where it must not be used.
    verdict : (n,) uint8
        Output: GOOD .. RESTART.
    """
    for c in range(si.size):
        x = si[c]
        value[c] = np.nan
        if quality[c] != 0:
            verdict[c] = NOT_GOOD
            continue
        if not (limits[c, LOW] < x < limits[c, HIGH]):  # also true for NaN
            verdict[c] = IMPOSSIBLE
            held[c] = 0
            continue
        state = memory[c]
        since_s = state[LAST_T] if held[c] == 0 else state[HELD_T]  # a jump does not become likely by waiting
        if np.isnan(state[LAST]) or abs(x - state[LAST]) <= _allowed(limits[c], t_s - since_s):
            verdict[c] = GOOD
            held[c] = 0
        else:
            direction = np.sign(x - state[LAST])
            climbs = held[c] > 0 and (x - state[HELD_V]) * state[HELD_DIRECTION] > 0.5 * limits[c, JUMP]
            stays = held[c] > 0 and abs(x - state[HELD_V]) <= _allowed(limits[c], t_s - state[HELD_T])
            held[c] = held[c] + 1 if climbs or stays else 1
            if held[c] > 1 and not climbs:
                direction = 0.0
            state[HELD_V] = x
            state[HELD_T] = t_s
            state[HELD_DIRECTION] = direction
            if held[c] < CONFIRM:
                verdict[c] = HELD
                continue
            verdict[c] = GOOD if direction != 0.0 else RESTART
            held[c] = 0
        value[c] = x
        state[LAST] = x
        state[LAST_T] = t_s


@njit(cache=True)
def _allowed(limits: Floats, dt_s: float) -> float:
    return float(min(limits[JUMP] + limits[JUMP_PER_S] * dt_s, limits[JUMP_MAX]))
