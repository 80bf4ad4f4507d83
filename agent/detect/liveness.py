"""Liveness: does a unit that answers still measure? Pure; bench and replay run it too.

Theory. A unit can answer and not measure: its bus to the cells is dead and it repeats the last frame, its
processor hangs behind a gateway that answers from a cache, the input of one sensor is stuck. Three rules:

heartbeat      a counter that must move stands still                     `agent.detect.heartbeat`
held frame     nothing moves, for longer than the noise of the unit      `agent.detect.credible`
               makes credible
stuck sensor   one channel does not move, for longer than its own noise  `agent.detect.credible`
               makes credible

No rule raises an alarm before LEAST_S, but for a heartbeat whose time is in the profile. A unit is frozen
when its frame is held, or when its heartbeat stands still and with it all values. A good value that is not
fresh by any of the rules becomes FROZEN.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, called
from agent.detect.channels import Codes, Flags, Floats, Ints, distinct
from agent.detect.credible import WITHIN_S, CredibleStillness
from agent.detect.explanations.said import Sentence, said
from agent.detect.heartbeat import Heartbeats
from agent.detect.keeping import pack_arrays, unpack_arrays
from agent.detect.kernels.stillness import LEAST_S, LONGEST, STILL, STILL_FRAMES, find_stuck, follow
from agent.detect.places import TEMPERATURES, VOLTAGES, judged_as
from agent.detect.rows import rows_of
from agent.detect.table import Row
from agent.quality import Quality

LONGEST_GAP_S = 15.0  # between frames that counts whole: what moved in a longer one, nobody saw

_GOOD, _FROZEN = np.uint8(Quality.GOOD), np.uint8(Quality.FROZEN)
_NONE, _NO_TIMES = np.zeros(0, np.int64), np.zeros(0)

#: Detector -> what its alarm says.
HEARTBEAT = Sentence(
    "heartbeat",
    "answers, but its heartbeat had stood still for {still_s:.0f} s when raised: its values are not fresh; "
    "restart the unit, or look at the link between it and its gateway",
)
HELD = Sentence(
    "held-frame",
    "answers, but no value at all had moved for {still_s:.0f} s when raised, less likely than 1 in a million "
    "with its own noise: its values are not fresh; restart the unit, or look at the link to its cells",
)
STUCK = Sentence(
    "stuck-sensor",
    "{where} had stood still for {still_s:.0f} s when raised, and its noise should have moved it; check the "
    "sensor and its plug",
)
OF_SOME = Sentence(  # in place of HEARTBEAT where other values still move
    "heartbeat-of-some",
    "answers, but its heartbeat had stood still for {still_s:.0f} s when raised, though other values move: "
    "those that have not moved since are not fresh; restart the unit, or look at the link to its cells",
)
SENTENCES = {sentence.id: sentence for sentence in (HEARTBEAT, HELD, STUCK)}  # by their detectors
SAYS = (HEARTBEAT, OF_SOME, HELD, STUCK)


@dataclass(frozen=True, slots=True)
class LivenessState:
    """The liveness of a unit. still_s: time since any value moved; where a heartbeat stands still, since that
    one moved. provable: whether it would be noticed if the unit stood still. frozen: it stands still.
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

    changes_within_s: within what time a heartbeat must move, infinite for all other values (see
    `drivers.layout.Layout`).
    """

    def __init__(
        self, places: Sequence[str], quantities: Sequence[str], changes_within_s: Floats, period_s: float
    ) -> None:
        n = len(places)
        self.book = AlarmBook()
        self.places, self.quantities = tuple(places), tuple(quantities)
        self._period_s, self._most_s = period_s, max(3.0 * period_s, LONGEST_GAP_S)  # of a gap
        judged = np.isin(np.array(judged_as(places, quantities), dtype=str), (*TEMPERATURES, *VOLTAGES))
        self._teaches = judged.astype(np.uint8)  # to 1 where a reversal is noise, see `credible`
        self._heartbeats = Heartbeats(quantities, changes_within_s)
        self._credible = CredibleStillness(n, period_s)
        self._keys = self._distinct(self._heartbeats.at) | self._distinct(np.flatnonzero(judged).tolist())
        # state of `kernels.stillness.follow`
        self._last, self._seen, self._counts = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros((n, 6))
        self._t_s = math.nan  # of the last frame
        # of the whole frame: since anything moved, and the most frames in which nothing did
        self._still_s, self._still_frames, self._longest = 0.0, 0, 0
        # the verdict on the last frame
        self._frozen = False
        self._stuck, self._any_stuck = np.zeros(n, np.bool_), False
        self._told: Ints = _NONE  # which would be stuck, and are told of otherwise
        self._not_fresh = np.zeros(n, np.bool_)  # by the heartbeat

    def _distinct(self, channels: Sequence[int]) -> dict[int, str]:
        """Return, by channel, what tells it from the others of these."""
        names = distinct([self.places[i] for i in channels], [self.quantities[i] for i in channels])
        return dict(zip(channels, names, strict=True))

    def judge(
        self, t_s: float, raw: Ints, quality: Codes, told: Callable[[], Ints] | None = None
    ) -> tuple[Codes, list[AlarmEvent]]:
        """Judge one frame; return its qualities, FROZEN for GOOD where a value is not fresh, and the events
        of alarms. The frame's own qualities stay as they are.

        t_s: s, any monotonic clock. raw (n,) int64. quality (n,) uint8. told: gives the values that another
        alarm explains (`UnitDetectors.explained`); they are judged on, and not called stuck beside it. A
        frame whose time is not a number or stands still proves nothing, and neither does one without a good
        value: silence is judged elsewhere.
        """
        if not math.isfinite(t_s) or t_s == self._t_s:
            return quality, []
        dt_s = self._advance(t_s)
        beats = self._heartbeats.at
        gaps_s = self._counts[beats, STILL] + dt_s if beats else _NO_TIMES  # before the frame is counted
        answered, moved, reversed = self._count(dt_s, raw, quality)
        if not answered:
            return quality, []
        self._credible.learn(dt_s, reversed, self._counts, self._longest)
        self._heartbeats.follow(self._counts, self._seen, gaps_s, dt_s, quality)
        beat = self._heartbeats.standing
        if self._frozen and moved and beat is None:  # the unit stood still: that is over for every sensor
            self._counts[:, [STILL, STILL_FRAMES]] = 0.0
        held = self._still_frames >= self._credible.limit and self._still_s >= LEAST_S
        self._not_fresh = self._heartbeats.not_fresh(self._counts)
        self._frozen = held or (beat is not None and bool(self._not_fresh.all()))
        stuck = np.zeros_like(self._stuck)
        # where the unit stands still, no sensor is to blame
        self._any_stuck = not self._frozen and find_stuck(self._counts, self._credible.limits, stuck)
        self._told = _NONE
        if self._any_stuck and told:
            self._told = np.intersect1d(told(), np.flatnonzero(stuck))
            self._credible.stretch_faulty = True
            stuck[self._told] = False
            self._any_stuck = bool(stuck.any())
        if self._any_fault():
            self._credible.stretch_faulty = True
            still = self._frozen | stuck | self._not_fresh
            quality = np.where(still & (quality == _GOOD), _FROZEN, quality)
        return quality, self._events(held, stuck)

    def _advance(self, t_s: float) -> float:
        """Take the time of a frame; return the seconds since the last one that count."""
        dt_s, self._t_s = t_s - self._t_s, t_s
        if not dt_s > 0.0:  # the first frame, or a clock that was set back
            dt_s = self._period_s
        return min(dt_s, self._most_s)

    def _count(self, dt_s: float, raw: Ints, quality: Codes) -> tuple[bool, bool, bool]:
        """Count one frame; return what `kernels.stillness.follow` does: whether any value is good, any has
        moved, and any has reversed by noise.
        """
        any_fault = self._any_fault() or len(self._told) > 0
        before = self._counts[:, LONGEST].copy() if any_fault else None
        answered, moved, reversed = follow(
            dt_s, raw, quality, self._teaches, self._last, self._seen, self._counts
        )
        if before is not None:  # what a fault held still is no measure of noise
            faulty = self._stuck | self._not_fresh | self._frozen
            faulty[self._told] = True
            self._counts[faulty, LONGEST] = before[faulty]
        if moved:
            if not self._frozen:
                self._longest = max(self._longest, self._still_frames)
            self._still_s, self._still_frames = 0.0, 0
        elif answered:
            self._still_s += dt_s
            self._still_frames += 1
        return answered, moved, reversed

    def _any_fault(self) -> bool:
        return self._frozen or self._any_stuck or self._heartbeats.standing is not None

    @property
    def frozen(self) -> bool:
        """Whether the unit stands still."""
        return self._frozen

    def state(self) -> LivenessState:
        """Return the unit's liveness after the last frame."""
        beat = self._heartbeats.standing
        still_s = self._still_s if beat is None else float(self._counts[beat, STILL])
        provable = bool(self._heartbeats.at) or math.isfinite(self._credible.limit)
        return LivenessState(still_s, provable, self._frozen)

    # ---- kept over a restart

    def learned(self) -> list[Any]:
        """Return all that was learned and counted, as plain data; the alarms are in the book."""
        credible = self._credible
        numbers: tuple[Any, ...] = (
            self._still_s, self._still_frames, self._longest, credible.stretch_s, credible.stretch_frames,
            credible.stretch_reversals, credible.stretch_faulty, credible.stretches, credible.rate,
            credible.limit, self._any_stuck, self._frozen,
        )  # fmt: skip
        last = self._last.astype("<i8").tobytes()
        return [self._version(), pack_arrays(self._arrays()), last, [float(number) for number in numbers]]

    def take_up(self, learned: Any) -> bool:
        """Take up what `learned` gave; False where it is of other values or another period."""
        if not isinstance(learned, list) or len(learned) != 4 or len(learned[2]) != 8 * len(self._last):
            return False
        if not unpack_arrays(learned[:2], self._version(), self._arrays()):
            return False
        self._last[:] = np.frombuffer(learned[2], "<i8")
        credible = self._credible
        (self._still_s, still_frames, longest, credible.stretch_s, stretch_frames, reversals, faulty,
        stretches,
         rate, credible.limit, any_stuck, frozen) = learned[3]  # fmt: skip
        self._still_frames, self._longest = int(still_frames), int(longest)
        credible.stretch_frames, credible.stretch_reversals = int(stretch_frames), int(reversals)
        credible.stretch_faulty, credible.stretches, credible.rate = (
            bool(faulty),
            int(stretches),
            np.array(rate),
        )
        self._any_stuck, self._frozen = bool(any_stuck), bool(frozen)
        self._heartbeats.resume(self._counts, frozen=self._frozen)
        return True

    def stand_again(self) -> None:
        """Go on with the alarms in the book: they clear when their values move."""
        self._stuck[:] = False
        for name, i in (member for alarm in self.book.standing() for member in alarm.members):
            if name == "stuck-sensor" and i < len(self._stuck):
                self._stuck[i] = True

    def _version(self) -> str:
        return f"1, {self._period_s:g} s"  # rates are per frame, so of one period

    def _arrays(self) -> list[Any]:
        beats, credible = self._heartbeats, self._credible
        return [
            self._counts, self._seen, beats.steps, beats.longest_s, credible.rates, credible.limits,
            self._stuck,
        ]  # fmt: skip

    # ---- alarms

    def _events(self, held: bool, stuck: Flags) -> list[AlarmEvent]:
        before, self._stuck = self._stuck, stuck
        if not self._any_fault() and self.book.empty():
            return []
        beat = self._heartbeats.standing
        events = self._change("heartbeat", [(i, i == beat) for i in self._heartbeats.at])
        events += self._change("held-frame", [(0, held and beat is None)])
        changed = np.flatnonzero(stuck != before)
        return events + self._change("stuck-sensor", [(int(i), bool(stuck[i])) for i in changed])

    def _change(self, detector: str, stands: list[tuple[int, bool]]) -> list[AlarmEvent]:
        if not any(now for _, now in stands) and self.book.empty():
            return []
        rows = rows_of(detector)
        tier = next(tier for tier, row in enumerate(rows) if row)
        changes = [(i, "", tier if now else 0) for i, now in stands]
        return self.book.change(detector, rows, changes, self._t_s, self._explain)

    def _explain(self, i: int, row: Row, _members: set[int]) -> AlarmEvent:
        if row.detector == "held-frame":
            still_s, place, key = self._still_s, "", ""
        else:
            still_s, place, key = float(self._counts[i, STILL]), self.places[i], self._keys[i]
        limit_s, sentence = row.limit, SENTENCES[row.detector]
        if row.detector == "heartbeat":
            limit_s = self._heartbeats.limit_s(i)
            sentence = sentence if self._not_fresh.all() else OF_SOME
        told = said(sentence, still_s=still_s)
        if sentence is STUCK:
            told = told.then(where=place or self.quantities[i])
        return AlarmEvent(
            row.detector, row.severity, "NEW", place, self.quantities[i] if place else "",
            still_s, limit_s, "s", t_s=self._t_s, since_s=self._t_s - still_s,
            name=called(row.detector, key), **told.told(),
        )  # fmt: skip


def warm_up() -> None:
    """Compile or load the kernel."""
    live = Liveness([""], ["cell_voltage"], np.array([np.inf]), 1.0)
    live.judge(0.0, np.zeros(1, np.int64), np.zeros(1, np.uint8))
