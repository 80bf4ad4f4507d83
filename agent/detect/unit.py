"""Everything that judges the frames of one unit, in the order in which it may; agent and bench share it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Codes, Flags, Floats, Ints
from agent.detect.keeping import Parts, layout_digest
from agent.detect.liveness import Liveness
from agent.detect.reported import Reported, Saying
from agent.detect.settings import Settings
from agent.detect.watch import Learned, UnitDetectors
from agent.quality import Quality

_GOOD, _FROZEN = np.uint8(Quality.GOOD), np.uint8(Quality.FROZEN)


class JudgedLayout(Protocol):
    """What is known of the values of a unit's frame (see `drivers.layout.Layout`)."""

    @property
    def places(self) -> Sequence[str]:
        """Per value."""

    @property
    def quantities(self) -> Sequence[str]:
        """Per value."""

    @property
    def resolution(self) -> Floats:
        """SI size of one register step, per value."""

    @property
    def limits(self) -> Floats:
        """The profile's limits (n, 3, 2), innermost tier first, infinite where it gives none."""

    @property
    def changes_within_s(self) -> Floats:
        """The time in which a heartbeat must move, infinite for all others."""

    @property
    def sayings(self) -> Sequence[Saying]:
        """The alarms of the unit's own that it can say."""

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[Saying]:
        """Return those of `sayings` that stand."""


@dataclass(frozen=True, slots=True)
class LearnedState:
    """What the detectors of a unit have learned, as plain data; saved on disk under these names.

    layout: hash of what its values are. t_s: time of its last frame, NaN: none.
    """

    layout: str
    t_s: float
    parts: Parts
    liveness: list[Any]


@dataclass(frozen=True, slots=True)
class BookContext:
    """What the books of a unit need beside them after a restart; saved on disk under these names.

    layout: hash of what its values are; channels in the books are numbered by it. tiers: see
    `UnitDetectors.standing`. said: the texts of the unit's own alarms, see `Reported.said`. shadow: the book
    of the detectors in the shadow.
    """

    layout: str
    tiers: list[list[Any]]
    said: list[list[Any]]
    shadow: list[dict[str, Any]]


class UnitJudges:
    """The detectors of one unit, what it reports itself, and whether it lives."""

    def __init__(self, values: JudgedLayout, period_s: float, settings: Settings | None = None) -> None:
        places, quantities = values.places, values.quantities
        self.layout = layout_digest(places, quantities, values.resolution)
        self.liveness = Liveness(places, quantities, values.changes_within_s, period_s)
        self.reported = Reported(places, quantities, values.sayings, values.alarms)
        self.watch = UnitDetectors(places, quantities, values.resolution, period_s, settings, values.limits)
        speaking = [index for index, *_ in values.sayings]
        self.judged = np.union1d(self.watch.listens(), np.array(speaking, np.int64))  # by anything

    @property
    def books(self) -> Mapping[str, AlarmBook]:
        """The alarms of each judge."""
        return {
            "detectors": self.watch.book,
            "reported": self.reported.book,
            "liveness": self.liveness.book,
        }

    def judge(
        self, t_s: float, raw: Ints, quality: Codes, record: Callable[[Codes], Floats], *, seen: bool = True
    ) -> list[AlarmEvent]:
        """Mark a frame, have it recorded, judge it; return what happened to alarms, in that order.

        The order is what counts: a value that is marked FROZEN is recorded and judged as such, and a frame is
        with the recorder before anything that was found in it. A frame that was recorded before may bring
        FROZEN: liveness judges such a value anew, and the mark stays.

        record: takes the marked qualities, and returns the frame's values in SI units, NaN where they are not
        GOOD. seen: False while another alarm says that the whole unit is out of sight.
        """
        marked, events = self._mark(t_s, raw, quality)
        si = record(marked)
        events += self.reported.judge(t_s, raw, marked)
        seen = seen and not self.liveness.frozen
        events += self.watch.judge(t_s, si, marked, seen=seen, said_s=self.reported.witness_s(t_s))
        return events

    def _mark(self, t_s: float, raw: Ints, quality: Codes) -> tuple[Codes, list[AlarmEvent]]:
        frozen: Flags = quality == _FROZEN
        if not frozen.any():
            return self.liveness.judge(t_s, raw, quality, self.watch.explained)
        fresh = np.where(frozen, _GOOD, quality)
        marked, events = self.liveness.judge(t_s, raw, fresh, self.watch.explained)
        return np.where(frozen, _FROZEN, marked), events

    # ---- kept over a restart

    def learned_state(self) -> LearnedState:
        """Return all that was learned."""
        learned = self.watch.learned()
        return LearnedState(self.layout, learned.t_s, learned.parts, self.liveness.learned())

    def take_up(self, state: LearnedState, t_s: float, sure: bool) -> list[str]:
        """Take up what was learned of a unit of the same layout, as after a gap; return what begins anew.

        t_s: when its last frame was, by this clock; where that is not `sure`, nothing is judged across.
        """
        unfit = self.watch.take_up(Learned(t_s, state.parts), t_s, sure)
        if not self.liveness.take_up(state.liveness):
            unfit.append("liveness")
        return unfit

    def book_context(self) -> BookContext:
        """Return what the books need beside them after a restart."""
        shadow = self.watch.shadow_book.to_plain()
        return BookContext(self.layout, self.watch.standing(), self.reported.said(), shadow)

    def stand_again(
        self, books: Mapping[str, AlarmBook], context: BookContext, t_s: float
    ) -> list[AlarmEvent]:
        """Go on with these books: with the unit's own alarms, and in the same layout with all others too.

        Return the events of alarms that are over, for nobody judges them any more, or have a new name.
        """
        self.reported.book = books.get("reported", self.reported.book)
        over = self.reported.stand_again(context.said, t_s)
        if context.layout != self.layout:
            return over
        self.watch.book = books.get("detectors", self.watch.book)
        self.liveness.book = books.get("liveness", self.liveness.book)
        self.watch.shadow_book.from_plain(context.shadow)
        self.liveness.stand_again()
        return over + self.watch.stand_again(context.tiers, t_s)
