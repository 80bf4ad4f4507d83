"""What an upstream has said of a buffer's batches: in memory until a commit writes it."""

import math
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping

from agent.store.cursor import Cursor
from agent.store.cursors import withheld_from
from agent.store.healing import Healing
from agent.store.ledger import Ledger
from agent.wire.ranges import Ranges

NAMED_S = 20.0  # that named batches wait for a commit of frames, before one is made for them
GONE = "acknowledged, lost again by the collector, and no longer in the history"


class Delivery:
    """One upstream's word. `cursor`: how far it is, as of the last commit; `heard`, `refused`: what it said
    since. `healing`: what it had acknowledged, and names as missing. `asked`: whether this process has heard
    of it, and `knows`: the highest sequence that it can hold until then.

    since: the last sequence as it was named, or the buffer opened.
    """

    def __init__(self, cursor: Cursor, since: int) -> None:
        self.cursor = cursor
        self.knows = cursor.forgotten.highest or since
        self.healing = Healing(cursor.healing.minus(cursor.settled))
        self.heard, self.refused = Ranges(), dict[int, str]()
        self.asked = False
        self._named_s = math.inf
        self._withheld: tuple[int, Cursor, Ranges] | None = None

    @property
    def name(self) -> str:
        """The upstream's."""
        return self.cursor.upstream.name

    @property
    def waits(self) -> bool:
        """Whether it said something that no commit has written."""
        return bool(self.heard.count or self.refused)

    def has(self, sequence: int) -> bool:
        """Whether a batch is not to be sent."""
        return sequence in self.cursor.settled or sequence in self.heard or sequence in self.refused

    def hold(self, held: Ranges) -> None:
        """Take its word on what an earlier process sent it."""
        pending = held.minus(self.cursor.settled).minus(self.cursor.forgotten)
        here = pending.both(Ranges.through(self.knows))
        self.heard = Ranges([*self.heard, *here])

    def known(self, aside: Iterable[int] = ()) -> Ranges:
        """What is not to be sent: settled, heard, refused, or put `aside`."""
        return Ranges([*self.cursor.settled, *self.heard, *((s, s) for s in (*self.refused, *aside))])

    def withheld(self, db: sqlite3.Connection, last_sequence: int) -> Ranges:
        """The sequences that it is not to have, read once after each commit."""
        of_last, of_cursor, found = self._withheld or (None, None, Ranges())
        if of_last != last_sequence or of_cursor is not self.cursor:
            found = withheld_from(db, self.cursor, last_sequence)
            self._withheld = last_sequence, self.cursor, found
        return found

    def hear(self, held: Collection[int], refused: Mapping[int, str]) -> None:
        """Take its word on batches that it was sent."""
        for sequence in held:
            self.heard.add(sequence)
        self.refused.update(refused)
        self.healing.settled([*held, *refused])

    def missing(self, held: Ranges, withheld: Ranges, last_sequence: int) -> bool:
        """Take its word on what it holds; return whether what it lacks has waited too long for a commit."""
        self.healing.name(self.cursor.settled.minus(withheld), held, last_sequence)
        if not self.healing.named.count:
            self._named_s = math.inf
        elif self._named_s == math.inf:
            self._named_s = time.monotonic()
        return time.monotonic() > self._named_s + NAMED_S

    def write(self, ledger: Ledger) -> tuple[Ranges, Ranges]:
        """Write all of it, in a transaction; return what is to be sent again, and what is here no more."""
        ledger.acknowledge(self.name, self.heard)
        ledger.refuse(self.name, self.refused)
        return ledger.unsettle(self.name, self.healing.named, GONE)

    def committed(self, ledger: Ledger) -> None:
        """Take over what a transaction has made of the ranges."""
        self.cursor = ledger.cursors[self.name]
        self.healing.ranges = Ranges(self.cursor.healing)

    def written(self, stored: Ranges) -> None:
        """Forget what is on disk now; `stored`: what is to be sent again."""
        self.heard, self.refused = Ranges(), {}
        self.healing.begun(stored)
