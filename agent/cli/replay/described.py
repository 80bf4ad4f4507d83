"""What a stored schema says of the values of a unit, as the detectors want to hear it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.cli.replay.parts import Channel, Values
from agent.detect.channels import Codes, Ints
from agent.quality import Quality
from agent.wire.si import FLOAT_32, FLOAT_64

TIERS = ("operating", "recommended", "safety")


class Described(Values):
    """The values of a schema (docs/wire-format.md), in its order.

    Raises LookupError, TypeError, ValueError or AttributeError where it does not say what a schema says.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        columns = (description[key] for key in ("place", "quantity", "scale", "reading"))
        channels = [
            Channel(str(place), str(quantity), 0.0 if reading in (FLOAT_32, FLOAT_64) else abs(float(scale)))
            for place, quantity, scale, reading in zip(*columns, strict=True)
        ]
        super().__init__(channels)
        self.channels, self.description = channels, dict(description)
        for i, limits in description.get("limits", {}).items():
            self.limits[int(i)] = [limits[tier] for tier in TIERS]
        for i, seconds in description.get("changes_within_s", {}).items():
            self.changes_within_s[int(i)] = float(seconds)
        self._bits = {int(i): _meanings(said) for i, said in description.get("bits", {}).items()}
        self._numbers = {int(i): _meanings(said) for i, said in description.get("numbers", {}).items()}
        speaking = [
            i
            for said in (self._bits, self._numbers)
            for i, meanings in said.items()
            if any(severity for _, severity, _ in meanings.values())
        ]
        self.speaking: NDArray[np.intp] = np.array(sorted(set(speaking)), np.intp)

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[tuple[int, str, str]]:
        """Return the alarms that the unit itself reports: value index, severity, text."""
        found = []
        for i in self.speaking.tolist():
            if quality[i] != Quality.GOOD:
                continue
            number = int(raw[i])
            bits = self._bits.get(i, {})
            said = [meaning for bit, meaning in bits.items() if (number >> bit) & 1 == meaning[2]]
            said += [self._numbers[i][number]] if number in self._numbers.get(i, {}) else []
            found += [(i, severity, text) for text, severity, _ in said if severity]
        return found


def _meanings(said: Mapping[str, Sequence[Any]]) -> dict[int, tuple[str, str, int]]:
    return {
        int(key): (str(text), str(severity or ""), int(active))
        for key, (text, severity, active) in said.items()
    }
