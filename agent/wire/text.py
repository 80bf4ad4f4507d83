"""Text of outsiders, made fit for a log, an alarm, a terminal or a table. Pure; standard library only."""

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # and what East Asian keyboards type for them
LONGEST_CELL = 32_767  # of a spreadsheet's


def printable(text: str | bytes, limit: int = 200) -> str:
    r"""Return `text` with what is not printable escaped as \xNN or \uNNNN, cut to `limit` with "...".

    Not printable are controls, line separators, bidirectional marks, surrogates and spaces other than " ".
    Bytes are read as UTF-8.
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit + 4].decode(errors="backslashreplace")
    text = "".join(c if c.isprintable() else _escaped(ord(c)) for c in text[: limit + 1])
    return text if len(text) <= limit else text[: max(0, limit - 3)] + "..."[:limit]


def cell(text: str) -> str:
    """Return a text for a CSV file which no spreadsheet takes for a formula: one that begins as a formula
    does gets an apostrophe before it (OWASP, "CSV Injection"). Numbers need none.
    """
    text = printable(text, LONGEST_CELL)
    return f"'{text}" if text.startswith(FORMULA) else text


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
