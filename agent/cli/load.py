"""Load agent.toml and every profile it names, or say everything that is wrong with both."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from agent.cli.errors import Misuse
from agent.config import AgentTable, Config
from agent.config_file import ConfigError, load_config, tables
from drivers.profile import Profile, ProfileError, load_profile

SITE_PROFILES = Path("/etc/cellwarden/profiles.d")

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/cellwarden/agent.toml"),
    show_default=True,
    help="The agent's configuration file.",
)


def load(path: Path) -> tuple[Config, dict[str, Profile]]:
    """Return the checked configuration and its profiles by name. Raises Misuse (exit 2).

    A unit without a unit id has that of its profile: some batteries are found at 0.
    """
    try:
        config = load_config(path)
    except ConfigError as error:
        raise Misuse("\n".join([str(error), *_profile_problems(path, error.content)])) from error
    named = [(unit.name, unit.profile) for unit in config.unit]
    profiles, problems = _profiles(path, named, config.agent.profile_dirs)
    if problems:
        raise Misuse("\n".join(problems))
    units = [
        unit if "unit_id" in unit.model_fields_set else unit.model_copy(update={"unit_id": p.unit_id})
        for unit, p in ((unit, profiles[unit.profile]) for unit in config.unit)
    ]
    return config.model_copy(update={"unit": tuple(units)}), profiles


def _profiles(
    path: Path, named: Iterable[tuple[str, str]], folders: Sequence[Path]
) -> tuple[dict[str, Profile], list[str]]:
    """Return the profiles of (unit, profile) by name, and a line for each that cannot be used."""
    profiles: dict[str, Profile] = {}
    problems: dict[str, str] = {}
    for unit, name in named:
        if name in profiles or name in problems:
            continue
        file = path.parent / name if name.endswith(".toml") else name
        try:
            profiles[name] = load_profile(file, (*folders, SITE_PROFILES))
        except ProfileError as error:
            problems[name] = f"{path.name}: [[unit]] {unit} profile: {error}"
        except OSError as error:
            problems[name] = f"{path.name}: [[unit]] {unit} profile: {file}: {error.strerror}"
    return profiles, list(problems.values())


def _profile_problems(path: Path, content: dict[str, Any]) -> list[str]:
    """Return what is wrong with the profiles of a file that has other mistakes, too.

    Nothing where the mistake may be in what says where profiles are.
    """
    try:
        said = AgentTable.model_validate(content.get("agent", {}), context=path.absolute().parent)
    except ValidationError:
        return []
    named = [(str(unit.get("name")), unit.get("profile")) for unit in tables(content, "unit")]
    return _profiles(path, [(unit, p) for unit, p in named if isinstance(p, str)], said.profile_dirs)[1]
