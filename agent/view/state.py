"""How a unit or a cell is seen, in a word: one table of the words, and one function that chooses among them.

LEARNING stands beside LIVE: what was just begun detects at once what needs no past, and not yet what does.
PARTIAL says what it lacks. Neither is called normal without a word of it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from agent.detect.knowledge import SEEN, Knowledge
from agent.view import words
from agent.view.language import tr
from agent.view.sayings import say

Record = Mapping[str, Any]

LEARNING = "LEARNING"
#: All words that `State.word` has, worst last.
WORDS = (str(Knowledge.LIVE), LEARNING, *(str(one) for one in Knowledge if one is not Knowledge.LIVE))
NO_LOSS = ("good", "missing", "stale")  # qualities: no sensor is there, or it is not its turn
#: The knowledge of a cell, by the `sight` of its box.
OF_CELL = {"live": Knowledge.LIVE, "stale": Knowledge.STALE, "none": Knowledge.BLIND}
NAMED = 3  # units in one sentence


class Later(NamedTuple):
    """What is not detected yet while values of a kind are learned: a saying, and by which detectors."""

    what: str
    detectors: tuple[str, ...]


#: By the kind of value, as the status has it. Everything else is detected from the first reading on.
LATER = {
    "temperature": Later("slow-heating", ("thermal-slope", "cooling")),
    "voltage": Later("small-deviations", ("cell-drift", "cell-imbalance")),
}


class State(NamedTuple):
    """How something is seen. until: a clock time, until which it learns; "": it does not."""

    knowledge: str
    until: str = ""

    @property
    def word(self) -> str:
        """One word for it."""
        return LEARNING if self.until and self.knowledge == Knowledge.LIVE else self.knowledge

    @property
    def text(self) -> str:
        """The words for it: "LIVE, LEARNING until 21:20"."""
        known = tr(self.knowledge)
        return say("learning", knowledge=known, until=self.until) if self.until else known


def state(knowledge: str, left_s: float, now: datetime) -> State:
    """Return the state of a unit, a cell or a site. left_s: for how long it learns still; 0: it does not."""
    return State(knowledge, until(left_s, now) if left_s and knowledge in SEEN else "")


def of_unit(unit: Record, now: datetime) -> State:
    """Return the state of a unit of the status."""
    return state(unit["knowledge"], max(left_of(unit).values(), default=0.0), now)


def of_cell(box: Record, now: datetime) -> State:
    """Return the state of a box of the map."""
    if box["absent"]:
        return State(say("no-sensor"))
    return state(OF_CELL[box["sight"]], box["left_s"], now)


def left_of(unit: Record) -> dict[str, float]:
    """Return for how long each kind of value of a unit that is seen is learned still, s; only what is."""
    kinds = (unit.get("detectors") or {}).get("kinds", {}) if unit["knowledge"] in SEEN else {}
    return {kind: said["left_s"] for kind, said in kinds.items() if said["learning"]}


def heat_unmeasured(unit: Record) -> bool:
    """Whether a unit that is seen tells voltages of cells and no temperature: no heat is detected there."""
    if unit["knowledge"] not in SEEN:
        return False
    kinds = (unit.get("detectors") or {}).get("kinds", {})
    told = {kind: said["judged"] + said["learning"] + said["blind"] for kind, said in kinds.items()}
    return bool(told.get("voltage")) and not told.get("temperature", 1)


def later(units: Iterable[Record], now: datetime) -> str:
    """Return what is detected already in units that learn, and what not yet; "": none learns."""
    left_s: dict[str, float] = {}
    for unit in units:
        for kind, of in left_of(unit).items():
            left_s[kind] = max(of, left_s.get(kind, 0.0))
    parts = [
        say("later", what=say(LATER[kind].what), until=until(of, now), by=", ".join(LATER[kind].detectors))
        for kind, of in left_s.items()
    ]
    return say("detected", later=", ".join(parts)) if parts else ""


def learning_line(unit: Record, now: datetime) -> str:
    """Return until when a unit learns, what it detects later, and what it began with; "": it has learned."""
    said = later([unit], now)
    began = tr(unit["detectors"]["said"]) if said else ""
    return say("learning-line", state=of_unit(unit, now).text, later=said, began=began) if said else ""


def until(left_s: float, now: datetime) -> str:
    """Return when something is learned, as a clock time: to five minutes, and never sooner than it is."""
    step_s = 300.0 if left_s > 600.0 else 60.0
    end_s = (now + timedelta(seconds=left_s)).timestamp()
    return words.minute(datetime.fromtimestamp(step_s * math.ceil(end_s / step_s), now.tzinfo), now)


def watched(unit: Record) -> bool:
    """Whether a unit has a value that is judged; in the status of an older agent, always."""
    return bool(unit.get("watched", True))


def unlimited(unit: Record) -> str:
    """Return why the voltages of a unit have no limit, in words; "": they have one."""
    return tr(str((unit.get("limits") or {}).get("unknown", "")))


def unset(unit: Record) -> list[str]:
    """Return what a unit lacks until somebody sees to it."""
    if not watched(unit):
        return [say("unwatched")]
    empty = [say("empty", what=", ".join(unit["empty"]))] if unit.get("empty") else []
    return [*empty, *filter(None, [unlimited(unit)])]


def lacks(unit: Record) -> list[str]:
    """Return what a unit lacks that is PARTIAL; none where it is not."""
    if unit["knowledge"] != Knowledge.PARTIAL:
        return []
    return [*unset(unit), *_lost(unit.get("qualities") or {})] or [say("unprovable")]


def _lost(qualities: Mapping[str, int]) -> list[str]:
    lost = {name: count for name, count in qualities.items() if name not in NO_LOSS}
    if not lost:
        return []
    of = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in lost.items())
    return [say("lost-values", lost=sum(lost.values()), all=sum(qualities.values()), of=of)]


def named(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    first, more = ", ".join(names[:NAMED]), len(names) - NAMED
    return say("several", names=first, more=more) if more > 0 else first
