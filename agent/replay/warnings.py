"""A recording's columns of what the unit itself reports, as numbers and what they mean."""

from dataclasses import dataclass

import numpy as np

from agent.detect.channels import Floats
from agent.replay.mapping import MapError, Warnings
from agent.replay.sayings import Meanings
from agent.replay.table import Column

#: Words that report nothing, in lower case.
QUIET = {"", "0", "ok", "none", "no", "false", "normal", "good", "off", "-", "nan", "null"}
MOST = 64  # different values of a column whose meanings the map does not say


@dataclass(frozen=True, slots=True)
class Reports:
    """What the numbers of a column say; with `step`, which every column has."""

    bits: Meanings
    numbers: Meanings
    step: float = 1.0


def numbered(name: str, column: Column, given: Warnings) -> tuple[Floats, Reports]:
    """Return a column as numbers, NaN where it has none, and what they mean. Raises MapError."""
    if column.dtype.kind not in "fiub":
        if given.bits:
            raise MapError(f"column {name!r} holds {str(column[0])!r}, not numbers with bits: use codes")
        words, which = np.unique(np.char.strip(column.astype(str)), return_inverse=True)
        numbers = {str(w): 0 if str(w).lower() in QUIET else i + 1 for i, w in enumerate(words)}
        values: Floats = np.array([numbers[str(w)] for w in words], np.float64)[which]
    else:
        values = column.astype(np.float64)
        values[~np.isfinite(values) | (np.abs(values) >= 2.0**63)] = np.nan
        seen = np.unique(values[~np.isnan(values)])
        if (seen % 1).any() or (given.bits and (seen < 0).any()):
            odd = seen[(seen % 1 != 0) | (seen < 0)][0]
            raise MapError(f"column {name!r} holds {odd:g}: warnings are whole numbers; is it the right one?")
        numbers = {f"{number:.0f}": int(number) for number in seen[: MOST + 1]}
        numbers |= {code: int(code) for code in given.codes if code.lstrip("-").isdecimal()}
    return values, Reports(
        {bit: _meaning(said, given) for bit, said in given.bits.items()}, _meanings(name, numbers, given)
    )


def _meanings(name: str, numbers: dict[str, int], given: Warnings) -> Meanings:
    if given.bits:
        return {}
    if given.codes:
        return {n: _meaning(given.codes[word], given) for word, n in numbers.items() if word in given.codes}
    if len(numbers) > MOST:
        raise MapError(
            f"column {name!r} has more than {MOST} different values: is it the right one? If each of its bits"
            ' says one thing, say which: warnings = { column = "...", bits = { 3 = "cell over-voltage" } }'
        )
    return {n: (f"{word} in column {name}", given.severity, 1) for word, n in numbers.items() if n}


def _meaning(said: tuple[str, str] | str, given: Warnings) -> tuple[str, str, int]:
    severity, text = (given.severity, said) if isinstance(said, str) else said
    return text, severity, 1
