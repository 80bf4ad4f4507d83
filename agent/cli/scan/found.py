"""What a scan has found at one unit id: what came, which profiles fit, and how that is said in one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.message import Message, joined
from agent.modbus.survey.match import Match, Sureness, sureness
from agent.modbus.survey.presence import Presence
from agent.modbus.verdict import Verdict
from agent.transport.row import Endpoint


@dataclass
class FoundUnit:
    """A unit that was found, and what it seems to be."""

    endpoint: Endpoint
    found: Presence
    matches: list[Match] = field(default_factory=list)
    identified: bool = False  # whether profiles were held against it; else `matches` says nothing
    same_for_any_id: bool = False
    one_value: int | None = None  # what every register of it says
    also: list[int] = field(default_factory=list)  # ids at which the same came

    @property
    def reading(self) -> Message:
        """What it is, in words."""
        came = self.found.answer.came
        if not self.found.heard:
            if self.also:
                ids = runs(self.also)
                return Message("{code} {came} (ids {ids} likewise)", code=came.code, came=came.words, ids=ids)
            return joined(" ", [came.code, came.words])
        if self.found.verdict in (Verdict.BUSY, Verdict.FAILED) and not self.matches:
            return joined(" ", [came.code, came.words])
        if not self.identified:
            return Message("a device is there; not identified yet")
        sure = sureness(self.matches)
        if self.one_value is not None:
            return Message(
                "a device is there; every register of it is {value}, as of no battery (CW-212)",
                value=self.one_value,
            )
        if sure == Sureness.NOT_RECOGNISED:
            return Message("a device is there; no profile fits (CW-212)")
        best = self.matches[0]
        return Message(
            "{sure}: {profile} ({n} of {all} marks)",
            sure=Message(str(sure)),
            profile=best.profile.model,
            n=best.holding,
            all=len(best.marks),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        reply = self.found.answer.reply
        return {
            "endpoint": str(self.endpoint),
            "unit_id": self.found.unit_id,
            "line": str(self.found.line) if self.found.line else None,
            "answer": self.found.words,
            "exception_code": reply.exception_code,
            "came": None if self.found.verdict is Verdict.SOUND else self.found.answer.came.as_json(),
            "also": self.also,
            "one_value": self.one_value,
            "response_s": self.found.answer.response_s,
            "any_id": self.same_for_any_id,
            "sureness": sureness(self.matches) if self.identified else "not identified yet",
            "profiles": [
                {
                    "profile": match.profile.model,
                    "marks": [{"says": mark.says, "holds": mark.holds} for mark in match.marks],
                    "identity": dict(match.layout.identity) if match.layout else {},
                }
                for match in self.matches
            ],
        }


def folded(units: list[FoundUnit]) -> list[FoundUnit]:
    """Return units without those that another one answers for: one row says it of all."""
    kept: list[FoundUnit] = []
    heard = {(str(unit.endpoint), unit.found.unit_id) for unit in units if unit.found.heard}
    rows: dict[tuple[str, int | None, int], FoundUnit] = {}
    for unit in units:
        where, unit_id, other = str(unit.endpoint), unit.found.unit_id, unit.found.answer.came.unit_id
        if not unit.found.heard and (where, unit_id) in heard:
            continue  # at another line setting it was heard
        first = unit
        if not unit.found.heard:
            first = rows.setdefault((where, other, unit_id if other is None else 0), unit)
        if first is unit:
            kept.append(unit)
        elif unit_id not in (first.found.unit_id, *first.also):
            first.also.append(unit_id)
    return kept


def runs(ids: Sequence[int]) -> str:
    """Return unit ids as "1-32, 255"."""
    runs: list[list[int]] = []
    for number in sorted(ids):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
