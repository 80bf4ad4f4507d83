"""What a commissioning report says, as data: kept beside the page, so that the next one can be compared."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent.cli.common.files import replace_json
from agent.detect.knowledge import SEEN
from agent.detect.places import EXTREMES

QUANTITIES = ("cell_voltage", "cell_temperature", "module_temperature", "voltage", "current", "alarm_bits")
SEEN_OR_NOT_ASKED = {*SEEN, ""}
SENSORS = ("cell_temperature", "module_temperature")


@dataclass(frozen=True, slots=True)
class UnitReading:
    """One unit as it was read: a mapping per value (`place`, `quantity`, `quality`, `value`), and who it says
    it is. `took_s`: of one whole reading. `intervals`, `knowledge`: as the agent's status has them; None and
    "" where no agent was asked.
    """

    values: Sequence[Mapping[str, Any]]
    identity: Mapping[str, str | int | float]
    took_s: float = 0.0
    intervals: Mapping[str, Any] | None = None
    knowledge: str = ""

    def count(self, quality: str) -> int:
        """Return how many values have a quality."""
        return sum(value["quality"] == quality for value in self.values)

    def pack_v(self) -> float | None:
        """Return the voltage of the whole, as the unit says."""
        said = [v["value"] for v in self.values if v["quantity"] == "voltage" and v["value"] is not None]
        return float(said[0]) if said else None

    def coverage(self) -> list[tuple[str, int, int]]:
        """Return of each module (or "whole unit") its cell voltages and temperatures that were read."""
        cells: Counter[str] = Counter()
        sensors: Counter[str] = Counter()
        for value in self.values:
            if value["quality"] == "good":
                module = value["place"].rpartition("/")[0] or "whole unit"
                cells[module] += value["quantity"] == "cell_voltage"
                sensors[module] += value["quantity"] in SENSORS
        seen = (module for module in cells if cells[module] or sensors[module])
        return [(module, cells[module], sensors[module]) for module in seen]

    def tells_cells(self) -> bool:
        """Return whether it tells a voltage of its cells: of each, or of the highest or the lowest."""
        good = (value["quantity"] for value in self.values if value["quality"] == "good")
        return any(EXTREMES.get(quantity, quantity) == "cell_voltage" for quantity in good)

    def unseen(self) -> list[str]:
        """Return what nobody can see of this unit."""
        have = Counter(value["quantity"] for value in self.values if value["quality"] == "good")
        gaps = [f"no {quantity.replace('_', ' ')}" for quantity in QUANTITIES if not have[quantity]]
        for module, cells, sensors in self.coverage():
            if cells > sensors:
                gaps.append(f"{module}: {cells - sensors} of {cells} cells have no temperature of their own")
        return gaps


SAME = "the same"


@dataclass
class UnitRecord:
    """One unit on the report.

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

    @classmethod
    def of(cls, label: str, where: str, profile: str, period_s: float, sight: UnitReading) -> "UnitRecord":
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
        )

    def findings(self) -> list[str]:
        """Return what is not as it should be of it, a line each."""
        found = []
        intervals = self.intervals or {"misses": 0, "deadline_s": 0}
        if self.knowledge not in SEEN_OR_NOT_ASKED:
            found.append(f"{self.knowledge}: it may be in any state")
        if intervals["misses"]:
            found.append(f"{intervals['misses']} intervals longer than {intervals['deadline_s']:g} s")
        if self.before:
            found.append("another unit than on the last report")
        if self.plate not in ("", SAME):
            found.append("its plate says otherwise")
        return found


def _of_test(test: dict[str, Any] | None) -> list[str]:
    """Return what did not come of the test alarm."""
    if test is None:
        return ["no test alarm was raised"]
    found = []
    if not test["collectors"] or any(test["trouble"].values()):
        found.append("the collector has not acknowledged the test alarm: cellwarden doctor")
    if not test["acknowledged"]:
        found.append("nobody has acknowledged the test alarm: cellwarden alarm ack :test:")
    if test["outputs"].startswith("NOT"):
        found.append("the outputs were not seen to act")
    return found


@dataclass
class Record:
    """The whole report. `test`: the test alarm, as the control socket tells of it, and what a person saw of
    it; None: not raised yet.
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

    def remember(self, last: "Record | None") -> None:
        """Take over what was compared by a person, of each unit that still is the same one."""
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
        """Return what is not as it should be, a line each."""
        found = [f"{unit.label}: {finding}" for unit in self.units for finding in unit.findings()]
        for one, other, serial in self.twins():
            found.append(f"{one} and {other} both say serial {serial}: one unit, found twice?")
        return [*found, *_of_test(self.test)]

    def save(self, path: Path) -> None:
        """Replace the file whole: the next report is compared with it. OSError."""
        replace_json(path, asdict(self))

    @classmethod
    def last(cls, path: Path) -> "Record | None":
        """Return what was written there; None where it cannot be read."""
        try:
            told = json.loads(path.read_text())
            return cls(**{**told, "units": [UnitRecord(**unit) for unit in told["units"]]})
        except (OSError, ValueError, TypeError, KeyError):
            return None
