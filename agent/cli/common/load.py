"""Load agent.toml and every profile it names, or say everything that is wrong with both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from agent.cli.common.errors import Misuse
from agent.cli.common.untold import untold
from agent.cli.common.usual import CONFIG, SITE_PROFILES
from agent.config.file import LINE, ConfigError, Taken, called, few, load_config, tables
from agent.config.tables import AgentTable, Config
from agent.keys.values import ReadContext
from agent.message import joined, told_by
from agent.transport.left_out import LeftOut
from agent.wire.text import printable
from drivers.profile.load import Profile, ProfileError, load_profile

LEFT_OUT = "left out"  # no name that a [[bus]] can have
_NOTHING = Profile(schema=1, model="left-out")

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The agent's configuration file.",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and its profiles by name.

    `problems`: what the version before did not refuse, one line each; `taken`: what became of it.
    """

    config: Config
    profiles: dict[str, Profile]
    problems: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class _Profiles:
    """Profiles by name, a line for each that cannot be used as it is, and what became of them; `fit`:
    whether each was one for the version before.
    """

    by_name: dict[str, Profile]
    problems: tuple[str, ...]
    taken: tuple[Taken, ...]
    fit: bool


def load(path: Path) -> tuple[Config, dict[str, Profile]]:
    """Return the checked configuration and its profiles by name. Raises Misuse (exit 2).

    A unit without a unit id has that of its profile: some batteries are found at 0.
    """
    loaded = load_as_before(path)
    if loaded.problems:
        raise Misuse(joined("\n", loaded.problems), "CW-301")
    return loaded.config, loaded.profiles


def load_as_before(path: Path) -> Loaded:
    """Return what `load` does, and what the version before would have run too, as far as that can be read
    safely. Raises Misuse for what it refused.
    """
    problems: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()
    try:
        config = load_config(path)
    except ConfigError as error:
        if error.config is None:
            told = joined("\n", [told_by(error), *_profile_problems(path, error.content)])
            raise Misuse(told, "CW-301") from error
        config, taken = error.config, error.taken
        problems = tuple(error.lines)
    named = [(unit.name, unit.profile) for unit in config.unit]
    found = _profiles(path, named, config.agent.profile_dirs)
    problems += found.problems
    if not found.fit:
        raise Misuse(joined("\n", problems), "CW-304")
    if mixed := [joined(": ", [path.name, problem]) for problem in untold(config, found.by_name)]:
        raise Misuse(joined("\n", (*problems, *mixed)), "CW-301")
    merged: dict[str, Taken] = {}
    for one in (*taken, *found.taken):  # one alarm for each key
        before = merged.get(one.key)
        text = f"{before.text}; {one.text}" if before else one.text
        merged[one.key] = Taken(one.key, text, one.critical or (before is not None and before.critical))
    return Loaded(_completed(config, found.by_name), found.by_name, problems, tuple(merged.values()))


def _completed(config: Config, profiles: dict[str, Profile]) -> Config:
    """Return the configuration with the unit ids of profiles, and without polls of what cannot be polled."""
    units = [
        unit if "unit_id" in unit.model_fields_set else unit.model_copy(update={"unit_id": p.unit_id})
        for unit, p in ((unit, profiles[unit.profile]) for unit in config.unit)
    ]
    if out := {unit.profile for unit in units if profiles[unit.profile] is _NOTHING}:
        why = f"not watched: {', '.join(sorted(out))} cannot be read safely; see the agent's own alarms"
        bus = LeftOut(name="x", transport="tcp", why=why).model_copy(update={"name": LEFT_OUT})
        units = [u.model_copy(update={"bus": LEFT_OUT}) if u.profile in out else u for u in units]
        served = {unit.bus for unit in units}
        buses = (*(bus for bus in config.bus if bus.name in served), bus)
        config = config.model_copy(update={"bus": buses})
    return config.model_copy(update={"unit": tuple(units)})


def _profiles(path: Path, named: Iterable[tuple[str, str]], folders: Sequence[Path]) -> _Profiles:
    """Return the profiles of (unit, profile)."""
    profiles: dict[str, Profile] = {}
    problems: list[str] = []
    taken: list[Taken] = []
    fit = True
    for unit, name in named:
        if name in profiles:
            continue
        file = path.parent / name if name.endswith(".toml") else name
        where = f"{path.name}: [[unit]] {unit} profile"
        profiles[name] = _NOTHING
        try:
            profiles[name] = load_profile(file, (*folders, SITE_PROFILES))
        except ProfileError as error:
            problems += [printable(f"{where}: {problem}", LINE) for problem in error.problems]
            fit &= all(problem.since for problem in error.problems)
            profiles[name] = error.profile or _NOTHING
            taken += _taken(str(file), unit, error)
        except OSError as error:
            problems.append(printable(f"{where}: {error.filename or file}: {error.strerror}", LINE))
            fit = False
    return _Profiles(profiles, tuple(few(problems)), tuple(taken), fit)


def _taken(file: str, unit: str, error: ProfileError) -> list[Taken]:
    """What becomes of the profile `file` of a unit that the version before took."""
    found = error.profile
    read = {p.name for p in found.point} | {g.name for g in found.group} if found else set()
    taken = []
    for problem in error.problems:
        became = "read as the version before read it, without numbers that are none"
        if lost := found is None:
            became = f"not read, and unit {unit} and others of this profile are not watched"
        elif lost := problem.point not in {"", *read} and "." not in problem.point:
            became = f"not read: {problem.point} is not watched"
        key = f"{Path(file).name}:{problem.point or 'profile'}"
        text = f"{file}: {problem}; until that is mended it is {became}"
        taken.append(Taken(printable(key), printable(text, LINE), lost))
    return taken


def _profile_problems(path: Path, content: dict[str, Any]) -> Sequence[str]:
    """Return what is wrong with the profiles of a file that has other mistakes, too.

    Nothing where the mistake may be in what says where profiles are.
    """
    try:
        context = ReadContext(path.absolute().parent)
        agent = AgentTable.model_validate(content.get("agent", {}), context=context)
    except ValidationError:
        return ()
    named = [(called(unit, at), unit.get("profile")) for at, unit in enumerate(tables(content, "unit"))]
    return _profiles(
        path, [(unit, p) for unit, p in named if isinstance(p, str)], agent.profile_dirs
    ).problems
