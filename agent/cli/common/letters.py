"""Which letters a terminal shows, and texts made of those."""

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from rich.cells import cell_len, chop_cells

from agent.view.language import ENGLISH, preferred, speaking

F = TypeVar("F", bound=Callable[..., Any])

#: What a terminal without UTF-8 shows in place of a letter that it lacks.
_ASCII = str.maketrans({"°": "", "–": "-", "—": "-", "±": "+/-", "·": ".", "…": "...", "×": "x"})

#: Categories of what is no letter but moves others, and of marks that stand on the letter before.
MOVING, ON_ANOTHER = {"Cc", "Cf", "Cs", "Zl", "Zp"}, {"Mn", "Me"}


def speaks_utf8(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale of a terminal has UTF-8, by its name: it need not be installed here."""
    names = (environ.get(key) for key in ("LC_ALL", "LC_CTYPE", "LANG"))
    return bool(re.search("utf-?8", next(filter(None, names), ""), re.IGNORECASE))


def language(environ: Mapping[str, str] = os.environ) -> str:
    """Return the language of whoever reads a terminal, by its locale; English where that shows no letters."""
    names = (environ.get(key) for key in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return preferred(next(filter(None, names), "")) if speaks_utf8(environ) else ENGLISH


def spoken(function: F) -> F:
    """Let a command speak the language of whoever calls it."""

    @wraps(function)
    def speaks(*args: Any, **more: Any) -> Any:
        with speaking(language()):
            return function(*args, **more)

    return speaks  # type: ignore[return-value]


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of so many columns at most; a wide letter takes two."""
    lines, line = [], ""
    for word in (part for one in text.split() for part in chop_cells(one, width)):
        grown = f"{line} {word}" if line else word
        if line and cell_len(grown) > width:
            lines.append(line)
            grown = word
        line = grown
    return [*lines, line] if line else lines


def shown(text: str, utf8: bool) -> str:
    """Return a text as a terminal shows it: "?" for each letter that it lacks.

    What is no letter but moves others, as marks of the direction of writing do, is left out.
    """
    hidden = MOVING if utf8 else MOVING | ON_ANOTHER
    seen = "".join(c for c in text if unicodedata.category(c) not in hidden)
    return seen if utf8 else seen.translate(_ASCII).encode("ascii", "replace").decode()
