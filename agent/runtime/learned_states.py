"""What the detectors of each unit have learned: saved, and taken up by their successors.

A learned state belongs to one layout (which values a unit has). Detectors that begin take up the state of
their layout; where there is none, or it is too old or not readable, they learn anew. A unit that connects
with another layout keeps the state of the first one in memory: that layout may come back.

A state is large, and flash wears out. It is saved at every orderly stop; else when the detectors have
learned for 25 % longer than at the last save, at most hourly, at least daily. It is not saved while the
state on disk belongs to another battery than the one that answers: that battery may come back too.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.clock import Clock, Passed, Stamp, passed
from agent.detect.unit import LearnedState, UnitJudges
from agent.message import Message, joined
from agent.runtime.snapshot import UNREADABLE, Snapshot

OLDEST_S = 30 * 86_400.0  # the age from which a state is not taken up: the battery has changed since
#: The least length that a gap of unknown length is given: no window of a detector spans it.
UNKNOWN_GAP_S = 4 * 3600.0
MORE_LEARNED, SAVED_AT_MOST_EVERY_S, SAVED_AT_LEAST_EVERY_S = 0.25, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What a unit's detectors began with, as the status shows it.

    since_utc_ns: since when they learn. kept_utc_ns: when the state that they took up was saved; 0: they
    learn anew. said: both as a sentence.
    """

    since_utc_ns: int
    kept_utc_ns: int
    said: str


@dataclass(frozen=True, slots=True)
class _Saved:
    """A learned state, since when it was learned, and when and in which boot it was saved."""

    state: LearnedState
    since_utc_ns: int
    stamp: Stamp
    boot_id: bytes


@dataclass(slots=True)
class _Unit:
    """One unit: its detectors, and by layout the states that no detectors have taken up."""

    judges: UnitJudges | None = None
    origin: Origin | None = None
    saved: dict[str, _Saved] = field(default_factory=dict)
    unreadable: str = ""  # why the state on disk could not be read
    due_s: float = math.nan  # when its state is to be saved, by the boot clock; NaN: no detectors have begun
    offered: bool = False  # whether `due` gave a state of the unit that answers now


