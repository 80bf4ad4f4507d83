"""How the slope of a signal wanders when nothing is wrong: what must be reckoned with.

Noise, rooms and loads go both ways, faults only heat. Falls alone therefore tell the mean square of a healthy
slope, as well as all slopes would, and how heavy its tails are; and no fault can spoil the sample. If rises
taught too, a slow fire would be known for wander before it is beyond doubt.
"""

import math

from agent.detect.channels import Floats
from agent.detect.kernels.compiled import inlined

PRIOR_SLOPE = 0.01 / 60  # K/s: five times what ordinary rooms do in ten minutes
PRIOR_WINDOWS = 20.0  # after so many windows the sensor's own wandering is known well enough
WANDER_S = 43200.0  # of falls, which are half of a day: rooms breathe daily
BEYOND_WHITE = 2.0  # so many times counts the mean square beyond white noise: no room is Gaussian
FALL_S = 7 * 86400.0
MARGIN = 1.3  # white noise falls by 4 to 4.5 sigma in a week, so that this costs nothing there

# Columns of what is learned per scale: mean square of the slope, windows it is from, steepest fall; POSSIBLE
# is the slope that must be reckoned with because of them; JUMP the largest jump still in the window.
WANDER, WINDOWS, FALL, POSSIBLE, JUMP, COLUMNS = range(6)


@inlined
def learn_wander(
    tau_s: float, sigmas: float, slope: float, white: float, share: float, learned: Floats, c: int, k: int
) -> None:
    """
    Learn the mean square of one signal's slope at one scale, and its steepest fall.

    Parameters
    ----------
    tau_s : float, s
        The scale.
    sigmas : float
        How many standard deviations must be reckoned with.
    slope, white : float, K/s
        The slope, and the standard deviation that white noise gives it.
    share : float
        Of a window: how much has passed since the last lesson.
    learned : (n, n_scales, 5) float64, K/s
        State, and output in POSSIBLE.
    c, k : int
        Which signal, which scale.

    Notes
    -----
    An excursion counts 3 sigma at most. Until `PRIOR_WINDOWS` have been heard rises teach as well: a sensor
    that warms from the start would otherwise stay unknown.
    """
    windows, wander = learned[c, k, WINDOWS], learned[c, k, WANDER]
    prior = PRIOR_SLOPE * PRIOR_SLOPE
    if slope <= 0.0 or windows < PRIOR_WINDOWS:
        windows = min(windows + share, max(WANDER_S / tau_s, 30.0))
        square = min(slope * slope, 9.0 * max(wander, white * white, prior))
        wander += (square - wander) * share / (1.0 + windows)
    fall = max(learned[c, k, FALL] * (1.0 - share * tau_s / FALL_S), -slope)
    known = wander * (1.0 + 2.0 / math.sqrt(1.0 + windows))  # it is an estimate itself
    known = max(known, BEYOND_WHITE * (known - white * white))
    reckoned = known + max(0.0, 1.0 - windows / PRIOR_WINDOWS) * prior
    learned[c, k, WINDOWS] = windows
    learned[c, k, WANDER] = wander
    learned[c, k, FALL] = fall
    learned[c, k, POSSIBLE] = max(sigmas * math.sqrt(reckoned), MARGIN * fall)
