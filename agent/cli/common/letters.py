"""Which letters a terminal shows, and texts made of those."""

import os
import re
import unicodedata
from collections.abc import Mapping

#: What a terminal without UTF-8 shows in place of a letter that it lacks.
_ASCII = str.maketrans({"°": "", "–": "-", "—": "-", "±": "+/-", "·": ".", "…": "...", "×": "x"})


def speaks_utf8(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale of a terminal has UTF-8, by its name: it need not be installed here."""
    names = (environ.get(key) for key in ("LC_ALL", "LC_CTYPE", "LANG"))
    return bool(re.search("utf-?8", next(filter(None, names), ""), re.IGNORECASE))


def shown(text: str, utf8: bool) -> str:
    """Return a text as a terminal shows it: "?" for each letter that it lacks.

    What is no letter but moves others, as marks of the direction of writing do, is left out.
    """
    if not utf8:
        return text.translate(_ASCII).encode("ascii", "replace").decode()
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