class LearnedStates:
    """The learned states of every unit, by name."""

    def __init__(self, clock: Clock) -> None:
        #: Unit -> the marks of identity that its device gave last.
        self.marks: dict[str, dict[str, str | int | float]] = {}
        self._clock = clock
        self._units: dict[str, _Unit] = {}

    def read(self, unit: str, snapshot: Snapshot) -> None:
        """Take a unit's state from disk. Raises what `UNREADABLE` lists where it is of no known form."""
        content = snapshot.content
        self.marks[unit] = content.get("marks", {})  # version 0.1.0 kept none
        state = LearnedState(**content["kept"])
        saved = _Saved(state, content["since_utc_ns"], snapshot.stamp, snapshot.boot_id)
        self._unit(unit).saved[state.layout] = saved

    def unreadable(self, unit: str, why: str) -> None:
        """Take note that a unit's state on disk could not be read."""
        self._unit(unit).unreadable = f"the state that was kept is {why}"

    def origin(self, unit: str) -> Origin:
        """Return what the detectors of a connected unit began with."""
        origin = self._units[unit].origin
        assert origin is not None
        return origin

    def begin(self, name: str, judges: UnitJudges) -> Origin:
        """Let the new judges of a unit take up what was learned in their layout; return what they began with.

        What the judges before them have learned is kept for when their layout comes back.
        """
        unit, now = self._unit(name), self._clock.stamp()
        if before := self._learned(unit, now):
            unit.saved[before.state.layout] = before
        unit.origin, unit.judges = self._take_up(unit, judges, now), judges
        if math.isnan(unit.due_s):
            unit.due_s = _next_due_s(unit.origin, now)  # else the time set before stays, also by `forget`
        return unit.origin

    def _take_up(self, unit: _Unit, judges: UnitJudges, now: Stamp) -> Origin:
        saved = unit.saved.pop(judges.layout, None)
        if saved is None:
            none: str = Message(
                "the state that was kept is of other values" if unit.saved else "no state was kept"
            )
            why, unit.unreadable = unit.unreadable or none, ""  # the reason is given once
            return _anew(now, why)
        gap = passed(saved.stamp, saved.boot_id, now, self._clock.boot_id)
        if gap.seconds > OLDEST_S:
            return _anew(now, Message("the state that was kept is {n:.0f} days old", n=gap.seconds / 86_400))
        try:
            unfit = judges.take_up(saved.state, _last_frame_s(saved, gap, now), gap.sure)
        except UNREADABLE as error:
            return _anew(now, Message("the state that was kept is not readable ({why})", why=repr(error)))
        said = Message(
            "goes on with the state of {kept}, learned since {since}",
            kept=_utc(saved.stamp.utc_ns),
            since=_utc(saved.since_utc_ns),
        )
        if unfit:
            said = joined("; ", [said, Message("learning anew: {what}", what=", ".join(unfit))])
        return Origin(saved.since_utc_ns, saved.stamp.utc_ns, said)

    def expect(self, units: Collection[str]) -> None:
        """Drop everything of units that are not among these."""
        for gone in self._units.keys() - set(units):
            del self._units[gone]
        for gone in self.marks.keys() - set(units):
            del self.marks[gone]

    def forget(self, unit: str) -> None:
        """Drop what was learned of a unit: it was exchanged. The new one's state is due at once: the state on
        disk is the old one's.
        """
        forgotten = self._unit(unit)
        forgotten.judges, forgotten.due_s, forgotten.offered = None, self._clock.boottime_s(), False
        forgotten.saved.clear()

    def due(self, now: Stamp, mismatched: Collection[str], *, everything: bool) -> Iterator[tuple[str, Any]]:
        """Yield (unit, content of its row): of the one state that has been due for longest, so that no poll
        waits for many; of all states if `everything`.

        mismatched: the units where another battery answers than the one that is expected.
        """
        late = [
            (unit.due_s, name)
            for name, unit in self._units.items()
            if unit.judges
            and (everything or unit.due_s <= now.boottime_ns / 1e9)
            and not (unit.saved and name in mismatched)
        ]
        for _, name in sorted(late):
            unit = self._units[name]
            learned = self._learned(unit, now)
            if learned is None:
                continue
            unit.offered = True
            yield (
                name,
                {
                    "since_utc_ns": learned.since_utc_ns,
                    "kept": asdict(learned.state),
                    "marks": self.marks.get(name, {}),
                },
            )
            if not everything:
                return

    def saved(self, unit: str, now: Stamp) -> None:
        """Take note that a unit's state is on disk."""
        if (one := self._units.get(unit)) and one.origin and one.offered:
            one.due_s, one.offered = _next_due_s(one.origin, now), False

    def save_again(self) -> None:
        """Take note that no state is on disk any more: all are due."""
        for unit in self._units.values():
            unit.due_s = math.nan if math.isnan(unit.due_s) else 0.0

    def _unit(self, name: str) -> _Unit:
        return self._units.setdefault(name, _Unit())

    def _learned(self, unit: _Unit, now: Stamp) -> _Saved | None:
        """Return what a unit's detectors have learned until now; None before their first frame."""
        if unit.judges is None or unit.origin is None or math.isnan(unit.judges.watch.t_s):
            return None
        state = unit.judges.learned_state()
        return _Saved(state, unit.origin.since_utc_ns, now, self._clock.boot_id)


def _anew(now: Stamp, why: str) -> Origin:
    return Origin(now.utc_ns, 0, Message("learning anew: {what}", what=why))


def _next_due_s(origin: Origin, now: Stamp) -> float:
    learned_s = (now.utc_ns - origin.since_utc_ns) / 1e9
    wait_s = min(max(MORE_LEARNED * learned_s, SAVED_AT_MOST_EVERY_S), SAVED_AT_LEAST_EVERY_S)
    return now.boottime_ns / 1e9 + wait_s


def _last_frame_s(saved: _Saved, gap: Passed, now: Stamp) -> float:
    """Return when the last frame of a saved state was, by this boot's clock."""
    before_saving_s = max(saved.stamp.boottime_ns / 1e9 - saved.state.t_s, 0.0)
    gap_s = gap.seconds if gap.sure else max(gap.seconds, UNKNOWN_GAP_S)
    return now.boottime_ns / 1e9 - gap_s - before_saving_s


def _utc(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
