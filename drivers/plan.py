"""Which reads to make: the set with the least wire time that touches nothing forbidden.

Theory. A need is a run of addresses that must arrive in one reply. Sort the needs of one table of one unit id
by their first address and drop those inside another one: firsts and lasts then both rise, and some best plan
takes neighbours together (swap any two reads that cross: neither grows). So the best plan of the first i
needs is the best plan of the first j plus one read of j+1..i, minimum over j: interval dynamic programming,
O(needs x needs per read).

Safety and state needs are planned together, for the cycle in which all of them are due: on that one the proof
of the deadline rests. A read with any safety need in it is made in every cycle, and before the others.

What says how a need reads (a scale factor, a count: its guards) comes in the same read where one may bring
both; else it is read before and after it, see `turns`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby

from drivers.halves import Cut, cut_before, halves, parted, pieces_of, runs
from drivers.line import Line
from drivers.needs import Need
from drivers.quantities import Poll
from drivers.registers import Area, Read
from drivers.turns import Turn, in_turn
from drivers.values import Span, contains, same_table

_URGENCY = (Poll.SAFETY, Poll.STATE, Poll.IDENTITY)

#: Unit offset of a forbidden span or island that holds for every unit id.
ANY_UNIT = -1


class PlanError(ValueError):
    """A value that no allowed read can fetch."""


@dataclass(frozen=True)
class Terrain:
    """Where reads may go. Spans are per table and unit offset, as in `Span`."""

    max_count: Mapping[Area, int] = field(default_factory=dict, hash=False)
    forbidden: tuple[Span, ...] = ()
    islands: tuple[Span, ...] = ()  # if a table of a unit has any, a read stays inside one
    gaps_forbidden: bool = False  # only what some need names may be read

    def obstacle(self, span: Span) -> str | None:
        """Why `span` cannot be read at once, or None."""
        most = self.max_count.get(span.area, 125)
        if span.count > most:
            return f"{span} needs {span.count} addresses in one read, the unit allows {most}"
        if span.last > 0xFFFF:
            return f"{span} runs past the last address 65535"
        for other in self.forbidden:
            if _applies(other, span) and span.first <= other.last and other.first <= span.last:
                return f"{span} touches the forbidden {other}"
        islands = [i for i in self.islands if _applies(i, span)]
        if islands and not any(i.first <= span.first and span.last <= i.last for i in islands):
            return f"{span} does not lie inside one of the readable blocks"
        return None


@dataclass(frozen=True)
class ReadPlan:
    """The reads of one unit; the words of reply i go to `slices[i]` of the image. A split moves no slot.

    The reads of one turn (`turns[i]`) may be asked at once; a turn begins when the one before it is over.
    `again[i]`: made only for the guards of other reads; they stand behind those. `needs`: what was asked for.
    """

    spans: tuple[Span, ...]
    classes: tuple[Poll, ...]
    turns: tuple[int, ...]
    again: tuple[bool, ...]
    pauses_ms: tuple[float, ...]
    slices: tuple[slice, ...]
    needs: tuple[Need, ...]
    terrain: Terrain
    line: Line
    address_step: int = 1
    cuts: frozenset[Cut] = frozenset()  # learned from refusals; hand them to the next plan of this unit

    @property
    def reads(self) -> tuple[Read, ...]:
        """The requests, as they go over the wire."""
        return tuple(map(self.read_of, self.spans))

    def read_of(self, span: Span) -> Read:
        """The request for a span, as it goes over the wire."""
        return Read(span.area, span.first * self.address_step, span.count, span.unit_offset)

    @property
    def order(self) -> list[int]:
        """The reads, by index, as they are to be asked one after the other."""
        return sorted(range(len(self.spans)), key=self.turns.__getitem__)

    @property
    def words(self) -> int:
        """Size of the image."""
        return max((s.stop for s in self.slices), default=0)

    def read_s(self, index: int, line: Line) -> float:
        """Wire time of one of the reads on `line`, with the pause after it."""
        span = self.spans[index]
        return line.read_s(span.area, span.count, self.pauses_ms[index] / 1e3)

    def home(self, span: Span, guards: Sequence[Span] = ()) -> int:
        """The read that brings `span`, with as many of its `guards` as any does."""
        found = [i for i, held in enumerate(self.spans) if not self.again[i] and contains(held, span)]
        if not found:
            raise PlanError(f"{span} is in no read of this plan")
        return max(found, key=lambda i: sum(contains(self.spans[i], guard) for guard in guards))

    def slot(self, span: Span, index: int | None = None) -> int:
        """Index into the image of the first word of `span`, in its home or in read `index`."""
        index = self.home(span) if index is None else index
        return int(self.slices[index].start) + span.first - self.spans[index].first

    def split(self, index: int) -> "tuple[ReadPlan, str] | None":
        """Read `index` was refused as a whole: the plan with its halves, and what was done.

        None when it holds a single need: then the unit refuses that value itself.
        """
        span = self.spans[index]
        pieces = halves(span, self.needs)
        if pieces is None:
            return None
        return self.apart([cut_before(pieces[1])]), parted(span, pieces)

    def with_cuts(self, cuts: Iterable[Cut]) -> "ReadPlan":
        """The plan of least wire time with these cuts and no others; words may move in the image."""
        return make_plan(self.needs, self.terrain, self.line, address_step=self.address_step, cuts=cuts)

    def guarded(self, index: int) -> bool:
        """Whether a read brings what says how others read, or what is read so."""
        span = self.spans[index]
        return self.again[index] or any(
            contains(span, part) for n in self.needs if n.guards for part in (n.span, *n.guards)
        )

    def apart(self, cuts: Iterable[Cut]) -> "ReadPlan":
        """The plan with its reads apart at more cuts; every word stays where it is in the image."""
        cuts = self.cuts | frozenset(cuts)
        slots: dict[Span, int] = {}
        for span, where, again in zip(self.spans, self.slices, self.again, strict=True):
            for piece in () if again else pieces_of(span, cuts, self.needs):
                if piece == span or any(contains(piece, n.span) for n in self.needs):
                    slots[piece] = int(where.start) + piece.first - span.first
        return _assembled(slots, self.needs, self.terrain, self.line, self.address_step, cuts)


def make_plan(
    needs: Sequence[Need], terrain: Terrain, line: Line, *, address_step: int = 1, cuts: Iterable[Cut] = ()
) -> ReadPlan:
    """The plan with the least wire time. Raises `PlanError` when a need cannot be read at all."""
    return _planned(tuple(needs), terrain, line, address_step, frozenset(cuts))


@lru_cache(maxsize=64)
def _planned(
    needs: tuple[Need, ...], terrain: Terrain, line: Line, address_step: int, cuts: frozenset[Cut]
) -> ReadPlan:
    """Once for all units alike: of 300 values it takes a tenth of a second, in which no bus is served."""
    wanted = {_with_guards(need, needs, terrain, cuts) for need in needs}
    slots = dict.fromkeys(_reads_of(wanted, needs, terrain, line, cuts))
    return _assembled(slots, needs, terrain, line, address_step, cuts)


def _reads_of(
    wanted: Iterable[Span], needs: Sequence[Need], terrain: Terrain, line: Line, cuts: frozenset[Cut]
) -> list[Span]:
    """The cheapest reads that bring all of `wanted`."""
    by_table = sorted(set(wanted), key=lambda s: (s.unit_offset, s.area, s.first, -s.count))
    found: list[Span] = []
    for _, table in groupby(by_table, key=lambda s: (s.unit_offset, s.area)):
        found += _best_reads(_outermost(table), needs, terrain, line, cuts)
    return found


def _with_guards(need: Need, needs: Sequence[Need], terrain: Terrain, cuts: frozenset[Cut]) -> Span:
    """The addresses of a need and of its guards in the same table, if one read may bring them all."""
    near = [guard for guard in need.guards if same_table(guard, need.span)]
    if not near:
        return need.span
    first = min(need.span.first, *(g.first for g in near))
    last = max(need.span.last, *(g.last for g in near))
    whole = replace(need.span, first=first, count=last - first + 1)
    parted = any(c[:2] == (whole.area, whole.unit_offset) and first < c[2] <= last for c in cuts)
    if parted or terrain.obstacle(whole):
        return need.span
    if terrain.gaps_forbidden and not any(a <= first and last <= b for a, b in _named(needs, whole)):
        return need.span
    return whole


def _assembled(
    plain: Mapping[Span, int | None],
    needs: tuple[Need, ...],
    terrain: Terrain,
    line: Line,
    address_step: int,
    cuts: frozenset[Cut],
) -> ReadPlan:
    """A plan of these reads, each in its turn, and of those that their guards want besides.

    `plain`: the reads, and where their words go in the image, None where that is yet to be said.
    """
    held = {s: [n for n in needs if contains(s, n.span)] for s in plain}
    polls = {s: min((n.poll for n in here), key=_URGENCY.index) for s, here in held.items()}
    pauses_ms = {s: max(n.pause_ms for n in here) for s, here in held.items()}
    turns: list[tuple[Turn, Poll]] = []
    for poll in _URGENCY:
        reads = {s: held[s] for s in plain if polls[s] is poll}
        asked = {Need(g, poll, n.pause_ms) for here in reads.values() for n in here for g in n.guards}
        alone = tuple(asked)

        def guards_alone(guards: Iterable[Span], alone: Sequence[Need] = alone) -> list[Span]:
            return _reads_of(guards, alone, terrain, line, cuts)

        known = [turn.span for turn, _ in turns]
        turns += [(turn, poll) for turn in in_turn(reads, known, guards_alone)]
        for turn, _ in turns:
            pauses_ms.setdefault(
                turn.span, max((n.pause_ms for n in alone if contains(turn.span, n.span)), default=0.0)
            )
    ranks = {key: rank for rank, key in enumerate(dict.fromkeys((poll, t.turn) for t, poll in turns))}
    guarded = any(turn.again for turn, _ in turns)
    guarded |= len(ranks) > len(set(polls.values()))
    turns.sort(key=lambda item: item[0].again)
    free = 0
    slices: list[slice] = []
    for turn, _ in turns:
        at = None if turn.again else plain[turn.span]
        start = free if at is None else at
        slices.append(slice(start, start + turn.span.count))
        free = max(free, slices[-1].stop)
    return ReadPlan(
        spans=tuple(turn.span for turn, _ in turns),
        classes=tuple(poll for _, poll in turns),
        turns=tuple(ranks[poll, turn.turn] if guarded else 0 for turn, poll in turns),
        again=tuple(turn.again for turn, _ in turns),
        pauses_ms=tuple(pauses_ms[turn.span] for turn, _ in turns),
        slices=tuple(slices),
        needs=needs,
        terrain=terrain,
        line=line,
        address_step=address_step,
        cuts=cuts,
    )


def _best_reads(
    items: list[Span], needs: Sequence[Need], terrain: Terrain, line: Line, cuts: frozenset[Cut]
) -> list[Span]:
    """Interval dynamic programming over `items`, whose firsts and lasts both rise."""
    area, unit_offset = items[0].area, items[0].unit_offset
    cut_at = [c[2] for c in cuts if c[:2] == (area, unit_offset)]
    here = [n for n in needs if same_table(n.span, items[0])]
    known = _named(needs, items[0]) if terrain.gaps_forbidden else None
    pauses_s = _pauses_s(items, here)
    best: list[float] = [0.0]
    previous: list[int] = []
    for i, last_item in enumerate(items):
        cost, choice, pause_s = float("inf"), -1, 0.0
        for j in range(i, -1, -1):
            first = items[j].first
            span = Span(area, unit_offset, first, last_item.last - first + 1)
            crosses = j < i and any(first < c <= span.last for c in cut_at)
            bridges = known is not None and not any(a <= first and span.last <= b for a, b in known)
            if crosses or bridges or terrain.obstacle(span):
                break  # a longer read would meet the same obstacle
            pause_s = max(pause_s, pauses_s[j])
            seconds = best[j] + line.read_s(area, span.count, pause_s)
            if seconds < cost:
                cost, choice = seconds, j
        if choice < 0:
            raise PlanError(terrain.obstacle(last_item) or f"{last_item} cannot be read")
        best.append(cost)
        previous.append(choice)
    reads: list[Span] = []
    end = len(items)
    while end:
        start = previous[end - 1]
        reads.append(
            Span(area, unit_offset, items[start].first, items[end - 1].last - items[start].first + 1)
        )
        end = start
    return reads[::-1]


def _pauses_s(items: Sequence[Span], needs: Iterable[Need]) -> list[float]:
    """The longest pause among the needs that begin in an item, up to where the next one begins."""
    firsts = [item.first for item in items]
    pauses_s = [0.0] * len(items)
    for need in needs:
        k = bisect_right(firsts, need.span.first) - 1
        pauses_s[k] = max(pauses_s[k], need.pause_ms / 1e3)
    return pauses_s


def _outermost(spans: Iterable[Span]) -> list[Span]:
    """Drop spans inside another one; `spans` rise by first address, the longer of equals first."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.last > kept[-1].last:
            kept.append(span)
    return kept


def _named(needs: Iterable[Need], where: Span) -> list[tuple[int, int]]:
    """The stretches of a table that some need names."""
    return runs(s for n in needs for s in (n.span, *n.guards) if same_table(s, where))


def _applies(rule: Span, span: Span) -> bool:
    return rule.area is span.area and rule.unit_offset in (ANY_UNIT, span.unit_offset)
