"""Profiles: found by name or path, inheritance resolved, checked whole, every mistake told at once."""

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivers.check import check_profile
from drivers.problems import Problem, ProfileError, did_you_mean
from drivers.quantities import QUANTITIES, UNITS
from drivers.schema import Group, Point, Profile, ProfileFile

__all__ = ["Profile", "ProfileError", "json_schema", "load_profile", "parse_profile", "shipped_profiles"]

_SHIPPED = Path(str(files("drivers"))) / "profiles"
_TABLES_MERGED = ("topology", "serial", "tcp", "limits", "missing", "sunspec")


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with cellwarden."""
    return sorted(p.stem for p in _SHIPPED.glob("*.toml"))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a profile file, for editors."""
    return ProfileFile.model_json_schema(by_alias=True)


def load_profile(name_or_path: str | Path, search: Sequence[Path] = ()) -> Profile:
    """A profile by path ("./acme.toml") or name ("pace-rtu"): in `search` first, then among the shipped ones.

    Raises ProfileError with every problem, OSError if a path cannot be read.
    """
    path = _find(name_or_path, search)
    return parse_profile(path.read_text(encoding="utf-8"), search=(path.parent, *search), file=path.name)


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


def _resolved(text: str, search: Sequence[Path], file: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """The content with `extends` followed and `remove` done."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([Problem(file, "", f"not TOML: {error}", "mend that line")]) from None
    name = str(content.get("model", file))
    parent, removed = content.pop("extends", None), content.pop("remove", [])
    if parent is None:
        if removed:
            raise ProfileError([Problem(name, "", "remove without extends", "there is nothing to take out")])
        return content
    if parent in seen or parent == name:
        raise ProfileError(
            [Problem(name, "", f'extends "{parent}", which extends it', "take out one `extends`")]
        )
    path = _find(parent, search)
    base = _resolved(path.read_text(encoding="utf-8"), search, path.name, (*seen, name))
    names = [p.get("name") for p in base.get("point", [])]
    unknown = [r for r in removed if r not in names]
    if unknown:
        raise ProfileError(
            [
                Problem(
                    name,
                    r,
                    f"removed, but {parent} has no such point",
                    did_you_mean(r, names, "check the name"),
                )
                for r in unknown
            ]
        )
    base["point"] = [p for p in base.get("point", []) if p["name"] not in removed]
    return _merged(base, content)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`: points and groups by name and field, tables by key; the rest is replaced."""
    out = deepcopy(base)
    for key, new in changes.items():
        if key in ("point", "group") and isinstance(new, list):
            items = out.setdefault(key, [])
            for item in new:
                twin = next((i for i, old in enumerate(items) if old.get("name") == item.get("name")), None)
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


def _validated(content: dict[str, Any]) -> Profile:
    """Schema first; what survives it is checked too, so that one typo hides no other mistake."""
    name = str(content.get("model", "profile"))
    try:
        profile = Profile.model_validate(content)
    except ValidationError as error:
        problems = [_explained(name, content, e) for e in error.errors()]
        survivors, broken = _without_broken(content, error)
        with suppress(ValidationError):  # unless the profile as a whole is broken
            problems += check_profile(Profile.model_validate(survivors), broken=broken)
        raise ProfileError(_distinct(problems)) from None
    mistakes = [p for p in check_profile(profile) if not p.warning]
    if mistakes:
        raise ProfileError(mistakes)
    return profile


def _without_broken(content: dict[str, Any], error: ValidationError) -> tuple[dict[str, Any], set[str]]:
    """The content less every point, group and key that has an error, and the names that went."""
    out, broken = dict(content), set[str]()
    places: set[tuple[Any, ...]] = {e["loc"][:2] for e in error.errors()}
    for key in ("point", "group"):
        items = content.get(key, [])
        if isinstance(items, list):
            bad = {i for k, *rest in places if k == key for i in rest[:1]}
            broken |= {str(items[int(i)].get("name")) for i in bad if isinstance(items[int(i)], dict)}
            out[key] = [item for i, item in enumerate(items) if i not in bad]
    for key in {p[0] for p in places} - {"point", "group", "model", "schema"}:
        out.pop(key, None)
    return out, broken


def _explained(model: str, content: Mapping[str, Any], error: Any) -> Problem:
    """A pydantic error in our words."""
    where = list(error["loc"])
    owner: Any = content
    fields: dict[str, Any] = dict(Profile.model_fields)
    point = ""
    if where and where[0] in ("point", "group") and len(where) > 1 and isinstance(where[1], int):
        owner = content[where[0]][where[1]]
        fields = dict((Point if where[0] == "point" else Group).model_fields)
        named = owner.get("name") if isinstance(owner, dict) else None
        point = str(named or f"{where[0]} number {where[1] + 1}")
        where = where[2:]
    key = ".".join(str(part) for part in where[:2] if not str(part).startswith("function-")) or "it"
    given, message = error.get("input"), str(error["msg"])
    if error["type"] == "extra_forbidden":
        known = [*(f.alias or n for n, f in fields.items()), "extends", "remove"] if len(where) == 1 else []
        return Problem(
            model, point, f'key "{key}" is not known', did_you_mean(str(where[-1]), known, "take it out")
        )
    if error["type"] == "missing":
        return Problem(model, point, f'"{key}" is missing', f"say {key} = ...")
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
        vocabulary = {"unit": list(UNITS), "quantity": list(QUANTITIES), "type": _TYPES}.get(key, [])
        change = (
            did_you_mean(str(given), vocabulary, f"known are {', '.join(filter(None, vocabulary))}")
            if vocabulary
            else f"change {key}"
        )
        return Problem(model, point, message, change)
    return Problem(model, point, f"{key} = {given!r}: {message}", f"change {key}")


_TYPES = [
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "f32",
    "f64",
    "u8",
    "i8",
    "bool",
    "ascii",
    "sm16",
    "bcd16",
]


def _distinct(problems: Sequence[Problem]) -> list[Problem]:
    """Without the further errors that a union of types gives for the same field."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.point, problem.what.split(":")[0].split(" = ")[0]), problem)
    return list(seen.values())
