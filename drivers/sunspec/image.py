"""Registers of a SunSpec unit that nobody has, from the definitions: to plan for one, and for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivers.sunspec.chain import END, MARKER
from drivers.sunspec.models import TYPES, PointDefinition, definition


@dataclass(frozen=True, slots=True)
class Sketch:
    """One model to lay out: how often its group repeats, and raw values (or texts) of its fixed points.

    Points not named are "not implemented", scale factors 0; ID, length and the counter are filled in.
    """

    id: int
    repeats: int = 0
    points: Mapping[str, int | str] = field(default_factory=dict)


def compose(sketches: Sequence[Sketch]) -> list[int]:
    """The words of a unit from its "SunS" to the end marker; the caller chooses the base address.

    Raises KeyError for a model or point that the definitions do not have.
    """
    words = list(MARKER)
    for sketch in sketches:
        model = definition(sketch.id)
        if model is None:
            raise KeyError(f"there is no definition of model {sketch.id}")
        said = {"ID": sketch.id, "L": model.size - 2 + sketch.repeats * model.group_size}
        if model.counter:
            said[model.counter.name] = sketch.repeats
        points: dict[str, int | str] = {**said, **sketch.points}
        if unknown := points.keys() - model.points.keys():
            raise KeyError(f"model {sketch.id} has no point {', '.join(sorted(unknown))}")
        for name, point in model.points.items():
            words += _words(point, points.get(name))
        for _ in range(sketch.repeats):
            for point in model.group.values():
                words += _words(point, None)
    return [*words, END, 0]


def _words(point: PointDefinition, said: int | str | None) -> list[int]:
    if point.type in ("string", "pad"):
        data = str(said or "").encode("ascii").ljust(2 * point.size, b"\0")
        return [int.from_bytes(data[i : i + 2], "big") for i in range(0, 2 * point.size, 2)]
    _, missing = TYPES[point.type]
    number = said if isinstance(said, int) else 0 if point.type == "sunssf" or not missing else missing[0]
    number &= (1 << 16 * point.size) - 1
    return [number >> 16 * (point.size - 1 - k) & 0xFFFF for k in range(point.size)]
