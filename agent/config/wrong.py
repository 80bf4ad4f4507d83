"""What pydantic finds wrong with a value of agent.toml, in the words of whoever wrote the file. Pure."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.detect.limits import CHEMISTRIES
from agent.message import Message, both, either, joined, told_by
from agent.wire.text import printable

#: Key that says which kind of table it is -> kind -> the keys that such a table must have beside its name.
Kinds = Mapping[str, Mapping[str, Sequence[str]]]
MISSING = Message("is missing")


def printed(text: str, limit: int) -> str:
    """Return what is wrong, with what was written made fit for a terminal; a message stays one."""
    if isinstance(text, Message) and text.fields:
        fields = text.fields.items()
        return Message(
            text.template, **{k: printed(f, limit) if isinstance(f, str) else f for k, f in fields}
        )
    return Message(text) if isinstance(text, Message) else printable(text, limit)


def said(error: Any, kinds: Kinds) -> tuple[str, str]:
    """Return the key that is meant beyond the error's own place, "" for none, and what is wrong with it."""
    of = error["type"]
    if of in ("union_tag_not_found", "union_tag_invalid"):
        key = error["ctx"]["discriminator"].strip("'")
        wrong = MISSING
        if of == "union_tag_invalid":
            wrong = Message("there is no {given}", given=repr(error["ctx"]["tag"]))
        return key, joined(": ", [wrong, _examples(key, kinds[key])])
    if of in SAYINGS:
        return "", SAYINGS[of](error)
    context = error.get("ctx") or {}
    told = told_by(context["error"]) if "error" in context else context.get("what")
    if isinstance(told, Message):
        return "", told
    message = error["msg"].removeprefix("Value error, ")
    return "", f"{message[:1].lower()}{message[1:]}"


def _examples(key: str, kinds: Mapping[str, Sequence[str]]) -> Message:
    """Return what may stand there, as a line to copy each."""
    lines = [
        Message("{line} with {keys}", line=f'{key} = "{kind}"', keys=both(of)) for kind, of in kinds.items()
    ]
    return Message("write {lines}", lines=either(lines))


def _shown(value: Any) -> str:
    """Return a value as it is written in TOML, as far as it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return Message("a table") if isinstance(value, dict) else Message("a list")
    return repr(value) if isinstance(value, str) else str(value)


def _key(error: Any) -> str:
    """Return the last key of the error's place that is no number: of its list, for an element."""
    return next((str(part) for part in reversed(error["loc"]) if not isinstance(part, int)), "")


def _is_none_of(error: Any) -> str:
    given, expected = error["input"], error["ctx"]["expected"]
    text = Message("{given} is none of {expected}", given=_shown(given), expected=expected)
    known = {word.strip("' "): word.strip("' ") for word in expected.replace(" or ", ",").split(",")}
    meant = {word.lower(): word for word in known} | {
        called.lower(): word for called, word in CHEMISTRIES.items() if word in known
    }
    return suggesting(text, str(given).lower(), meant)


def suggesting(what: Message, word: str, known: Mapping[str, str]) -> Message:
    """Return what is wrong with a word, and which one may be meant; known: those that there are, by how each
    may be written.
    """
    near = difflib.get_close_matches(word, known, n=1)
    return Message("{what}; did you mean {word}?", what=what, word=repr(known[near[0]])) if near else what


def _no_list(error: Any) -> str:
    given, key = error["input"], _key(error)
    if isinstance(given, dict):
        return Message("is one table where several may stand: write [[{key}]], in double brackets", key=key)
    return Message("a list is wanted: write {key} = [{given}]", key=key, given=_quoted(given))


def _no_table(error: Any) -> str:
    given, key = error["input"], _key(error)
    several = isinstance(error["loc"][-1], int)
    brackets = f"[[{key}]]" if several else f"[{key}]"
    if isinstance(given, list) and not several:
        return Message("stands there once: write {table}, in single brackets", table=brackets)
    return Message(
        "{given} is no table: write {table} on a line of its own, and its keys below it",
        given=_shown(given),
        table=brackets,
    )


def _quoted(given: Any) -> str:
    return f'"{given}"' if isinstance(given, str | int | float) else "..."


def _no_text(error: Any) -> str:
    given = error["input"]
    what = Message("{given} is no text, and a text in quotes is wanted", given=_shown(given))
    if isinstance(given, dict | list):
        return what
    return joined(": ", [what, Message("write {line}", line=f"{_key(error)} = {_quoted(given)}")])


def _is(what: str) -> Callable[[Any], str]:
    return lambda error: joined(" ", [_shown(error["input"]), Message(what)])


def _bounded(which: str) -> Callable[[Any], str]:
    return lambda error: Message(BOUNDS[which], given=_shown(error["input"]), limit=error["ctx"][which])


#: What is said of a number beyond a bound, by what pydantic calls the bound.
BOUNDS = {
    "ge": "{given} is too small: write a number of at least {limit:g}",
    "gt": "{given} is too small: write a number above {limit:g}",
    "le": "{given} is too large: write a number of at most {limit:g}",
    "lt": "{given} is too large: write a number below {limit:g}",
}


#: What is said behind a value that is of another kind.
KINDS_WANTED = (
    "is no whole number: write digits alone, without quotes and without a unit",
    "is no number: write it without quotes and without a unit, with a point for decimals",
    "is no date: write year-month-day without quotes, such as 2026-12-01",
    "is neither true nor false: write one of them, without quotes",
    "cannot be a name: write letters A to Z and a to z, digits, '.', '_' and '-' alone, 64 at most, and a"
    " letter or digit first",
)
_NO_INTEGER, _NO_NUMBER, _NO_DATE, _NO_SWITCH, _NO_NAME = map(_is, KINDS_WANTED)

#: What pydantic calls a mistake -> what is said of it.
SAYINGS: Mapping[str, Callable[[Any], str]] = {
    "literal_error": _is_none_of,
    "tuple_type": _no_list,
    "model_type": _no_table,
    "model_attributes_type": _no_table,
    "string_type": _no_text,
    "path_type": _no_text,
    "string_pattern_mismatch": _NO_NAME,
    "too_long": lambda error: Message(
        "has {n} characters, and {most} is the most",
        n=error["ctx"]["actual_length"],
        most=error["ctx"]["max_length"],
    ),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _NO_INTEGER),
    **dict.fromkeys(("float_type", "float_parsing"), _NO_NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _NO_SWITCH),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _NO_DATE
    ),
    "greater_than_equal": _bounded("ge"),
    "greater_than": _bounded("gt"),
    "less_than_equal": _bounded("le"),
    "less_than": _bounded("lt"),
}
