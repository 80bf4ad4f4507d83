"""What people are told of a unit's limits: that its voltages have none, which the site made wider. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats
from agent.detect.limits import HIGH, LIMITED, LOW, SAFETY, WHOSE, SiteLimit, UnitLimits
from agent.detect.places import VOLTAGES
from agent.detect.settings import Settings

SIDES = {LOW: "lowest", HIGH: "highest"}
#: What a widened limit is, with fields in braces.
WIDER = "{quantity}: the {side} safety limit {limit:g} {unit} is wider than {other:g} {unit} {whose}"


class Widened(NamedTuple):
    """A safety limit of the site that is wider than what would hold without it; whose that is, in words."""

    quantity: str
    side: str
    limit: float
    instead_of: float
    whose: str
    unit: str
    reviewed_by: str
    why: str

    @property
    def key(self) -> tuple[str, int]:
        """Its quantity, and LOW or HIGH."""
        return self.quantity, next(side for side, word in SIDES.items() if word == self.side)

    @property
    def wide(self) -> str:
        """What it is, without who answers for it."""
        return WIDER.format(**self.fields)

    @property
    def fields(self) -> dict[str, str | float]:
        """What the fields of WIDER hold."""
        told = {"quantity": self.quantity, "side": self.side, "unit": self.unit, "whose": self.whose}
        return {**told, "limit": self.limit, "other": self.instead_of}

    @property
    def text(self) -> str:
        """All of it in a sentence."""
        return f"{self.wide}; reviewed by {self.reviewed_by}: {self.why}"


NO_LIMIT = "no voltage limit known: set chemistry"
NO_LIMIT_OF_BLOCKS = "no voltage limit known: set cells_per_block"


def unknown(quantities: Sequence[str], limits: UnitLimits, chemistry: str) -> str:
    """Return why there are voltages of cells without any limit, and what to do; "": there are none such.
    Where cells tell theirs, those of their modules need none.
    """
    told = next((quantity for quantity in VOLTAGES if quantity in quantities), "")
    of = [i for i, quantity in enumerate(quantities) if told and quantity == told]
    if all(np.isfinite(limits.values[i]).any() for i in of):
        return ""
    return NO_LIMIT_OF_BLOCKS if chemistry else NO_LIMIT


def widened(
    quantities: Sequence[str], settings: Settings, profile: Floats | None = None
) -> Iterator[Widened]:
    """Give the safety limits of a site that are wider than what would hold without them, each once."""
    wide = settings.unit_limits(quantities, profile).widened
    without = replace(settings, limits=()).unit_limits(quantities, profile)
    told = set()
    for i, side in zip(*np.nonzero(wide), strict=True):
        instead_of, source = without.values[i, SAFETY, side], without.sources[i, SAFETY, side]
        for limit in settings.limits:
            end = (limit.low, limit.high)[side]
            if limit.quantity == quantities[i] and limit.tier == SAFETY and _wider(end, instead_of, side):
                found = _of(limit, end, float(instead_of), int(source), int(side))
                if found not in told:
                    told.add(found)
                    yield found


def _wider(end: float, other: float, side: int) -> bool:
    return -np.inf < end < other if side == LOW else other < end < np.inf


def _of(limit: SiteLimit, end: float, instead_of: float, source: int, side: int) -> Widened:
    unit = LIMITED[limit.quantity]
    return Widened(
        limit.quantity, SIDES[side], end, instead_of, WHOSE[source], unit, limit.reviewed_by, limit.why
    )


class LimitNotes(NamedTuple):
    """What the status says of a unit's limits. unknown: why its voltages have none, "": they have. widened: a
    sentence for each safety limit of the site that is wider than others, and holds.
    """

    unknown: str
    widened: tuple[str, ...]


def notes(quantities: Sequence[str], settings: Settings, profile: Floats | None = None) -> LimitNotes:
    """Return what people are to be told."""
    limits = settings.unit_limits(quantities, profile)
    wide = tuple(w.text for w in widened(quantities, settings, profile) if w.reviewed_by and w.why)
    return LimitNotes(unknown(quantities, limits, settings.chemistry), wide)
