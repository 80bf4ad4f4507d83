"""The arrays of one unit that its detectors share: which groups there are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.detect.channels import Codes, Floats, Sizes
from agent.detect.kernels import heating, imbalance, load, slope, surroundings
from agent.detect.kernels.arrays import Group
from agent.detect.kernels.coverage import COVERAGE, CoverageSeconds
from agent.detect.kernels.doubt import DOUBT, Doubt
from agent.detect.kernels.heating import Heat
from agent.detect.kernels.imbalance import Cells
from agent.detect.kernels.inputs import INPUTS, Inputs
from agent.detect.kernels.load import Circuits, Model
from agent.detect.kernels.measured import MEASURED_ARRAY, MEASURING, Measuring
from agent.detect.kernels.slope import Signal
from agent.detect.kernels.surroundings import Surroundings
from agent.detect.kernels.validity import GATE, Gate
from agent.detect.kernels.voltage_drop import DROPS, Drops


class Banks(NamedTuple):
    """All arrays of a unit. detectors: the arrays that detectors declare for themselves, a field each."""

    gate: Gate
    measuring: Measuring
    measured: Codes
    temps: Inputs
    volts: Inputs
    drops: Drops
    doubt: Doubt
    load: Circuits
    own: Model
    against: Model
    temperature: Signal
    gain: Signal
    moments: Floats
    scales: Floats
    heat: Heat
    cells: Cells
    around: Surroundings
    group_temperature: Signal
    group_gain: Signal
    group_moments: Floats
    group_scales: Floats
    ledger: CoverageSeconds
    repeats: Floats
    detectors: Any


class Placed(NamedTuple):
    """A group of arrays of a unit. sizes: its own size -> the unit's, where they are not called the same, or
    a number. kept: as declared; False: no restart keeps it.
    """

    group: Group
    sizes: Mapping[str, str | int] = {}
    kept: bool = True

    def arguments(self) -> str:
        """Return the sizes of its opener, in terms of `sizes`, the unit's. ValueError for another size."""
        named = [self.sizes.get(name, name) for name in self.group.sizes]
        if unknown := [name for name in named if isinstance(name, str) and name not in Sizes._fields]:
            raise ValueError(
                f"{self.group.name}: no size of a unit is called {', '.join(unknown)}; "
                f"there are {', '.join(Sizes._fields)}"
            )
        at = [f"sizes[{Sizes._fields.index(name)}]" if isinstance(name, str) else str(name) for name in named]
        return "".join(f"{size}, " for size in at)


_SENSORS = {"n": "sensors"}
_GROUPS = {"n": "sensor_groups"}
#: In the order of `Banks`, in which the parts of the restart state have their arrays.
PLACED = {
    "gate": Placed(GATE, {"n": "frame"}),
    "measuring": Placed(MEASURING),
    "measured": Placed(MEASURED_ARRAY),
    "temps": Placed(INPUTS, {"n": "sensors", "groups": "sensor_groups", "judged": "sensors", "scores": 2}),
    "volts": Placed(INPUTS, {"n": "cells", "groups": "cell_groups", "judged": 0, "scores": 1}),
    "drops": Placed(DROPS, {"groups": "sensor_groups"}),
    "doubt": Placed(DOUBT),
    "load": Placed(load.CIRCUITS),
    "own": Placed(load.MODEL),
    "against": Placed(load.MODEL),
    "temperature": Placed(slope.SIGNAL, _SENSORS),
    "gain": Placed(slope.SIGNAL, _SENSORS),
    "moments": Placed(slope.MOMENTS, _SENSORS),
    "scales": Placed(slope.TIMES),
    "heat": Placed(heating.HEAT),
    "cells": Placed(imbalance.CELLS, {"groups": "cell_groups"}),
    "around": Placed(surroundings.AROUND, {"groups": "sensor_groups"}),
    "group_temperature": Placed(slope.SIGNAL, _GROUPS),
    "group_gain": Placed(slope.SIGNAL, _GROUPS, kept=False),  # a group has no siblings
    "group_moments": Placed(slope.MOMENTS, _GROUPS),
    "group_scales": Placed(slope.TIMES),
    "ledger": Placed(COVERAGE),
    "repeats": Placed(slope.REPEATS),
}
if (*PLACED, "detectors") != Banks._fields:
    raise ValueError(f"the banks are {', '.join(Banks._fields)}; placed are {', '.join(PLACED)}")
