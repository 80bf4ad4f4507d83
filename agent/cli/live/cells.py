"""The cells in the terminal view: the map in rows of tens, the worst, one that was asked for, a list."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import set_cell_size
from rich.text import Text

from agent.detect.knowledge import Knowledge
from agent.view import words
from agent.view.find import is_meant
from agent.view.language import how_long, tell, tr

View = Mapping[str, Any]
STYLE = {1: "reverse bold red", 2: "bold yellow", 3: "bold"}  # by priority
LABEL = 13  # columns before a row of the map


def map_head(width: int) -> list[Text]:
    """Return what stands above the map: what its marks mean, and the numbers of its columns."""
    ruler = " " * (LABEL - 1) + "".join(f"{10 * n + 1:<11}" for n in range(_tens(width)))
    return [
        Text(" " + tr("CELLS mV from median   . in band  + high  - low  1 2 3 alarm  ~ stale  ? none")),
        Text(ruler.rstrip()),
    ]


def map_rows(unit: View, width: int) -> list[tuple[Text, bool]]:
    """Return the map in rows of tens, each with whether a cell in it is marked.

    A row begins with its string and the numbers of its cells.
    """
    rows = []
    for (kind, name), boxes in _strings(unit["cells"]).items():
        for first in range(0, len(boxes), 10 * _tens(width)):
            row = boxes[first : first + 10 * _tens(width)]
            span = f"{row[0]['number']}-{row[-1]['number']}"
            label = name if kind != "sensor" else " T"
            line = Text(f" {label[:3]:<3}{span:>7} ")
            for i, box in enumerate(row):
                line.append(" " if i and i % 10 == 0 else "")
                mark = box["mark"] or "."
                line.append(mark, STYLE.get(int(mark), "") if mark.isdigit() else "")
            rows.append((line, any(box["mark"] for box in row)))
    return rows


def _tens(width: int) -> int:
    return max(1, (width - LABEL) // 11)


def _strings(boxes: Sequence[View]) -> dict[tuple[str, str], list[View]]:
    """Return the boxes of each string, called S1, S2, ...; sensors apart."""
    found: dict[tuple[str, str], list[View]] = {}
    for box in boxes:
        string = next((part for part in box["place"].split("/") if part.startswith("string")), "")
        name = string.replace("string", "S")
        kind = "sensor" if box["kind"] == "sensor" else "cell"
        found.setdefault((kind, "" if kind == "sensor" else name), []).append(box)
    return found


def worst(unit: View, found: int | str | None) -> Text:
    """Return the cells that are farthest out, or the one that was asked for."""
    if found is not None:
        return Text(" " + _of_cell(unit, found))
    by_name = {box["name"]: box for box in unit["cells"]}
    parts = []
    for name in unit["worst"]:
        box = by_name[name]
        parts.append(f"{name} {box['mv']:+.0f} mV" if box["mv"] is not None else f"{name} {box['dt']:+.1f} K")
    return Text(" " + (tell("Worst: {cells}", cells="   ".join(parts)) if parts else tr("Worst: not known")))


def _of_cell(unit: View, cell: int | str) -> str:
    for box in unit["cells"]:
        if is_meant(box, cell):
            if box["sight"] == "none":
                return f"{box['name']}: {tr('nothing known now')}"
            mv = "--" if box["mv"] is None else f"{box['mv']:+.0f}"
            temp = "" if box["t"] is None else f"   {box['t']:.1f} °C"
            volts, old = words.number(box["v"], 3), tell("{age} old", age=how_long(box["age_s"]))
            seen = "" if box["state"] == tr(Knowledge.LIVE) else f"   {box['state']}"
            return f"{box['name']}: {volts} V   {mv} mV{temp}   {old}{seen}"
    return tell("There is no cell {n} in {unit}", n=cell, unit=unit["name"])


def cell_lines(unit: View | None) -> list[Text]:
    """Return every cell in a line of its own, abnormal ones first."""
    boxes = sorted(unit["cells"], key=lambda box: (not box["mark"], box["priority"] or 9)) if unit else []
    lines = [Text(" " + tr("cell                        mark      V       mV       C     age"))]
    for box in boxes:
        now = box if box["sight"] != "none" else {}
        age = tr("never") if box["age_s"] is None else how_long(box["age_s"])
        numbers = (words.number(now.get(key), digits) for key, digits in (("v", 3), ("mv", 0), ("t", 1)))
        values = " ".join(f"{number:>7}" for number in numbers)
        lines.append(Text(f" {set_cell_size(box['name'], 27)} {box['mark'] or '.':^4} {values} {age:>7}"))
    return lines
