"""How many alarms there were lately, as the buffer counts them and people are shown."""

from collections import Counter
from typing import NamedTuple


class Raised(NamedTuple):
    """By hours back, how many alarms of each severity were raised; when the last one ended, UTC in ns."""

    by_hours: dict[int, Counter[str]]
    ended_ns: int | None
