"""How many alarms were raised lately: counted in the buffer, so that a restart of the agent forgets none."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.store.errors import ERRORS
from agent.store.reading import BufferError

HOUR_NS = 3600 * 10**9


def raised(
    database: Path, now_ns: int, hours: tuple[int, ...], but: Collection[str] = ()
) -> dict[int, Counter[str]]:
    """Return how many alarms of each severity were raised in the last hours, for each of `hours`.

    now_ns: UTC. but: detectors that do not count. Times from before the clock was set are put right where an
    offset of their boot is known. The agent may be running. Raises agent.store.reading.BufferError.
    """
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT coalesce(a.boottime_ns + o.offset_ns, a.utc_ns) AS at_ns, a.severity, a.detector"
                " FROM alarm AS a LEFT JOIN clock_offset AS o USING (boot_id)"
                " WHERE a.state = 'NEW' AND at_ns > ?",
                [now_ns - max(hours) * HOUR_NS],
            ).fetchall()
    except ERRORS as error:
        raise BufferError(f"{database}: {error}") from error
    return {
        h: Counter(
            severity
            for at_ns, severity, detector in rows
            if at_ns > now_ns - h * HOUR_NS and detector not in but
        )
        for h in hours
    }


class Raised:
    """The same for those who look every other second; counted anew when something happened, or a minute ago.

    shadow: detectors whose alarms are recorded and announced to nobody.
    """

    HOURS = (24, 168)
    AGAIN_NS = 60 * 10**9

    def __init__(self, database: Path, shadow: Collection[str]) -> None:
        self._database, self._shadow = database, frozenset(shadow)
        self._key: tuple[int, int, int] | None = None
        self._found: dict[int, Counter[str]] | None = None

    def of(self, log: Sequence[Mapping[str, Any]], now_ns: int) -> dict[int, Counter[str]] | None:
        """Return the counts with what is not on disk yet; None: the buffer cannot be read.

        log: of the agent, as `GET /v1/status` answers. now_ns: UTC.
        """
        waiting = [r for r in log if r["kind"] == "alarm" and r["state"] == "NEW" and not r["recorded"]]
        key = (now_ns // self.AGAIN_NS, log[-1]["boottime_ns"] if log else 0, len(waiting))
        if key != self._key:
            self._key = key
            try:
                self._found = raised(self._database, now_ns, self.HOURS, self._shadow)
            except BufferError:  # of which the agent says enough elsewhere
                self._found = None
        if self._found is None:
            return None
        unsaved = Counter(r["severity"] for r in waiting)
        return {hours: count + unsaved for hours, count in self._found.items()}
