"""What setup has been told so far, kept between its steps; and the agent.toml that follows from it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent.cli.common.files import replace_json
from agent.transport.table import parse


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


@dataclass
class Draft:
    """The answers. Saved after every step, so that a run that was stopped goes on where it was."""

    endpoints: list[str] = field(default_factory=list)
    units: list[ChosenUnit] = field(default_factory=list)
    tested: bool = False
    upstream: str = ""
    period_s: float = 1.0
    panel: dict[str, dict[str, Any]] = field(default_factory=dict)  # what the unit's own panel shows
    plate: dict[str, str] = field(default_factory=dict)  # whether serial and firmware stand on it, too

    @property
    def step(self) -> int:
        """The first step that is open, 1 to 6."""
        done = (self.endpoints, self.units, self.tested, all(u.label for u in self.units), self.upstream)
        return next((number for number, each in enumerate(done, 1) if not each), 6)

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


def toml_of(draft: Draft, config: Path, agent: str | None = None) -> str:
    """Return agent.toml: a bus per endpoint, a unit per label; what is not said stays with its default."""
    lines = ["# Written by cellwarden setup. Every key: docs/operations.md; check: cellwarden check"]
    if agent:
        lines += ["[agent]", f"id = {json.dumps(agent)}"]
    if not config.is_absolute() or config.parent != Path("/etc/cellwarden"):
        # away from its usual place: everything of this agent stays beside its file
        lines += ["[store]", 'path = "buffer.db"', "[control]", 'socket = "control.sock"']
    lines += ["[upstream]", f"url = {json.dumps(draft.upstream)}"]
    names = {endpoint: f"bus-{n}" for n, endpoint in enumerate(draft.endpoints, 1)}
    for endpoint, name in names.items():
        on_it = [unit for unit in draft.units if unit.endpoint == endpoint]
        if on_it:
            lines += ["", "[[bus]]", f'name = "{name}"', *_bus(endpoint, on_it[0].line)]
    for unit in draft.units:
        lines += ["", "[[unit]]", f"name = {json.dumps(unit.label)}", f'bus = "{names[unit.endpoint]}"']
        lines += [f"unit_id = {unit.unit_id}", f"profile = {json.dumps(unit.profile)}"]
        lines += [f"period_s = {draft.period_s:g}"]
        lines += [f'chemistry = "{unit.chemistry}"'] if unit.chemistry else []
        if unit.timeout_s:
            lines += [
                f"timeout_s = {unit.timeout_s:g}  # from its answers here; its profile's would be too long"
            ]
    return "\n".join(lines) + "\n"


def _bus(text: str, setting: str) -> list[str]:
    (endpoint,) = parse(text)
    return endpoint.bus_keys(setting)
