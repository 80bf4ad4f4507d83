"""Everything that judges the frames of one unit, in the order in which it may; agent and bench share it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agent.detect.alarms import AlarmEvent
from agent.detect.book import AlarmBook
from agent.detect.channels import Codes, Floats, Ints
from agent.detect.liveness import Liveness
from agent.detect.reported import Reported
from agent.detect.settings import Settings
from agent.detect.watch import RackWatch


class Described(Protocol):
    """What is known of the values of a unit's frame (see `drivers.layout.Layout`)."""

    @property
    def places(self) -> Sequence[str]:
        """Per value."""

    @property
    def quantities(self) -> Sequence[str]:
        """Per value."""

    @property
    def resolution(self) -> Floats:
        """SI size of one register step, per value."""

    @property
    def limits(self) -> Floats:
        """The profile's limits (n, 3, 2), innermost tier first, infinite where it gives none."""

    @property
    def changes_within_s(self) -> Floats:
        """The time in which a heartbeat must move, infinite for all others."""

    @property
    def speaking(self) -> npt.NDArray[np.intp]:
        """The values that can say an alarm of the unit's own."""

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[tuple[int, str, str]]:
        """Return the alarms that the unit itself reports: value index, severity, text."""


class UnitJudges:
    """The detectors of one unit, what it reports itself, and whether it lives.

    A frame goes through `mark` first, which takes what is frozen from what is good, and then through `judge`.
    """

    def __init__(self, values: Described, period_s: float, settings: Settings | None = None) -> None:
        places, quantities = values.places, values.quantities
        self.liveness = Liveness(places, quantities, values.changes_within_s, period_s)
        self.reported = Reported(places, quantities, values.speaking, values.alarms)
        settings = (settings or Settings()).or_of_profile(quantities, values.limits)
        self.watch = RackWatch(places, quantities, values.resolution, period_s, settings)

    @property
    def books(self) -> Mapping[str, AlarmBook]:
        """The alarms of each judge."""
        return {
            "detectors": self.watch.book,
            "reported": self.reported.book,
            "liveness": self.liveness.book,
        }

    def mark(self, t_s: float, raw: Ints, quality: Codes) -> list[AlarmEvent]:
        """Judge whether the unit lives; in `quality` GOOD becomes FROZEN where it provably does not."""
        return self.liveness.judge(t_s, raw, quality)

    def judge(self, t_s: float, raw: Ints, si: Floats, quality: Codes) -> list[AlarmEvent]:
        """Judge a marked frame; `si` holds its values in SI units, NaN where they are not good."""
        return [*self.reported.judge(t_s, raw, quality), *self.watch.judge(t_s, si, quality)]
