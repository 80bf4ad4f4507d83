"""Load agent.toml and every profile it names, or say everything that is wrong with both."""

from pathlib import Path

import click

from agent.cli.errors import Misuse
from agent.config import Config, ConfigError, load_config
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
        raise Misuse(str(error)) from error
    profiles: dict[str, Profile] = {}
    problems = []
    for unit in config.unit:
        if unit.profile in profiles:
            continue
        try:
            name = unit.profile
            file = path.parent / name if name.endswith(".toml") else name
            profiles[name] = load_profile(file, (*config.agent.profile_dirs, SITE_PROFILES))
        except ProfileError as error:
            problems.append(f"{path.name}: [[unit]] {unit.name} profile: {error}")
        except OSError as error:
            problems.append(f"{path.name}: [[unit]] {unit.name} profile: {file}: {error.strerror}")
    if problems:
        raise Misuse("\n".join(problems))
    units = [
        unit if "unit_id" in unit.model_fields_set else unit.model_copy(update={"unit_id": p.unit_id})
        for unit, p in ((unit, profiles[unit.profile]) for unit in config.unit)
    ]
    return config.model_copy(update={"unit": tuple(units)}), profiles
