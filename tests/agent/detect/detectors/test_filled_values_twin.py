"""Values that a unit fills in: the kernel against its slow twin; who is told, and where nothing can be."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from agent.detect.detectors import filled_values as kernel
from agent.detect.detectors.filled_values import judge_filled_values, new_filled
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import Floats, filled

ORDER = 107
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
    moves: int = 0
    moved: float = 0.0
    moved_to: float = 0.0
    sure: float = 0.0


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
                if now != cell.before:
                    cell.moved = 0.995 * cell.moved + 1.0
                    cell.moved_to = 0.995 * cell.moved_to + cell.same
        with_one = [(d, now) for d, now in zip(self.cells, x, strict=True) if d.same is not None]
        few = sum(now != d.before for d, now in with_one) <= 0.5 * len(with_one)
        for c, cell in enumerate(self.cells):
            if cell.same:
                cell.frames, cell.seconds = cell.frames + 1, cell.seconds + dt_s
                cell.moves += few and x[c] != cell.before
                known = [d for d in self.cells if d.same is not None]
                short = [d.same for d in known if d.frames < cell.frames / 2.0]
                others = [*short, True] if cell.frames > 4 else [d.same for d in known]
                cell.evidence += math.log(len(others) / sum(others))
            else:
                cell.partner, cell.frames, cell.seconds, cell.evidence = self._partner(c, x), 0, 0.0, 0.0
                cell.moves = 0
        for c, cell in enumerate(self.cells):
            cell.sure = self._sure(c, x)
            cell.score = float(len(self._alike(c, x))) if cell.sure >= 23.0 else 0.0
        for cell, now in zip(self.cells, x, strict=True):
            cell.before = now

    def _partner(self, c: int, x: list[float]) -> int | None:
        n = len(x)
        asked = [(c + k) % n for k in range(1, min(n, 17))]
        same = [d for d in asked if x[d] == x[c]]
        twice = [d for d in same if self.cells[d].before == self.cells[c].before]
        return next(iter([*twice, *same]), None)

    def _alike(self, c: int, x: list[float]) -> list[int]:
        return [d for d in range(len(x)) if x[d] == x[c] and self.cells[d].frames >= self.cells[c].frames]

    def _sure(self, c: int, x: list[float]) -> float:
        me, alike = self.cells[c], self._alike(c, x)
        if me.evidence < 23.0 / 3.0 and me.moves < 10:
            return 0.0
        known = [d for d in range(len(x)) if not math.isnan(x[d])]
        others = [self.cells[d] for d in known if d not in alike and self.cells[d].tried >= 8.0]
        movers = [d for d in others if d.moved >= 8.0]
        if not 2 <= len(alike) <= len(known) / 3.0:
            return 0.0
        evidence = 0.0
        faithful = max([(d.equal + 1.0) / (d.tried + 2.0) for d in others], default=1.0)
        if len(others) >= len(known) / 2.0 and faithful <= 0.5:
            evidence = min(me.evidence, me.frames * -math.log(faithful))
        to_partners = max([(d.moved_to + 1.0) / (d.moved + 2.0) for d in movers], default=1.0)
        if len(movers) >= len(known) / 2.0 and to_partners <= 0.5:
            evidence = max(evidence, me.moves * math.log(2.0))
        return evidence * min(len(alike) - 1, 3) - math.log(math.comb(len(known), min(len(alike), 4)))


def flickering(n: int, cells: int, many: int) -> Floats:
    """Return frames of cells of which each flickers at the edge of a step of 5 mV in its own way, and the
    first `many` in one.
    """
    volts = np.random.default_rng(many).choice([3.395, 3.4], (n, cells), p=[0.1, 0.9])
    volts[:, :many] = volts[:, [0]]
    frames: Floats = volts
    return frames


@pytest.mark.parametrize(("many", "step"), [(3, 0.001), (4, 0.002), (0, 0.005), (4, math.nan), (0, math.nan)])
def test_frame_by_frame_cells_are_those_of_the_twin(many: int, step: float) -> None:
    rng, told = np.random.default_rng(many), 0
    sizes = (12, 20, 3)
    made = [filled(90, n, many if n > 3 else 0, step, n) for n in sizes]
    if math.isnan(step):
        made = [flickering(400, n, many if n > 3 else 0) for n in sizes]
    frames = np.concatenate(made, axis=1)
    frames[rng.random(frames.shape) < 0.002] = np.nan
    frames[30] = frames[29]
    bank, of = inputs_of([g for g, n in enumerate(sizes) for _ in range(n)]), new_filled(sum(sizes))
    state = of.state
    twins, first = [Group(n) for n in sizes], np.cumsum([0, *sizes])
    for frame in frames:
        dt_s = float(rng.choice([1.0, 10.0]))
        bank.value[:] = frame
        judge_filled_values(dt_s, bank, of)
        for g, twin in enumerate(twins):
            twin.take(dt_s, frame[first[g] : first[g + 1]].tolist())
            for c, cell in enumerate(twin.cells, first[g]):
                partner = -1 if cell.partner is None else cell.partner + first[g]
                expected = [partner, cell.frames, cell.seconds, cell.evidence, cell.tried, cell.equal]
                np.testing.assert_allclose(state[c, : kernel.LAST], expected, rtol=1e-9, atol=1e-12)
                np.testing.assert_equal(float(state[c, kernel.LAST]), cell.before)
                assert state[c, kernel.SCORE] == cell.score
                expected = [cell.moves, cell.moved, cell.moved_to, cell.sure]
                np.testing.assert_allclose(state[c, kernel.MOVES :], expected, rtol=1e-9, atol=1e-12)
                told += cell.score > 0.0
    assert (told > 5) == (many > 0)
