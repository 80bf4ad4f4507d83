"""The evidence of the ten-second rule: how often each unit's safety points were read, hour by hour."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent.intervals import Tally

KEPT_DAYS = 92
NS_PER_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Stretch:
    """The intervals of one unit between two instants: boot time of `boot_id`, and UTC as it was known."""

    unit: str
    boot_id: bytes
    first_boottime_ns: int
    last_boottime_ns: int
    last_utc_ns: int
    tally: Tally

    @property
    def first_utc_ns(self) -> int:
        """UTC of the beginning."""
        return self.last_utc_ns - (self.last_boottime_ns - self.first_boottime_ns)


def insert(db: sqlite3.Connection, stretches: Iterable[Stretch]) -> None:
    """Keep stretches, and forget those of more than `KEPT_DAYS` ago; inside a transaction of the caller."""
    for s in stretches:
        bins = json.dumps(sorted(s.tally.bins.items()), separators=(",", ":"))
        db.execute(
            "INSERT INTO interval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [s.unit, s.boot_id, s.first_boottime_ns, s.last_boottime_ns, s.last_utc_ns, s.tally.deadline_s,
             s.tally.longest_s, s.tally.misses, bins],
        )  # fmt: skip
        db.execute("DELETE FROM interval WHERE last_utc_ns < ?", [s.last_utc_ns - KEPT_DAYS * NS_PER_DAY])


def read(database: Path, from_utc_ns: int, to_utc_ns: int) -> Iterator[Stretch]:
    """Yield what lies wholly or partly between two instants, oldest first; the agent may be running.

    UTC is repaired where the offset of a boot became known later. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        offsets = dict(db.execute("SELECT boot_id, offset_ns FROM clock_offset").fetchall())
        for unit, boot_id, first, last, utc, deadline_s, longest_s, misses, bins in db.execute(
            "SELECT * FROM interval ORDER BY last_utc_ns, unit"
        ):
            tally = Tally(deadline_s, Counter({int(b): n for b, n in json.loads(bins)}), longest_s, misses)
            utc = last + offsets[boot_id] if boot_id in offsets else utc
            stretch = Stretch(unit, boot_id, first, last, utc, tally)
            if stretch.last_utc_ns > from_utc_ns and stretch.first_utc_ns < to_utc_ns:
                yield stretch
