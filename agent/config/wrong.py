"""What pydantic finds wrong with a value of agent.toml, in the words of whoever wrote the file. Pure."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.detect.limits import CHEMISTRIES

#: Key that says which kind of table it is -> kind -> the keys that such a table must have beside its name.
Kinds = Mapping[str, Mapping[str, Sequence[str]]]


def said(error: Any, kinds: Kinds) -> tuple[str, str]:
    """Return the key that is meant beyond the error's own place, "" for none, and what is wrong with it."""
    of = error["type"]
    if of in ("union_tag_not_found", "union_tag_invalid"):
        key = error["ctx"]["discriminator"].strip("'")
        wrong = "is missing" if of == "union_tag_not_found" else f"there is no {error['ctx']['tag']!r}"
        return key, f"{wrong}: {_examples(key, kinds[key])}"
    if of in SAYINGS:
        return "", SAYINGS[of](error)
    message = error["msg"].removeprefix("Value error, ")
    return "", f"{message[:1].lower()}{message[1:]}"


def _examples(key: str, kinds: Mapping[str, Sequence[str]]) -> str:
    """Return what may stand there, as a line to copy each."""
    return "write " + " or ".join(f'{key} = "{kind}" with {" and ".join(of)}' for kind, of in kinds.items())


def _shown(value: Any) -> str:
    """Return a value as it is written in TOML, as far as it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return repr(value) if isinstance(value, str) else str(value)


def _key(error: Any) -> str:
    """Return the last key of the error's place that is no number: of its list, for an element."""
    return next((str(part) for part in reversed(error["loc"]) if not isinstance(part, int)), "")


def _is_none_of(error: Any) -> str:
    given, expected = error["input"], error["ctx"]["expected"]
    text = f"{_shown(given)} is none of {expected}"
    known = {word.strip("' "): word.strip("' ") for word in expected.replace(" or ", ",").split(",")}
    meant = {word.lower(): word for word in known} | {
        called.lower(): word for called, word in CHEMISTRIES.items() if word in known
    }
    near = difflib.get_close_matches(str(given).lower(), meant, n=1)
    return f"{text}; did you mean {meant[near[0]]!r}?" if near else text


def _no_list(error: Any) -> str:
    given, key = error["input"], _key(error)
    if isinstance(given, dict):
        return f"is one table where several may stand: write [[{key}]], in double brackets"
    return f"a list is wanted: write {key} = [{_quoted(given)}]"


def _no_table(error: Any) -> str:
    given, key = error["input"], _key(error)
    several = isinstance(error["loc"][-1], int)
    brackets = f"[[{key}]]" if several else f"[{key}]"
    if isinstance(given, list) and not several:
        return f"stands there once: write {brackets}, in single brackets"
    return f"{_shown(given)} is no table: write {brackets} on a line of its own, and its keys below it"


def _quoted(given: Any) -> str:
    return f'"{given}"' if isinstance(given, str | int | float) else "..."


def _no_text(error: Any) -> str:
    given = error["input"]
    example = "" if isinstance(given, dict | list) else f": write {_key(error)} = {_quoted(given)}"
    return f"{_shown(given)} is no text, and a text in quotes is wanted{example}"


def _is(what: str) -> Callable[[Any], str]:
    return lambda error: f"{_shown(error['input'])} {what}"


def _bounded(which: str, is_too: str, allowed: str) -> Callable[[Any], str]:
    return lambda error: (
        f"{_shown(error['input'])} is too {is_too}: write a number {allowed} {error['ctx'][which]:g}"
    )


_NO_INTEGER = _is("is no whole number: write digits alone, without quotes and without a unit")
_NO_NUMBER = _is("is no number: write it without quotes and without a unit, with a point for decimals")
_NO_DATE = _is("is no date: write year-month-day without quotes, such as 2026-12-01")
_NO_SWITCH = _is("is neither true nor false: write one of them, without quotes")

#: What pydantic calls a mistake -> what is said of it.
SAYINGS: Mapping[str, Callable[[Any], str]] = {
    "literal_error": _is_none_of,
    "tuple_type": _no_list,
    "model_type": _no_table,
    "model_attributes_type": _no_table,
    "string_type": _no_text,
    "path_type": _no_text,
    "string_pattern_mismatch": _is(
        "cannot be a name: write letters A to Z and a to z, digits, '.', '_' and '-' alone, 64 at most, and "
        "a letter or digit first"
    ),
    "too_long": lambda error: (
        f"has {error['ctx']['actual_length']} characters, and {error['ctx']['max_length']} is the most"
    ),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _NO_INTEGER),
    **dict.fromkeys(("float_type", "float_parsing"), _NO_NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _NO_SWITCH),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _NO_DATE
    ),
    "greater_than_equal": _bounded("ge", "small", "of at least"),
    "greater_than": _bounded("gt", "small", "above"),
    "less_than_equal": _bounded("le", "large", "of at most"),
    "less_than": _bounded("lt", "large", "below"),
}
