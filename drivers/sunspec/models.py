"""SunSpec model definitions as data: where each point of a model is, and how its type reads.

Source: the published JSON in `definitions/`; the "not implemented" values are those of the SunSpec Device
Information Model Specification, as pysunspec2 has them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from drivers.values import Coding, Reading

_FOLDER = Path(str(files("drivers.sunspec"))) / "definitions"


def _integer(words: int, *, signed: bool = False) -> Coding:
    reading = Reading.UNSIGNED_64 if words == 4 and not signed else Reading.INTEGER
    return Coding(reading, words, 16 * words, signed=signed)


#: SunSpec type -> how its registers read, and its "not implemented" as raw values.
TYPES: dict[str, tuple[Coding, tuple[int, ...]]] = {
    "uint16": (_integer(1), (0xFFFF,)),
    "int16": (_integer(1, signed=True), (-0x8000,)),
    "uint32": (_integer(2), (0xFFFFFFFF,)),
    "int32": (_integer(2, signed=True), (-0x80000000,)),
    "uint64": (_integer(4), (-1,)),
    "int64": (_integer(4, signed=True), (-(2**63),)),
    "acc16": (_integer(1), (0,)),
    "acc32": (_integer(2), (0,)),
    "acc64": (_integer(4), (0,)),
    "count": (_integer(1), (0,)),
    "enum16": (_integer(1), (0xFFFF,)),
    "enum32": (_integer(2), (0xFFFFFFFF,)),
    "bitfield16": (_integer(1), (0xFFFF, 0x8000)),
    "bitfield32": (_integer(2), (0xFFFFFFFF, 0x80000000)),
    "bitfield64": (_integer(4), (-1, -(2**63))),
    "sunssf": (_integer(1, signed=True), (-0x8000,)),
    "float32": (Coding(Reading.FLOAT_32, 2, 32, signed=True), ()),
    "float64": (Coding(Reading.FLOAT_64, 4, 64, signed=True), ()),
}


@dataclass(frozen=True, slots=True)
class PointDefinition:
    """One point; `offset` counts registers from the model's ID, or from the start of its repeating group."""

    name: str
    type: str
    offset: int
    size: int
    scale_factor: str | int | None
    unit: str
    symbols: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A fixed part, header included, and at most one group that repeats after it."""

    id: int
    points: dict[str, PointDefinition]
    size: int  # registers of the fixed part
    group: dict[str, PointDefinition]
    group_size: int
    count: str | int  # the point that tells how often the group repeats; 0: to the end of the model

    @property
    def counter(self) -> PointDefinition | None:
        """The point that tells how often the group repeats; 805 fills up to its end and counts besides."""
        return self.points.get(self.count if isinstance(self.count, str) else "NCell") if self.group else None

    def holds(self, length: int) -> bool:
        """Whether a model of declared `length` ends where a point, or a whole group, does."""
        rest = length + 2 - self.size
        return (
            rest == 0
            or (self.id == 1 and rest == -1)
            or (self.group_size > 0 <= rest and rest % self.group_size == 0)
        )

    def repeats(self, length: int) -> int:
        """How many whole groups fit in a model of declared `length`."""
        return max(0, length + 2 - self.size) // self.group_size if self.group_size else 0


@cache
def definition(model_id: int) -> ModelDefinition | None:
    """The published definition, or None if it is not among those that come along."""
    path = _FOLDER / f"model_{model_id}.json"
    if not path.is_file():
        return None
    top = json.loads(path.read_text(encoding="utf-8"))["group"]
    points, size = _points(top["points"])
    inner = top.get("groups", [])
    group, group_size = _points(inner[0]["points"]) if inner else ({}, 0)
    return ModelDefinition(
        model_id, points, size, group, group_size, inner[0].get("count", 0) if inner else 0
    )


def _points(listed: Sequence[dict[str, Any]]) -> tuple[dict[str, PointDefinition], int]:
    points: dict[str, PointDefinition] = {}
    offset = 0
    for p in listed:
        symbols = tuple((s["value"], s["name"]) for s in p.get("symbols", []))
        points[p["name"]] = PointDefinition(
            p["name"], p["type"], offset, p["size"], p.get("sf"), p.get("units", ""), symbols
        )
        offset += p["size"]
    return points, offset
