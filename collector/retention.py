"""How long an archive keeps what, what is held for somebody, and whether a clock may delete anything. Pure.

Time deletes, and clocks are wrong: a batch is as old as the later of its arrival and its own times; the
present is no later than what the agents that are heard say; and a present that jumped is believed after a
week (docs/adr/0044-what-may-be-deleted.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median_low
from typing import Any, NamedTuple

from agent.clock import NEVER_SET_NS
from collector.sink import Old

DAY_NS = 86_400 * 10**9
JUMP_NS, BELIEVED_AFTER_NS = 2 * DAY_NS, 7 * DAY_NS
MOST_DAYS = 36_500


class Kept(NamedTuple):
    """What can be kept for a time of its own, in words; and how many days `init` proposes, 0: for ever.

    weight: what deleting one row costs, in batches.
    """

    words: str
    proposed: int
    weight: int = 1


#: A row of minute figures is an hour of a unit: hour figures are kept for ever.
CLASSES: Mapping[str, Kept] = {
    "raw": Kept("raw batches", 400),
    "minute": Kept("minute figures", 400, 60),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """What nothing deletes: what was measured, or came, in [start_ns, end_ns). agent, unit: "" for all."""

    number: int
    start_ns: int
    end_ns: int
    why: str
    agent: str = ""
    unit: str = ""

    def covers(self, row: Old) -> bool:
        """Whether a row is held. What was measured by a clock that nobody had set may be of any time."""
        if self.agent not in ("", row.stream[0]) or self.unit not in ("", row.unit):
            return False
        if row.first_ns is not None and row.last_ns is not None:
            if row.first_ns < NEVER_SET_NS and self.start_ns <= row.received_ns:
                return True
            if row.first_ns < self.end_ns and self.start_ns <= row.last_ns:
                return True
        return self.start_ns <= row.received_ns < self.end_ns


@dataclass(frozen=True, slots=True)
class Retention:
    """days: by class; what is not in it is kept for ever."""

    days: Mapping[str, int] = field(default_factory=dict)
    holds: Sequence[Hold] = ()

    def held(self, row: Old) -> bool:
        """Whether a hold covers a row."""
        return any(hold.covers(row) for hold in self.holds)

    def due_ns(self, what: str, row: Old) -> int | None:
        """From when on a row may be deleted, by the present of `present_ns`; None: never.

        A row that came while the collector's own clock was not set has no age.
        """
        if what not in self.days or row.received_ns < NEVER_SET_NS or self.held(row):
            return None
        return max(row.received_ns, row.last_ns or 0) + self.days[what] * DAY_NS

    def with_hold(self, hold: Hold) -> "Retention":
        """With one more, under the next number."""
        number = max((one.number for one in self.holds), default=0) + 1
        return replace(self, holds=[*self.holds, replace(hold, number=number)])

    def without(self, number: int) -> "Retention":
        """Without a hold. Raises KeyError where there is none of that number."""
        if number not in [hold.number for hold in self.holds]:
            raise KeyError(number)
        return replace(self, holds=[hold for hold in self.holds if hold.number != number])

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"days": dict(self.days), "holds": [asdict(hold) for hold in self.holds]}


def retention(plain: Mapping[str, Any] | None) -> Retention:
    """What was set; nothing: everything is kept. Raises ValueError, and then nothing may be deleted."""
    if plain is None:
        return Retention()
    try:
        days = {what: int(number) for what, number in plain["days"].items()}
        holds = [Hold(**hold) for hold in plain["holds"]]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"no retention: {error!r}") from error
    if not all(1 <= number <= MOST_DAYS for number in days.values()):
        raise ValueError(f"no retention: {days}")
    return Retention(days, holds)


def present_ns(clock_ns: int, heard_ns: Sequence[int]) -> int | None:
    """By what time things are old: the collector's clock, but not beyond what half of the agents that are
    heard say; None: none of them has a clock that was set.
    """
    said = [utc_ns for utc_ns in heard_ns if utc_ns >= NEVER_SET_NS]
    return min(clock_ns, median_low(said)) if said else None


@dataclass(frozen=True, slots=True)
class Steady:
    """The last present by which something could be deleted, and since when there is another one."""

    now_ns: int
    jumped_ns: int | None = None

    def at(self, now_ns: int) -> "Steady":
        """A present later: one that jumped becomes the present after a week in which time went on."""
        if now_ns - self.now_ns <= JUMP_NS:
            return Steady(now_ns)
        if self.jumped_ns is None or now_ns < self.jumped_ns:
            return replace(self, jumped_ns=now_ns)
        return Steady(now_ns) if now_ns - self.jumped_ns >= BELIEVED_AFTER_NS else self
