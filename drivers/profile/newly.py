"""What this version was the first to refuse, said as pydantic errors, and how the version before read it.

A watch that ran with such a file goes on: `mended` makes of what was written what can be read safely, and
whoever starts the watch says so (docs/adr/0010). In the release after this one these are mistakes like any
other, and `mended` goes.
"""

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import WrapValidator
from pydantic_core import ErrorDetails, PydanticCustomError

from agent.message import Message

SINCE = "0.2"
MOST = 1e12  # of any number that is not bounded more closely

#: What is done with what was written, where it is not replaced by a value.
WITHOUT: Final = "without"  # the key is left out: its default holds
AS_IS: Final = "as it is"  # used all the same: nothing comes of it but trouble that is told
LEFT_OUT: Final = "left out"  # what it stands in, a [[point]], is left out

Keys = tuple[int | str, ...]


class Instead:
    """A value to be read in place of what was written."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{self.value!r}"


def newly(what: str, instead: Instead | str = WITHOUT) -> PydanticCustomError:
    """Return the error of what this version refuses first: raise it from a validator."""
    return PydanticCustomError("newly", "{what}", {"what": what, "instead": instead, "since": SINCE})


def is_new(error: ErrorDetails) -> bool:
    """Whether it was no mistake in the version before."""
    return error["type"] == "newly"


def number(least: float = -MOST, most: float = MOST, otherwise: str = WITHOUT) -> WrapValidator:
    """Return a validator of a field that is a number: neither a text nor a truth value, finite, bounded.

    It stands last, so that whatever was a mistake before comes before it. `otherwise`: what is done with a
    number out of bounds.
    """

    def check(written: Any, validate: Callable[[Any], Any]) -> Any:
        value = validate(written)
        if isinstance(value, int | float) and not least <= value <= most:  # nan is neither
            text = Message(
                "{written} cannot be: write a number of {least:g} to {most:g}",
                written=written,
                least=least,
                most=most,
            )
            raise newly(text, otherwise)
        return _as_written(written, value)

    return WrapValidator(check)


def _as_written(written: Any, value: Any) -> Any:
    """Return a number that was written as one, or what is none; else raise."""
    if isinstance(written, bool | str) and isinstance(value, int | float):
        if isinstance(written, str):
            what = Message(
                "{text} is a text, and a number is wanted: write {value}", text=repr(written), value=+value
            )
        else:
            said = str(written).lower()
            what = Message(
                "{said} is true or false, and a number is wanted: write {value}", said=said, value=+value
            )
        raise newly(what, Instead(+value))
    return value


#: A validator of a number that is bounded elsewhere, or not at all; also where a text may stand for itself.
NUMERIC: Final = WrapValidator(lambda written, validate: _as_written(written, validate(written)))


def open_or_finite(pair: tuple[float, float]) -> tuple[float, float]:
    """Return a range as it is, if each end is finite, or open on its own side; else raise."""
    low, high = pair
    lower = -math.inf if low < -MOST else min(low, MOST)  # beyond what can be is open; nothing else changes
    upper = math.inf if high > MOST else max(high, -MOST)
    if (low, high) != (lower, upper):
        what = Message(
            "{ends} has an end that no battery has: the side that is open is -inf or inf", ends=[low, high]
        )
        raise newly(what, Instead([lower, upper]))
    return pair


def written(content: Any, location: Iterable[int | str]) -> Keys:
    """Return a pydantic location as the keys that stand in the file, without pydantic's own steps."""
    kept: list[int | str] = []
    for part in location:
        keys = (
            content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
        )
        if part in keys:
            kept.append(part)
            content = content[part]
    return tuple(kept)


def at(content: Any, keys: Iterable[int | str]) -> Any:
    """Return what stands under some keys."""
    for key in keys:
        content = content[key]
    return content


def by_place(content: Any, errors: Iterable[ErrorDetails]) -> dict[Keys, ErrorDetails]:
    """Return one error for each place in the file.

    Where several types may stand, pydantic says of each why it is not the one. The version before took what
    any of them took; what is told of the inside says more than what is told of the whole.
    """
    found: dict[Keys, ErrorDetails] = {}
    for error in errors:
        keys = written(content, error["loc"])
        keys = (*keys, error["loc"][-1]) if error["type"] == "missing" else keys
        if keys not in found or (is_new(error) and not is_new(found[keys])):
            found[keys] = error
    whole = {keys[:n] for keys in found for n in range(1, len(keys))}
    return {keys: error for keys, error in found.items() if keys not in whole}


def mended(content: dict[str, Any], errors: Iterable[ErrorDetails]) -> dict[str, Any] | None:
    """Return the content as it can be read safely; None where any error was a mistake before."""
    found = by_place(content, errors)
    if not all(map(is_new, found.values())):
        return None
    out = copy.deepcopy(content)
    gone: set[tuple[str, int]] = set()
    for keys, error in found.items():
        instead = error["ctx"]["instead"]
        if instead == LEFT_OUT and len(keys) > 1 and isinstance(keys[1], int):
            gone.add((str(keys[0]), keys[1]))
        elif instead != AS_IS:
            *path, key = keys
            table: Any = at(out, path)
            if isinstance(instead, Instead):
                table[key] = instead.value
            else:
                table.pop(key, None)
    for name, index in sorted(gone, reverse=True):
        del out[name][index]
    return out
