"""Profiles: found by name or path, inheritance resolved, checked whole, every mistake told at once."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivers.files import parse_toml, read_text
from drivers.profile.check import check_profile, misplaced
from drivers.profile.explanation import explain, without_broken
from drivers.profile.newly import SINCE, mended
from drivers.profile.problems import Problem, ProfileError, did_you_mean
from drivers.profile.schema import Profile, ProfileFile

__all__ = ["Profile", "ProfileError", "json_schema", "load_profile", "parse_profile", "shipped_profiles"]

_SHIPPED = Path(str(files("drivers"))) / "profiles"
_TABLES_MERGED = ("topology", "serial", "tcp", "limits", "missing", "sunspec")


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with cellwarden."""
    return sorted(p.stem for p in _SHIPPED.glob("*.toml"))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a profile file, for editors. With `extends`, a point says only what is different."""
    schema = ProfileFile.model_json_schema(by_alias=True)
    point = schema["$defs"]["Point"]
    point["required"].remove("address")
    whole = {"items": {"required": ["name", "address"]}}
    return schema | {"if": {"not": {"required": ["extends"]}}, "then": {"properties": {"point": whole}}}


def load_profile(name_or_path: str | Path, search: Sequence[Path] = ()) -> Profile:
    """A profile by path ("./acme.toml") or name ("pace-rtu"): in `search` first, then among the shipped ones.

    Raises ProfileError with every problem, OSError if a path cannot be read. What an older version took is in
    the error's `profile`.
    """
    path = _find(name_or_path, search)
    return parse_profile(_text(path), search=(path.parent, *search), file=path.name)


def parse_profile(text: str, search: Sequence[Path] = (), file: str = "profile") -> Profile:
    """A profile from its TOML. Raises ProfileError with every problem."""
    return _validated(_resolved(text, search, file, ()))


def _find(name_or_path: str | Path, search: Sequence[Path]) -> Path:
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in name or name.endswith(".toml"):
        return Path(name_or_path)
    for folder in (*search, _SHIPPED):
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    known = [*shipped_profiles(), *(p.stem for folder in search for p in folder.glob("*.toml"))]
    change = did_you_mean(name, known, f"known are {', '.join(known)}; a file is given by its path")
    raise ProfileError([Problem(name, "", "there is no profile of this name", change)])


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except UnicodeDecodeError as error:
        raise ProfileError([Problem(path.name, "", f"not UTF-8 text: {error}", "save it as UTF-8")]) from None


def _resolved(text: str, search: Sequence[Path], file: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """The content with `extends` followed and `remove` done."""
    try:
        content = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([_not_toml(text, file, error)]) from None
    name = str(content.get("model", file))
    parent = content.pop("extends", None)
    removed = [str(r) for r in content.pop("remove", [])]
    if parent is None:
        if removed:
            raise ProfileError([Problem(name, "", "remove without extends", "there is nothing to take out")])
        return content
    if parent in seen or parent == name:
        raise ProfileError(
            [Problem(name, "", f'extends "{parent}", which extends it', "take out one `extends`")]
        )
    path = _find(parent, search)
    base = _resolved(_text(path), search, path.name, (*seen, name))
    points = [p for p in base.get("point", []) if isinstance(p, dict)]
    names = [str(p.get("name")) for p in points]
    unknown = [r for r in removed if r not in names]
    if unknown:
        what = f"removed, but {parent} has no such point"
        raise ProfileError(
            [Problem(name, r, what, did_you_mean(r, names, "check the name")) for r in unknown]
        )
    base["point"] = [p for p in points if p.get("name") not in removed]
    return _merged(base, content)


def _not_toml(text: str, file: str, error: tomllib.TOMLDecodeError) -> Problem:
    at = re.search(r"at line (\d+)", str(error))
    line = text.splitlines()[int(at[1]) - 1].strip() if at else ""
    change = "texts stand in quotes, decimals have a point, lists stand in [ ]"
    return Problem(file, "", f"not TOML: {error}", f"mend `{line}`: {change}" if line else change)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`: points and groups by name and field, tables by key; the rest is replaced."""
    out = deepcopy(base)
    for key, new in changes.items():
        if key in ("point", "group") and isinstance(new, list):
            items = out.setdefault(key, [])
            for item in new:
                name = item.get("name") if isinstance(item, dict) else None
                twin = next((i for i, old in enumerate(items) if name and old.get("name") == name), None)
                if twin is None:
                    items.append(item)
                else:
                    items[twin] = _deep(items[twin], item)
        elif key in _TABLES_MERGED and isinstance(new, dict):
            out[key] = _deep(out.get(key, {}), new)
        else:
            out[key] = new
    return out


def _deep(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _deep(old.get(key), value) for key, value in new.items()}
    return new


def _validated(content: dict[str, Any], told: Sequence[Problem] = (), out: Sequence[str] = ()) -> Profile:
    """Schema first; what survives it is checked too, so that one typo hides no other mistake.

    `told`: what is newly refused and was mended already; `out`: the points and groups left out for it.
    """
    try:
        profile = Profile.model_validate(content)
    except ValidationError as error:
        problems = [*told, *explain(content, error)]
        better = mended(content, error.errors())
        if better is not None:
            kept = _names(better)
            return _validated(better, problems, [*out, *(n for n in _names(content) if n not in kept)])
        survivors, broken = without_broken(content, error)
        with suppress(ValidationError):  # unless the profile as a whole is broken
            rest = Profile.model_validate(survivors)
            problems += check_profile(rest, broken=[str(item.get("name")) for item in broken])
            problems += misplaced(rest, broken)
        raise ProfileError(problems) from None
    mistakes = [p for p in check_profile(profile) if not p.warning]
    usable = all(p.since for p in mistakes)
    if out:  # what is amiss now may be so for want of what was left out; what only says so is not told
        mistakes = [replace(p, since=SINCE) for p in check_profile(profile, broken=out) if not p.warning]
    if told or mistakes:
        raise ProfileError([*told, *mistakes], profile if usable else None)
    return profile


def _names(content: Mapping[str, Any]) -> list[str]:
    """Names of the points and groups of a file."""
    items = [item for key in ("point", "group") for item in content.get(key, ())]
    return [str(item.get("name")) for item in items]
