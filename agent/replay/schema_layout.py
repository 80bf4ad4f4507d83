"""The layout of a unit's values, by a stored schema, as the detectors take it."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.detect.table import TIERS as SEVERITIES
from agent.replay.parts import JudgedChannel, PlainLayout
from agent.replay.sayings import Sayings
from agent.wire.si import FLOAT_32, FLOAT_64

TIERS = ("operating", "recommended", "safety")


class SchemaLayout(PlainLayout):
    """The values of a schema (docs/wire-format.md), in its order.

    Raises LookupError, TypeError, ValueError, OverflowError or AttributeError where a part of a
    schema is missing or of another kind.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        columns = (description[key] for key in ("place", "quantity", "scale", "reading"))
        channels = [
            JudgedChannel(
                str(place), str(quantity), 0.0 if reading in (FLOAT_32, FLOAT_64) else abs(float(scale))
            )
            for place, quantity, scale, reading in zip(*columns, strict=True)
        ]
        super().__init__(channels)
        self.channels, self.description = channels, dict(description)
        for i, limits in description.get("limits", {}).items():
            self.limits[int(i)] = [limits[tier] for tier in TIERS]
        for i, seconds in description.get("changes_within_s", {}).items():
            self.changes_within_s[int(i)] = float(seconds)
        names = [str(name) for name in description["name"]]
        bits = {int(i): _meanings(said) for i, said in description.get("bits", {}).items()}
        numbers = {int(i): _meanings(said) for i, said in description.get("numbers", {}).items()}
        self.say(Sayings(names, bits, numbers))


def _meanings(said: Mapping[str, Sequence[Any]]) -> dict[int, tuple[str, str, int]]:
    found = {}
    for key, (text, severity, active) in said.items():
        if (severity or "") not in SEVERITIES:
            raise ValueError(f"{severity!r} is no severity")
        found[int(key)] = (str(text), severity or "", int(active))
    return found
