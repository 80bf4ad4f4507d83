"""A kernel that judges nothing: it notes how it is called, and gives channels the tiers that a test wants."""

from typing import NamedTuple

import pytest

from agent.detect.kernels.debounce import CHANGED
from agent.detect.watch import UnitDetectors


class Call(NamedTuple):
    """The arguments of `judge_unit`."""

    t_s: float
    dt_s: float
    counted_s: float
    blind_s: float
    told_s: float
    hot_degc: float
    sizes: tuple[int, ...]
    at: tuple[int, int, int]
    judges: tuple[int, int, int]


class StandIn:
    """In place of `judge_unit`, for as long as the test runs. changes: (member, channel, tier) of the next
    frame of `of`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agent.detect.watch.judge_unit", self)
        self.calls: list[Call] = []
        self.of: UnitDetectors | None = None
        self.changes: list[tuple[str, int, int]] = []

    def __call__(self, *arguments: object) -> int:
        self.calls.append(Call(*arguments))  # type: ignore[arg-type]
        changes, self.changes = self.changes, []
        for member, channel, tier in changes:
            assert self.of is not None
            (judge,) = (judge for judge in self.of._judges if judge.member == member)
            judge.delays.tier[channel] = tier | CHANGED
        return len(changes)
