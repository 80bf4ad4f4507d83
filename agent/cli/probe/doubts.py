"""Points with values that look wrong, and how else their registers could be read.

Another reading may need the register before or after a point, so each point is asked once more with both.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from agent.cli.probe.value_rows import ValueRow
from agent.modbus.survey.look import alternatives
from agent.modbus.survey.match import Ask
from agent.quality import Quality
from drivers.layout import Image, Layout
from drivers.profile.load import Profile
from drivers.registers import Area, Read
from drivers.values import Value

MOST_WORDS = 125  # of one request (Modbus application protocol, 6.3)
MOST_POINTS = 6  # that are asked once more: a unit is not flooded with requests for a wrong profile


@dataclass(frozen=True, slots=True)
class Doubt:
    """A point that looks wrong. `values`: how many; `could_be`: readings under which it looks right."""

    point: str
    values: int
    could_be: list[str]


async def doubts(
    profile: Profile, layout: Layout, image: Image, rows: list[ValueRow], ask: Ask
) -> list[Doubt]:
    """Return the doubts about the first points that look wrong. `rows`: those of the layout's values."""
    return [
        Doubt(values[0].name, len(values), await _other_readings(values, profile, layout, image, ask))
        for values in _doubtful_points(layout, rows)[:MOST_POINTS]
    ]


def _doubtful_points(layout: Layout, rows: list[ValueRow]) -> list[list[Value]]:
    """Return the values of each point with a doubtful one."""
    points = groupby(zip(layout.values, rows, strict=True), key=lambda pair: pair[0].name)
    of_points = [list(pairs) for _, pairs in points]
    return [[value for value, _ in pairs] for pairs in of_points if any(row.is_doubtful for _, row in pairs)]


async def _other_readings(
    values: list[Value], profile: Profile, layout: Layout, image: Image, ask: Ask
) -> list[str]:
    """Return the readings under which a point looks right: of its words that are in the image already, where
    the unit refuses to be asked for the registers around it.
    """
    area, unit_offset = values[0].span.area, values[0].span.unit_offset
    if area not in (Area.HOLDING, Area.INPUT):
        return []
    values = [value for value in values if (value.span.area, value.span.unit_offset) == (area, unit_offset)]
    first = min(value.span.first for value in values)
    before, after = max(0, first - 1), max(value.span.last for value in values) + 1
    if after - before >= MOST_WORDS:
        return []
    around = Read(area, before * profile.address_step, after - before + 1, unit_offset)
    reply = await ask(around, (profile.pause_ms or 0.0) / 1e3)
    if reply.quality is Quality.GOOD:
        return alternatives(values, np.array(reply.words, np.uint16), before)
    own = _own_words(values, layout, image)
    return [] if own is None else alternatives(values, own, first)


def _own_words(values: list[Value], layout: Layout, image: Image) -> NDArray[np.uint16] | None:
    """Return a point's words from the image; None where they do not stand together there."""
    start, end = layout.plan.slot(values[0].span), layout.plan.slot(values[-1].span) + values[-1].coding.words
    registers = values[-1].span.last - values[0].span.first + 1
    return image.words[start:end].copy() if end - start == registers else None
