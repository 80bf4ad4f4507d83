"""The alarms of each unit and of the site, as the content of rows on disk and back.

An alarm is small, and what a person acknowledged or shelved is so after a power cut too: the row of a unit is
written with the commit that follows any change of its alarms. The unit "" is the site, whose row also holds
the alarms that the agent raised about itself.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from agent.alarms.site import SiteAlarms
from agent.detect.alarms.book import AlarmBook
from agent.detect.unit import BookContext, UnitJudges
from agent.wire.packing import pack

log = logging.getLogger(__name__)

Content = dict[str, Any]

OWN = "own"  # the book of the agent's own alarms, in the row of the site


class KeptAlarms:
    """The alarms of every unit, and what the next life of the agent needs to go on with them.

    judges: of the units that are connected, by name.
    """

    def __init__(self, site_alarms: SiteAlarms, judges: Mapping[str, UnitJudges]) -> None:
        #: Unit -> how long it was looked for in vain. Without it, an agent that restarts more often than a
        #: unit is called blind would never call it so.
        self.in_vain_s: dict[str, float] = {}
        self._site_alarms, self._judges = site_alarms, judges
        self._contexts: dict[str, BookContext] = {}  # from disk, until the unit is connected
        self._written: dict[str, bytes] = {}  # unit -> content of its row, packed; b"": it has none
        self._offered: dict[str, bytes] = {}  # the same, of the last call of `due`

    def read(self, unit: str, content: Content, later_s: float) -> None:
        """Take the content of a unit's row; `later_s` is added to every time in it.

        Raises LookupError, TypeError, ValueError, AttributeError where it is of no known form.
        """
        plain = dict(content["books"])
        own, own_of_0_1_0 = plain.pop(OWN, []), content["own"]
        books = {name: _book(alarms, later_s) for name, alarms in plain.items()}
        in_vain_s = float(content.get("in_vain_s", 0.0))
        if content["standing"]:
            context = BookContext(**content["standing"])
            self._contexts[unit] = replace(context, shadow=_book(context.shadow, later_s).to_plain())
        self.in_vain_s[unit] = in_vain_s
        self._site_alarms.own.take(own, own_of_0_1_0, later_s)
        self._site_alarms.watch(unit, books)
        if active := self._site_alarms.active(unit):
            log.warning("%s: %d alarms from before the restart are not over", unit or "site", len(active))
        if not later_s:  # else the row on disk holds other times than the books
            self._written[unit] = self._packed(unit)

    def book(self, unit: str, name: str) -> AlarmBook:
        """Return a book of a unit as it was on disk; an empty one where it was not."""
        return self._site_alarms.books(unit).get(name) or AlarmBook()

    def take_context(self, unit: str) -> BookContext | None:
        """Hand over the context of a unit's books from disk, once."""
        return self._contexts.pop(unit, None)

    def expect(self, units: Collection[str]) -> None:
        """Drop everything of units that are not among these."""
        for by_unit in (self.in_vain_s, self._contexts):
            for gone in by_unit.keys() - set(units):
                del by_unit[gone]

    def due(self, on_disk: Collection[str]) -> Iterator[tuple[str, Content | None]]:
        """Yield the units whose row is to be written, with its content; None: the row is to be deleted.

        on_disk: the units that have a row.
        """
        self._offered = {unit: self._packed(unit) for unit in self._site_alarms.units}
        for unit, packed in self._offered.items():
            if not packed and unit in on_disk:
                yield unit, None
            elif packed and packed != self._written.get(unit):
                yield unit, self._content(unit)

    def written(self) -> None:
        """Take note that what `due` gave last is on disk."""
        self._written = self._offered

    def write_again(self) -> None:
        """Take note that no row is on disk any more."""
        self._written = {}

    def _packed(self, unit: str) -> bytes:
        """Return the content of a unit's row, to be compared; b"" where it needs none."""
        judges = self._judges.get(unit)
        needed = (
            any(not book.empty() for book in self._site_alarms.books(unit).values())
            or (judges is not None and not judges.watch.shadow_book.empty())
            or self.in_vain_s.get(unit, 0.0) > 0.0
            or (not unit and bool(self._site_alarms.own.active()))
        )
        return pack(self._content(unit)) if needed else b""

    def _content(self, unit: str) -> Content:
        judges = self._judges.get(unit)
        context = judges.book_context() if judges else self._contexts.get(unit)
        books = {
            name: book.to_plain() for name, book in self._site_alarms.books(unit).items() if not book.empty()
        }
        if not unit and (own := self._site_alarms.own.to_plain()):
            books[OWN] = own
        return {
            "books": books,
            "own": [],  # version 0.1.0 has the agent's own alarms here, and needs the key
            "standing": context and asdict(context),
            "in_vain_s": self.in_vain_s.get(unit, 0.0),
        }


def _book(alarms: list[dict[str, Any]], later_s: float) -> AlarmBook:
    book = AlarmBook()
    book.from_plain(alarms, later_s)
    return book
