"""What scans of the last hour have found, so that setup need not look and ask again: a hint, tested anew.

It lies in the folder of the session (XDG_RUNTIME_DIR, /run/user/UID), also for whoever becomes root by sudo;
where there is no such folder nothing is remembered.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.cli.common.files import replace_json
from agent.cli.scan.found import FoundUnit
from agent.message import Message
from agent.modbus.survey.match import Sureness, sureness
from agent.transport.row import Endpoint
from agent.transport.table import parse
from drivers.files import read_text

NEW_S = 3600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit as a scan saw it. `line`: "" where none is set; `profile`: the best, "" where none fits."""

    endpoint: str
    unit_id: int
    line: str
    profile: str
    sure: str
    reading: Message

    @classmethod
    def of(cls, unit: FoundUnit) -> "Seen":
        """Return what is worth keeping of a unit that was found."""
        sure = sureness(unit.matches) if unit.identified else Sureness.NOT_RECOGNISED
        fits = unit.identified and sure is not Sureness.NOT_RECOGNISED
        return cls(
            named(unit.endpoint),
            unit.found.unit_id,
            str(unit.found.line).replace(" ", "-") if unit.found.line else "",
            unit.matches[0].profile.model if fits else "",
            str(sure),
            unit.reading,
        )

    @classmethod
    def kept(cls, told: Mapping[str, Any]) -> "Seen":
        """Return one that was kept. KeyError, TypeError."""
        return cls(**{**told, "reading": Message.of_json(told["reading"])})


@dataclass(frozen=True, slots=True)
class Scanned:
    """One endpoint as it was scanned. `ids`: those that were asked, where not the usual ones."""

    endpoint: str
    at_s: float
    ids: Sequence[int] | None
    units: Sequence[Seen]

    def answers(self, endpoint: Endpoint, ids: Sequence[int], lines: Sequence[str]) -> bool:
        """Whether a scan of an endpoint for some ids and line settings ([]: the usual) need not be made."""
        asked = self.ids is None or bool(ids and set(ids) <= set(self.ids))
        heard = not lines or all(unit.line in ("", *lines) for unit in self.units)
        return asked and heard and endpoint.is_port(self.endpoint)

    def of(self, ids: Sequence[int]) -> list[Seen]:
        """Return the units of some ids; all of none."""
        return [unit for unit in self.units if not ids or unit.unit_id in ids]


def named(endpoint: Endpoint) -> str:
    """Return an endpoint as it is found from any folder."""
    return os.path.abspath(endpoint.device) if endpoint.device else str(endpoint)


def remember(endpoints: Iterable[Endpoint], units: Iterable[FoundUnit], ids: Sequence[int] | None) -> bool:
    """Keep what a scan found at its endpoints; return whether anything of it is kept. ids: as in Scanned."""
    path = _path()
    if path is None:
        return False
    now_s, places = time.time(), list(endpoints)
    found = [Seen.of(unit) for unit in units if unit.found.heard]
    new = [
        Scanned(named(place), now_s, ids, some)
        for place in places
        if (some := [unit for unit in found if unit.endpoint == named(place)])
    ]
    old = [one for one in recent(now_s) if not any(place.is_port(one.endpoint) for place in places)]
    with suppress(OSError):
        replace_json(path, [_kept(one) for one in (*old, *new)])
        return bool(new)
    return False


def recent(now_s: float | None = None) -> list[Scanned]:
    """Return what was found at each endpoint within the last hour."""
    now_s = time.time() if now_s is None else now_s
    found = []
    with suppress(OSError, ValueError, TypeError, KeyError):
        path = _path()
        for one in json.loads(read_text(path)) if path else ():
            scanned = Scanned(**{**one, "units": [Seen.kept(unit) for unit in one["units"]]})
            if 0 <= now_s - scanned.at_s <= NEW_S and len(parse(scanned.endpoint)) == 1:
                found.append(scanned)
    return found


def _kept(scanned: Scanned) -> dict[str, Any]:
    units = [{**asdict(unit), "reading": unit.reading.as_json()} for unit in scanned.units]
    return {**asdict(scanned), "units": units}


def _path() -> Path | None:
    user = os.environ.get("SUDO_UID") if os.geteuid() == 0 else None
    folder = f"/run/user/{user}" if user else os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    path = Path(folder, "cellwarden-scan.json")
    return path if path.parent.is_dir() else None
