"""What a commissioning report says, as data: kept beside the page, so that the next one can be compared."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agent.cli.common.files import replace_json
from agent.cli.common.in_force import Limit
from agent.cli.report.commissioning.shown import Shown, Value
from agent.detect.knowledge import SEEN
from agent.detect.places import EXTREMES, TEMPERATURES
from agent.message import Message
from agent.view.language import recorded
from agent.view.words import place

QUANTITIES = ("cell_voltage", "cell_temperature", "module_temperature", "voltage", "current", "alarm_bits")
SEEN_OR_NOT_ASKED = {*SEEN, ""}
SENSORS = ("cell_temperature", "module_temperature")
NAMED = 5  # units in one line
#: By whether it tells a temperature, and a current.
BLIND = {
    (False, False): "no temperature and no current",
    (False, True): "no temperature",
    (True, False): "no current",
    (True, True): "",
}


@dataclass(frozen=True, slots=True)
class UnitReading:
    """One unit as it was read: a mapping per value (`place`, `quantity`, `quality`, `value`), and who it says
    it is. `took_s`: of one whole reading. `intervals`, `knowledge`, `learning`: as the agent's status has
    them; None and "" where no agent was asked. `hour`: what the agent's buffer has of it.
    """

    values: Sequence[Mapping[str, Any]]
    identity: Mapping[str, str | int | float]
    took_s: float = 0.0
    intervals: Mapping[str, Any] | None = None
    knowledge: str = ""
    learning: str = ""
    hour: Shown | None = None

    def count(self, quality: str) -> int:
        """Return how many values have a quality."""
        return sum(value["quality"] == quality for value in self.values)

    def pack_v(self) -> float | None:
        """Return the voltage of the whole, as the unit says."""
        said = [v["value"] for v in self.values if v["quantity"] == "voltage" and v["value"] is not None]
        return float(said[0]) if said else None

    def shown(self) -> Shown:
        """Return what its values showed, in the last hour where that is known."""
        return self.hour or Shown.in_one_reading(self.values)

    def coverage(self) -> list[tuple[str, int, int]]:
        """Return of each module ("": the whole unit) its cell voltages and temperatures that were read."""
        cells: Counter[str] = Counter()
        sensors: Counter[str] = Counter()
        for value in self.values:
            if value["quality"] == "good":
                module = value["place"].rpartition("/")[0]
                cells[module] += value["quantity"] == "cell_voltage"
                sensors[module] += value["quantity"] in SENSORS
        seen = (module for module in cells if cells[module] or sensors[module])
        return [(module, cells[module], sensors[module]) for module in seen]

    def tells(self) -> set[str]:
        """Return the quantities that it tells: of each, or of the highest or the lowest."""
        good = (value["quantity"] for value in self.values if value["quality"] == "good")
        return {EXTREMES.get(quantity, quantity) for quantity in good}

    def tells_cells(self) -> bool:
        """Return whether it tells a voltage of its cells."""
        return "cell_voltage" in self.tells()

    def blind(self) -> str:
        """Return that neither temperature nor current, or which of them, is read of it; "": both are."""
        tells = self.tells()
        return Message(BLIND[not tells.isdisjoint(TEMPERATURES), "current" in tells])

    def unseen(self) -> list[str]:
        """Return what nobody can see of this unit."""
        have = Counter(value["quantity"] for value in self.values if value["quality"] == "good")
        gaps: list[str] = [
            Message("no {what}", what=Message(quantity.replace("_", " ")))
            for quantity in QUANTITIES
            if not have[quantity]
        ]
        for module, cells, sensors in self.coverage():
            if cells > sensors:
                gaps.append(
                    Message(
                        "{place}: {n} of {all} cells have no temperature of their own",
                        place=recorded(partial(place, module)),
                        n=cells - sensors,
                        all=cells,
                    )
                )
        return gaps


SAME = "the same"


@dataclass
class UnitRecord:
    """One unit on the report: `label` is its name, `title` that with what people call it.

    What a person compared: `panel` (`shown_v`, `said_v` and `when` of one moment), `plate` ("" not compared,
    SAME, or what its plate says otherwise). `before`: who the unit said it was on the last report, where that
    was another.
    """

    label: str
    where: str
    profile: str
    period_s: float
    identity: dict[str, str]
    said_v: float | None
    good: int
    absent: int
    values: int
    took_s: float
    coverage: list[tuple[str, int, int]]
    unseen: list[str]
    knowledge: str = ""
    intervals: dict[str, Any] | None = None
    panel: dict[str, Any] | None = None
    plate: str = ""
    before: dict[str, str] = field(default_factory=dict)
    blind: str = ""
    learning: str = ""
    shown: Shown | None = None
    title: str = ""

    @classmethod
    def of(
        cls, label: str, where: str, profile: str, period_s: float, sight: UnitReading, title: str = ""
    ) -> "UnitRecord":
        """Return what is known of a unit without a person."""
        return cls(
            label,
            where,
            profile,
            period_s,
            {key: str(said) for key, said in sight.identity.items()},
            sight.pack_v(),
            sight.count("good"),
            sight.count("missing"),
            len(sight.values),
            sight.took_s,
            sight.coverage(),
            sight.unseen(),
            sight.knowledge,
            dict(sight.intervals) if sight.intervals else None,
            blind=sight.blind(),
            learning=sight.learning,
            shown=sight.shown(),
            title=title,
        )

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "UnitRecord":
        """Return what `asdict` made of one. TypeError where it is another."""
        shown = told.get("shown")
        values = [Value(**value) for value in shown["values"]] if shown else []
        return cls(**{**told, "shown": Shown(**{**shown, "values": values}) if shown else None})

    def findings(self) -> list[str]:
        """Return what is not as it should be of it, a line each."""
        found: list[str] = []
        intervals = self.intervals or {"misses": 0, "deadline_s": 0}
        if self.knowledge not in SEEN_OR_NOT_ASKED:
            found.append(Message("{known}: it may be in any state", known=Message(self.knowledge)))
        elif self.blind:
            found.append(Message("{what} is read: cellwarden is blind to it", what=self.blind))
        if intervals["misses"]:
            misses, deadline_s = intervals["misses"], intervals["deadline_s"]
            found.append(Message("{n} intervals longer than {time:g} s", n=misses, time=deadline_s))
        if self.before:
            found.append(Message("another unit than on the last report"))
        if self.plate not in ("", SAME):
            found.append(Message("its plate says otherwise"))
        return found


def _of_test(test: dict[str, Any] | None) -> list[str]:
    """Return what did not come of the test alarm."""
    if test is None:
        return [Message("no test alarm was raised")]
    found: list[str] = []
    if not test["collectors"] or any(test["trouble"].values()):
        found.append(Message("the collector has not acknowledged the test alarm: cellwarden doctor"))
    if not test["acknowledged"]:
        found.append(Message("nobody has acknowledged the test alarm: cellwarden alarm ack :test:"))
    if test["outputs"].startswith("NOT"):
        found.append(Message("the outputs were not seen to act"))
    return found


@dataclass
class Record:
    """The whole report. `test`: the test alarm, as the control socket tells of it, and what a person saw of
    it; None: not raised yet. `wrong`: what is not as it should be of the box and its configuration, a line
    each; `uncovered`: failures that the relay would not show. `in_force`: the limits.
    """

    agent: str
    site: str
    version: str
    who: str
    when: str
    clock: str
    proof: str
    collector: str
    limits: str
    units: list[UnitRecord]
    test: dict[str, Any] | None = None
    address: str = ""
    wrong: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    in_force: list[Limit] = field(default_factory=list)

    def remember(self, last: "Record | None") -> None:
        """Take over what a person said: the address, and what was compared of each unit that still is the
        same one.
        """
        self.address = self.address or (last.address if last else "")
        for unit in self.units:
            then = next((each for each in last.units if each.label == unit.label), None) if last else None
            if then and unit.identity and then.identity and unit.identity != then.identity:
                unit.before = then.identity
            elif then:
                unit.panel, unit.plate = then.panel, then.plate

    def twins(self) -> list[tuple[str, str, str]]:
        """Return units that say the same serial number: label, label, serial. They may be one unit."""
        seen: dict[str, str] = {}
        found = []
        for unit in self.units:
            for key, said in unit.identity.items():
                if "serial" in key and said and (other := seen.setdefault(said, unit.label)) != unit.label:
                    found.append((other, unit.label, said))
        return found

    def findings(self) -> list[str]:
        """Return what is not as it should be, a line each: of units that share one, one line."""
        found = [
            *self.wrong,
            *by_units((unit.label, finding) for unit in self.units for finding in unit.findings()),
        ]
        for one, other, serial in self.twins():
            found.append(
                Message(
                    "{one} and {other} both say serial {serial}: one unit, found twice?",
                    one=one,
                    other=other,
                    serial=serial,
                )
            )
        return [*found, *_of_test(self.test)]

    def save(self, path: Path) -> None:
        """Replace the file whole: the next report is compared with it. OSError."""
        replace_json(path, asdict(self))

    @classmethod
    def last(cls, path: Path) -> "Record | None":
        """Return what was written there; None where it cannot be read."""
        try:
            told = json.loads(path.read_text())
            units = [UnitRecord.from_json(unit) for unit in told["units"]]
            limits = [Limit(**limit) for limit in told.get("in_force", ())]
            return cls(**{**told, "units": units, "in_force": limits})
        except (OSError, ValueError, TypeError, KeyError):
            return None


def by_units(said: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is said of units, as (label, what): a line for all units of which the same is said."""
    units: dict[str, list[str]] = defaultdict(list)
    for label, what in said:
        units[what].append(label)
    return [Message("{unit}: {why}", unit=named(labels), why=what) for what, labels in units.items()]


def named(labels: Sequence[str]) -> str:
    """Return some names of units, and how many more there are."""
    first, more = ", ".join(labels[:NAMED]), len(labels) - NAMED
    return Message("{names} and {more} more", names=first, more=more) if more > 0 else first
