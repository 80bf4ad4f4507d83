"""The parts of a replay, wherever recorded: each is judged by detectors of its own, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.first_days import FirstDays
from agent.detect.reported import Saying
from agent.detect.settings import Settings
from agent.detect.unit import JudgedLayout
from agent.replay.sayings import Sayings
from agent.replay.table import Column


@dataclass(frozen=True, slots=True)
class JudgedChannel:
    """One judged value: `place` is what alarms call it, `step` the SI size of one register step."""

    place: str
    quantity: str
    step: float


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames (n) of m values: `t_s` (n,), `said` (n,) the recording's own times, the rest (n, m)."""

    t_s: Floats
    said: Column
    raw: Ints
    quality: Codes
    si: Floats


class Part(Protocol):
    """The frames of one group or unit, without a break that detectors could not follow."""

    @property
    def group(self) -> str:
        """The name that tells its alarms from those of other parts; "" where there is one part only."""

    @property
    def channels(self) -> Sequence[JudgedChannel]:
        """Per value of a frame."""

    @property
    def layout(self) -> JudgedLayout:
        """The layout of the values, for the detectors."""

    @property
    def period_s(self) -> float:
        """How often frames are meant to come."""

    @property
    def settings(self) -> Settings:
        """How it is judged."""

    @property
    def first_days(self) -> FirstDays | None:
        """Those of the unit, of which an agent would have known; None: of none."""

    def frames(self) -> Iterator[Frames]:
        """Give all frames, once, in the order of time."""

    def around(self, first_s: float, last_s: float) -> tuple[Floats, Floats]:
        """Return times (n,) and SI values (n, m) in [first_s, last_s], for a plot."""


class PlainLayout:
    """What is known of values whose channels are all that is known: see `agent.detect.unit.JudgedLayout`."""

    def __init__(self, channels: Sequence[JudgedChannel]) -> None:
        n = len(channels)
        self.places: Sequence[str] = [c.place for c in channels]
        self.quantities: Sequence[str] = [c.quantity for c in channels]
        self.resolution: Floats = np.array([c.step for c in channels])
        self.limits: Floats = np.tile((-np.inf, np.inf), (n, 3, 1))
        self.changes_within_s: Floats = np.full(n, np.inf)
        self.say(Sayings((), {}, {}))

    def say(self, sayings: Sayings) -> None:
        """Let a unit report these alarms of its own."""
        self.sayings: Sequence[Saying] = sayings.all
        self._standing = sayings.standing

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[Saying]:
        """Return the alarms of a unit's own that a frame reports."""
        return self._standing(raw, quality)
