"""What every source of battery values offers: places, quantities and their values at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Channel(NamedTuple):
    """One value that a source knows: `place` is "" for the whole unit, else as "string1/module2/cell5"."""

    place: str
    quantity: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the cells sit: `sensors` temperature probes per module, probe k on the first cell of its group.

    A module of 16 cells with 4 probes has them on cells 1, 5, 9 and 13: heat in cell 6 reaches a probe
    only through its neighbours.
    """

    strings: int
    modules: int
    cells: int
    sensors: int

    def __post_init__(self) -> None:
        for what in ("strings", "modules", "cells"):
            if getattr(self, what) < 1:
                raise ValueError(f"{what} = {getattr(self, what)}: at least 1")
        if not 0 <= self.sensors <= self.cells:
            raise ValueError(f"sensors = {self.sensors}: from 0 to the number of cells, {self.cells}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Strings, modules of a string, cells of a module."""
        return self.strings, self.modules, self.cells

    def probed_cells(self) -> tuple[int, ...]:
        """The cells of a module, counted from 1, that carry a probe, in the probes' order."""
        return tuple(1 + k * self.cells // self.sensors for k in range(self.sensors))

    def modules_at(self) -> list[tuple[int, int]]:
        """Every (string, module), counted from 1."""
        return [(s, m) for s in range(1, self.strings + 1) for m in range(1, self.modules + 1)]

    def cell_place(self, string: int, module: int, cell: int) -> str:
        """The place of one cell; all three count from 1."""
        return f"string{string}/module{module}/cell{cell}"

    def channels(self) -> tuple[Channel, ...]:
        """The channels of a measured unit, in this order: whole unit, strings, cell voltages, probes."""
        whole = [Channel("", q) for q in UNIT_QUANTITIES]
        strings = [Channel(f"string{s}", q) for s in range(1, self.strings + 1) for q in STRING_QUANTITIES]
        voltages = [
            Channel(self.cell_place(s, m, c), "cell_voltage")
            for s, m in self.modules_at()
            for c in range(1, self.cells + 1)
        ]
        probes = [
            Channel(self.cell_place(s, m, c), "cell_temperature")
            for s, m in self.modules_at()
            for c in self.probed_cells()
        ]
        return (*whole, *strings, *voltages, *probes)


#: 1 while the unit's own alarm stands, else 0; only a management unit has this channel.
OWN_ALARM = Channel("", "own_alarm")

UNIT_QUANTITIES = (
    *("current", "voltage", "soc", "soh"),
    *("ambient_temperature", "capacity", "capacity_full", "capacity_rated"),
)
STRING_QUANTITIES = ("current", "voltage", "soc", "soh")


class Source(Protocol):
    """Values of one battery unit over the bench's time. Current is positive when charging, as everywhere."""

    @property
    def arrangement(self) -> Arrangement:
        """How the cells of this unit sit."""
        ...

    @property
    def quantum(self) -> dict[str, float]:
        """The SI step in which each quantity is measured; a quantity not named is as fine as its register."""
        ...

    @property
    def step_s(self) -> float:
        """The time between two of its steps."""
        ...

    @property
    def channels(self) -> Sequence[Channel]:
        """What `read_at` returns, in its order."""
        ...

    def run(self, steps: int) -> Floats:
        """Advance by `steps`, and return the values after each, float64[steps, len(channels)]."""
        ...

    def read_at(self, t_s: float) -> Floats:
        """The values at bench time `t_s`, float64[len(channels)], NaN where nothing is measured.

        Times never go back.
        """
        ...
