"""Times, places and states in the words that people read."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from agent.view.language import current, tell, tr

_LEVEL = re.compile(r"([a-z_]+?)(\d+)")

#: What a battery is made of: where a text tells of one with a number, it is a place.
LEVELS = ("string", "module", "cell", "sensor")
#: How days are written.
DATES = ("%d %b", "%d %b %H:%M", "%d %b %Y", "%d %b %Y %H:%M:%S")
#: With its number.
PARTS = {
    "rack": "rack {n}",
    "string": "string {n}",
    "module": "module {n}",
    "cell": "cell {n}",
    "sensor": "sensor {n}",
    "phase": "phase {n}",
    "channel": "channel {n}",
}


def clock(at: datetime, now: datetime) -> str:
    """Return a local time: "14:02:11" within a day, else "21 Nov 09:14"."""
    near = abs((now - at).total_seconds()) < 86400
    return at.strftime("%H:%M:%S") if near else dated(at, "%d %b %H:%M")


def dated(at: datetime, form: str) -> str:
    """Return a time by one of DATES, in the order of the language that is spoken."""
    return re.sub(r"%\w", lambda part: at.strftime(part[0]), tr(form))


def offset(at: datetime) -> str:
    """Return the offset from UTC: "+02:00"."""
    text = at.strftime("%z") or "+0000"
    return f"{text[:3]}:{text[3:5]}"


def minute(at: datetime, now: datetime) -> str:
    """Return a local time to the minute: "21:15" within a day, else "21 Nov 21:15"."""
    near = abs((now - at).total_seconds()) < 86400
    return at.strftime("%H:%M") if near else dated(at, "%d %b %H:%M")


def place(path: str) -> str:
    """Return "string 1 module 2 cell 5" for "string1/module2/cell5"; "whole unit" for ""."""
    return _place(path, current())


@lru_cache(8192)  # racks are alike, and a page names each cell
def _place(path: str, _language: str) -> str:
    if not path:
        return tr("whole unit")
    return " ".join(_LEVEL.sub(lambda part: numbered(part[1], part[2]), part) for part in path.split("/"))


def kind(quantity: str) -> str:
    """Return what a quantity is called within a sentence: "cell voltage" for "cell_voltage"."""
    return tr(quantity.replace("_", " "))


def titled(unit: Mapping[str, Any]) -> str:
    """Return what a unit is called: its label with its name, which commands take; or its name alone."""
    name, label = str(unit["name"]), str(unit.get("label") or "")
    return tell("{label} ({name})", label=label, name=name) if label else name


def numbered(level: str, number: str | int) -> str:
    """Return a part of a battery by its number: "cell 5"."""
    return tell(PARTS[level], n=number) if level in PARTS else f"{level} {number}"


def unit(name: str) -> str:
    """Return a unit as people read it: °C for degC."""
    return "°C" if name == "degC" else name


def decimals(name: str) -> int:
    """Return how many decimals a measured value in a unit is told with."""
    return 3 if name == "V" else 1


def first_days(said: Mapping[str, Any] | None) -> str:
    """Return the sentence on the first days of a battery; "": there are none. said: of the status."""
    if not said:
        return ""
    begun = said["day"] > 0
    return tell(
        "{which} (commissioned {commissioned}): warnings of limits speak after half their delay until"
        " {until}; cellwarden report first-days",
        which=tell("day {day} of the first {days}", **said) if begun else tr("not commissioned yet"),
        commissioned=said["commissioned"],
        until=said["until"],
    )


def number(value: float | None, digits: int) -> str:
    """Return a figure; what is not known is shown as not known."""
    return "--" if value is None else f"{value:z.{digits}f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit, to three or four digits: "-18 mV", "0.52 K/min"."""
    return f"{value:.4g} {unit}".strip()
