"""Every value of a unit as plain data: where it stands, its words, what they say, and what looks wrong."""

from dataclasses import dataclass

import numpy as np

from agent.modbus.survey.look import looks_wrong, manual_address
from agent.quality import NOT_READ, Quality
from drivers.layout import Image, Layout


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value; the fields are those of `cellwarden probe --json`.

    `table`: the area of its registers. `wire`, `manual`: the first one's address in both notations. `words`:
    none where it was not read. `value`: None where its quality is not good. `means`, `looks_wrong`: in words.
    """

    name: str
    place: str
    table: str
    wire: int
    manual: str
    unit_offset: int
    words: list[int]
    value: float | None
    unit: str
    quality: str
    means: list[str]
    looks_wrong: str

    @property
    def is_doubtful(self) -> bool:
        """Whether it looks wrong, and is not just a sensor that the unit does not have."""
        return bool(self.looks_wrong) and self.quality != "missing"


def value_rows(layout: Layout, image: Image, step: int = 1) -> list[ValueRow]:
    """Return a row for each value, in the order of `layout.values`. `step`: the profile's address_step."""
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    rows = []
    for i, value in enumerate(layout.values):
        slot = layout.plan.slot(value.span)
        words = image.words[slot : slot + value.coding.words].tolist()
        rows.append(
            ValueRow(
                name=value.name,
                place=value.place,
                table=str(value.span.area),
                wire=value.span.first * step,
                manual=manual_address(value.span.area, value.span.first * step),
                unit_offset=value.span.unit_offset,
                words=words if quality[i] not in NOT_READ else [],
                value=float(si[i]) if quality[i] == Quality.GOOD else None,
                unit=value.unit,
                quality=Quality(quality[i]).name.lower(),
                means=layout.meanings(i, int(raw[i])) if quality[i] == Quality.GOOD else [],
                looks_wrong=looks_wrong(value, float(si[i]), int(quality[i])),
            )
        )
    return rows
