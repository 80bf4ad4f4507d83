"""Liveness: does what a unit says still come from its battery? Pure; bench and replay run it too.

A unit that answers can lie: its own bus to the cells is dead and it repeats the last frame, its processor
hangs behind a gateway that answers from a cache, one sensor's input is stuck. Three rules:

heartbeat      a counter that its profile says must move within a time, and does not: in two reads that
               found it where it was, and one poll later, for nobody knows when in its cycle it was read. One
               that nobody promised anything about, once it was seen to run: it speaks for what has not
               moved since, for a value that moves is read, whatever a counter does.
held frame     nothing at all moves, for longer than the noise of this very unit makes credible.
stuck sensor   one channel does not move, for longer than its own noise makes credible.

What is credible is learned. A channel's noise shows as reversals: a step up after a step down. Drift and load
make steps of one direction, so they teach nothing, although any step at all proves that the unit is alive.
The rate of reversals per frame, at the low end of what was counted, gives the probability that n frames stand
still, (1 - rate)^n; the quietest stretch of a day counts, because a string at rest has less noise than one
under load. An alarm needs less than 1e-6 for a frame, 1e-9 for one of hundreds of channels. Where five
minutes of standing still would not be that improbable, liveness cannot be proven, and that is said instead.
Only voltages and temperatures teach: a current is silent at rest, however noisy it was under load.

A register coarser than its sensor's noise does not step at an even rate: it trembles while the value is near
a rounding threshold, and is still between two of them for as long as the room's air takes from one to the
other. So a channel, and a frame, must also have stood still for LONGER times its longest stillness so far;
and a channel's noise is learned only from steps of more than one unit, which no threshold explains: where
there are none, a single stuck sensor cannot be told from a quiet one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, called
from agent.detect.channels import Codes, Flags, Floats, Ints, distinct
from agent.detect.keeping import pack_arrays, unpack_arrays
from agent.detect.kernels.stillness import (
    FRAMES,
    LEAST_S,
    LONGEST,
    REVERSALS,
    STILL,
    STILL_FRAMES,
    find_stuck,
    follow,
)
from agent.detect.places import TEMPERATURES, VOLTAGES
from agent.detect.table import Row, rows_of
from agent.quality import Quality

WITHIN_S = 300.0  # of the last fresh value: the latest that an alarm may come; the earliest is LEAST_S
GAP_S = 15.0  # what a gap counts for at most: nobody saw what stood still in it
IMPROBABLE, IMPROBABLE_CHANNEL = 1e-6, 1e-9
STRETCH_S = 600.0  # in which reversals are counted
STRETCHES = 3  # before anything learned is believed
DAY = 144  # stretches after which a quiet one is forgotten by 1/e
LONGER = 3.0
SIGMA = 3.0  # the low end of a count k is k - SIGMA * sqrt(k)
# A heartbeat nobody promised runs after so many steps, and stands after so many of its longest gaps.
RUNS, GAPS = 5, 5.0
STOOD = 2  # reads that must have found a promised one where it was

_GOOD, _FROZEN = np.uint8(Quality.GOOD), np.uint8(Quality.FROZEN)


def credible_frames(rate: Floats | float, improbable: float) -> Floats:
    """Return how many frames may stand still at a rate of reversals per frame; infinite at a rate of 0."""
    rate = np.clip(np.asarray(rate, float), 0.0, 0.999)
    with np.errstate(divide="ignore"):
        frames: Floats = np.where(rate > 0.0, np.ceil(math.log(improbable) / np.log1p(-rate)), np.inf)
    return frames


def _low_rate(count: Floats | float, frames: Floats | float) -> Floats:
    count, frames = np.asarray(count, float), np.maximum(np.asarray(frames, float), 1.0)
    rate: Floats = np.maximum(count - SIGMA * np.sqrt(count), 0.0) / frames
    return rate


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a unit's liveness. still_s: since anything moved, or its heartbeat where that stands
    still. frozen: it provably stands still.
    """

    still_s: float
    provable: bool
    frozen: bool

    @property
    def unproven(self) -> bool:
        """Whether nothing has moved for so long that a live unit cannot be told from a dead one."""
        return self.still_s > WITHIN_S and not self.provable and not self.frozen


