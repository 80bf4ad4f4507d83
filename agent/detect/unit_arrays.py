"""All arrays of one unit, those of its detectors too: made from its channels, opened in its kernel, kept."""

from collections import namedtuple
from dataclasses import replace
from typing import Any

import numpy as np

from agent.detect.channels import Channels
from agent.detect.detectors import DETECTORS
from agent.detect.kernels import heating, imbalance, load, slope, surroundings
from agent.detect.kernels.arrays import Array, defined
from agent.detect.kernels.banks import PLACED, Banks, Placed
from agent.detect.kernels.coverage import COVERAGE
from agent.detect.kernels.doubt import new_doubt
from agent.detect.kernels.inputs import new_inputs
from agent.detect.kernels.measured import MEASURED_ARRAY, new_measuring
from agent.detect.kernels.memory import addresses
from agent.detect.kernels.validity import GATE, limits_of
from agent.detect.kernels.voltage_drop import DROPS
from agent.detect.limits import UnitLimits

#: Of each detector with arrays of its own, under its key.
PLACED_OWN = {detector.key: Placed(detector.arrays) for detector in DETECTORS if detector.arrays}
OfDetectors: Any = namedtuple("OfDetectors", [*PLACED_OWN])  # type: ignore[misc]  # as declared


def _opener() -> Any:
    placed = {**PLACED, **PLACED_OWN}
    opened = [f"open_{name}({group.arguments()}at[{i}])" for i, (name, group) in enumerate(placed.items())]
    own = f"OfDetectors({', '.join(opened[len(PLACED) :])})"
    value = f"Banks({', '.join([*opened[: len(PLACED)], own])})"
    known = {f"open_{name}": group.group.opener for name, group in placed.items()}
    known |= {"Banks": Banks, "OfDetectors": OfDetectors}
    return defined("open_banks", ("sizes", "at"), value, known)


#: In a kernel: the arrays at the addresses of `bank_addresses`, of a unit of these sizes.
open_banks = _opener()


def arrays_of() -> list[tuple[str, Array]]:
    """Return all arrays of a unit: where each is in `Banks`, and how it is declared."""
    placed = PLACED | {f"detectors.{name}": group for name, group in PLACED_OWN.items()}
    return [
        (f"{bank}.{name}" if of.group.made else bank, array if of.kept else replace(array, kept=None))
        for bank, of in placed.items()
        for name, array in of.group.arrays.items()
    ]


def new_banks(channels: Channels, limits: UnitLimits) -> Banks:
    """Return the arrays of a unit of which nothing has been seen yet."""
    sizes, temps, volts = channels.sizes, channels.temps, channels.volts
    frame, n, groups, cells, cell_groups, circuits = sizes
    repeats = slope.new_repeats()
    slopes = slope.new_slopes(temps.step, repeats)
    group_step = np.array([temps.step[temps.member[first]] for first in temps.start[:-1]], float).reshape(-1)
    group_slopes = slope.new_slopes(group_step, repeats)
    scratch = dict(zip(("si", "quality", "value", "verdict"), channels.gate_scratch, strict=True))
    return Banks(
        gate=GATE.new(given={**scratch, "limits": limits_of(channels.judged_as)}, n=frame),
        measuring=new_measuring(channels, limits),
        measured=MEASURED_ARRAY.new(frame=frame),
        temps=new_inputs(temps, channels.circuit_of_temps),
        volts=new_inputs(volts, channels.circuit_of_volts, faults=False),
        drops=DROPS.new(given={"group": channels.drop_group}, cells=cells, groups=groups),
        doubt=new_doubt(n, cells, channels.at_insulation),
        load=load.new_load(channels.circuits.index, channels.at_power, channels.at_ambient),
        own=load.new_model(n),
        against=load.new_model(n),
        temperature=slopes.temperature,
        gain=slopes.gain,
        moments=slopes.moments,
        scales=slopes.scales,
        heat=heating.new_heat(n, cells),
        cells=imbalance.new_cells(cells, cell_groups, channels.at_soc),
        around=surroundings.new_surroundings(groups, circuits, n),
        group_temperature=group_slopes.temperature,
        group_gain=group_slopes.gain,
        group_moments=group_slopes.moments,
        group_scales=group_slopes.scales,
        ledger=COVERAGE.new(),
        repeats=repeats,
        detectors=OfDetectors(
            *(detector.made(channels, limits) for detector in DETECTORS if detector.arrays)
        ),
    )


def bank_addresses(banks: Banks) -> list[tuple[int, ...]]:
    """Return the addresses of all arrays, in the order in which `open_banks` opens them."""
    found = (*banks[:-1], *banks.detectors)
    return [addresses((bank,) if isinstance(bank, np.ndarray) else bank) for bank in found]


def start_afresh(banks: Banks) -> None:
    """Forget all values, for time went back; keep what was learned."""
    banks.gate.memory[:] = np.nan
    banks.gate.held[:] = 0
    b = banks
    slope.forget_values(slope.Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats))
    slope.forget_values(
        slope.Slopes(b.group_temperature, b.group_gain, b.group_moments, b.group_scales, b.repeats)
    )
    for detector in DETECTORS:
        if detector.forget:
            detector.forget(getattr(banks.detectors, detector.key))
