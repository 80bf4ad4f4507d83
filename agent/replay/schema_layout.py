"""The layout of a unit's values, by a stored schema, as the detectors take it."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.detect.channels import Codes, Ints
from agent.detect.table import TIERS as SEVERITIES
from agent.quality import Quality
from agent.replay.parts import JudgedChannel, PlainLayout
from agent.wire.si import FLOAT_32, FLOAT_64
from drivers.values import bit_name, number_name

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
        self._bits = {int(i): _meanings(said) for i, said in description.get("bits", {}).items()}
        self._numbers = {int(i): _meanings(said) for i, said in description.get("numbers", {}).items()}
        said = [
            *((i, bit_name(names[i], bit), m) for i, bits in self._bits.items() for bit, m in bits.items()),
            *((i, number_name(names[i], n), m) for i, ns in self._numbers.items() for n, m in ns.items()),
        ]
        self._said = {(i, name): (i, name, m[1], m[0]) for i, name, m in said if m[1]}
        self._names = names
        self.sayings = tuple(self._said.values())
        self._speaking = sorted({i for i, _ in self._said})

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[tuple[int, str, str, str]]:
        """Return the alarms that the unit itself reports, of `sayings`."""
        found = []
        for i in self._speaking:
            if quality[i] != Quality.GOOD:
                continue
            number, name = int(raw[i]), self._names[i]
            bits = self._bits.get(i, {})
            names = [
                bit_name(name, bit) for bit, meaning in bits.items() if (number >> bit) & 1 == meaning[2]
            ]
            names += [number_name(name, number)]
            found += [self._said[i, name] for name in names if (i, name) in self._said]
        return found


def _meanings(said: Mapping[str, Sequence[Any]]) -> dict[int, tuple[str, str, int]]:
    found = {}
    for key, (text, severity, active) in said.items():
        if (severity or "") not in SEVERITIES:
            raise ValueError(f"{severity!r} is no severity")
        found[int(key)] = (str(text), severity or "", int(active))
    return found
