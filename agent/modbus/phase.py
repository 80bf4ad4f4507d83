"""When in its period a unit's cycles begin: each in a turn that follows from its name. Pure.

Theory. What moves units together (a switch that restarts, a machine that stood still) would keep them
together: 512 cycles that begin in one millisecond end a quarter of a second later, in every period from then
on. Spread evenly they cost half as much again: whoever wakes for one unit at a time finds nothing of it in
the processor's caches. So a period has TURNS, and the units of one begin together (decision 35).

    release   |         |        |       |       |       |
    its turn    |       |       |       |       |       |

A unit goes back to its turn by intervals that are a little shorter. None is longer: safety points never wait
for more than a period. Units that share a port wait for each other, and are left where the line lets them be.
"""

from hashlib import blake2b

TURNS = 16  # in a period
NEARER = 1 / 8  # of the period, at most, by which an interval is shorter
THERE_S = 1e-3  # so close before its turn a cycle is in it, however times were rounded


def phase_of(name: str) -> float:
    """Return when the turn of a unit begins, the same in every life of the agent: a part of its period,
    which is counted from boot.
    """
    return blake2b(name.encode(), digest_size=1).digest()[0] % TURNS / TURNS


def next_release_s(release_s: float, period_s: float, phase: float) -> float:
    """Return when the cycle after one at `release_s` is due, s since boot."""
    behind_s = (release_s - phase * period_s) % period_s
    if behind_s > period_s - THERE_S:
        behind_s = 0.0
    return release_s + period_s - min(behind_s, NEARER * period_s)
