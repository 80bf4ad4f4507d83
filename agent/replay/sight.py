"""How much of a recording was there to be judged: gaps, and groups that ended before anything was learned."""

import numpy as np

from agent.detect.channels import Floats
from agent.detect.duration import duration
from agent.detect.learning import Coverage
from agent.replay.table import Column
from agent.replay.times import in_its_words

GAP_PERIODS = 10
NAMED = 6  # groups of a note that are named


class Sight:
    """What the groups of a recording had to see, group after group."""

    def __init__(self) -> None:
        self._group, self._period_s, self._last_s = "", np.nan, np.nan
        self._groups: set[str] = set()
        self._gaps, self._in, self._longest, self._where = 0, set[str](), 0.0, ""
        self._back, self._back_where = 0, ""
        self._again = 0
        self._learned: dict[str, bool] = {}  # by group: whether it never did more

    def begin(self, group: str, period_s: float) -> None:
        """Begin a group whose rows are meant to come every `period_s`."""
        self._group, self._period_s, self._last_s = group, period_s, np.nan
        self._groups.add(group)

    def see(self, t_s: Floats, said: Column) -> None:
        """See the times of some rows, and those times as the recording says them."""
        if not len(t_s):
            return
        gaps = np.diff(t_s, prepend=self._last_s)
        self._last_s = float(t_s[-1])
        where = f" in {self._group}" if self._group else ""
        long = np.flatnonzero(gaps > GAP_PERIODS * self._period_s)
        if len(long):
            self._gaps += len(long)
            self._in.add(self._group)
            at = long[np.argmax(gaps[long])]
            if gaps[at] > self._longest:
                self._longest, self._where = float(gaps[at]), f"up to {in_its_words(said[at])}{where}"
        back = np.flatnonzero(gaps < 0)
        if len(back) and not self._back:
            self._back_where = f"at {in_its_words(said[back[0]])}{where}"
        self._back += len(back)
        self._again += int(np.count_nonzero(gaps == 0))

    def end(self, seconds: Coverage) -> None:
        """End a group in which channels were judged, learning and blind for so long."""
        if seconds.learning > 0 or seconds.judged > 0:
            only = seconds.judged == 0 and self._learned.get(self._group, True)
            self._learned[self._group] = only

    def notes(self) -> list[str]:
        """Return what a reader of the verdict must know."""
        found = []
        n = len(self._groups)
        if self._gaps:
            of_groups = f" in {len(self._in)} of {n} groups" if n > 1 else ""
            gaps = "1 gap" if self._gaps == 1 else f"{self._gaps:,} gaps"
            found.append(
                f"{gaps} of more than {GAP_PERIODS} periods{of_groups}, the longest"
                f" {duration(self._longest)}, {self._where}: nothing is known of what happened in them"
            )
        if self._back:
            found.append(
                f"time goes back {self._back:,} times, first {self._back_where}: detectors began anew there."
                ' If these are separate tests, name the column that tells them apart: group = "COLUMN"'
            )
        if self._again:
            found.append(f"{self._again:,} rows have the time of the row before them and were left out")
        if only := [group for group, never_more in self._learned.items() if never_more]:
            names = ", ".join(only[:NAMED]) + (", ..." if len(only) > NAMED else "")
            which = f"{len(only)} of {n} groups ({names})" if n > 1 else "the whole recording"
            found.append(
                f"{which}: over before the detectors had learned what is ordinary: fast heating and large"
                " deviations were judged, slow and small ones not. Recordings of a day or more say more"
            )
        return found
