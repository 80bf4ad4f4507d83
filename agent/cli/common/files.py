"""Files that are replaced whole: whoever stops us leaves the old one or the new one, never a half."""

import json
from pathlib import Path
from typing import Any


def replace_json(path: Path, content: Any) -> None:
    """Put `content` into a file as JSON that people can read. OSError."""
    waiting = path.with_name(path.name + ".new")
    waiting.write_text(json.dumps(content, indent=1) + "\n")
    waiting.replace(path)