class Liveness:
    """The liveness of one unit. Everything is per value of its frame, in its order.

    changes_within_s: the time in which a heartbeat must move, infinite for all others (see
    `drivers.layout.Layout`).
    """

    def __init__(
        self, places: Sequence[str], quantities: Sequence[str], changes_within_s: Floats, period_s: float
    ) -> None:
        n = len(places)
        self.book = AlarmBook()
        self.places, self.quantities = tuple(places), tuple(quantities)
        self._period_s, self._most_s = period_s, max(3.0 * period_s, GAP_S)
        self._judged: Flags = np.isin(np.array(quantities, dtype=str), (*TEMPERATURES, *VOLTAGES))
        self._teaches = self._judged.astype(np.uint8)
        self._beats = [
            i for i, q in enumerate(quantities) if q == "heartbeat" or np.isfinite(changes_within_s[i])
        ]
        self._keys = _keys(self.places, self.quantities, self._beats)
        self._keys |= _keys(self.places, self.quantities, np.flatnonzero(self._judged).tolist())
        self._promised_s = changes_within_s[self._beats]
        self._beat: int | None = None  # the heartbeat that stands still
        self._steps, self._gap_s = np.zeros(len(self._beats), np.int64), np.zeros(len(self._beats))
        self._last, self._seen = np.zeros(n, np.int64), np.zeros(n, np.uint8)
        self._counts = np.zeros((n, 6))
        self._t_s = math.nan
        self._still_s, self._still_frames, self._longest = 0.0, 0, 0
        self._stretch_s, self._stretch_frames, self._turns, self._held = 0.0, 0, 0, False
        self._stretches = 0
        # of the quietest stretch: the frame's, and the channels'
        self._rate, self._rates = np.zeros(()), np.zeros(n)
        self._limit, self._limits = math.inf, np.full(n, np.inf)  # frames
        self._stuck, self._any_stuck = np.zeros(n, np.bool_), False
        self._silent = np.zeros(n, np.bool_)  # since a heartbeat stands still
        self._frozen = False

    def judge(self, t_s: float, raw: Ints, quality: Codes) -> tuple[Codes, list[AlarmEvent]]:
        """Judge one frame; return its qualities, FROZEN for GOOD where a value provably stands still, and
        what happened to alarms. The frame's own qualities stay as they are.

        t_s: s, any monotonic clock. raw (n,) int64. quality (n,) uint8. A frame whose time is not a number or
        stands still proves nothing.
        """
        if not math.isfinite(t_s) or t_s == self._t_s:
            return quality, []
        dt_s = t_s - self._t_s
        if not dt_s > 0.0:  # the first frame, or a clock that was set back
            dt_s = self._period_s
        dt_s = min(dt_s, self._most_s)
        self._t_s = t_s
        before: Floats = self._counts[self._beats, STILL]
        longest = self._counts[:, LONGEST].copy() if self._any_bad() else None
        answered, moved, turned = follow(
            dt_s, raw, quality, self._teaches, self._last, self._seen, self._counts
        )
        if longest is not None:  # a fault's stillness is no measure
            faulty = self._stuck | self._silent | self._frozen
            self._counts[faulty, LONGEST] = longest[faulty]
        if moved:
            if not self._frozen:
                self._longest = max(self._longest, self._still_frames)
            self._still_s, self._still_frames = 0.0, 0
        elif answered:
            self._still_s += dt_s
            self._still_frames += 1
        if not answered:
            return quality, []  # silence is another detector's
        self._learn(dt_s, turned)
        beat = self._beat = self._standing_heartbeat(before + dt_s, dt_s, quality)
        if self._frozen and moved and beat is None:  # the unit's standing still was no fault of its sensors
            self._counts[:, [STILL, STILL_FRAMES]] = 0.0
        held = self._still_frames >= self._limit and self._still_s >= LEAST_S
        self._silent = self._silent_since(beat)
        self._frozen = held or (beat is not None and bool(self._silent.all()))
        stuck = self._stuck_channels(self._frozen)
        self._held |= self._any_bad()
        if self._any_bad():
            still = self._frozen | stuck | self._silent
            quality = np.where(still & (quality == _GOOD), _FROZEN, quality)
        return quality, self._say(beat, held, stuck)

    def sight(self) -> Sight:
        """Return what is known now."""
        still_s = self._still_s if self._beat is None else float(self._counts[self._beat, STILL])
        return Sight(still_s, bool(self._beats) or math.isfinite(self._limit), self._frozen)

    # ---- kept over a restart

    def learned(self) -> list[Any]:
        """Return all that is known, as plain data; the alarms are in the book."""
        numbers: tuple[Any, ...] = (
            self._still_s, self._still_frames, self._longest, self._stretch_s, self._stretch_frames,
            self._turns, self._held, self._stretches, self._rate, self._limit, self._any_stuck, self._frozen,
        )  # fmt: skip
        said = [float(number) for number in numbers]
        return [self._kind(), pack_arrays(self._arrays()), self._last.astype("<i8").tobytes(), said]

    def take_up(self, learned: Any) -> bool:
        """Take up what a unit with the same values and the same period had taught; False: it is not that."""
        if not isinstance(learned, list) or len(learned) != 4 or len(learned[2]) != 8 * len(self._last):
            return False
        if not unpack_arrays(learned[:2], self._kind(), self._arrays()):
            return False
        self._last[:] = np.frombuffer(learned[2], "<i8")
        (self._still_s, still_frames, longest, self._stretch_s, stretch_frames, turns, held, stretches,
         rate, self._limit, any_stuck, frozen) = learned[3]  # fmt: skip
        self._still_frames, self._longest, self._stretches = int(still_frames), int(longest), int(stretches)
        self._stretch_frames, self._turns, self._rate = int(stretch_frames), int(turns), np.array(rate)
        self._held, self._any_stuck, self._frozen = bool(held), bool(any_stuck), bool(frozen)
        long = [i for b, i in enumerate(self._beats) if self._counts[i, STILL] >= self._beat_limit_s(b)]
        self._beat = long[0] if long and self._frozen else None
        return True

    def stand_again(self) -> None:
        """Take up the alarms in the book: they clear when what they say is not so."""
        self._stuck[:] = False
        for name, i in (member for alarm in self.book.standing() for member in alarm.members):
            if name == "stuck-sensor" and i < len(self._stuck):
                self._stuck[i] = True

    def _kind(self) -> str:
        return f"1, {self._period_s:g} s"  # version; and rates are per frame

    def _arrays(self) -> list[Any]:
        return [self._counts, self._seen, self._steps, self._gap_s, self._rates, self._limits, self._stuck]

    # ---- rules

    def _standing_heartbeat(self, gaps_s: Floats, dt_s: float, quality: Codes) -> int | None:
        """Return a heartbeat that stands still. gaps_s: since the last step of each, before this frame."""
        for b, (i, gap_s) in enumerate(zip(self._beats, gaps_s, strict=True)):
            still_s = self._counts[i, STILL]
            if still_s == 0.0 and self._seen[i]:
                self._steps[b] += 1
                if self._steps[b] > 1 and gap_s > self._gap_s[b]:
                    self._gap_s[b] = gap_s
            stands = still_s >= self._beat_limit_s(b) + (dt_s if np.isfinite(self._promised_s[b]) else 0.0)
            if quality[i] != _GOOD:  # not read in this frame: as it was in the last
                stands = self._beat == i
            elif np.isfinite(self._promised_s[b]):
                stands &= self._counts[i, STILL_FRAMES] >= STOOD
            if self._seen[i] and stands:
                return i
        return None

    def _silent_since(self, beat: int | None) -> Flags:
        """Which values a heartbeat speaks for that stands still: all, or what has not moved since."""
        if beat is None:
            return np.zeros_like(self._stuck)
        if np.isfinite(self._promised_s[self._beats.index(beat)]):
            return np.ones_like(self._stuck)
        silent: Flags = self._counts[:, STILL] >= self._counts[beat, STILL]
        return silent

    def _any_bad(self) -> bool:
        return self._frozen or self._any_stuck or self._beat is not None

    def _beat_limit_s(self, b: int) -> float:
        """Return how long a heartbeat may stand still: as its profile says, or as it was seen to run."""
        if np.isfinite(self._promised_s[b]):
            return float(self._promised_s[b])
        return max(GAPS * float(self._gap_s[b]), LEAST_S) if self._steps[b] > RUNS else math.inf

    def _stuck_channels(self, whole: bool) -> Flags:
        """Which single channels stand still; none where the whole unit does."""
        stuck = np.zeros_like(self._stuck)
        self._any_stuck = not whole and find_stuck(self._counts, self._limits, stuck)
        return stuck

    # ---- learning

    def _learn(self, dt_s: float, turned: bool) -> None:
        self._stretch_s += dt_s
        self._stretch_frames += 1
        self._turns += turned
        if self._stretch_s < STRETCH_S:
            return
        if not self._held:  # what stands still teaches nothing
            rate = _low_rate(self._turns, self._stretch_frames)
            rates = _low_rate(self._counts[:, REVERSALS], self._counts[:, FRAMES])
            first = self._stretches == 0
            self._rate = rate if first else _quietest(self._rate, rate)
            self._rates = rates if first else _quietest(self._rates, rates)
            self._stretches += 1
            if self._stretches >= STRETCHES:
                whole = np.maximum(credible_frames(self._rate, IMPROBABLE), LONGER * self._longest)
                self._limit = float(self._believed(whole))
                credible = credible_frames(self._rates, IMPROBABLE_CHANNEL)
                self._limits = self._believed(np.maximum(credible, LONGER * self._counts[:, LONGEST]))
        self._counts[:, REVERSALS] = self._counts[:, FRAMES] = 0.0
        self._stretch_s, self._stretch_frames, self._turns, self._held = 0.0, 0, 0, False

    def _believed(self, frames: Floats) -> Floats:
        """What would take longer than five minutes to prove is not provable."""
        return np.where(frames * self._period_s <= WITHIN_S, frames, np.inf)

    # ---- alarms

    def _say(self, beat: int | None, held: bool, stuck: Flags) -> list[AlarmEvent]:
        if not self._any_bad() and self.book.empty():
            self._stuck = stuck
            return []
        events = self._change("heartbeat", [(i, i == beat) for i in self._beats])
        events += self._change("held-frame", [(0, held and beat is None)])
        turned = np.flatnonzero(stuck != self._stuck)
        events += self._change("stuck-sensor", [(int(i), bool(stuck[i])) for i in turned])
        self._stuck = stuck
        return events

    def _change(self, detector: str, states: list[tuple[int, bool]]) -> list[AlarmEvent]:
        if not any(stands for _, stands in states) and self.book.empty():
            return []
        rows = rows_of(detector)
        tier = next(tier for tier, row in enumerate(rows) if row)
        changes = [(i, "", tier if stands else 0) for i, stands in states]
        return self.book.change(detector, rows, changes, self._t_s, self._explain)

    def _explain(self, i: int, row: Row, _members: set[int]) -> AlarmEvent:
        still_s = self._still_s if row.detector == "held-frame" else float(self._counts[i, STILL])
        place = "" if row.detector == "held-frame" else self.places[i]
        limit_s, said = row.limit, TEXTS[row.detector]
        if row.detector == "heartbeat":
            limit_s = self._beat_limit_s(self._beats.index(i))
            said = said if self._silent.all() else TEXT_OF_SOME
        text = said.format(still=f"{still_s:.0f} s", place=place or self.quantities[i])
        return AlarmEvent(
            row.detector, row.severity, "NEW", place, self.quantities[i] if place else "",
            still_s, limit_s, "s", text, self._t_s, since_s=self._t_s - still_s,
            name=called(row.detector, "" if row.detector == "held-frame" else self._keys[i]),
        )  # fmt: skip


