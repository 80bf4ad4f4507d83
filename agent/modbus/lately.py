"""What part of a unit's reads brought nothing, and why: one judgement for status, journal and doctor. Pure.

The agent judges the last LAST requests of a unit, and says of them what costs it SAID of them and more;
`doctor` judges all since the start, or those that it made itself, by the same words.
"""

from collections import Counter, deque
from collections.abc import Mapping
from math import ceil, inf
from typing import NamedTuple

from agent.message import Message
from agent.modbus.came import Came, Frames, Kind
from agent.modbus.verdict import Verdict
from drivers.registers import Read

LAST, SAID = 16, 0.25
# A read that was asked so often on end, never answered, and asked within so many requests of its unit: what
# loses four in ten replies does that once in 60,000 tries.
NEVER, WITHIN = 12, 500
LATE_MARGIN = 1.25  # of the slowest answer that was heard: so much reads it
STEP_S, COARSE_S = 0.1, 0.5  # to which both are rounded up, below a second and above: a journal says the same


class Late(NamedTuple):
    """How many answers came too late, after how long at most, and how long the unit has. s."""

    times: int
    slowest_s: float
    given_s: float


class Share(NamedTuple):
    """What costs a part of the reads."""

    came: Came
    part: float


NEVER_ANSWERS = "never answers {table} {address}, {count} long"
NOR_MORE = "never answers {table} {address}, {count} long, nor {more} more of its reads"
TOO_LATE = "answers too late: after {late:g} s, and it has {given:g} s"
SOME_TOO_LATE = "answers some polls too late: after up to {late:g} s, and it has {given:g} s"
NEVER_LATE = Late(0, 0.0, 0.0)
OF_VERDICT = {
    Verdict.DAMAGED: (Kind.SOME_DAMAGED, "answers some polls damaged"),
    Verdict.SILENT: (Kind.SOME_LOST, "answers only some polls"),
    Verdict.BUSY: (Kind.SOME_BUSY, "is busy at some polls"),
    Verdict.FAILED: (Kind.SOME_FAILED, "answers some polls with a failure of its own"),
    Verdict.GATEWAY: (Kind.SOME_AWAY, "answers its gateway only at some polls"),
}


def too_late(late: Late, frames: Frames, *, some: bool = False) -> Came:
    """Return that answers come too late, and what reads them. some: the others come in time."""
    wait_s = _up(LATE_MARGIN * late.slowest_s)
    text = Message(TOO_LATE, late=round(late.slowest_s, 1), given=late.given_s)
    if some:
        text = Message(SOME_TOO_LATE, late=_up(late.slowest_s), given=late.given_s)
    return Came(Kind.LATE, text, frames=frames, timeout_s=wait_s)


def _up(seconds: float) -> float:
    step_s = STEP_S if seconds < 1 else COARSE_S
    return round(ceil(round(seconds / step_s, 3)) * step_s, 1)


def shares(counts: Mapping[str, int], late: Late, frames: Frames) -> list[Share]:
    """Return what costs some of the reads that `counts` tells by verdict, the most costly first."""
    total = max(1, sum(counts.values()))
    times = {verdict: counts.get(verdict, 0) for verdict in OF_VERDICT}
    times[Verdict.SILENT] = max(0, times[Verdict.SILENT] - late.times)
    found = [
        Share(Came(kind, Message(text), f"{times[verdict] / total:.0%}", frames), times[verdict] / total)
        for verdict, (kind, text) in OF_VERDICT.items()
        if times[verdict]
    ]
    if late.times:
        found.append(Share(too_late(late, frames, some=counts.get(Verdict.SOUND, 0) > 0), late.times / total))
    return sorted(found, key=lambda share: -share.part)


class Lately:
    """How the last requests of one unit ended. given_s: the longest that it may take to begin an answer."""

    def __init__(self, given_s: float) -> None:
        self._given_s = given_s
        self._asked = 0
        self._ended: deque[Verdict] = deque(maxlen=LAST)
        self._late: deque[tuple[int, float]] = deque(maxlen=LAST)
        self._least_s = inf  # after which one came too late, since the last in time
        self._frames: Frames = "rtu"
        self._missed: dict[Read, tuple[int, int]] = {}  # on end: how often, and at which request last

    def ended(self, verdict: Verdict, came: Came, read: Read) -> None:
        """Note how a request for a read ended, and what came in place of values."""
        self._asked += 1
        times, _ = self._missed.pop(read, (0, 0))
        if verdict is Verdict.SILENT:
            self._missed[read] = times + 1, self._asked
        self._ended.append(verdict)
        if verdict is Verdict.SOUND:
            self._least_s = inf
        if verdict in (Verdict.SILENT, Verdict.DAMAGED):
            self._frames = came.frames

    def came_late(self, response_s: float) -> None:
        """Note an answer that came after its time-out. One that the unit has the time for says nothing."""
        if response_s > self._given_s:
            self._late.append((self._asked, response_s))
            self._least_s = min(self._least_s, response_s)

    @property
    def late(self) -> Late:
        """The answers to the last requests that came too late."""
        lately = [response_s for asked, response_s in self._late if asked > self._asked - LAST]
        return Late(len(lately), max(lately, default=0.0), self._given_s)

    @property
    def always(self) -> Late:
        """The same where none comes in time: the quickest, for questions queue up at who is too slow."""
        late = self.late
        return late._replace(slowest_s=self._least_s) if self._least_s < inf else NEVER_LATE

    @property
    def never(self) -> Came | None:
        """Which reads are never answered, of a unit that answers others."""
        missed = self._missed.items()
        reads = [read for read, (times, at) in missed if times >= NEVER and at > self._asked - WITHIN]
        if not reads:
            return None
        first, more = reads[0], len(reads) - 1
        of = {"table": first.area, "address": first.address, "count": first.count}
        said = Message(NOR_MORE, **of, more=more) if more else Message(NEVER_ANSWERS, **of)
        return Came(Kind.SOME_NEVER, said, frames=self._frames)

    @property
    def cost(self) -> Came | None:
        """What costs the most of the last requests, where it is enough to be said, and not all of them. Where
        all ended alike since the last sound answer, and all were sound before, it costs no part.
        """
        ended = list(self._ended)
        sound = [n for n, verdict in enumerate(ended) if verdict is Verdict.SOUND]
        if not sound or (sound[-1] + 1 == len(sound) and len(set(ended[sound[-1] + 1 :])) == 1):
            return None
        if never := self.never:
            return never
        worst = next(iter(shares(Counter(self._ended), self.late, self._frames)), None)
        return worst.came if worst and worst.part >= SAID else None
