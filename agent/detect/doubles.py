"""Two units that are one: the same serial number, or the same numbers that change. One alarm of each. Pure.

Some gateways answer for a unit that is absent with what another one says. Serial numbers are compared over
the whole site, of units of one profile. Who has none is known by its numbers: those of two units on one bus
and of one kind are looked at every few seconds. Two batteries that stand still can say the same for days, and
two on one busbar have one voltage: so what counts are states of a whole frame that differ from each other, in
several values, and were the same in both units.

A unit is asked a little later than the other: each of the last two frames of one may be the other's last.
After a restart nobody knows yet whether what was told still holds: it stands for a few minutes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.explanations.said import Field, Said, Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import Row
from agent.quality import Quality

_GOOD = np.uint8(Quality.GOOD)

NAME = "same-unit"
LOOK_S = 5.0  # between two looks at the numbers
LEAST_S = 180.0  # for which they are the same before it is told,
STATES = 8  # in so many different states,
CHANGED = 8, 4  # in which so many values differed, or half of them, but no fewer than the second number
MISSED = 4  # states for each look in which they were not the same
GONE = 3  # looks in a row after which they are not the same any more
RESTARTED_S = 2 * LEAST_S  # after a start an alarm of before it is over no sooner
NAMED = 8  # units of one alarm, at most
FIRST = 8  # values of a frame by which most pairs are told apart at once

SERIAL = Sentence(
    "same-serial",
    "{names} report the same serial number, {serial}: one may answer in the other's place. Look whether "
    "{units:.0f} are there, at their unit ids, and at their gateway.",
)
NUMBERS = Sentence(
    "same-numbers",
    "{names} had said the same changing numbers, in every value, for {for_s:duration} when raised: one "
    "may answer in the other's place. Look whether {units:.0f} are there, at their unit ids, and at their "
    "gateway.",
)
SAYS = (SERIAL, NUMBERS)
_ROWS = rows_of(NAME)
_TIER, _ROW = next((tier, row) for tier, row in enumerate(_ROWS) if row)


class Asked(NamedTuple):
    """How a unit is asked, and which serial number it has told; "": none."""

    bus: str
    unit_id: int
    profile: str
    serial: str


class _Frame(NamedTuple):
    raw: NDArray[np.int64]
    good: NDArray[np.bool_]


@dataclass(slots=True)
class _Heard:
    """The last two frames of a unit. new: the last came since the last look."""

    frames: tuple[_Frame, ...] = ()
    new: bool = False

    def begins(self) -> set[bytes]:
        """Return how its frames begin."""
        return {frame.raw[:FIRST].tobytes() for frame in self.frames}


@dataclass(slots=True)
class _Pair:
    """What two units had in common since `since_s`.

    compared: the values that were good in both each time. low, high: the least and greatest of each.
    """

    since_s: float
    compared: NDArray[np.bool_]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    states: set[bytes] = field(default_factory=set)
    missed: int = 0
    missed_in_a_row: int = 0
    told: bool = False

    def same(self, raw: NDArray[np.int64], good: NDArray[np.bool_]) -> None:
        """Take a state that both had."""
        compared = self.compared & good
        if compared.sum() < self.compared.sum():  # states of more values are none of these
            self.compared = compared
            self.states.clear()
        self.missed_in_a_row = 0
        np.minimum(self.low, raw, out=self.low, where=good)
        np.maximum(self.high, raw, out=self.high, where=good)
        if len(self.states) < MISSED * STATES:
            self.states.add(raw[self.compared].tobytes())

    def other(self) -> bool:
        """Take a look in which they differed; return whether they had nothing in common."""
        self.missed += 1
        self.missed_in_a_row += 1
        if self.told:
            return self.missed_in_a_row >= GONE
        return self.missed * MISSED > len(self.states)

    def is_one(self, t_s: float) -> bool:
        """Whether both are one and the same, as far as can be told."""
        changed = int(((self.low != self.high) & self.compared).sum())
        enough, least = CHANGED
        half = -(-int(self.compared.sum()) // 2)
        needed = min(enough, max(least, half))
        self.told |= t_s - self.since_s >= LEAST_S and len(self.states) >= STATES and changed >= needed
        return self.told


class Doubles:
    """Watches all units of a site."""

    def __init__(self, book: AlarmBook | None = None) -> None:
        self.book = book or AlarmBook()
        self._heard: dict[str, _Heard] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._looked_s = 0.0
        self._began_s: float | None = None

    def took(self, unit: str, raw: NDArray[np.int64], quality: NDArray[np.uint8]) -> None:
        """Take the registers of a frame, (n,), and how good each is, as they came."""
        good = quality == _GOOD
        if good.any():
            heard = self._heard.setdefault(unit, _Heard())
            heard.frames, heard.new = (*heard.frames[-1:], _Frame(raw, good)), True

    def judge(self, t_s: float, units: Mapping[str, Asked]) -> list[AlarmEvent]:
        """Judge all units, by name, at `t_s`; return what happened to the alarms."""
        if t_s - self._looked_s < LOOK_S:
            return []
        self._looked_s = t_s
        if self._began_s is None:
            self._began_s = t_s
        for gone in self._heard.keys() - units.keys():
            del self._heard[gone]
        self._look(t_s, units)
        found = list(_of_one_serial(units))
        told = [(names, pair) for names, pair in self._pairs.items() if pair.is_one(t_s)]
        for names, pair in told:
            if not any(set(names) <= set(one.names) for one in found):
                found.append(_One(names, units[names[0]].bus, t_s - pair.since_s))
        return self._alarms(t_s, {_number(one.names): one for one in found})

    # ---- the same numbers

    def _look(self, t_s: float, units: Mapping[str, Asked]) -> None:
        groups: dict[object, list[str]] = {}
        for name, asked in sorted(units.items()):
            if name in self._heard and self._heard[name].new:
                kind = asked.bus, asked.profile, len(self._heard[name].frames[-1].raw)
                groups.setdefault(kind, []).append(name)
        for names in groups.values():
            begins = {name: self._heard[name].begins() for name in names}
            for one, other in combinations(names, 2):
                alike = (one, other) in self._pairs or not begins[one].isdisjoint(begins[other])
                if alike and units[one].unit_id != units[other].unit_id:
                    self._compare(t_s, one, other)
        for heard in self._heard.values():
            heard.new = False
        for pair in [pair for pair in self._pairs if not units.keys() >= set(pair)]:
            del self._pairs[pair]

    def _compare(self, t_s: float, one: str, other: str) -> None:
        ours, theirs = self._heard[one].frames, self._heard[other].frames
        common = next(
            (
                (a.raw, good)
                for a, b in [(ours[-1], theirs[-1]), (ours[0], theirs[-1]), (ours[-1], theirs[0])]
                if (good := _common(a, b)) is not None
            ),
            None,
        )
        pair = self._pairs.get((one, other))
        if common is None:
            if pair is not None and pair.other():
                del self._pairs[one, other]
            return
        raw, good = common
        if pair is None:
            pair = self._pairs[one, other] = _Pair(t_s, good, raw.copy(), raw.copy())
        pair.same(raw, good)

    # ---- alarms

    def _alarms(self, t_s: float, found: Mapping[int, "_One"]) -> list[AlarmEvent]:
        """Raise and end alarms; found: by number, as a member of its alarm."""
        standing = {channel for alarm in self.book.standing() for _, channel in alarm.members}

        def explain(_channel: int, row: Row, channels: set[int]) -> AlarmEvent:
            told = _told([found[channel] for channel in channels if channel in found])
            return AlarmEvent(
                row.detector, row.severity, "NEW", "", "", told.numbers["units"] or 0.0, row.limit, row.unit,
                t_s=t_s, since_s=t_s, **told.told(),
            )  # fmt: skip

        news = sorted(found.keys() - standing)
        changes = [(channel, found[channel].scope, _TIER) for channel in news]
        events = self.book.change(NAME, _ROWS, changes, t_s, explain)
        if self._began_s is not None and t_s - self._began_s >= RESTARTED_S:
            for channel in sorted(standing - found.keys()):
                events += self.book.lose((NAME, channel), t_s)
        for alarm in self.book.standing():
            channels = {channel for _, channel in alarm.members} & found.keys()
            if not channels.isdisjoint(news):  # who came later is named too
                self.book.retell(next(iter(alarm.members)), _told([found[c] for c in channels]))
        return events


class _One(NamedTuple):
    """Units that are one: by their serial number, else by their numbers for so long. scope: of the alarm."""

    names: tuple[str, ...]
    scope: str
    for_s: float = 0.0
    serial: str = ""


def _told(ones: Iterable[_One]) -> Said:
    ones = list(ones)
    names = sorted({name for one in ones for name in one.names})
    shown = ", ".join(names[:NAMED]) if len(names) > NAMED else " and ".join(names)
    fields: dict[str, Field] = {"names": shown + ", ..." * (len(names) > NAMED), "units": len(names)}
    if ones[0].serial:
        return said(SERIAL, serial=ones[0].serial, **fields)
    return said(NUMBERS, for_s=max(one.for_s for one in ones), **fields)


def _of_one_serial(units: Mapping[str, Asked]) -> Iterator[_One]:
    """Yield the units of one kind that report one serial number."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, asked in sorted(units.items()):
        if asked.serial:
            groups.setdefault((asked.profile, asked.serial), []).append(name)
    for (profile, serial), names in groups.items():
        if len({(units[name].bus, units[name].unit_id) for name in names}) > 1:
            yield _One(tuple(names), f"{profile} {serial}", serial=serial)


def _common(a: _Frame, b: _Frame) -> NDArray[np.bool_] | None:
    """Return which values are good in both frames; None where they differ in one, or are too few."""
    good = a.good & b.good
    if good.sum() < CHANGED[1] or not np.array_equal(a.raw[good], b.raw[good]):
        return None
    return good


def _number(names: tuple[str, ...]) -> int:
    return int.from_bytes(blake2b("\n".join(names).encode(), digest_size=6).digest(), "big")
