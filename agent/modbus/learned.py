"""What a unit refuses, found by halving, remembered, and asked again. Pure.

Theory. A refused read is a block. One that holds a single value is a hole: what it holds the unit lacks. One
of several values is halved; where both halves are answered, the block must be read in two, and where one of
them is refused in turn, the cut between them says nothing, and goes once all is known. A hole that was
refused with exception 2 in `MET` conversations (poll cycles, `RESTS_S` apart) is learned: it is left out of
the cycles, and asked again after a minute, then more and more seldom, daily at last, and after every
reconnection. A unit that refuses everything has said nothing of any register, and nothing is learned of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from drivers.halves import Cut, cut_before
from drivers.layout import Layout
from drivers.quantities import Poll
from drivers.registers import Area
from drivers.values import Span, Value, contains

ILLEGAL_ADDRESS = 2  # the exception of a register that is not there
MET = 3  # conversations in which a block was refused, before it is learned
DAY_S = 86_400.0
RESTS_S = (0.0, 5.0, 60.0)  # after the n-th refusal; from the last one on doubled, up to a day
ALL_REFUSED_S, ALL_REFUSED_MOST_S = 10.0, 300.0  # before what refused everything is halved anew


@dataclass(slots=True)
class Block:
    """A read that a unit refused `met` times. cut: where it is read in two; None: it holds one value."""

    span: Span
    cut: Cut | None
    code: int
    met: int = 1
    ask_s: float = 0.0  # when it is asked again, CLOCK_BOOTTIME
    since_ns: int = 0  # when it was learned, UTC

    @property
    def learned(self) -> bool:
        """Whether it is left out of the cycles, and kept."""
        return self.met >= MET and self.code == ILLEGAL_ADDRESS

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Where reads must be apart because of it."""
        if self.cut is not None:
            return (self.cut,)
        return cut_before(self.span), (self.span.area, self.span.unit_offset, self.span.last + 1)

    def refused(self, code: int, now_s: float) -> None:
        """Note that it was refused once more."""
        self.code = code
        more = self.met - len(RESTS_S)
        rest_s = RESTS_S[-1] * 2.0 ** min(more, 16) if more > 0 else RESTS_S[self.met - 1]
        self.ask_s = now_s + min(rest_s, DAY_S)


@dataclass(slots=True)
class _Split:
    """A refused read in two, of which `good` were answered."""

    span: Span
    cut: Cut
    code: int
    good: int = 0


