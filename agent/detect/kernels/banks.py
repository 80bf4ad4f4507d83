"""All arrays of one unit: which groups there are, made from its channels, opened in its kernel."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from agent.detect.channels import Channels, Floats, Sizes
from agent.detect.kernels import conductance, heating, imbalance, load, resistance, slope, surroundings, trip
from agent.detect.kernels.arrays import Array, Group, defined
from agent.detect.kernels.coverage import COVERAGE, CoverageSeconds
from agent.detect.kernels.heating import Heat
from agent.detect.kernels.imbalance import Cells
from agent.detect.kernels.inputs import INPUTS, Inputs, new_inputs
from agent.detect.kernels.load import Circuits, Model
from agent.detect.kernels.memory import addresses
from agent.detect.kernels.resistance import Resistances
from agent.detect.kernels.slope import Signal
from agent.detect.kernels.surroundings import Surroundings
from agent.detect.kernels.trip import Trips
from agent.detect.kernels.validity import GATE, Gate, limits_of
from agent.detect.settings import Settings


class Banks(NamedTuple):
    """All arrays of a unit."""

    gate: Gate
    temps: Inputs
    volts: Inputs
    trips: Trips
    load: Circuits
    own: Model
    against: Model
    temperature: Signal
    gain: Signal
    moments: Floats
    scales: Floats
    heat: Heat
    cells: Cells
    resistances: Resistances
    around: Surroundings
    group_temperature: Signal
    group_gain: Signal
    group_moments: Floats
    group_scales: Floats
    ledger: CoverageSeconds
    repeats: Floats


class Placed(NamedTuple):
    """A group among the banks. sizes: its own size -> the unit's, where they are not called the same, or a
    number. kept: as declared; False: no restart keeps it.
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
    "temps": Placed(INPUTS, {"n": "sensors", "groups": "sensor_groups", "judged": "sensors", "scores": 2}),
    "volts": Placed(INPUTS, {"n": "cells", "groups": "cell_groups", "judged": 0, "scores": 1}),
    "trips": Placed(trip.TRIPS, {"groups": "sensor_groups"}),
    "load": Placed(load.CIRCUITS),
    "own": Placed(load.MODEL),
    "against": Placed(load.MODEL),
    "temperature": Placed(slope.SIGNAL, _SENSORS),
    "gain": Placed(slope.SIGNAL, _SENSORS),
    "moments": Placed(slope.MOMENTS, _SENSORS),
    "scales": Placed(slope.TIMES),
    "heat": Placed(heating.HEAT),
    "cells": Placed(imbalance.CELLS, {"groups": "cell_groups"}),
    "resistances": Placed(resistance.RESISTANCES),
    "around": Placed(surroundings.AROUND, {"groups": "sensor_groups"}),
    "group_temperature": Placed(slope.SIGNAL, _GROUPS),
    "group_gain": Placed(slope.SIGNAL, _GROUPS, kept=False),  # a group has no siblings
    "group_moments": Placed(slope.MOMENTS, _GROUPS),
    "group_scales": Placed(slope.TIMES),
    "ledger": Placed(COVERAGE),
    "repeats": Placed(slope.REPEATS),
}
if tuple(PLACED) != Banks._fields:
    raise ValueError(f"the banks are {', '.join(Banks._fields)}; placed are {', '.join(PLACED)}")


def _opener() -> Any:
    opened = [f"open_{name}({placed.arguments()}at[{i}])" for i, (name, placed) in enumerate(PLACED.items())]
    known = {f"open_{name}": placed.group.opener for name, placed in PLACED.items()}
    return defined("open_banks", ("sizes", "at"), f"Banks({', '.join(opened)})", {**known, "Banks": Banks})


#: In a kernel: the arrays at the addresses of `bank_addresses`, of a unit of these sizes.
open_banks = _opener()


def arrays_of() -> list[tuple[str, Array]]:
    """Return all arrays of a unit: where each is in `Banks`, and how it is declared."""
    return [
        (f"{bank}.{name}" if placed.group.made else bank, array if placed.kept else replace(array, kept=None))
        for bank, placed in PLACED.items()
        for name, array in placed.group.arrays.items()
    ]


def new_banks(channels: Channels, settings: Settings) -> Banks:
    """Return the arrays of a unit of which nothing has been seen yet."""
    sizes, temps, volts = channels.sizes, channels.temps, channels.volts
    frame, n, groups, cells, _, circuits = sizes
    repeats = slope.new_repeats()
    slopes = slope.new_slopes(temps.step, repeats)
    group_step = np.array([temps.step[temps.member[first]] for first in temps.start[:-1]], float).reshape(-1)
    group_slopes = slope.new_slopes(group_step, repeats)
    scratch = dict(zip(("si", "quality", "value", "verdict"), channels.gate_scratch, strict=True))
    return Banks(
        gate=GATE.new(given={**scratch, "limits": limits_of(channels.quantities)}, n=frame),
        temps=new_inputs(temps, channels.circuit_of_temps),
        volts=new_inputs(volts, channels.circuit_of_volts, faults=False),
        load=load.new_load(channels.circuits.index, channels.at_power, channels.at_ambient),
        own=load.new_model(n),
        against=load.new_model(n),
        temperature=slopes.temperature,
        gain=slopes.gain,
        moments=slopes.moments,
        scales=slopes.scales,
        heat=heating.new_heat(n, cells),
        cells=imbalance.new_cells(cells, len(volts.scope)),
        resistances=resistance.new_resistances(circuits, *channels.cell_scratch),
        around=surroundings.new_surroundings(groups, circuits, n, settings.load_limits()),
        group_temperature=group_slopes.temperature,
        group_gain=group_slopes.gain,
        group_moments=group_slopes.moments,
        group_scales=group_slopes.scales,
        trips=trip.new_trips(n, groups, channels.drop_group),
        ledger=COVERAGE.new(),
        repeats=repeats,
    )


def bank_addresses(banks: Banks) -> list[tuple[int, ...]]:
    """Return the addresses of all arrays, in the order in which `open_banks` opens them."""
    return [addresses((bank,) if isinstance(bank, np.ndarray) else bank) for bank in banks]


def start_afresh(banks: Banks) -> None:
    """Forget all values, for time went back; keep what was learned."""
    banks.gate.memory[:] = np.nan
    banks.gate.held[:] = 0
    b = banks
    slope.forget_values(slope.Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats))
    slope.forget_values(
        slope.Slopes(b.group_temperature, b.group_gain, b.group_moments, b.group_scales, b.repeats)
    )
    conductance.forget_values(banks.around.conductance)
    banks.trips.state[:] = trip.new_state(len(banks.trips.state))
    banks.resistances.circuit[:, resistance.BEFORE] = np.nan
