"""Channels without a measurement: against the slow twin, and through a whole unit, on both sides."""

import math

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels
from agent.detect.detectors import no_measurement
from agent.detect.detectors.no_measurement import AGO_S, FRAMES, HEARD, READ, SCORE, WHY, judge_no_measurement
from agent.detect.explanations.case import Case
from agent.detect.kernels import measured as reasons
from agent.detect.kernels.arrays import Part
from agent.detect.kernels.doubt import ALONE, DOUBTED, NOT
from agent.detect.kernels.inputs import BLIND
from agent.detect.kernels.load import CHARGE, DISCHARGE, REST, UNKNOWN
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks

ORDER = 128
ROWS = """
no-measurement     -           critical   2      -       0     10   0      -
no-measurement     -           warning    1      -       0     10   0      -
"""
KEPT = {
    Part("no-measurement", 2): [
        "detectors.no_measurement.sensors", "detectors.no_measurement.cells",
        "detectors.no_measurement.currents", "detectors.no_measurement.regime",
    ]
}  # fmt: skip
GOOD, NOT_READ, CODE, INVALID, BEYOND, ZEROS, TOGETHER = range(7)


class Twin:
    """One channel, told plainly. bad: its frames without a measurement so far: seconds before it, why."""

    def __init__(self) -> None:
        self.bad: list[tuple[float, int]] = []
        self.grave = False

    def take(self, dt_s: float, why: int, grave: bool) -> float:
        """Return its score."""
        if why == GOOD:
            self.bad, self.grave = [], False
        elif why == NOT_READ:
            self.bad += [(-1.0, why)] if self.bad else []
        else:
            self.bad.append((dt_s, why))
        bad = [one_s for one_s, said in self.bad if said != NOT_READ][1:]
        lasts = sum(bad) >= 10.0 and len(bad) >= 2
        self.grave = self.grave or (lasts and len(bad) >= 3 and grave and why != NOT_READ)
        return 2.0 if self.grave else 1.0 if lasts else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_channels_are_scored_as_the_twin_scores_them(seed: int) -> None:
    rng, seen = np.random.default_rng(seed), {0.0: 0, 1.0: 0, 2.0: 0}
    where = [f"string{1 + i // 4 % 2}/at{i}" for i in range(16)]
    quantities = ["cell_temperature"] * 8 + ["cell_voltage"] * 8
    channels = Channels([*where, "string1", "string2"], [*quantities, "current", "current"], np.full(18, 0.1))
    currents_told = 0
    for _ in range(40):
        banks = new_banks(channels, Settings().unit_limits(channels.quantities))
        regimes = [UNKNOWN] * banks.load.at.size
        twins, currents = [Twin() for _ in range(16)], [Twin(), Twin()]
        ages = rng.choice([0.0, 5.0, np.inf], 16, p=[0.6, 0.2, 0.2])
        if rng.random() < 0.3:
            ages[4 * rng.integers(4) :][:4] = np.inf  # a place that was never seen
        calm = rng.random() < 0.5
        for _frame in range(15):
            dt_s = float(rng.choice([1.0, 5.0, 10.0]))
            banks.temps.age_s[:], banks.volts.age_s[:] = ages[:8], ages[8:]
            chance = [0.1, 0.1, 0.2, 0.15, 0.15, 0.15, 0.15] if calm else [1 / 7] * 7
            banks.measuring.why[:] = rng.choice(7, 18, p=chance)
            banks.measured[:] = rng.random(18) < 0.5
            banks.load.regime[:] = rng.choice([REST, CHARGE, DISCHARGE, UNKNOWN], banks.load.at.size)
            banks.temps.raw[:], banks.volts.raw[:] = rng.choice([math.nan, 3.0], 8), 3.0
            for bank in (banks.temps, banks.volts):
                bank.score[:, BLIND] = rng.choice([0.0, 1.0, 2.0, np.nan], 8)
            blind = np.concatenate([banks.temps.score[:, BLIND], banks.volts.score[:, BLIND]])
            own = banks.detectors.no_measurement
            banks.doubt.state[:, DOUBTED] = doubted = rng.choice([NOT, NOT, ALONE], 8)
            judge_no_measurement(
                dt_s, banks.gate, banks.measuring, banks.measured, banks.temps, banks.volts, banks.load,
                banks.doubt, own,
            )  # fmt: skip
            for j, at in enumerate(banks.load.at):
                if banks.measured[at] and banks.load.regime[j] != UNKNOWN:
                    regimes[j] = int(banks.load.regime[j])
                said = int(banks.measuring.why[at])
                never = regimes[j] == UNKNOWN and said != NOT_READ
                score = currents[j].take(dt_s, GOOD if said in (ZEROS, TOGETHER) or never else said, False)
                assert own.currents[j, SCORE] == score
                assert np.isnan(own.currents[j, HEARD]) == (said == NOT_READ)
                currents_told += score > 0.0
            why = banks.measuring.why[:16].tolist()
            for i, twin in enumerate(twins):
                group = [d for d in range(16) if d // 8 == i // 8 and d // 4 == i // 4]
                known = [d for d in group if ages[d] < np.inf]
                said = why[i]
                if ages[i] == np.inf and said != NOT_READ and (known or said not in (ZEROS, TOGETHER)):
                    said = GOOD  # no sensor
                if i < 8 and said == TOGETHER and doubted[i] != NOT:
                    said = GOOD  # told as a heat
                in_use = regimes[(i // 4) % 2] in (CHARGE, DISCHARGE)
                most = sum(why[d] in (CODE, BEYOND) for d in known) > len(known) / 2
                score = twin.take(dt_s, said, in_use and (said not in (CODE, BEYOND) or most))
                state = (own.sensors if i < 8 else own.cells)[i % 8]
                assert state[SCORE] == score
                assert np.isnan(state[HEARD]) == (why[i] == NOT_READ)
                found = (banks.temps if i < 8 else banks.volts).score[i % 8, BLIND]
                np.testing.assert_equal(found, 0.0 if score > 0.0 and blind[i] > 0.0 else blind[i])
                seen[score] += 1
    assert min(seen.values()) > 100, seen
    assert currents_told > 20


def test_its_reasons_are_all_told() -> None:
    assert set(no_measurement.REASONS) == {
        reasons.CODE, reasons.INVALID, reasons.BEYOND, reasons.ZEROS, reasons.TOGETHER,
    }  # fmt: skip
    assert {AGO_S, FRAMES, WHY, READ, SCORE, HEARD} == set(range(no_measurement.COLUMNS))


def explained(quantity: str, states: list[tuple[int, float, float]]) -> AlarmEvent:
    """Return what is said of channels of one module: of each why, what it reads, and its score."""
    other = "cell_voltage" if quantity == "cell_temperature" else "cell_temperature"
    n = len(states)
    channels = Channels(
        [f"string1/module1/at{i}" for i in range(n)] * 2, [other] * n + [quantity] * n, np.full(2 * n, 0.1)
    )
    banks = new_banks(channels, Settings().unit_limits(channels.quantities))
    own = banks.detectors.no_measurement
    state, bank = (own.sensors, channels.temps) if other == "cell_voltage" else (own.cells, channels.volts)
    for c, (why, read, score) in enumerate(states):
        state[c, [AGO_S, WHY, READ, SCORE]] = 12.0, why, read, score
    row = no_measurement.DETECTOR.rows[0 if states[0][2] == no_measurement.ALARM else 1]
    return no_measurement.explain(Case(row, bank, 0, set(range(n)), 100.0, banks, channels))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({0}, "Circuit string1 says that it has none"),
        ({0, 1}, "the unit says that it has none in 2 currents"),
    ],
)
def test_a_current_that_is_none_is_said(members: set[int], words: str) -> None:
    channels = Channels(
        ["string1", "string2", "string1/cell1"], ["current", "current", "cell_voltage"], np.ones(3)
    )
    banks = new_banks(channels, Settings().unit_limits(channels.quantities))
    banks.detectors.no_measurement.currents[:, [AGO_S, WHY, READ, SCORE]] = 12.0, CODE, math.nan, 1.0
    case = Case(no_measurement.DETECTOR.rows[1], channels.circuits, 0, members, 100.0, banks, channels)
    said = f"When raised, for 12 s: {words}: no measurement. No limit can be judged there."
    assert no_measurement.explain(case).text == said


NAN, WARN, ALARM = math.nan, no_measurement.WARN, no_measurement.ALARM


@pytest.mark.parametrize(
    ("quantity", "states", "words", "place", "value"),
    [
        (
            "cell_temperature",
            [(CODE, 255.04, WARN)],
            "Sensor string1/module1/at0 reads 255.04 degC: no measurement (a code of an open input).",
            "string1/module1/at0",
            255.04,
        ),
        (
            "cell_temperature",
            [(BEYOND, -41.0, WARN)] * 2 + [(BEYOND, -42.0, WARN)],
            "string1/module1 reads -41 degC in 2 sensors: no measurement (no battery has it)."
            " 1 more reads none either.",
            "string1/module1",
            -41.0,
        ),
        (
            "cell_voltage",
            [(TOGETHER, 4.8, ALARM)] * 3 + [(ZEROS, 4.8, WARN)] * 2,
            "string1/module1 reads 4.8 V in 3 cells: no measurement (they leapt there together, beyond their"
            " limits). 2 more read none either.",
            "string1/module1",
            4.8,
        ),
        (
            "cell_voltage",
            [(INVALID, NAN, ALARM)] * 2,
            "string1/module1 reads what its profile does not let it read in 2 cells: no measurement.",
            "string1/module1",
            0.0,
        ),
        (
            "cell_voltage",
            [(ZEROS, 0.0, WARN)],
            "Cell string1/module1/at0 reads 0 V: no measurement (voltages and temperatures are 0 together).",
            "string1/module1/at0",
            0.0,
        ),
        (
            "cell_temperature",
            [(CODE, NAN, WARN)],
            "Sensor string1/module1/at0 says that it has none: no measurement.",
            "string1/module1/at0",
            0.0,
        ),
    ],
)
def test_what_is_read_and_why_it_is_none_is_said(
    quantity: str, states: list[tuple[int, float, float]], words: str, place: str, value: float
) -> None:
    event = explained(quantity, states)
    in_use = " The battery is being charged or discharged." if states[0][2] == ALARM else ""
    assert event.text == f"When raised, for 12 s: {words} No limit can be judged there.{in_use}"
    assert (event.location, event.value, event.since_s) == (place, value, 88.0)
