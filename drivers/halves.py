"""A refused read in halves, as often as it takes to find what the unit refuses: one rule, whoever reads.

Theory. A unit that lacks one of a hundred registers refuses all that are read with it, and does not say
which. Halving asks 2 log2(100) times for one of them, and at most twice per value where every other is
missing. Gaps are parted first: what no value names is likeliest to be missing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from drivers.needs import Need
from drivers.registers import Area
from drivers.values import Span, contains

#: A read never spans both `register - 1` and `register` of a cut: (table, unit offset, register).
Cut = tuple[Area, int, int]


def cut_before(span: Span) -> Cut:
    """Return the cut at which `span` begins."""
    return span.area, span.unit_offset, span.first


def halves(span: Span, needs: Sequence[Need]) -> tuple[Span, Span] | None:
    """Return two reads in place of one: apart at the gap nearest the middle, else between two values there.

    None where it holds a single value.
    """
    held = _held(span, needs)
    bounds = [after for (_, _), (after, _) in pairwise(runs(held))] or _between(held)
    if not bounds:
        return None
    middle = min(bounds, key=lambda first: abs(2 * first - span.first - span.last - 1))
    left, right = _apart(span, [middle], held)
    return left, right


def parted(span: Span, pieces: Iterable[Span]) -> str:
    """Return in words what was done about a read that was refused."""
    return f"{span} was refused as one read; now read as {', '.join(map(str, pieces))}"


def pieces_of(span: Span, cuts: Collection[Cut], needs: Sequence[Need]) -> list[Span]:
    """Return the reads in place of one that is apart at every cut inside it."""
    table = span.area, span.unit_offset
    inside = sorted(c[2] for c in cuts if c[:2] == table and span.first < c[2] <= span.last)
    return _apart(span, inside, _held(span, needs)) if inside else [span]


def runs(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """First and last address of each stretch that `spans` cover without a gap."""
    found: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda s: s.first):
        if found and span.first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], span.last))
        else:
            found.append((span.first, span.last))
    return found


def _held(span: Span, needs: Iterable[Need]) -> list[Span]:
    """What is wanted of a read, by first address: the values in it, and what says how they read."""
    asked = {s for n in needs for s in (n.span, *n.guards)}
    return sorted((s for s in asked if contains(span, s)), key=lambda s: s.first)


def _between(held: Sequence[Span]) -> list[int]:
    """Where one value ends and the next one begins, so that no value is cut."""
    bounds, last = [], -1
    for span in held:
        if -1 < last < span.first:
            bounds.append(span.first)
        last = max(last, span.last)
    return bounds


def _apart(span: Span, bounds: Sequence[int], held: Sequence[Span]) -> list[Span]:
    """Return the pieces of `span` that begin at `bounds`, without gaps at their ends."""
    pieces = []
    for first, end in pairwise((span.first, *bounds, span.last + 1)):
        within = [s for s in held if first <= s.first and s.last < end]
        if within:
            first, last = within[0].first, max(s.last for s in within)
            pieces.append(replace(span, first=first, count=last - first + 1))
    return pieces
