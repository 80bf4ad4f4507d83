"""One frame of one unit through every detector: the only kernel that is called from outside.

It takes addresses (see `memory`); each `_open` below names the arrays of one named tuple in its own order.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.kernels.conductance import COLUMNS as CONDUCTANCE_COLUMNS
from agent.detect.kernels.debounce import COLUMNS as DELAYS_COLUMNS
from agent.detect.kernels.debounce import Delays, debounce
from agent.detect.kernels.heating import Heat, follow_rest, judge_heating
from agent.detect.kernels.imbalance import AGE, COLUMNS, LEARNT_S, VERDICTS, Cells, judge_imbalance
from agent.detect.kernels.imbalance import SCALES_S as CELL_SCALES_S
from agent.detect.kernels.inputs import Inputs, take_inputs
from agent.detect.kernels.load import COLUMNS as LOAD_COLUMNS
from agent.detect.kernels.load import FEATURES, UNKNOWN, Circuits, Model, take_load
from agent.detect.kernels.memory import float64s, int64s, uint8s
from agent.detect.kernels.resistance import Resistances, judge_resistance
from agent.detect.kernels.slope import LEARNT_SCALE, LEARNT_WINDOWS, SCALES_S, Signal, Slopes, follow_repeats
from agent.detect.kernels.surroundings import CIRCUIT_COLUMNS, GROUP_COLUMNS, Surroundings, judge_surroundings
from agent.detect.kernels.trip import COLUMNS as TRIP_COLUMNS
from agent.detect.kernels.trip import trip, voltage_drop
from agent.detect.kernels.validity import gate
from agent.detect.kernels.wander import WINDOWS

carray: Any = numba.carray  # type: ignore[attr-defined]  # numba's stubs leave it out


class Sizes(NamedTuple):
    """How many: values of a frame, sensors and their groups, cells and their groups, circuits."""

    frame: int
    sensors: int
    sensor_groups: int
    cells: int
    cell_groups: int
    circuits: int


class Gate(NamedTuple):
    """The frame and what the gate keeps: si, quality, limits, memory, held, value, verdict."""

    si: Floats
    quality: Codes
    limits: Floats
    memory: Floats
    held: Codes
    value: Floats
    verdict: Codes


class Trips(NamedTuple):
    """The last resort's: highest, group (cells,), dropped_s (groups + 1,), state, score (sensors,)."""

    highest: Floats
    dropped_s: Floats
    group: Ints
    state: Floats
    score: Floats


class CoverageSeconds(NamedTuple):
    """seconds (4,): judged, learning, blind and without a sensor, sensor-seconds since the start."""

    seconds: Floats


class Banks(NamedTuple):
    """All arrays of a unit."""

    gate: Gate
    temps: Inputs
    volts: Inputs
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
    trips: Trips
    ledger: CoverageSeconds
    repeats: Floats