@dataclass(eq=False)
class Learned:
    """The blocks of one unit, as long as it is who it was.

    profile: its hash. who: what the unit said of itself. base: cuts that are not from here. news: something
    is not as it was when it was last said.
    """

    profile: bytes = b""
    who: dict[str, str | int | float] = field(default_factory=dict)
    blocks: dict[Span, Block] = field(default_factory=dict)
    base: frozenset[Cut] = frozenset()
    news: bool = True
    _parts: dict[Span, _Split] = field(default_factory=dict)  # by half, of which nothing has come yet
    _found: list[Span] = field(default_factory=list)  # since it began to halve
    _heard: bool = True  # something was answered since
    _halves_from_s: float = -inf  # before this nothing is halved: everything was refused
    _all_refused: int = 0  # in a row

    @property
    def cuts(self) -> frozenset[Cut]:
        """Where the reads of a plan must be apart."""
        return self.base | {cut for block in self.blocks.values() for cut in block.cuts}

    @property
    def settled(self) -> bool:
        """Whether of each half it is known whether it is refused."""
        return not self._parts

    def may_halve(self, now_s: float) -> bool:
        """Whether refused reads are halved now: not while a unit refuses everything."""
        return now_s >= self._halves_from_s

    def halved(self, span: Span, halves: tuple[Span, Span], code: int) -> None:
        """Note that a read was refused, and is asked in two."""
        if self.settled:
            self._heard, self._found = False, []
        self._parts.pop(span, None)
        split = _Split(span, cut_before(halves[1]), code)
        self._parts |= dict.fromkeys(halves, split)

    def refused(self, span: Span, code: int, now_s: float) -> None:
        """Note that a read of one value, or a block that was asked again, was refused."""
        self._parts.pop(span, None)
        block = self.blocks.get(span)
        if block is None:
            self._add(Block(span, None, code), now_s)
            return
        block.met += 1
        block.refused(code, now_s)
        self.news |= block.met == MET

    def answered(self, span: Span) -> None:
        """Note that a read was answered."""
        self._heard, self._all_refused = True, 0
        if not self.blocks and not self._parts:  # of nearly all units, for years
            return
        if self.blocks.pop(span, None):
            self.news = True
        split = self._parts.pop(span, None)
        if split is not None:
            split.good += 1
            if split.good == 2:
                self._add(Block(split.span, split.cut, split.code), -inf)

    def _add(self, block: Block, now_s: float) -> None:
        self.blocks[block.span] = block
        self._found.append(block.span)
        block.refused(block.code, now_s)

    def close(self, now_s: float) -> bool:
        """Note that a cycle ended in which nothing was halved; return whether all is known now.

        Of a unit that refused everything nothing is known.
        """
        if not self.settled:
            return False
        if not self._heard:
            for span in self._found:
                self.blocks.pop(span, None)
            wait_s = min(ALL_REFUSED_S * 2.0**self._all_refused, ALL_REFUSED_MOST_S)
            self._halves_from_s, self._all_refused = now_s + wait_s, self._all_refused + 1
            self._heard = True
        self._found = []
        return True

    # ---- when it is asked

    def is_hole(self, span: Span) -> bool:
        """Whether a read is left out of the cycles: the unit lacks what it holds, as far as is known."""
        block = self.blocks.get(span)
        return block is not None and block.cut is None and block.code == ILLEGAL_ADDRESS

    def due(self, now_s: float) -> Iterator[Span]:
        """Yield the blocks that are to be asked again now, beside the cycle's reads."""
        return (span for span, block in self.blocks.items() if now_s >= block.ask_s)

    def ask_again(self, now_s: float) -> None:
        """Have all blocks asked again: another unit, or another firmware, may answer now."""
        for block in self.blocks.values():
            block.ask_s = min(block.ask_s, now_s)

    # ---- whose it is, what is said and kept

    def begin(self, layout: Layout) -> None:
        """Go on with a unit that has said who it is; of another one nothing is known."""
        self._parts, self._found, self._heard = {}, [], True
        self.base = layout.plan.cuts - (self.cuts - self.base)
        counts = {guard.value.name for guard in layout.guards}
        who = {label: said for label, said in layout.identity.items() if label not in counts}
        if self.profile != layout.profile_hash or any(
            self.who.get(k, said) != said for k, said in who.items()
        ):
            self.profile, self.who, self.blocks, self.news = layout.profile_hash, {}, {}, True
        self.who |= who

    def lacking(self, layout: Layout) -> list[Value]:
        """Return the safety points that the unit refuses."""
        holes = [b.span for b in self.blocks.values() if b.cut is None and b.met >= MET]
        safety = (value for value in layout.values if value.poll is Poll.SAFETY)
        return [value for value in safety if any(contains(hole, value.span) for hole in holes)]

    def to_plain(self, utc_ns: int) -> dict[str, Any]:
        """Return what is kept over a restart; {}: nothing was learned. utc_ns: now."""
        for block in self.blocks.values():
            block.since_ns = block.since_ns or utc_ns
        rows = [
            [str(b.span.area), b.span.unit_offset, b.span.first, b.span.count, b.cut and b.cut[2], b.since_ns]
            for b in self.blocks.values()
            if b.learned
        ]
        return {"profile": self.profile, "who": self.who, "blocks": rows} if rows else {}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Learned":
        """Read it back; its blocks are asked again at once. LookupError, TypeError, ValueError."""
        if not plain:
            return cls()
        blocks: dict[Span, Block] = {}
        for area, unit_offset, first, count, cut, since_ns in plain["blocks"]:
            span = Span(Area(area), int(unit_offset), int(first), int(count))
            at = None if cut is None else (span.area, span.unit_offset, int(cut))
            blocks[span] = Block(span, at, ILLEGAL_ADDRESS, MET, since_ns=int(since_ns))
        return cls(bytes(plain["profile"]), dict(plain["who"]), blocks)
