"""Files of JSON that people can read, replaced whole."""

import json
from pathlib import Path
from typing import Any

from drivers.durable import replace_whole


def replace_json(path: Path, content: Any) -> None:
    """Put `content` into a file. OSError."""
    replace_whole(path, (json.dumps(content, indent=1) + "\n").encode())
