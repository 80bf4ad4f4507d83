"""Cells that lost a quarter of their voltage: raw values, no learning, independent of every detector."""

from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.validity import SENSORS

DROP = 0.25
FORGET_S = 800.0  # time constant with which the highest voltage so far comes down: a discharge is not a drop


class Drops(NamedTuple):
    """Of each cell its highest voltage, and the group of sensors it counts for; of each group, and of cells
    that count for none, the time since a voltage dropped.
    """

    highest: Floats
    dropped_s: Floats
    group: Ints


DROPS = Group(
    Drops,
    highest=Array(("cells",), kept=SENSORS),
    dropped_s=Array((("groups", 1),), first=np.inf, kept=SENSORS),
    group=Array(("cells",), np.int64, first=None),
)


@compiled  # no fastmath: it may delete the NaN test below
def voltage_drop(dt_s: float, bank: Inputs, highest: Floats, dropped_s: Floats, group: Ints) -> None:
    """
    Follow since when a cell of each group of sensors has lost more than a quarter of its voltage.

    Parameters
    ----------
    dt_s : float, s
    bank : Inputs
        The cells, raw.
    highest : (n,) float64, V
        State: 0 at first.
    dropped_s : (n_groups,) float64, s
        State and output: time since a drop was last seen; infinite at first.
    group : (n,) int64
        Index into `dropped_s` for each cell.
    """
    for g in range(dropped_s.size):
        dropped_s[g] += dt_s
    keep = np.exp(-dt_s / FORGET_S)
    for c in range(bank.raw.size):
        volt = bank.raw[c]
        if not -1.0 < volt < 5.5 or (bank.usable[c] == 0 and volt > 0.5 * highest[c]):
            continue  # an unread value; one that collapsed below what is possible is no reason to look away
        highest[c] = max(highest[c] * keep, volt)
        if volt < (1.0 - DROP) * highest[c]:
            dropped_s[group[c]] = 0.0