@njit(error_model="numpy")
def _gate(n: int, at: Any) -> Gate:
    return Gate(
        carray(float64s(at[0]), (n,)), carray(uint8s(at[1]), (n,)), carray(float64s(at[2]), (n, 5)),
        carray(float64s(at[3]), (n, 5)), carray(uint8s(at[4]), (n,)), carray(float64s(at[5]), (n,)),
        carray(uint8s(at[6]), (n,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _inputs(n: int, groups: int, judged: int, at: Any) -> Inputs:
    return Inputs(
        carray(int64s(at[0]), (n,)), carray(int64s(at[1]), (n,)), carray(int64s(at[2]), (n,)),
        carray(int64s(at[3]), (groups + 1,)), carray(float64s(at[4]), (n,)), carray(int64s(at[5]), (n,)),
        carray(int64s(at[6]), (n,)), carray(float64s(at[7]), (n,)), carray(float64s(at[8]), (n,)),
        carray(uint8s(at[9]), (n,)), carray(uint8s(at[10]), (n,)), carray(float64s(at[11]), (n,)),
        carray(float64s(at[12]), (n,)), carray(float64s(at[13]), (n * judged, 6)),
        carray(float64s(at[14]), (n, 1 + judged)),
    )  # fmt: skip


@njit(error_model="numpy")
def _load(m: int, at: Any) -> Circuits:
    return Circuits(
        carray(int64s(at[0]), (m,)), carray(int64s(at[1]), (m,)), carray(int64s(at[2]), (1,)),
        carray(float64s(at[3]), (m, LOAD_COLUMNS)), carray(float64s(at[4]), (1,)),
        carray(int64s(at[5]), (m,)), carray(float64s(at[6]), (m, FEATURES)),
        carray(float64s(at[7]), (m, FEATURES)), carray(float64s(at[8]), (m, FEATURES, FEATURES)),
        carray(float64s(at[9]), (m, FEATURES, FEATURES)),
    )  # fmt: skip


@njit(error_model="numpy")
def _model(n: int, at: Any) -> Model:
    return Model(
        carray(float64s(at[0]), (n, FEATURES)), carray(float64s(at[1]), (n,)),
        carray(float64s(at[2]), (n,)), carray(float64s(at[3]), (n,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _signal(n: int, at: Any) -> Signal:
    return Signal(
        carray(float64s(at[0]), (n,)), carray(float64s(at[1]), (n, 5)), carray(float64s(at[2]), (n,)),
        carray(float64s(at[3]), (n, SCALES_S.size, 5)), carray(float64s(at[4]), (n, SCALES_S.size, 2)),
    )  # fmt: skip


@njit(error_model="numpy")
def _slopes(n: int, temperature: Any, gain: Any, moments: int, scales: int, repeats: int) -> Slopes:
    return Slopes(
        _signal(n, temperature), _signal(n, gain), carray(float64s(moments), (n, SCALES_S.size, 10)),
        carray(float64s(scales), (SCALES_S.size, 5)), carray(float64s(repeats), (SCALES_S.size, 2)),
    )  # fmt: skip


@njit(error_model="numpy")
def _heat(n: int, cells: int, at: Any) -> Heat:
    return Heat(
        carray(float64s(at[0]), (n,)), carray(float64s(at[1]), (n,)), carray(float64s(at[2]), (n, 6)),
        carray(float64s(at[3]), (cells,)), carray(float64s(at[4]), (1,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _cells(n: int, groups: int, at: Any) -> Cells:
    k = CELL_SCALES_S.size
    return Cells(
        carray(float64s(at[0]), (n, COLUMNS)), carray(float64s(at[1]), (n, VERDICTS)),
        carray(float64s(at[2]), (n, k)), carray(float64s(at[3]), (k, groups)), carray(float64s(at[4]), (k,)),
        carray(float64s(at[5]), (k,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _resistances(n: int, m: int, at: Any) -> Resistances:
    return Resistances(
        carray(float64s(at[0]), (m, 4)), carray(float64s(at[1]), (n, 6)), carray(int64s(at[2]), (n,)),
        carray(float64s(at[3]), (n,)), carray(float64s(at[4]), (n,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _surroundings(groups: int, m: int, n: int, at: Any) -> Surroundings:
    return Surroundings(
        carray(float64s(at[0]), (groups,)), carray(float64s(at[1]), (groups,)),
        carray(uint8s(at[2]), (groups,)), carray(float64s(at[3]), (groups, GROUP_COLUMNS)),
        carray(float64s(at[4]), (m, CIRCUIT_COLUMNS)), carray(float64s(at[5]), (3,)),
        carray(float64s(at[6]), (n,)),
        carray(float64s(at[7]), (groups, CONDUCTANCE_COLUMNS)),
    )  # fmt: skip


@njit(error_model="numpy")
def _trips(sensors: int, groups: int, cells: int, at: Any) -> Trips:
    return Trips(
        carray(float64s(at[0]), (cells,)), carray(float64s(at[1]), (groups + 1,)),
        carray(int64s(at[2]), (cells,)), carray(float64s(at[3]), (sensors, TRIP_COLUMNS)),
        carray(float64s(at[4]), (sensors,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _delays(n: int, tiers: int, at: Any) -> Delays:
    return Delays(
        carray(float64s(at[0]), (tiers, DELAYS_COLUMNS)), carray(float64s(at[1]), (n, tiers)),
        carray(float64s(at[2]), (n,)), carray(uint8s(at[3]), (n,)),
    )  # fmt: skip


@njit(error_model="numpy")
def _account(counted_s: float, blind_s: float, age_s: float, learnt: bool, seconds: Floats) -> None:
    if np.isinf(age_s):
        seconds[3] += counted_s
    elif age_s >= blind_s:
        seconds[2] += counted_s
    elif learnt:
        seconds[0] += counted_s
    else:
        seconds[1] += counted_s


def sources_digest() -> int:
    """Return a hash of all kernels' sources.

    numba's cache looks at the file of the cached function alone: a kernel that calls another, changed one
    would go on calling the old. Therefore only `judge_unit` is cached, and what it closes over, which is part
    of the cache's key, tells all its sources apart.
    """
    digest = blake2b(digest_size=6)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_bytes()
        if b"njit" in source or b"kernels.compiled" in source:
            digest.update(source)
    return int.from_bytes(digest.digest(), "big")


def _make_judge_unit(digest: int) -> Any:
    @njit(cache=True, error_model="numpy")
    def judge_unit(
        t_s: float,
        dt_s: float,
        counted_s: float,
        blind_s: float,
        told_s: float,
        hot_degc: float,
        sizes: Any,
        at: Any,
        judges: Any,
    ) -> int:
        """
        Judge one frame; return how many channels changed a tier.

        Parameters
        ----------
        t_s, dt_s, counted_s, blind_s, told_s : float, s
            Time of the frame; since the last; how much of that it is evidence for; when a channel is blind,
            and when that is told of it: NaN while something else says that the whole unit is out of sight.
        hot_degc : float
            Highest operating temperature, for the last resort.
        sizes : Sizes, as a tuple
        at : tuple
            The addresses of `Banks`, in its order, as a table; see `memory.table_of`.
        judges : tuple
            Of each detector: its number of channels and tiers, the address and stride of its score and of
            what that is made of, the addresses of its `Delays`. A table, for another tuple is another type: a
            kernel for each number of detectors would be compiled, at its first frame.
        """
        assert digest > 0
        frame, n, groups, cells_n, cell_groups, m = sizes
        at = carray(int64s(at[2]), (at[0], at[1]))
        judges = carray(int64s(judges[2]), (judges[0], judges[1]))
        g = _gate(frame, at[0])
        temps, volts = _inputs(n, groups, 1, at[1]), _inputs(cells_n, cell_groups, 0, at[2])
        load = _load(m, at[3])
        slopes = _slopes(n, at[6], at[7], at[8][0], at[9][0], at[20][0])
        heat = _heat(n, cells_n, at[10])
        cells = _cells(cells_n, cell_groups, at[11])
        around = _surroundings(groups, m, n, at[13])
        group_slopes = _slopes(groups, at[14], at[15], at[16][0], at[17][0], at[20][0])
        trips = _trips(n, groups, cells_n, at[18])

        moved = gate(t_s, g.si, g.quality, g.limits, g.memory, g.held, g.value, g.verdict)
        follow_repeats(dt_s, moved, slopes.repeats)
        take_inputs(dt_s, told_s, g.si, g.value, g.verdict, temps)
        take_inputs(dt_s, told_s, g.si, g.value, g.verdict, volts)
        take_load(dt_s, g.value, load)
        follow_rest(dt_s, volts, load, heat)
        judge_imbalance(dt_s, volts, load, cells)
        judge_resistance(dt_s, volts, load, _resistances(cells_n, m, at[12]))
        judge_heating(dt_s, temps, load, _model(n, at[4]), _model(n, at[5]), slopes, heat)
        judge_surroundings(dt_s, temps, load, group_slopes, around)
        voltage_drop(dt_s, volts, trips.highest, trips.dropped_s, trips.group)
        trip(t_s, hot_degc, temps, trips.dropped_s, trips.state, trips.score)

        seconds = carray(float64s(at[19][0]), (4,))
        for c in range(n):
            learnt = slopes.temperature.learned[c, LEARNT_SCALE, WINDOWS] >= LEARNT_WINDOWS
            _account(counted_s, blind_s, temps.age_s[c], learnt, seconds)
        for c in range(cells_n):
            age_s = 0.0
            for regime in range(UNKNOWN + 1):
                age_s = max(age_s, cells.state[c, AGE + regime])
            _account(counted_s, blind_s, volts.age_s[c], age_s >= LEARNT_S, seconds)
        changed = 0
        for judge in judges:
            channels, tiers, score, stride = judge[0], judge[1], judge[2], judge[3]
            scores = carray(float64s(score), (channels * stride,))
            heard = carray(float64s(judge[4]), (channels * judge[5],))
            delays = _delays(channels, tiers, judge[6:])
            changed += debounce(counted_s, scores, stride, heard, judge[5], delays)
        return changed

    return judge_unit


judge_unit = _make_judge_unit(sources_digest())
