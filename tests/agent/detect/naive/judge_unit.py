"""One frame of one unit, told plainly: the kernels one after the other, over arrays that nobody opens."""

from collections.abc import Sequence

import numpy as np

from agent.detect.detectors.cell_collapse import judge_cell_collapse
from agent.detect.detectors.cooling_lost import judge_cooling_lost
from agent.detect.detectors.filled_values import judge_filled_values
from agent.detect.detectors.last_resort import judge_last_resort
from agent.detect.detectors.lone_cell import judge_lone_cell
from agent.detect.detectors.loose_contact import judge_loose_contact
from agent.detect.detectors.no_measurement import judge_no_measurement
from agent.detect.detectors.overload import judge_overload
from agent.detect.detectors.resistance import judge_resistance
from agent.detect.detectors.soc_limit import judge_soc_limit
from agent.detect.detectors.standing_imbalance import judge_standing_imbalance
from agent.detect.detectors.thermal_onset import judge_thermal_onset
from agent.detect.detectors.under_temperature import judge_under_temperature
from agent.detect.detectors.voltage_limit import judge_voltage_limit
from agent.detect.kernels import imbalance, slope
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.debounce import Delays, debounce
from agent.detect.kernels.doubt import judge_doubt
from agent.detect.kernels.heating import follow_rest, judge_heating
from agent.detect.kernels.inputs import take_inputs
from agent.detect.kernels.load import take_load
from agent.detect.kernels.measured import judge_measured
from agent.detect.kernels.surroundings import judge_surroundings
from agent.detect.kernels.validity import gate
from agent.detect.kernels.voltage_drop import voltage_drop
from agent.detect.kernels.wander import WINDOWS
from tests.agent.detect.banks import Judging


def judge_plainly(
    t_s: float,
    dt_s: float,
    counted_s: float,
    blind_s: float,
    told_s: float,
    hot_degc: float,
    b: Banks,
    judges: Sequence[tuple[Judging, Delays]],
) -> int:
    """Judge a frame; return how many channels changed a tier. See `judge_unit`."""
    g = b.gate
    slopes = slope.Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats)
    groups = slope.Slopes(b.group_temperature, b.group_gain, b.group_moments, b.group_scales, b.repeats)
    judge_measured(dt_s, g.si, g.quality, b.measuring, b.measured)
    moved = gate(t_s, g.si, g.quality, b.measured, g.limits, g.memory, g.held, g.value, g.verdict)
    slope.follow_repeats(dt_s, moved, b.repeats)
    for bank in (b.temps, b.volts):
        take_inputs(dt_s, told_s, slope.is_held(dt_s, b.repeats), g.si, g.value, g.verdict, b.measured, bank)
    judge_doubt(dt_s, hot_degc, g.si, g.verdict, b.measuring.why, b.temps, b.volts, b.drops, b.heat, b.doubt)
    take_load(dt_s, g.value, b.load)
    follow_rest(dt_s, b.volts, b.load, b.heat)
    imbalance.judge_imbalance(dt_s, b.gate.value, b.volts, b.load, b.cells)
    judge_cell_collapse(b.volts, b.detectors.cell_collapse)
    own = b.detectors
    judge_lone_cell(dt_s, b.volts, b.load, own.lone_cell)
    judge_standing_imbalance(b.volts, b.cells, own.standing_imbalance)
    judge_filled_values(dt_s, b.volts, own.filled_values)
    judge_loose_contact(
        dt_s, b.volts, b.cells, own.cell_collapse, own.standing_imbalance, own.lone_cell, own.loose_contact
    )
    judge_resistance(dt_s, b.volts, b.load, b.detectors.resistance)
    judge_heating(dt_s, b.temps, b.load, b.own, b.against, slopes, b.doubt.hot, b.heat)
    judge_surroundings(dt_s, b.temps, b.load, groups, b.around)
    voltage_drop(dt_s, b.volts, b.drops.highest, b.drops.dropped_s, b.drops.group)
    judge_last_resort(t_s, hot_degc, b.temps, b.drops, b.doubt, b.detectors.last_resort)
    onset = b.detectors.thermal_onset
    judge_thermal_onset(dt_s, b.temps, b.volts, b.drops, b.doubt, b.heat, b.temperature, b.gain, onset)
    judge_cooling_lost(dt_s, b.temps, b.load, b.around, b.detectors.cooling_lost)
    judge_voltage_limit(dt_s, g, b.volts, b.measuring, b.measured, b.detectors.voltage_limit)
    judge_overload(b.load, b.detectors.overload)
    judge_soc_limit(g, b.detectors.soc_limit)
    judge_under_temperature(b.temps, b.measured, b.detectors.under_temperature)
    own = b.detectors.no_measurement
    judge_no_measurement(dt_s, g, b.measuring, b.measured, b.temps, b.volts, b.load, b.doubt, own)
    windows = b.temperature.learned[:, slope.LEARNT_SCALE, WINDOWS]
    ages_s = imbalance.learnt_s(b.cells)
    for bank, learnt in (
        (b.temps, windows >= slope.LEARNT_WINDOWS),
        (b.volts, ages_s >= imbalance.LEARNT_S),
    ):
        for age_s, judged in zip(bank.age_s, learnt, strict=True):
            # judged, learning, blind, no sensor
            kind = 3 if np.isinf(age_s) else 2 if age_s >= blind_s else 0 if judged else 1
            b.ledger.seconds[kind] += counted_s
    changed = 0
    for detector, delays in judges:
        columns = [
            np.ascontiguousarray(of.array if of.array.ndim == 1 else of.array[:, of.column])
            for of in (detector.score, detector.source)
        ]
        changed += debounce(counted_s, columns[0], 1, columns[1], 1, delays)
    return changed
