"""Notes beside a SQLite file: DATABASE-NAME.json, replaced whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector.notes import NotesError
from drivers.durable import replace_whole


class FileNotes:
    """The notes of one database."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def path(self, name: str) -> Path:
        """Where a note is."""
        return self._database.with_name(f"{self._database.name}-{name}.json")

    def read(self, name: str) -> dict[str, Any] | None:
        """A note; None: there is none."""
        path = self.path(name)
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise NotesError(f"{path}: {error}") from error
        if not isinstance(content, dict):
            raise NotesError(f"{path}: no object")
        return content

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Put a note in place of the one that is there."""
        path = self.path(name)
        try:
            replace_whole(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise NotesError(f"{path}: {error.strerror}") from error
