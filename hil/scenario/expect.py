"""What a scenario expects: one class for each kind, which says whether the evidence bears it out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from agent.detect.knowledge import Knowledge
from agent.detect.rows import ROWS
from agent.detect.table import TIERS
from agent.quality import Quality
from hil.scenario.evidence import Evidence, RaisedAlarm

Severity = Literal["advice", "warning", "critical"]
FromZero = Annotated[float, Field(ge=0)]
THERMAL = ("thermal-slope", "thermal-rate", "thermal-onset", "last-resort", "sudden-heat")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One expectation and what became of it; `held` None: this way of running could not show it."""

    expected: str
    held: bool | None
    seen: str
    kind: str


class _Expect(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def detectors_named(self) -> tuple[str, ...]:
        """The detectors that the table names."""
        return ()


class AlarmExpect(_Expect):
    """An alarm is raised, at least this severe, at this place, after `after_s` and no later than `by_s`.

    `place` is one of the bench's: a cell, or a module or string that holds it; "" is anywhere in the unit.
    """

    kind: Literal["alarm"]
    unit: str
    place: str = ""
    detector: str = ""
    severity: Severity = "advice"
    after_s: FromZero = 0.0
    by_s: FromZero

    def fits(self, alarm: RaisedAlarm) -> bool:
        """Whether it is this alarm, at whatever time."""
        return alarm.unit == self.unit and alarm.at(self.place) and self.detector in ("", alarm.detector)

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Look for it."""
        what = " ".join(x for x in (self.severity, self.detector, "alarm at", self.unit, self.place) if x)
        expected = f"{what} between {clock(self.after_s)} and {clock(self.by_s)}"
        rank = TIERS.index(self.severity)
        found = [a for a in evidence.alarms if self.fits(a) and TIERS.index(a.severity) >= rank]
        in_time = [a for a in found if self.after_s <= a.t_s <= self.by_s]
        if in_time:
            first = min(in_time, key=lambda a: a.t_s)
            since = f", {clock(first.t_s - self.after_s)} after" if self.after_s else ""
            return ExpectationResult(expected, True, f"at {clock(first.t_s)}{since}: {first.text}", self.kind)
        others = f"; raised at {', '.join(clock(a.t_s) for a in found[:3])} instead" if found else ""
        return ExpectationResult(expected, False, f"there was none{others}", self.kind)

    def detectors_named(self) -> tuple[str, ...]:
        """The one it names."""
        return (self.detector,) if self.detector else ()


class QuietExpect(_Expect):
    """No alarm of at least this severity, apart from those that an alarm expectation of this file fits.

    Of all units, or of one; of all detectors, or of those that are named ("thermal": all that mean heat).
    """

    kind: Literal["quiet"]
    unit: str = ""
    detectors: tuple[str, ...] = ()
    severity: Severity = "advice"
    from_s: FromZero = 0.0
    until_s: FromZero = math.inf

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Look for what should not be."""
        named = [d for name in self.detectors for d in (THERMAL if name == "thermal" else (name,))]
        rank = TIERS.index(self.severity)
        allowed = [e for e in expects if isinstance(e, AlarmExpect)]
        wrong = [
            alarm
            for alarm in evidence.alarms
            if self.unit in ("", alarm.unit)
            and (not named or alarm.detector in named)
            and TIERS.index(alarm.severity) >= rank
            and self.from_s <= alarm.t_s <= self.until_s
            and not any(e.fits(alarm) for e in allowed)
        ]
        what = f"no {'' if self.severity == 'advice' else self.severity + ' '}alarm"
        by = f" by {', '.join(self.detectors)}" if self.detectors else ""
        where = f" at {self.unit}" if self.unit else ""
        when = f" from {clock(self.from_s)}" if self.from_s else ""
        when += f" until {clock(self.until_s)}" if self.until_s < math.inf else ""
        elsewhere = " apart from those expected" if allowed else ""
        expected = f"{what}{by}{where}{when}{elsewhere}"
        if not wrong:
            return ExpectationResult(expected, True, "none", self.kind)
        told = "; ".join(f"{clock(a.t_s)} {a.unit} {a.severity} {a.text}" for a in wrong[:3])
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return ExpectationResult(expected, False, told + more, self.kind)

    def detectors_named(self) -> tuple[str, ...]:
        """All but the shorthand."""
        return tuple(d for d in self.detectors if d != "thermal")


class QualityExpect(_Expect):
    """At least `share` of a unit's values (at a place of its profile, of a quantity) have this quality.

    Or one of several.
    """

    kind: Literal["quality"]
    unit: str
    quality: str | tuple[str, ...]
    place: str = ""
    quantity: str = ""
    from_s: FromZero = 0.0
    until_s: FromZero = math.inf
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def qualities(self) -> tuple[str, ...]:
        """The qualities that fit."""
        return (self.quality,) if isinstance(self.quality, str) else self.quality

    @property
    def codes(self) -> list[int]:
        """Their numbers."""
        return [int(Quality[name.upper()]) for name in self.qualities]

    def columns(self, places: Sequence[str], quantities: Sequence[str]) -> NDArray[np.intp]:
        """Which of the unit's values are meant."""
        fits = [
            (not self.place or p == self.place or p.startswith(self.place + "/")) and self.quantity in ("", q)
            for p, q in zip(places, quantities, strict=True)
        ]
        return np.flatnonzero(fits)

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Compare with what was counted."""
        fit, values = evidence.counts[id(self)]
        what = " ".join(x for x in (self.unit, self.place, self.quantity) if x)
        until = "the end" if self.until_s == math.inf else clock(self.until_s)
        expected = (
            f"{what}: {self.share:.0%} {' or '.join(self.qualities)} from {clock(self.from_s)} to {until}"
        )
        if not values:
            return ExpectationResult(expected, False, "no values came in that time", self.kind)
        return ExpectationResult(
            expected, fit >= self.share * values, f"{fit / values:.1%} of {values} values", self.kind
        )


class KnowledgeExpect(_Expect):
    """The agent says this of a unit (LIVE, PARTIAL, STALE, BLIND, NEVER) after `after_s`, by `by_s`."""

    kind: Literal["knowledge"]
    unit: str
    word: Knowledge
    after_s: FromZero = 0.0
    by_s: FromZero

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Look for the word."""
        expected = f"{self.unit} is {self.word} between {clock(self.after_s)} and {clock(self.by_s)}"
        if evidence.way == "direct":
            return ExpectationResult(expected, None, "only a running agent says it", self.kind)
        said = [(t, word) for t, unit, word in evidence.knowledge if unit == self.unit]
        times = [t for t, word in said if word == self.word and self.after_s <= t <= self.by_s]
        before = [word for t, word in said if t <= self.after_s]
        if times or (before and before[-1] == self.word):
            seen = f"at {clock(times[0] if times else self.after_s)}"
            return ExpectationResult(expected, True, seen, self.kind)
        told = ", ".join(f"{word} at {clock(t)}" for t, word in said[:6]) or "nothing was said"
        return ExpectationResult(expected, False, told, self.kind)


class DeliveredExpect(_Expect):
    """Nothing is lost: every frame that the agent made is at the collector, and no batch was dropped."""

    kind: Literal["delivered"]

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Hold both ends' accounts against each other."""
        expected = "nothing is lost between agent and collector"
        if evidence.way == "direct":
            return ExpectationResult(expected, None, "there is no collector in process", self.kind)
        a = evidence.account
        held = a["pending"] == a["dropped"] == 0 and a["frames"] == a["collector_frames"] > 0
        seen = (
            f"{a['frames']} frames made, {a['collector_frames']} at the collector;"
            f" {a['sealed']} batches sealed, {a['acknowledged']} acknowledged,"
            f" {a['pending']} pending, {a['dropped']} dropped"
        )
        return ExpectationResult(expected, held, seen, self.kind)


class FramesExpect(_Expect):
    """A unit's frames are at the collector from one time to another; none lacks for longer than `gap_s`."""

    kind: Literal["frames"]
    unit: str
    from_s: FromZero = 0.0
    until_s: FromZero
    gap_s: Annotated[float, Field(gt=0)]

    def check(self, evidence: Evidence, expects: "Sequence[Expect]") -> ExpectationResult:
        """Look at the times of the frames."""
        trace = evidence.traces.get(self.unit)
        t_s = np.sort(trace.t_s) if trace else np.empty(0)
        expected = (
            f"frames of {self.unit} from {clock(self.from_s)} to {clock(self.until_s)},"
            f" none {clock(self.gap_s)} after the last"
        )
        within = t_s[(t_s >= self.from_s) & (t_s <= self.until_s)]
        longest_s = float(np.diff([self.from_s, *within, self.until_s]).max())
        last = f"the last frame is of {t_s[-1]:.1f} s" if len(t_s) else "there is no frame"
        seen = f"{last}; {len(within)} within, the longest gap {longest_s:.1f} s"
        return ExpectationResult(expected, longest_s <= self.gap_s, seen, self.kind)


Expect = AlarmExpect | QuietExpect | QualityExpect | KnowledgeExpect | DeliveredExpect | FramesExpect
AnyExpect = Annotated[Expect, Field(discriminator="kind")]
EXPECTATIONS = ("alarm", "quiet", "quality", "knowledge", "delivered", "frames")


def known_detectors() -> set[str]:
    """Every detector there is."""
    return {row.detector for row in ROWS}


def clock(t_s: float) -> str:
    """A time of a scenario as people say it: 90 s, 12 min 30 s, 3 h 05 min, 2 d 04 h."""
    if not math.isfinite(t_s):
        return "the end"
    if t_s < 120:
        return f"{t_s:.3g} s"
    minutes, seconds = divmod(round(t_s), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {seconds} s" if seconds else "")
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h" + (f" {minutes:02} min" if minutes else "")
    days, hours = divmod(hours, 24)
    return f"{days} d" + (f" {hours:02} h" if hours else "")
