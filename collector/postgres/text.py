"""Text as PostgreSQL can hold it."""


def storable(text: str) -> str:
    """The text without what no text in PostgreSQL can hold."""
    return text.replace("\0", "\ufffd")
