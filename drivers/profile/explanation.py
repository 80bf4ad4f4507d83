"""What pydantic finds wrong with a profile, in the words of whoever wrote it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from drivers.address import Notation
from drivers.profile.newly import SINCE, by_place, is_new
from drivers.profile.problems import Problem, did_you_mean
from drivers.profile.schema import TYPES, ProfileFile
from drivers.quantities import QUANTITIES, UNIT_WORDS, UNITS, Poll, Severity
from drivers.registers import Area

#: What may stand in a field, for hints.
_VOCABULARY: dict[str, Sequence[str]] = {
    "unit": list(UNITS),
    "quantity": list(QUANTITIES),
    "type": TYPES,
    "table": list(Area),
    "addressing": list(Notation),
    "poll": list(Poll),
    "severity": list(Severity),
    "word_order": ["big", "little"],
    "byte_order": ["big", "little"],
}
_LISTS = ("point", "group")
_MEANINGS = ("alarms", "flags", "values")


def explain(content: Mapping[str, Any], error: ValidationError) -> list[Problem]:
    """One problem per field that is wrong; a union of types would tell the same field several times."""
    model = str(content.get("model", "profile"))
    return [
        Problem(model, _owner(content, where), *_said(where, details), since=SINCE if is_new(details) else "")
        for where, details in by_place(content, error.errors()).items()
    ]


def without_broken(
    content: Mapping[str, Any], error: ValidationError
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The content less every point, group and key that has an error, and the points and groups that went."""
    out, broken = dict(content), list[dict[str, Any]]()
    places: set[tuple[Any, ...]] = {e["loc"][:2] for e in error.errors()}
    for key in _LISTS:
        items = content.get(key, [])
        if isinstance(items, list):
            bad = {i for k, *rest in places if k == key for i in rest}
            broken += [items[i] for i in sorted(bad) if isinstance(items[i], dict)]
            out[key] = [item for i, item in enumerate(items) if i not in bad]
    for key in {place[0] for place in places} - {*_LISTS, "model", "schema"}:
        out.pop(key, None)
    return out, broken


def _owner(content: Mapping[str, Any], where: tuple[int | str, ...]) -> str:
    """The name of the point or group the location is in."""
    if len(where) < 2 or where[0] not in _LISTS or not isinstance(where[1], int):
        return ""
    item = content[str(where[0])][where[1]]
    name = item.get("name") if isinstance(item, dict) else None
    return str(name or f"{where[0]} number {where[1] + 1}")


def _said(where: tuple[int | str, ...], details: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a field, and what to change."""
    inside = where[2:] if where[:1] and where[0] in _LISTS and len(where) > 1 else where
    key = ".".join(map(str, inside)) or "it"
    last = str(inside[-1]) if inside else ""
    given = details["input"]
    if details["type"] == "extra_forbidden":
        return f'key "{key}" is not known', did_you_mean(last, _keys(where), "take it out")
    if details["type"] == "missing":
        return f'"{key}" is missing', f"say {key} = {1 if key == 'schema' else '...'}"
    if key in _LISTS and isinstance(given, dict):
        return f"[{key}] is one table, not a list of them", f"write [[{key}]], with double brackets"
    known = [word for word in _VOCABULARY.get(last, ()) if word]
    change = did_you_mean(str(given), known, f"known are {', '.join(known)}") if known else f"change {key}"
    if last == "unit" and str(given) in UNIT_WORDS:
        change = f'say "{UNIT_WORDS[str(given)]}"'
    if details["type"] == "string_pattern_mismatch" and last in ("name", "model"):
        good = re.sub(r"[^a-z0-9]+", "_" if last == "name" else "-", str(given).lower()).strip("_-")
        return f'{key} "{given}" has other than small letters and digits', f'say "{good}"'
    if details["type"] == "int_parsing" and len(inside) > 1 and inside[0] in _MEANINGS:
        return f'"{last}" in {inside[0]} is no number', f'the number comes first: 3 = "{last}"'
    if details["type"] == "int_parsing":
        change = f"write {key} without quotes"
    if is_new(details):
        return f"{key} = {details['msg']}", change
    if details["type"] == "value_error":
        return str(details["ctx"]["error"]), change
    return f"{key} = {given!r} {_plain(details['msg'])}", change


def _plain(message: str) -> str:
    """Pydantic's sentence in words that are not Python's."""
    return message.removeprefix("Input ").replace("tuple", "list").replace("dictionary", "table")


def _keys(where: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at a location may have."""
    model: type[BaseModel] = ProfileFile
    for part in where[:-1]:
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        if field is not None:
            model = next(iter(_models(field.annotation)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that may stand in a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