TEXT_OF_SOME = (
    "answers, but its heartbeat had stood still for {still} when raised, though other values move: those that"
    " have not moved since are not fresh; restart the unit, or look at the link to its cells"
)
TEXTS = {
    "heartbeat": "answers, but its heartbeat had stood still for {still} when raised: its values are not"
    " fresh; restart the unit, or look at the link between it and its gateway",
    "held-frame": "answers, but no value at all had moved for {still} when raised, less likely than 1 in a"
    " million with its own noise: its values are not fresh; restart the unit, or look at the link to its"
    " cells",
    "stuck-sensor": "{place} had stood still for {still} when raised, and its noise should have moved it;"
    " check the sensor and its plug",
}


def _keys(places: Sequence[str], quantities: Sequence[str], channels: Sequence[int]) -> dict[int, str]:
    """Return what tells each of some channels from the others."""
    keys = distinct([places[i] for i in channels], [quantities[i] for i in channels])
    return dict(zip(channels, keys, strict=True))


def _quietest(before: Floats, now: Floats) -> Floats:
    """The quieter of two rates at once; a less quiet one is believed slowly."""
    return np.where(now < before, now, before + (now - before) / DAY)


def warm_up() -> None:
    """Compile or load the kernel."""
    live = Liveness([""], ["cell_voltage"], np.array([np.inf]), 1.0)
    live.judge(0.0, np.zeros(1, np.int64), np.zeros(1, np.uint8))
