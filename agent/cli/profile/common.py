"""What every profile command does first: find the profile, or say everything that is wrong with it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agent.cli.common.errors import Misuse
from agent.cli.common.usual import SITE_PROFILES
from agent.view.language import tell
from drivers.connect import ConnectError, connect
from drivers.dump import Dump, DumpError, hold, parse_dump
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile, ProfileError, load_profile, shipped_profiles
from drivers.profile.problems import Problem

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


def known_profiles(folders: tuple[Path, ...]) -> list[Profile]:
    """Return every profile that can be used; those that cannot are named on stderr."""
    own = [path.stem for folder in search_path(folders) for path in sorted(folder.glob("*.toml"))]
    profiles = []
    for name in dict.fromkeys((*own, *shipped_profiles())):
        try:
            profiles.append(load(name, folders))
        except click.ClickException as error:
            first = error.message.splitlines()[0]
            click.echo(tell("profile {name} is not tried: {why}", name=name, why=first), err=True)
    return profiles


def where(name: str, problem: Problem) -> str:
    """Return a problem with the file and the line that it stands in, if the profile was given as a file."""
    path = Path(name)
    if not name.endswith(".toml") or not path.is_file() or problem.model.endswith(".toml"):
        return str(problem)
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    pattern = re.compile(rf"""\s*name\s*=\s*["']{re.escape(problem.point)}["']""")
    line = next((f":{number}" for number, text in enumerate(lines, 1) if pattern.match(text)), "")
    return f"{name}{line}: {problem.point or 'profile'}: {problem.what}; {problem.change}"


def captured(
    profile: Profile, path: Path, unit_id: int | None = None, instance: int = 1, line: Line | None = None
) -> tuple[Layout, Dump, int]:
    """Return the layout of the unit that a dump was taken from, the dump, and the base unit id.

    That is the profile's own if the dump has it, else the dump's lowest. Raises Misuse.
    """
    try:
        dump = parse_dump(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Misuse(f"{path}: cannot be read: {error.strerror}", "CW-004") from error
    except (DumpError, UnicodeDecodeError) as error:
        raise Misuse(f"{path}: {error}", "CW-304") from error
    if unit_id is None:
        unit_id = profile.unit_id if profile.unit_id in dump.units() else dump.units()[0]
    try:
        conversation = connect(profile, line=line, instance=instance)
        return hold(conversation, dump, unit_id, profile.address_step), dump, unit_id
    except ConnectError as error:
        raise Misuse(f"{path}: {error}", "CW-304") from error


def load(name: str, folders: tuple[Path, ...]) -> Profile:
    """Return a profile by name or path; raises Misuse with every problem."""
    try:
        return load_profile(name, search_path(folders))
    except ProfileError as error:
        raise Misuse("\n".join(where(name, problem) for problem in error.problems), "CW-304") from error
    except OSError as error:
        raise Misuse(f"{name}: cannot be read: {error.strerror}", "CW-004") from error
