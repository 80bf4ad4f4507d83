"""What setup has been told so far, kept between its steps."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent.cli.common.files import replace_json


@dataclass
class ChosenUnit:
    """A unit that is to be polled; `line` is "" on TCP."""

    endpoint: str
    unit_id: int
    profile: str
    line: str = ""
    label: str = ""
    chemistry: str = ""  # as somebody said it; "" nobody knows
    timeout_s: float = 0.0  # from what was measured here, where the profile's would miss the deadline
    kept: bool = False  # polled so already: neither tested again nor given another period or time-out
    more: dict[str, Any] = field(default_factory=dict)  # further keys of its [[unit]]

    @property
    def station(self) -> str:
        """Where it is, in words."""
        return f"{self.endpoint} id {self.unit_id}"


@dataclass
class Draft:
    """The answers. Saved after every step, so that a run that was stopped goes on where it was."""

    endpoints: list[str] = field(default_factory=list)  # as they were named: a network is one
    units: list[ChosenUnit] = field(default_factory=list)
    tested: bool = False
    upstream: str = ""
    upstream_more: dict[str, Any] = field(default_factory=dict)  # further keys of [upstream]
    agent: str = ""  # "" as it is, or the host's name
    site: str = ""  # "" as it is
    period_s: float = 1.0
    panel: dict[str, dict[str, Any]] = field(default_factory=dict)  # what the unit's own panel shows
    proposed: dict[str, str] = field(default_factory=dict)  # answers that are to be given again, by question
    plate: dict[str, str] = field(default_factory=dict)  # whether serial and firmware stand on it, too

    @property
    def step(self) -> int:
        """The first step that is open, 1 to 6."""
        done = (self.endpoints, self.units, self.tested, all(u.label for u in self.units), self.upstream)
        return next((number for number, each in enumerate(done, 1) if not each), 6)

    def reopen(self, step: int) -> None:
        """Make a step the first that is open: the answers to it and after it become proposals."""
        if step <= 5:
            self.proposed |= {"upstream": self.upstream, "site": self.site}
            self.upstream = self.site = ""
        if step <= 4:
            self.proposed |= {unit.station: unit.label for unit in self.units if unit.label}
            for unit in self.units:
                unit.label = unit.chemistry = ""
            self.plate = {}
        if step <= 3:
            self.tested = False
        if step <= 2:
            self.units = []
        if step <= 1:
            self.proposed["where"] = " ".join(self.endpoints)
            self.endpoints = []
        self.proposed = {question: answer for question, answer in self.proposed.items() if answer}

    def save(self, path: Path) -> None:
        """Replace the file whole. OSError."""
        replace_json(path, asdict(self))

    @classmethod
    def resume(cls, path: Path) -> "Draft":
        """Return what an earlier run was told; an empty one where there is none that can be used."""
        try:
            told = json.loads(path.read_text())
            return cls(**{**told, "units": [ChosenUnit(**unit) for unit in told["units"]]})
        except (OSError, ValueError, TypeError, KeyError):
            return cls()
