"""What commands and a serving collector leave each other beside the rows: small objects of JSON, by name.

A serving collector is the only writer of a SQLite file; a command that sets something beside it cannot write
there. Who loses a note loses what was set: then everything is kept.
"""

from collections.abc import Mapping
from typing import Any, Protocol

RETENTION, PRUNING, AUDIT = "retention", "pruning", "audit"


class NotesError(Exception):
    """A note cannot be read or written."""


class Notes(Protocol):
    """Every method raises NotesError."""

    def read(self, name: str) -> dict[str, Any] | None:
        """A note; None: there is none."""

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Put a note in place of the one that is there."""
