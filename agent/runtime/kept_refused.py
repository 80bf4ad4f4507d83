"""What each unit refuses, over a restart: a small row per unit, written when it changes.

The content of a row is that of `agent.modbus.learned.Learned.to_plain`; of a unit that refuses nothing there
is no row.
"""

from collections.abc import Collection, Iterator
from typing import Any

from agent.modbus.learned import Learned
from agent.wire.packing import pack

Content = dict[str, Any]


class KeptRefused:
    """The rows of what units refuse, by unit."""

    def __init__(self) -> None:
        self._content: dict[str, Content] = {}
        self._written: dict[str, bytes] = {}  # content, packed
        self._offered: dict[str, bytes] = {}

    def read(self, unit: str, content: Content) -> None:
        """Take a unit's row from disk. Raises what `UNREADABLE` lists where it is of no known form."""
        Learned.from_plain(content)
        self._content[unit] = content
        self._written[unit] = pack(content)

    def learned(self, unit: str) -> Learned:
        """Return what is known of a unit that is to be polled."""
        return Learned.from_plain(self._content.get(unit, {}))

    def take(self, unit: str, content: Content) -> None:
        """Take what a unit refuses now."""
        self._content[unit] = content

    def expect(self, units: Collection[str]) -> None:
        """Drop everything of units that are not among these."""
        for gone in self._content.keys() - set(units):
            del self._content[gone]

    def due(self, on_disk: Collection[str]) -> Iterator[tuple[str, Content | None]]:
        """Yield the units whose row is to be written, with its content; None: the row is to be deleted.

        on_disk: the units that have a row.
        """
        self._offered = {unit: pack(content) for unit, content in self._content.items() if content}
        for unit, packed in self._offered.items():
            if packed != self._written.get(unit):
                yield unit, self._content[unit]
        for unit in self._content.keys() - self._offered.keys():
            if unit in on_disk:
                yield unit, None

    def written(self) -> None:
        """Take note that what `due` gave last is on disk."""
        self._written = self._offered

    def write_again(self) -> None:
        """Take note that no row is on disk any more."""
        self._written = {}
