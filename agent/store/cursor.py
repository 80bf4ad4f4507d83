"""How far one upstream is with what was sealed: counts and ranges, as one transaction changes them. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.store.upstream import Upstream, Withheld
from agent.wire.ranges import Ranges

#: Columns of the ledger, in the order of `Cursor.row`.
COLUMNS = ("acknowledged", "dropped", "settled", "healing", "withheld", "forgotten", "lost")


@dataclass(slots=True)
class Cursor:
    """sealed = acknowledged + dropped + withheld + pending, and pending are those of no range below.

    `settled`: what it needs no more, be it acknowledged, dropped, or withheld. `healing`: what it had
    acknowledged and lost again. `forgotten`: what this buffer does not remember, until the upstream has said
    what of that it holds; it counts as pending. `lost`: what is counted as dropped: a gap is told to
    all, and is not everyone's loss.
    """

    upstream: Upstream
    acknowledged: int = 0
    dropped: int = 0
    settled: Ranges = field(default_factory=Ranges)
    healing: Ranges = field(default_factory=Ranges)
    withheld: Withheld = field(default_factory=Withheld)
    forgotten: Ranges = field(default_factory=Ranges)
    lost: Ranges = field(default_factory=Ranges)

    @classmethod
    def begun(cls, upstream: Upstream) -> "Cursor":
        """Of a buffer in which nothing is sealed yet."""
        new = cls(upstream)
        new.withheld.turn(upstream.frames, last_sequence=0)
        return new

    @classmethod
    def of_row(cls, upstream: Upstream, row: Iterable[Any]) -> "Cursor":
        """From its columns. Raises ValueError, TypeError, LookupError where no version writes such."""
        acknowledged, dropped, settled, healing, withheld, forgotten, lost = row
        return cls(
            upstream,
            acknowledged,
            dropped,
            Ranges(json.loads(settled)),
            Ranges(json.loads(healing)),
            Withheld.parse(withheld),
            Ranges(json.loads(forgotten)),
            Ranges(json.loads(lost)),
        )

    def row(self) -> tuple[Any, ...]:
        """Its columns."""
        settled, healing, forgotten, lost = (
            json.dumps(list(ranges)) for ranges in (self.settled, self.healing, self.forgotten, self.lost)
        )
        return self.acknowledged, self.dropped, settled, healing, self.withheld.words(), forgotten, lost

    def copy(self) -> "Cursor":
        """Another one, that a transaction may change."""
        return replace(
            self,
            settled=Ranges(self.settled),
            healing=Ranges(self.healing),
            withheld=replace(self.withheld, periods=[*self.withheld.periods]),
            forgotten=Ranges(self.forgotten),
            lost=Ranges(self.lost),
        )

    def acknowledge(self, held: Ranges) -> None:
        """It holds these. What was given up meanwhile stays given up."""
        new = held.minus(self.settled).minus(self.forgotten)
        self.acknowledged += new.count
        self._settle(new)

    def drop(self, sequence: int) -> bool:
        """It will never have this one; return whether it had not settled it before."""
        if sequence in self.settled:
            return False
        self.dropped += 1
        self.lost.add(sequence)
        self.settled.add(sequence)
        return True

    def sealed(self, sequence: int, frames: int) -> None:
        """A batch was sealed: with frames, it may be none of this upstream's."""
        if frames and not self.upstream.frames:
            self.settled.add(sequence)

    def withhold(self, whole: Ranges) -> None:
        """It is not to have these; what it had settled stays settled."""
        new = whole.minus(self.settled)
        self.withheld = replace(self.withheld, whole=Ranges([*self.withheld.whole, *new]))
        self._settle(new)

    def unsettle(self, stored: Ranges, gone: Ranges) -> Ranges:
        """It lacks these: what is `stored` is pending again; return what of the rest, `gone`, is newly lost.

        In buffers of before 0.2 not all is known that was dropped: no more can be lost than was counted.
        """
        again, new = stored.both(self.lost), gone.minus(self.lost)
        back = stored.count - again.count
        moved = min(new.count, self.acknowledged - back)
        self.acknowledged -= back + moved
        self.dropped += moved - again.count
        self.lost = Ranges([*self.lost.minus(stored), *new])
        self.settled = self.settled.minus(stored)
        self.healing = Ranges([*self.healing, *stored])
        return new

    def adopt(self, held: Ranges) -> None:
        """It holds some of what it was not to have: as another upstream's, or under another name before."""
        there = self.withheld.whole.both(held)
        if there.count:
            self.withheld = replace(self.withheld, whole=self.withheld.whole.minus(there))
            self.acknowledged += there.count

    def forget(self, first: int, last: int) -> None:
        """Take note that this buffer does not remember these: an older image of itself was restored."""
        if first <= last:
            self.settled = self.settled.minus(Ranges([(first, last)]))
            self.forgotten.add(first, last)
            if not self.upstream.frames:
                self.withheld.turn(frames=True, last_sequence=first - 1)
                self.withheld.turn(frames=False, last_sequence=last)

    def remember(self, held: Ranges) -> Ranges:
        """Take its word on what this buffer has forgotten; return what nobody has."""
        there, lost = self.forgotten.both(held), self.forgotten.minus(held)
        self.acknowledged += there.count
        self.dropped += lost.count
        self.lost = Ranges([*self.lost, *lost])
        self._settle(self.forgotten)
        self.forgotten = Ranges()
        return lost

    def _settle(self, ranges: Iterable[tuple[int, int]]) -> None:
        for first, last in ranges:
            self.settled.add(first, last)
