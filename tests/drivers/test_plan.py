"""Read plans: as cheap as brute force finds, never over a forbidden register, never through a value."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.line import Line
from drivers.needs import Need
from drivers.plan import PlanError, Terrain, make_plan
from drivers.quantities import Poll
from drivers.registers import Area, Read
from drivers.values import Span
from tests.drivers import naive

H = Area.HOLDING
SLOW = Line.rtu(9600)
TCP = Line.tcp()


def span(first, count=1, area=H, unit=0):
    return Span(area, unit, first, count)


def plan(*spans, poll=Poll.SAFETY, line=SLOW, terrain=None, **rest):
    return make_plan([Need(s, poll) for s in spans], terrain or Terrain(), line, **rest)


def ranges(found):
    return [(s.first, s.last) for s in found.spans]


small_maps = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 6), st.sampled_from([0, 0, 10, 100])),
    min_size=1,
    max_size=6,
    unique_by=lambda item: item[:2],
)
islands_or_none = st.one_of(st.just([]), st.lists(st.integers(1, 65), max_size=3, unique=True).map(sorted))


@settings(max_examples=300)
@given(
    small_maps,
    st.lists(st.integers(0, 66), max_size=4),
    islands_or_none,
    st.integers(6, 40),
    st.sampled_from([SLOW, Line.rtu(115200, turnaround_s=0.02), TCP, Line(1.0, 0.11)]),
    st.booleans(),
    st.sampled_from([H, Area.COIL]),
)
def test_no_other_way_to_share_out_the_reads_is_cheaper(items, holes, shores, most, line, strict, area):
    needs = [Need(span(first, count, area), pause_ms=pause) for first, count, pause in items]
    covered = {a for n in needs for a in range(n.span.first, n.span.last + 1)}
    islands = [(a, b - 1) for a, b in pairwise([0, *shores, 70])] if shores else []
    assume(not covered & set(holes))
    assume(all(any(a <= n.span.first and n.span.last <= b for a, b in islands) for n in needs) or not islands)
    terrain = Terrain(
        {area: most},
        tuple(span(h, area=area) for h in holes),
        tuple(span(a, b - a + 1, area) for a, b in islands),
        gaps_forbidden=strict,
    )
    found = make_plan(needs, terrain, line)

    def allowed(first, last):
        inside = set(range(first, last + 1))
        ashore = not islands or any(a <= first and last <= b for a, b in islands)
        return (
            last - first < most and ashore and not inside & set(holes) and (not strict or inside <= covered)
        )

    def cost(first, last):
        pause_ms = max(p for f, n, p in items if first <= f and f + n - 1 <= last)
        return line.read_s(area, last - first + 1, pause_ms / 1e3)

    least = naive.least_cost([(n.span.first, n.span.last) for n in needs], allowed, cost)
    assert sum(found.read_s(i, line) for i in range(len(found.spans))) == pytest.approx(least)
    for read in found.spans:
        assert allowed(read.first, read.last)
    for need in needs:
        assert any(r.first <= need.span.first and need.span.last <= r.last for r in found.spans)


def test_a_short_gap_is_read_over_and_a_long_one_is_not():
    # at 9600 baud a register costs 2.1 ms, a request with its reply and silences about 26 ms
    assert ranges(plan(span(0), span(8))) == [(0, 8)]
    assert ranges(plan(span(0), span(40))) == [(0, 0), (40, 40)]
    assert ranges(plan(span(0), span(100), line=TCP)) == [(0, 100)]


def test_islands_and_unit_ids_and_tables_keep_apart():
    islands = Terrain(islands=(span(0, 10), span(10, 10)))
    assert ranges(plan(span(9), span(10), terrain=islands)) == [(9, 9), (10, 10)]
    found = plan(span(0), span(1, unit=1), span(2, area=Area.INPUT))
    assert {(r.area, r.unit_offset) for r in found.reads} == {(H, 0), (H, 1), (Area.INPUT, 0)}


def test_safety_comes_first_and_takes_along_what_stands_beside_it():
    needs = [Need(span(0), Poll.STATE), Need(span(50)), Need(span(52), Poll.STATE), Need(span(56))]
    found = make_plan(needs, Terrain(), SLOW)
    assert list(zip(ranges(found), found.classes, strict=True)) == [
        ((50, 56), Poll.SAFETY),
        ((0, 0), Poll.STATE),
    ]
    assert found.slot(span(52)) == 2
    assert found.slot(span(0)) == 7


def test_a_unit_that_counts_bytes_is_asked_with_byte_addresses():
    found = plan(span(2304, 32), address_step=2)
    assert found.reads == (Read(H, 4608, 32),)


def test_the_longest_pause_of_its_values_follows_a_read():
    found = make_plan([Need(span(0), pause_ms=35), Need(span(1), pause_ms=120)], Terrain(), SLOW)
    assert found.pauses_ms == (120,)


@pytest.mark.parametrize(
    ("need", "terrain", "why"),
    [
        (span(0, 30), Terrain({H: 26}), "needs 30 addresses in one read, the unit allows 26"),
        (span(8, 4), Terrain(forbidden=(span(9, 2),)), r"touches the forbidden holding 9\.\.10"),
        (span(8, 4), Terrain(islands=(span(0, 10),)), "not lie inside one of the readable blocks"),
        (span(65535, 2), Terrain(), "past the last address"),
    ],
)
def test_a_value_no_read_can_fetch_is_named(need, terrain, why):
    with pytest.raises(PlanError, match=why):
        plan(need, terrain=terrain)


def test_a_refused_read_is_halved_at_its_gaps_first_and_says_so():
    whole = plan(span(0, 4), span(6, 2), span(10))
    parted, said = whole.split(0)
    assert ranges(parted) == [(0, 3), (6, 10)]
    assert said == "holding 0..10 was refused as one read; now read as holding 0..3, holding 6..10"
    assert [parted.slot(s) for s in (span(0, 4), span(6, 2), span(10))] == [0, 6, 10]  # the image is the same


def test_a_plan_is_apart_at_all_cuts_at_once_and_no_slot_moves():
    whole = plan(span(0, 4), span(4), span(6, 2), span(10))
    apart = whole.apart([(H, 0, 4), (H, 0, 6), (H, 0, 10), (H, 1, 7)])
    assert ranges(apart) == [(0, 3), (4, 4), (6, 7), (10, 10)]
    assert [apart.slot(s) for s in (span(0, 4), span(4), span(6, 2), span(10))] == [0, 4, 6, 10]


def test_a_refused_read_without_gaps_is_halved_until_the_value_itself_is_refused():
    whole = plan(span(0, 2), span(2, 2), span(4, 2))
    parted, _ = whole.split(0)
    assert ranges(parted) in ([(0, 1), (2, 5)], [(0, 3), (4, 5)])
    while (further := parted.split(len(parted.spans) - 1)) is not None:
        parted, _ = further
    assert parted.spans[-1] == span(4, 2)


def test_what_a_refusal_taught_is_kept_by_the_next_plan():
    needs = [Need(span(0, 4)), Need(span(6, 2))]
    parted, _ = make_plan(needs, Terrain(), SLOW).split(0)
    again = make_plan([*needs, Need(span(9))], Terrain(), SLOW, cuts=parted.cuts)
    assert ranges(again) == [(0, 3), (6, 9)]


def test_coils_are_packed_eight_to_a_byte():
    assert SLOW.read_s(Area.COIL, 9) == pytest.approx(SLOW.read_s(H, 1))
    assert math.isclose(Line.rtu(9600).per_byte_s, 10 / 9600)


def test_units_alike_share_a_plan_and_what_differs_in_any_way_has_its_own():
    spans = [span(0, 20), span(20, 20)]
    assert plan(*spans) is plan(*spans)
    others = [
        plan(*spans, terrain=Terrain({H: 30})),
        plan(*spans, poll=Poll.STATE),
        plan(*spans, cuts=[(H, 0, 20)]),
        plan(*spans, address_step=2),
    ]
    assert all(other != plan(*spans) for other in others)
    assert len(plan(*spans, terrain=Terrain({H: 30})).reads) == 2
