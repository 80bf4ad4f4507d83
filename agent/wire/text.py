"""Text of outsiders, made fit for a log, an alarm, a terminal or a table. Pure; standard library only."""

import re

# How a formula begins, and what East Asian keyboards type for that; behind spaces, which some programs leave
# out, and behind a semicolon, at which others part what commas should.
FORMULA = re.compile("(^|;)(?= *[=+\\-@\uff1d\uff0b\uff0d\uff20])")
LONGEST_CELL = 32_767  # of a spreadsheet's


def printable(text: str | bytes, limit: int = 200) -> str:
    r"""Return `text` with what is not printable escaped as \xNN or \uNNNN, cut to `limit` with "...".

    Not printable are controls, line separators, bidirectional marks, surrogates and spaces other than " ".
    Bytes are read as UTF-8.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    text = "".join(c if c.isprintable() else _escaped(c) for c in text[: limit + 1])
    return text if len(text) <= limit else text[: max(0, limit - 3)] + "..."[:limit]


def cell(text: str) -> str:
    """Return a text for a CSV file which no spreadsheet takes for a formula: where one could begin there is
    an apostrophe before it (OWASP, "CSV Injection"). Numbers need none.
    """
    text = printable(text, LONGEST_CELL)
    return FORMULA.sub(r"\1'", text)


def _escaped(character: str) -> str:
    if character.isascii():
        return f"\\x{ord(character):02x}"
    return character.encode("ascii", "backslashreplace").decode()
