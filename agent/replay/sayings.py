"""What a unit itself reports among the values of a frame: bits and numbers that have a meaning."""

from collections.abc import Mapping, Sequence

from agent.detect.channels import Codes, Ints
from agent.detect.reported import Saying
from agent.quality import Quality
from drivers.values import bit_name, number_name

#: Bit or number -> text, severity ("": no alarm), and the state of the bit that says it.
Meanings = Mapping[int, tuple[str, str, int]]


class Sayings:
    """The alarms of a unit's own. names: per value of a frame. bits, numbers: value index -> meanings."""

    def __init__(
        self, names: Sequence[str], bits: Mapping[int, Meanings], numbers: Mapping[int, Meanings]
    ) -> None:
        self._names, self._bits = names, bits
        said = [
            *((i, bit_name(names[i], bit), m) for i, of in bits.items() for bit, m in of.items()),
            *((i, number_name(names[i], n), m) for i, of in numbers.items() for n, m in of.items()),
        ]
        self._said = {(i, name): (i, name, m[1], m[0]) for i, name, m in said if m[1]}
        self._speaking = sorted({i for i, _ in self._said})
        self.all: Sequence[Saying] = tuple(self._said.values())

    def standing(self, raw: Ints, quality: Codes) -> Sequence[Saying]:
        """Return those that a frame reports."""
        found = []
        for i in self._speaking:
            if quality[i] != Quality.GOOD:
                continue
            number, name = int(raw[i]), self._names[i]
            bits = self._bits.get(i, {})
            names = [bit_name(name, bit) for bit, of in bits.items() if (number >> bit) & 1 == of[2]]
            names += [number_name(name, number)]
            found += [self._said[i, name] for name in names if (i, name) in self._said]
        return found
