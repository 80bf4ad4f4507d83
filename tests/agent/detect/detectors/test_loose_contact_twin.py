"""Cells whose contact chatters: the kernel against its slow twin; one alarm, and no other beside it."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from agent.detect.detectors import lone_cell as lone
from agent.detect.detectors import loose_contact as kernel
from agent.detect.detectors.cell_collapse import DEPTHS
from agent.detect.detectors.lone_cell import new_lone_cells
from agent.detect.detectors.loose_contact import judge_loose_contact, new_contacts
from agent.detect.kernels import imbalance
from agent.detect.kernels.arrays import Part
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import Floats

ORDER = 108
ROWS = "loose-contact voltage warning 1 - 0 86400 0 -"
KEPT = {Part("contact", 2): ["detectors.loose_contact"]}
GROUP = [0, 1, 0, 1, 0, 0]
N, CELL = len(GROUP), 4


@dataclass
class Contact:
    """The tap of a cell."""

    away: float = math.nan
    median: float = math.nan
    jumps: float = 0.0
    still_s: float = 0.0
    worst: float = 0.0
    worst_age_s: float = 0.0
    chatters: bool = False
    back_s: float = math.inf
    back: bool = False

    def take(self, dt_s: float, away: float, median: float) -> bool:
        """Take a reading; did it jump."""
        jumped = abs(away - self.away) >= max(0.03 * median, 5.0 * abs(median - self.median))
        self.back = jumped and abs(away) <= abs(self.away) / 2
        self.away, self.median = away, median
        if abs(away) > abs(self.worst) or self.worst_age_s > 3600.0:
            self.worst, self.worst_age_s = away, 0.0
        return jumped


def test_frame_by_frame_contacts_are_those_of_the_twin() -> None:
    rng, chattered, still, held_back = np.random.default_rng(1), 0, 0, 0
    bank, state, twins = inputs_of(GROUP), new_contacts(N), [Contact() for _ in range(N)]
    cells, collapse, standing = imbalance.new_cells(N, 2, np.full(1, -1)), DEPTHS.new(cells=N), np.zeros(N)
    fell = new_lone_cells(N)
    for frame in range(900):
        dt_s = float(rng.choice([10.0, 60.0, 600.0, 5000.0], p=[0.5, 0.3, 0.19, 0.01]))
        bank.median[:] = 3.3 + rng.choice([0.0, 0.02, 0.2])
        bank.away[:] = rng.choice([0.0, 0.001, 0.06, -0.15], N, p=[0.6, 0.2, 0.1, 0.1]) + 0.4 * (
            rng.random() < 0.02
        )
        bank.away[rng.random(N) < 0.02] = np.nan
        bank.usable[:] = rng.random(N) < 0.97
        scores = [
            cells.verdict[:, imbalance.SUDDEN],
            cells.verdict[:, imbalance.DRIFTING],
            collapse[:, 1],
            standing,
            fell[:, lone.SCORE],
        ]
        for score in scores:
            score[:] = rng.choice([-1.0, 3.0, np.nan], N)
        before = np.array(scores)
        judge_loose_contact(dt_s, bank, cells, collapse, standing, fell, state)
        jumped = []
        for c, twin in enumerate(twins):
            twin.jumps *= math.exp(-dt_s / 7200.0)
            twin.still_s += dt_s
            twin.worst_age_s += dt_s
            twin.back_s += dt_s
            if (
                bank.usable[c]
                and not math.isnan(bank.away[c])
                and twin.take(dt_s, bank.away[c], bank.median[c])
            ):
                jumped.append(c)
        for c in jumped:
            if sum(GROUP[d] == GROUP[c] for d in jumped) <= 2:
                twins[c].jumps, twins[c].still_s = twins[c].jumps + 1.0, 0.0
                twins[c].back_s = 0.0 if twins[c].back else twins[c].back_s
        for c, twin in enumerate(twins):
            twin.chatters = twin.jumps >= 4.0 or (twin.chatters and twin.still_s < 10800.0)
            expected = [
                twin.away,
                twin.median,
                twin.jumps,
                twin.still_s,
                twin.worst,
                twin.worst_age_s,
                twin.chatters,
            ]
            np.testing.assert_allclose(state[c, : kernel.JUMPED], expected, rtol=1e-9)
            np.testing.assert_allclose(state[c, kernel.BACK_S], twin.back_s, rtol=1e-9)
            assert state[c, kernel.JUMPED] == (2.0 if twin.back else 1.0) * (c in jumped)
            doubted = twin.chatters or (twin.back_s <= 60.0 and twin.still_s < 30.0)
            after = np.array(scores)[:, c]
            taken = np.minimum(before[:, c], 0.0) if doubted else before[:, c]
            if GROUP[c] == 1:  # a pair: its lone cells are judged on
                taken[-1] = before[-1, c]
            np.testing.assert_array_equal(after, taken)
            held_back += doubted and not twin.chatters
            chattered += twin.chatters
            still += not twin.chatters
        del frame
    assert min(chattered, still) > 300
    assert held_back > 20


def jumps_of(readings: list[tuple[float, float, float]]) -> Floats:
    """Return the state of a cell whose (seconds, volts from its siblings, their median) are these."""
    bank, state, nothing = inputs_of([0, 0]), new_contacts(2), np.zeros((2, 2))
    cells = imbalance.new_cells(2, 1, np.full(1, -1))
    for dt_s, away, median in readings:
        bank.usable[:], bank.away[:], bank.median[:] = 1, [away, 0.0], median
        judge_loose_contact(dt_s, bank, cells, nothing, np.zeros(2), new_lone_cells(2), state)
    found: Floats = state[0]
    return found


@pytest.mark.parametrize(
    ("away", "median", "jumps"),
    [
        (0.125, 4.0, 1.0),  # of 0.12 V
        (0.119, 4.0, 0.0),
        (0.51, 4.1, 1.0),  # of 0.5 V: five times what the siblings moved
        (0.49, 4.1, 0.0),
        (-0.51, 3.9, 1.0),
        (-0.49, 3.9, 0.0),
    ],
)
def test_a_jump_is_three_hundredths_of_the_median_and_five_times_what_that_moved(
    away: float, median: float, jumps: float
) -> None:
    assert jumps_of([(1.0, 0.0, 4.0), (1.0, away, median)])[kernel.JUMPS] == jumps


@pytest.mark.parametrize(("to", "back"), [(0.5, True), (-0.5, True), (0.51, False), (1.5, False)])
def test_what_halves_its_distance_by_a_jump_has_come_back(to: float, back: bool) -> None:
    state = jumps_of([(1.0, 1.0, 4.0), (1.0, to, 4.0)])
    assert (state[kernel.BACK_S] == 0.0) == back


@pytest.mark.parametrize(("still_s", "chatters"), [(10799.0, 1.0), (10800.0, 0.0)])
def test_a_contact_is_believed_again_three_hours_after_its_last_jump(still_s: float, chatters: float) -> None:
    jumps = [(1.0, 0.5 * (i % 2), 4.0) for i in range(6)]
    assert jumps_of([*jumps, (still_s, 0.5, 4.0)])[kernel.SCORE] == chatters
