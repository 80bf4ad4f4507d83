"""What every profile command does first: find the profile, or say everything that is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agent.cli.errors import Misuse
from agent.cli.load import SITE_PROFILES
from drivers.profile import Profile, ProfileError, load_profile

Command = Callable[..., Any]


def profile_dir_option(command: Command) -> Command:
    """Add --profile-dir."""
    return click.option(
        "--profile-dir",
        "folders",
        type=click.Path(path_type=Path),
        multiple=True,
        help=f"Look for profiles here first, then in {SITE_PROFILES}. May be given several times.",
    )(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def search_path(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return where profiles are looked for by name, before the shipped ones."""
    return (*folders, SITE_PROFILES)


def load(name: str, folders: tuple[Path, ...]) -> Profile:
    """Return a profile by name or path; raises Misuse with every problem."""
    try:
        return load_profile(name, search_path(folders))
    except ProfileError as error:
        raise Misuse(str(error)) from error
    except OSError as error:
        raise Misuse(f"{name}: cannot be read: {error.strerror}") from error
