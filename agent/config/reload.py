"""The difference of two configurations: buses that begin anew or go, tables that cannot change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.config.tables import Config
from drivers.profile.load import Profile

#: Tables whose change is applied; all others are read once, at the start.
REREAD = {"upstream", "detection", "bus", "unit"}
FIXED = tuple(name for name in Config.model_fields if name not in REREAD)


class ReloadRefused(Exception):
    """The file cannot be used, or not without a restart; the agent goes on with the old one."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Names of buses that are other than before, new, or gone; and those of upstreams, all in one."""

    changed: frozenset[str]
    added: frozenset[str]
    gone: frozenset[str]
    upstreams: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.gone or self.upstreams)

    def __str__(self) -> str:
        parts = {"changed": self.changed, "new": self.added, "gone": self.gone}
        said = [f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names]
        if self.upstreams:
            said.append(f"another upstream: {', '.join(sorted(self.upstreams))}")
        return "; ".join(said) or "nothing changed"


def change_of(
    old: Config, new: Config, old_profiles: Mapping[str, Profile], new_profiles: Mapping[str, Profile]
) -> ConfigChange:
    """Return what is different. Raises ReloadRefused where only a restart can apply it."""
    fixed = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    if fixed:
        tables = ", ".join(f"[{name}]" for name in fixed)
        raise ReloadRefused(f"a change of {tables} needs a restart: systemctl restart cellwarden")
    before, after = _buses(old, old_profiles), _buses(new, new_profiles)
    both = before.keys() & after.keys()
    return ConfigChange(
        changed=frozenset(name for name in both if before[name] != after[name]),
        added=frozenset(after.keys() - before.keys()),
        gone=frozenset(before.keys() - after.keys()),
        upstreams=frozenset(table.name for table in {*old.upstream} ^ {*new.upstream}),
    )


def _buses(config: Config, profiles: Mapping[str, Profile]) -> dict[str, object]:
    """Everything that a bus depends on, by its name."""
    return {
        bus.name: (
            bus,
            config.detection,
            [(unit, profiles[unit.profile].hash) for unit in config.unit if unit.bus == bus.name],
        )
        for bus in config.bus
    }
