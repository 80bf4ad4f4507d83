"""The order of an agent's epochs, and of what it sealed in them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Place = tuple[int, int, int]  # number of the epoch, sequence, position within the batch
BEGINNING: Place = (0, 0, 0)


class Told(NamedTuple):
    """An event as it is stored. record: JSON. subject: what it is about, as `collector.facts.derive.subject`
    says. heard_ns: UTC by the collector's clock, when it came.
    """

    epoch: bytes
    sequence: int
    position: int
    kind: str
    unit: str
    record: str
    subject: str
    heard_ns: int

    def place(self, numbers: Mapping[bytes, int]) -> Place:
        """Where it stands in its agent's order."""
        return numbers.get(self.epoch, 0), self.sequence, self.position


def in_order(arrived: Sequence[bytes], ended: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Epochs of one agent in their order: as they arrived, but for what an agent says itself.

    ended: (epoch, the later one in which its end was told), as gap records with an `epoch` say.
    """
    before: dict[bytes, set[bytes]] = {epoch: set() for epoch in arrived}
    for old, new in ended:
        if old != new and old in before and new in before:
            before[new].add(old)
    left, found = list(dict.fromkeys(arrived)), list[bytes]()
    while left:
        free = (epoch for epoch in left if before[epoch].isdisjoint(left))
        found.append(next(free, left[0]))  # a circle is nonsense: by arrival then
        left.remove(found[-1])
    return found


def numbered(epochs: Iterable[bytes]) -> dict[bytes, int]:
    """The number of each epoch in its agent's order, from 1."""
    return {epoch: number for number, epoch in enumerate(epochs, 1)}
