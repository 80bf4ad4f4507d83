"""Text that may have been copied from anywhere."""


def escaped(text: str) -> str:
    """Return a text as one line that harms no terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
