"""One frame of one unit through every detector: the only kernel that is called from outside.

It takes addresses (see `memory`), and opens the arrays as they are declared (see `arrays`).
"""

import inspect
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from numba import njit

from agent.detect.declaration import Detector
from agent.detect.detectors import DETECTORS
from agent.detect.kernels.banks import PLACED
from agent.detect.kernels.compiled import inlined
from agent.detect.kernels.coverage import count_seconds
from agent.detect.kernels.debounce import DELAYS, debounce
from agent.detect.kernels.doubt import judge_doubt
from agent.detect.kernels.heating import follow_rest, judge_heating
from agent.detect.kernels.imbalance import AGE, LEARNT_S, judge_imbalance
from agent.detect.kernels.inputs import take_inputs
from agent.detect.kernels.load import UNKNOWN, take_load
from agent.detect.kernels.measured import judge_measured
from agent.detect.kernels.memory import float64s, int64s
from agent.detect.kernels.slope import LEARNT_SCALE, LEARNT_WINDOWS, Slopes, follow_repeats, is_held
from agent.detect.kernels.surroundings import judge_surroundings
from agent.detect.kernels.validity import gate
from agent.detect.kernels.voltage_drop import voltage_drop
from agent.detect.kernels.wander import WINDOWS
from agent.detect.unit_arrays import PLACED_OWN, open_banks

carray: Any = numba.carray  # type: ignore[attr-defined]  # numba's stubs leave it out
open_delays = DELAYS.opener


def call_of(detector: Detector) -> str:
    """Return the call of a detector's kernel. Raises ValueError for a parameter that no frame has."""
    known = {name: name for name in ("t_s", "dt_s", "hot_degc")}
    known |= {name: f"b.{name}" for name in PLACED} | {name: f"b.detectors.{name}" for name in PLACED_OWN}
    taken = list(inspect.signature(getattr(detector.kernel, "py_func", detector.kernel)).parameters)
    if strange := [name for name in taken if name not in known]:
        raise ValueError(
            f"{detector.name}: its kernel takes {', '.join(strange)}; there are {', '.join(known)}"
        )
    return f"judge_{detector.key}({', '.join(known[name] for name in taken)})"


def _make_judge_detectors() -> Any:
    judging = [detector for detector in DETECTORS if detector.kernel]
    body = "".join(f"    {call_of(detector)}\n" for detector in judging)
    space = {f"judge_{detector.key}": detector.kernel for detector in judging}
    exec(f"def judge_detectors(t_s, dt_s, hot_degc, b):\n{body}", space)
    return inlined(space["judge_detectors"])


#: The kernels that detectors declare for themselves, in their order.
judge_detectors = _make_judge_detectors()


def sources_digest() -> int:
    """Return a hash of all kernels' sources.

    numba's cache looks at the file of the cached function alone: a kernel that calls another, changed one
    would go on calling the old. Therefore only `judge_unit` is cached, and what it closes over, which is part
    of the cache's key, tells all its sources apart.
    """
    digest, here = blake2b(digest_size=6), Path(__file__).parent
    ours = [here / "judge_unit.py", here / "unit_arrays.py"]
    for path in [*ours, *sorted(here.glob("kernels/*.py")), *sorted(here.glob("detectors/*.py"))]:
        digest.update(path.read_bytes())
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
            Of each detector: its number of channels and tiers, how many channels have limits of their own,
            the address and stride of its score and of what that is made of, the addresses of its `Delays`. A
            table, for another tuple is another type: a
            kernel for each number of detectors would be compiled, at its first frame.
        """
        assert digest > 0
        b = open_banks(sizes, carray(int64s(at[2]), (at[0], at[1])))
        judges = carray(int64s(judges[2]), (judges[0], judges[1]))
        g, temps, volts, load, cells = b.gate, b.temps, b.volts, b.load, b.cells
        slopes = Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats)
        group_slopes = Slopes(b.group_temperature, b.group_gain, b.group_moments, b.group_scales, b.repeats)

        judge_measured(dt_s, g.si, g.quality, b.measuring, b.measured)
        moved = gate(t_s, g.si, g.quality, b.measured, g.limits, g.memory, g.held, g.value, g.verdict)
        follow_repeats(dt_s, moved, b.repeats)
        held = is_held(dt_s, b.repeats)
        take_inputs(dt_s, told_s, held, g.si, g.value, g.verdict, b.measured, temps)
        take_inputs(dt_s, told_s, held, g.si, g.value, g.verdict, b.measured, volts)
        judge_doubt(dt_s, hot_degc, g.si, g.verdict, b.measuring.why, temps, volts, b.drops, b.heat, b.doubt)
        take_load(dt_s, g.value, load)
        follow_rest(dt_s, volts, load, b.heat)
        judge_imbalance(dt_s, g.value, volts, load, cells)
        judge_heating(dt_s, temps, load, b.own, b.against, slopes, b.doubt.hot, b.heat)
        judge_surroundings(dt_s, temps, load, group_slopes, b.around)
        voltage_drop(dt_s, volts, b.drops.highest, b.drops.dropped_s, b.drops.group)
        judge_detectors(t_s, dt_s, hot_degc, b)

        for c in range(temps.value.size):
            learnt = slopes.temperature.learned[c, LEARNT_SCALE, WINDOWS] >= LEARNT_WINDOWS
            count_seconds(counted_s, blind_s, temps.age_s[c], learnt, b.ledger.seconds)
        for c in range(volts.value.size):
            age_s = 0.0
            for regime in range(UNKNOWN + 1):
                age_s = max(age_s, cells.state[c, AGE + regime])
            count_seconds(counted_s, blind_s, volts.age_s[c], age_s >= LEARNT_S, b.ledger.seconds)
        changed = 0
        for judge in judges:
            channels, tiers, limited, score, stride = judge[0], judge[1], judge[2], judge[3], judge[4]
            scores = carray(float64s(score), (channels * stride,))
            heard = carray(float64s(judge[5]), (channels * judge[6],))
            delays = open_delays(tiers, limited, channels, judge[7:])
            changed += debounce(counted_s, scores, stride, heard, judge[6], delays)
        return changed

    return judge_unit


judge_unit = _make_judge_unit(sources_digest())
