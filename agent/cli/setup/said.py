"""What the command line of setup says."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Said:
    """Every question's flag; "", () and None where it was not said."""

    where: tuple[str, ...] = ()
    line_texts: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    chemistry: str | None = None
    site: str | None = None
    upstream: str | None = None
    agent_id: str | None = None
    page: bool | None = None
    by: str | None = None
    yes: bool = False
    allow_late: bool = False
    fresh: bool = False
    folders: tuple[Path, ...] = ()
