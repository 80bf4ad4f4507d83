"""How many alarms were raised lately: counted in the buffer, so that a restart of the agent forgets none."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.store.errors import ERRORS
from agent.store.reading import BufferUnreadable
from agent.view.raised import Raised

HOUR_NS = 3600 * 10**9
ALARMS = """SELECT coalesce(a.boottime_ns + o.offset_ns, a.utc_ns), a.state, a.severity, a.detector
    FROM alarm AS a LEFT JOIN clock_offset AS o USING (boot_id) WHERE a.state IN ('NEW', 'NORMAL')"""


def count(database: Path, now_ns: int, hours: tuple[int, ...], but: Collection[str] = ()) -> Raised:
    """Count the alarms that were raised in the last hours, for each of `hours`.

    now_ns: UTC. but: detectors that do not count. Times from before the clock was set are put right where an
    offset of their boot is known. The agent may be running. Raises agent.store.reading.BufferUnreadable.
    """
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
            rows = [row for row in db.execute(ALARMS).fetchall() if row[3] not in but]
    except ERRORS as error:
        raise BufferUnreadable(f"{database}: {error}") from error
    by_hours = {
        h: Counter(said for at, state, said, _ in rows if state == "NEW" and at > now_ns - h * HOUR_NS)
        for h in hours
    }
    return Raised(by_hours, max((at for at, state, _, _ in rows if state == "NORMAL"), default=None))


class Counting:
    """Counts for a page that is drawn every other second: counted anew after an alarm, and every minute.

    shadow: detectors whose alarms are recorded and announced to nobody.
    """

    HOURS = (24, 168)
    AGAIN_NS = 60 * 10**9

    def __init__(self, database: Path, shadow: Collection[str]) -> None:
        self._database, self._shadow = database, frozenset(shadow)
        self._key: tuple[int, int, int] | None = None
        self._found: Raised | None = None

    def of(self, log: Sequence[Mapping[str, Any]], now_ns: int) -> Raised | None:
        """Return the counts with what is not on disk yet; None: the buffer cannot be read.

        log: of the agent, as `GET /v1/status` answers. now_ns: UTC.
        """
        waiting = [r for r in log if r["kind"] == "alarm" and r["state"] == "NEW" and not r["recorded"]]
        key = (now_ns // self.AGAIN_NS, log[-1]["boottime_ns"] if log else 0, len(waiting))
        if key != self._key:
            self._key = key
            try:
                self._found = count(self._database, now_ns, self.HOURS, self._shadow)
            except BufferUnreadable:  # the agent's own alarms tell it
                self._found = None
        if self._found is None:
            return None
        unsaved = Counter(r["severity"] for r in waiting)
        by_hours, ended_ns = self._found
        return Raised({hours: found + unsaved for hours, found in by_hours.items()}, ended_ns)
