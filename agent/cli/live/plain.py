"""One line per change, for serial consoles, screen readers and pipes. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.cli.common.letters import shown
from agent.view.language import tell, tr

View = Mapping[str, Any]


def lines(before: View | None, after: View, utf8: bool = False) -> Iterator[str]:
    """Yield a line for each change from `before` to `after`; from None, for everything.

    utf8: whether what they are for shows more than ASCII.
    """
    at = after["made"]["clock"]
    for said in _changes(before, after):
        yield shown(f"{at} {said}", utf8)


def _changes(before: View | None, after: View) -> Iterator[str]:
    head = after["headline"]
    if before is None or _state(head) != _state(before["headline"]):
        yield head["text"]
    units = {unit["name"]: unit for unit in before["units"]} if before else {}
    for unit in after["units"]:
        old = units.get(unit["name"])
        if old is None or old["word"] != unit["word"]:
            lacks = f" ({unit['lacks']})" if unit["lacks"] else ""
            cells = f": {unit['sentence']}" if unit["sentence"] else ""  # a large site tells none
            yield f"{unit['title']} {unit['state']}{lacks}{cells}"
            if unit["blind"]:
                blind = unit["blind"]
                yield tell(
                    "{unit}: {cause}; next: {next}",
                    unit=unit["title"],
                    cause=blind["cause"],
                    next=blind["next"],
                )
        elif unit["sentence"] and _marks(old) != _marks(unit):
            yield f"{unit['title']}: {unit['sentence']}"
    was = _alarms(before) if before else {}
    now = _alarms(after)
    for name, row in now.items():
        if name not in was or was[name]["state"] != row["state"]:
            yield tell(
                "alarm {state} priority {priority} {first} {do}",
                state=tr(row["state"]),
                priority=row["priority"],
                first=row["first"],
                do=row["do"],
            )
    for name in was.keys() - now.keys():
        yield tell("alarm over {where}: {name}", where=was[name]["where"], name=name)


def _state(head: View) -> tuple[str, str, bool]:
    """Return what makes a headline another one: not until when something is learned, which moves on."""
    return head["condition"], head["knowledge"], bool(head["learning"])


def _marks(unit: View) -> str:
    """Return how many cells are in which state, without the worst one: that changes with every reading."""
    said: str = unit["sentence"]
    return said.partition(";")[0]


def _alarms(view: View) -> dict[str, View]:
    return {row["id"]: row for row in (*view["alarms"]["active"], *view["alarms"]["over"])}
