"""The alarms of each unit and of the site, as the content of rows on disk and back.

The row of a unit is written with the first commit after any change of its alarms: alarms are small, and an
acknowledgement or a shelf must survive a power cut. The unit "" is the site, whose row also holds the alarms
that the agent raised about itself.

The content of a row, under its keys:

    books         name -> alarms, see `AlarmBook.to_plain`
    own           the agent's own alarms of version 0.1.0; empty since, and kept because 0.1.0 needs the key
    standing      the `BookContext` of the unit; None: no detectors have begun
    in_vain_s     for how long the unit has been looked for and not seen
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

OWN = "own"  # among the books of the site: that of the agent's own alarms


class KeptAlarms:
    """The rows of alarms, of every unit and of the site.

    judges: of the units that are connected, by name.
    """

    def __init__(self, site_alarms: SiteAlarms, judges: Mapping[str, UnitJudges]) -> None:
        #: Unit -> s for which it has been looked for and not seen. An agent that restarts within the time
        #: after which a unit is blind would else never call it blind.
        self.in_vain_s: dict[str, float] = {}
        self._site_alarms, self._judges = site_alarms, judges
        self._contexts: dict[str, BookContext] = {}  # from disk, of units that are not connected yet
        self._written: dict[str, bytes] = {}  # unit -> content of its row, packed; b"": it has none
        self._offered: dict[str, bytes] = {}  # the same, of the last call of `due`

    def read(self, unit: str, content: Content, later_s: float) -> None:
        """Take the content of a unit's row; `later_s` is added to every time in it.

        Raises what `agent.runtime.snapshot.UNREADABLE` lists where it is of no known form.
        """
        plain = dict(content["books"])
        own, own_of_0_1_0 = plain.pop(OWN, []), content["own"]
        books = {name: _book(alarms, later_s) for name, alarms in plain.items()}
        in_vain_s = float(content.get("in_vain_s", 0.0))
        if content["standing"]:
            context = BookContext(**content["standing"])
            shadow = _book(context.shadow, later_s).to_plain()  # the only times in it
            self._contexts[unit] = replace(context, shadow=shadow)
        self.in_vain_s[unit] = in_vain_s
        self._site_alarms.own.take(own, own_of_0_1_0, later_s)
        self._site_alarms.watch(unit, books)
        if active := self._site_alarms.active(unit):
            log.warning("%s: %d alarms from before the restart are not over", unit or "site", len(active))
        if not later_s:  # else the row on disk holds other times than the books
            self._written[unit] = self._packed(unit)

    def book(self, unit: str, name: str) -> AlarmBook:
        """Return a book of a unit as it was on disk; an empty one where the disk had none."""
        return self._site_alarms.books(unit).get(name) or AlarmBook()

    def take_context(self, unit: str) -> BookContext | None:
        """Hand over the context of a unit's books from disk, and keep it no longer; None: there is none."""
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
        """Return the content of a unit's row as bytes, to be compared; b"" where it needs no row."""
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
            "own": [],
            "standing": context and asdict(context),
            "in_vain_s": self.in_vain_s.get(unit, 0.0),
        }


def _book(alarms: list[dict[str, Any]], later_s: float) -> AlarmBook:
    book = AlarmBook()
    book.from_plain(alarms, later_s)
    return book
