"""Values that a unit fills in: the kernel against its slow twin; who is told, and where nothing can be."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from agent.detect.detectors import filled_values as kernel
from agent.detect.detectors.filled_values import judge_filled_values, new_filled
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import Floats

ROWS = "filled-values voltage warning 2 cells 0 600 0 -"
KEPT: dict[object, list[str]] = {}


@dataclass
class Cell:
    """A cell, and the one that says the same."""

    partner: int | None = None
    frames: int = 0
    seconds: float = 0.0
    evidence: float = 0.0
    tried: float = 0.0
    equal: float = 0.0
    before: float = math.nan
    score: float = 0.0
    same: bool | None = None


class Group:
    """A group of cells."""

    def __init__(self, n: int) -> None:
        self.cells = [Cell() for _ in range(n)]

    def take(self, dt_s: float, x: list[float]) -> None:
        if all(math.isnan(now) or now == cell.before for cell, now in zip(self.cells, x, strict=True)):
            return
        for cell, now in zip(self.cells, x, strict=True):
            cell.same = None
            if cell.partner is not None and not math.isnan(now) and not math.isnan(x[cell.partner]):
                cell.same = now == x[cell.partner]
                cell.tried = 0.995 * cell.tried + 1.0
                cell.equal = 0.995 * cell.equal + cell.same
        for c, cell in enumerate(self.cells):
            if cell.same:
                cell.frames, cell.seconds = cell.frames + 1, cell.seconds + dt_s
                known = [d for d in self.cells if d.same is not None]
                short = [d.same for d in known if d.frames < cell.frames / 2.0]
                others = [*short, True] if cell.frames > 4 else [d.same for d in known]
                cell.evidence += math.log(len(others) / sum(others))
            else:
                cell.partner, cell.frames, cell.seconds, cell.evidence = self._partner(c, x), 0, 0.0, 0.0
        for c, cell in enumerate(self.cells):
            cell.score = self._score(c, x)
        for cell, now in zip(self.cells, x, strict=True):
            cell.before = now

    def _partner(self, c: int, x: list[float]) -> int | None:
        n = len(x)
        asked = [(c + k) % n for k in range(1, min(n, 17))]
        same = [d for d in asked if x[d] == x[c]]
        twice = [d for d in same if self.cells[d].before == self.cells[c].before]
        return next(iter([*twice, *same]), None)

    def _score(self, c: int, x: list[float]) -> float:
        me = self.cells[c]
        if me.evidence < 23.0 / 3.0:
            return 0.0
        known = [d for d in range(len(x)) if not math.isnan(x[d])]
        alike = [d for d in known if x[d] == x[c] and self.cells[d].frames >= me.frames]
        others = [self.cells[d] for d in known if d not in alike and self.cells[d].tried >= 8.0]
        if not 2 <= len(alike) <= len(known) / 3.0 or len(others) < len(known) / 2.0:
            return 0.0
        faithful = max((d.equal + 1.0) / (d.tried + 2.0) for d in others)
        evidence = min(me.evidence, me.frames * -math.log(faithful))
        least = 23.0 + math.log(math.comb(len(known), min(len(alike), 4)))
        told = faithful <= 0.5 and evidence * min(len(alike) - 1, 3) >= least
        return float(len(alike)) if told else 0.0


def filled(n: int, cells: int, many: int, step: float, seed: int, from_frame: int = 0) -> Floats:
    """Return frames of cells of which the first `many` say the mean of the others."""
    rng = np.random.default_rng(seed)
    volts = 3.4 + rng.normal(0.0, 0.003, cells) + rng.normal(0.0, 0.001, (n, cells))
    volts = np.round(volts / step)
    volts[from_frame:, :many] = np.round(volts[from_frame:, many:].mean(axis=1))[:, None]
    frames: Floats = (volts * step).round(6)
    return frames


@pytest.mark.parametrize(("many", "step"), [(3, 0.001), (4, 0.002), (0, 0.005)])
def test_frame_by_frame_cells_are_those_of_the_twin(many: int, step: float) -> None:
    rng, told = np.random.default_rng(many), 0
    sizes = (12, 20, 3)
    frames = np.concatenate([filled(90, n, many if n > 3 else 0, step, n) for n in sizes], axis=1)
    frames[rng.random(frames.shape) < 0.002] = np.nan
    frames[30] = frames[29]
    bank, state = inputs_of([g for g, n in enumerate(sizes) for _ in range(n)]), new_filled(sum(sizes))
    twins, first = [Group(n) for n in sizes], np.cumsum([0, *sizes])
    for frame in frames:
        dt_s = float(rng.choice([1.0, 10.0]))
        bank.value[:] = frame
        judge_filled_values(dt_s, bank, state)
        for g, twin in enumerate(twins):
            twin.take(dt_s, frame[first[g] : first[g + 1]].tolist())
            for c, cell in enumerate(twin.cells, first[g]):
                partner = -1 if cell.partner is None else cell.partner + first[g]
                expected = [partner, cell.frames, cell.seconds, cell.evidence, cell.tried, cell.equal]
                np.testing.assert_allclose(state[c, : kernel.LAST], expected, rtol=1e-9, atol=1e-12)
                np.testing.assert_equal(float(state[c, kernel.LAST]), cell.before)
                assert state[c, kernel.SCORE] == cell.score
                told += cell.score > 0.0
    assert (told > 5) == (many > 0)
