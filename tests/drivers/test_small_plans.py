"""Plans of a few needs: as cheap as any, and what each read, slot, turn and cut of them is."""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest

from drivers.line import Line
from drivers.needs import Need
from drivers.plan import ANY_UNIT, PlanError, Terrain, make_plan
from drivers.quantities import Poll
from drivers.registers import Area, Read
from drivers.turns import AFTER, AMONG, BEFORE, Turn, in_turn
from drivers.values import Span
from tests.drivers import naive

H, INPUT, C = Area.HOLDING, Area.INPUT, Area.COIL
LINE = Line(1.0, 0.11, 0.4)
POLLS = [Poll.SAFETY, Poll.STATE, Poll.IDENTITY]


def span(first, count=1, area=H, unit=0):
    return Span(area, unit, first, count)


def seconds(area, count, pause_ms):
    return 1.0 + 0.11 * (math.ceil(count / 8) if area is C else 2 * count) + pause_ms / 1000


def case(seed):
    """Needs of one table, and what may be read there."""
    rng = np.random.default_rng(seed)
    area, unit = (H, INPUT, C)[seed % 3], seed % 2
    needs = [
        Need(
            span(int(rng.integers(0, 24)), int(rng.integers(1, 4)), area, unit),
            POLLS[rng.integers(0, 3)],
            float(rng.choice([0, 0, 100, 400, 1500])),
        )
        for _ in range(rng.integers(1, 6))
    ]

    def rules(most, length):
        """Spans, of which some are of other tables and other units, and hold for nothing here."""
        return tuple(
            span(
                int(rng.integers(0, 26)),
                length,
                (H, INPUT, C)[rng.integers(0, 3)] if rng.random() < 0.3 else area,
                int(rng.choice([ANY_UNIT, 0, 1])),
            )
            for _ in range(rng.integers(0, most))
        )

    terrain = Terrain(
        {area: int(rng.integers(4, 30))}, rules(4, 1), rules(3, 14), gaps_forbidden=bool(rng.integers(0, 2))
    )
    cuts = {
        (area if rng.random() < 0.8 else C, int(rng.integers(0, 2)), int(rng.integers(0, 24)))
        for _ in range(3)
    }
    return area, unit, needs, terrain, cuts


def rule_of(area, unit, needs, terrain, cuts):
    """Whether a read of first to last is allowed, by sets of addresses."""

    def here(rules):
        of_table = [r for r in rules if r.area == area and r.unit_offset in (-1, unit)]
        return [set(range(r.first, r.first + r.count)) for r in of_table]

    named = {a for n in needs for a in range(n.span.first, n.span.first + n.span.count)}
    spans = {(n.span.first, n.span.last) for n in needs}

    def allowed(first, last):
        inside = set(range(first, last + 1))
        return (
            len(inside) <= terrain.max_count[area]
            and not any(inside & hole for hole in here(terrain.forbidden))
            and (not here(terrain.islands) or any(inside <= island for island in here(terrain.islands)))
            and (
                (first, last) in spans
                or not any(c[:2] == (area, unit) and {c[2] - 1, c[2]} <= inside for c in cuts)
            )
            and (inside <= named or not terrain.gaps_forbidden)
        )

    return allowed


@pytest.mark.parametrize("seed", range(150))
def test_a_plan_of_one_table_is_as_cheap_as_any_and_allowed(seed):
    area, unit, needs, terrain, cuts = case(seed)
    allowed = rule_of(area, unit, needs, terrain, cuts)
    if not all(allowed(n.span.first, n.span.last) for n in needs):
        with pytest.raises(PlanError):
            make_plan(needs, terrain, LINE, cuts=cuts)
        return
    plan = make_plan(needs, terrain, LINE, cuts=cuts, address_step=2)
    inside = {s: [n for n in needs if s.first <= n.span.first and n.span.last <= s.last] for s in plan.spans}

    def cost(first, last):
        pauses = [n.pause_ms for n in needs if first <= n.span.first and n.span.last <= last]
        return seconds(area, last - first + 1, max(pauses))

    least = naive.least_cost([(n.span.first, n.span.last) for n in needs], allowed, cost)
    assert sum(cost(s.first, s.last) for s in plan.spans) == pytest.approx(least)
    for i, s in enumerate(plan.spans):
        assert plan.read_s(i, LINE) == pytest.approx(cost(s.first, s.last))
    assert all(allowed(s.first, s.last) for s in plan.spans)
    assert all(any(n in held for held in inside.values()) for n in needs)
    assert plan.classes == tuple(min((n.poll for n in inside[s]), key=POLLS.index) for s in plan.spans)
    assert list(plan.classes) == sorted(plan.classes, key=POLLS.index)
    assert plan.pauses_ms == tuple(max(n.pause_ms for n in inside[s]) for s in plan.spans)
    assert plan.turns == (0,) * len(plan.spans)
    assert plan.again == (False,) * len(plan.spans)
    assert plan.order == list(range(len(plan.spans)))
    assert plan.reads == tuple(Read(s.area, 2 * s.first, s.count, s.unit_offset) for s in plan.spans)
    starts = np.cumsum([0, *(s.count for s in plan.spans)]).tolist()
    assert [(s.start, s.stop) for s in plan.slices] == list(pairwise(starts))
    assert plan.words == starts[-1]
    assert (plan.needs, plan.terrain, plan.line, plan.cuts) == (tuple(needs), terrain, LINE, frozenset(cuts))


def halves(spans, first, last):
    """A refused read in two as even as may be, at a gap if it has one; or None."""
    asked = {a for s in spans for a in range(s.first, s.last + 1)}
    starts = [a for a in sorted(asked) if a - 1 not in asked and a > first]
    if starts:
        second = min(starts, key=lambda b: abs((b - first) - (last + 1 - b)))
        return [(first, max(a for a in asked if a < second)), (second, last)]
    within = [b for b in sorted(asked) if any(s.first == b for s in spans)]
    whole = [b for b in within if b > first and not any(s.first < b <= s.last for s in spans)]
    if not whole:
        return None
    middle = min(whole, key=lambda b: abs((b - first) - (last + 1 - b)))
    return [(first, middle - 1), (middle, last)]


@pytest.mark.parametrize("seed", range(60))
def test_a_refused_read_is_taken_apart_and_no_slot_moves(seed):
    rng = np.random.default_rng(seed)
    firsts = np.cumsum(rng.integers(1, 4, rng.integers(1, 7))).tolist()
    needs = [Need(span(a, int(rng.integers(1, 4))), POLLS[rng.integers(0, 2)]) for a in firsts]
    needs += [Need(span(a, unit=1)) for a in firsts[:2]]
    plan = make_plan(needs, Terrain(), Line(9.0, 0.01))
    for _ in range(4):
        index = int(rng.integers(0, len(plan.spans)))
        refused = plan.spans[index]
        here = [n.span for n in needs if n.span.unit_offset == refused.unit_offset]
        held = [s for s in here if refused.first <= s.first and s.last <= refused.last]
        pieces = halves(held, refused.first, refused.last)
        found = plan.split(index)
        if pieces is None:
            assert found is None
            continue
        parted, said = found
        told = ", ".join(str(span(a, b - a + 1, unit=refused.unit_offset)) for a, b in pieces)
        assert said == f"{refused} was refused as one read; now read as {told}"
        assert parted.cuts == plan.cuts | {(H, refused.unit_offset, a) for a, _ in pieces[1:]}
        others = [s for i, s in enumerate(plan.spans) if i != index]
        expected = [*others, *(span(a, b - a + 1, unit=refused.unit_offset) for a, b in pieces)]
        assert sorted(map(str, parted.spans)) == sorted(map(str, expected))
        assert [parted.slot(n.span) for n in needs] == [plan.slot(n.span) for n in needs]
        assert parted.words == plan.words
        plan = parted


def test_a_refused_read_leaves_the_guards_of_its_values_to_be_read_round_them():
    needs = [Need(span(0), factors=(span(3),)), Need(span(20)), Need(span(21)), Need(span(22))]
    plan = make_plan(needs, Terrain(), Line(0.3, 0.05))
    assert [str(s) for s in plan.spans] == ["holding 0..3", "holding 20..22"]
    parted, said = plan.split(0)
    assert said == "holding 0..3 was refused as one read; now read as holding 0, holding 3"
    assert [(s.start, s.stop) for s in parted.slices] == [(0, 1), (4, 7), (7, 8), (8, 9)]
    rows = [(str(parted.spans[i]), parted.again[i]) for i in parted.order]
    assert rows == [("holding 3", True), ("holding 0", False), ("holding 20..22", False), ("holding 3", True)]
    halved, said = parted.split(parted.home(span(20)))
    assert said.endswith("now read as holding 20, holding 21..22"), "of two as even the first"
    assert [str(s) for s in halved.spans] == [
        "holding 0",
        "holding 20",
        "holding 21..22",
        "holding 3",
        "holding 3",
    ]
    assert [halved.slot(n.span) for n in needs] == [plan.slot(n.span) for n in needs] == [0, 4, 5, 6]


def test_a_plan_that_says_no_step_counts_registers():
    plan = make_plan([Need(span(7, 2))], Terrain(), LINE)
    said = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan) if f.name != "address_step"}
    assert type(plan)(**said).reads == plan.reads == (Read(H, 7, 2),)


def test_a_value_inside_another_costs_no_read_and_a_guard_of_another_table_makes_none_longer():
    inside = make_plan([Need(span(0, 2)), Need(span(0, 4))], Terrain(), LINE, cuts={(H, 0, 3)})
    assert inside.spans == (span(0, 4),)
    for other in (span(3, area=INPUT), span(3, unit=1)):
        plan = make_plan([Need(span(0), factors=(other,))], Terrain(), LINE)
        assert [plan.spans[i] for i in plan.order] == [other, span(0), other]


@pytest.mark.parametrize(
    ("spans", "cut", "read"),
    [
        ([span(0, 2), span(0, 4)], 3, [span(0, 4)]),
        ([span(0, 4), span(2, 2)], 1, [span(0, 4)]),
        ([span(0, 2), span(40, 4), span(41, 2)], 41, [span(0, 2), span(40, 4)]),
    ],
)
def test_a_value_inside_another_is_read_with_it_whatever_is_cut(spans, cut, read):
    assert list(make_plan(list(map(Need, spans)), Terrain(), LINE, cuts={(H, 0, cut)}).spans) == read


@pytest.mark.parametrize(
    ("cut", "reads"), [(0, ["0..2"]), (1, ["0", "1..2"]), (2, ["0..1", "2"]), (3, ["0..2"])]
)
def test_a_cut_lies_before_its_register(cut, reads):
    plan = make_plan([Need(span(at)) for at in range(3)], Terrain(), LINE, cuts={(H, 0, cut)})
    assert [str(s) for s in plan.spans] == [f"holding {r}" for r in reads]


@pytest.mark.parametrize("seed", range(20))
def test_each_table_of_each_unit_is_planned_as_if_there_were_no_other(seed):
    rng = np.random.default_rng(seed)
    needs = {
        table: [
            Need(span(int(at), 1, *table), POLLS[rng.integers(0, 2)], float(rng.choice([0, 1500])))
            for at in rng.choice(40, 5, replace=False)
        ]
        for table in ((H, 0), (H, 1), (INPUT, 0))
    }
    terrain = Terrain(gaps_forbidden=seed % 2 == 1)
    alone = [read for some in needs.values() for read in make_plan(some, terrain, LINE).spans]
    together = make_plan([need for some in needs.values() for need in some], terrain, LINE)
    assert sorted(map(str, together.spans)) == sorted(map(str, alone))


@pytest.mark.parametrize(
    ("pause_ms", "reads"), [(1195.0, ["0", "11"]), (1200.0, ["0", "11"]), (1205.0, ["0..11"])]
)
def test_a_gap_is_read_where_that_is_cheaper_than_another_request_and_its_pause(pause_ms, reads):
    # ten registers between two values are 20 bytes of 0.11 s; a request is 1 s and the pause after it
    needs = [Need(span(0), pause_ms=pause_ms), Need(span(11), pause_ms=pause_ms), Need(span(60))]
    assert [str(s) for s in make_plan(needs, Terrain(), LINE).spans] == [
        f"holding {r}" for r in [*reads, "60"]
    ]


def test_of_two_plans_as_cheap_the_one_is_made_that_reads_no_gap():
    assert make_plan([Need(span(0)), Need(span(2))], Terrain(), Line(2.0, 1.0)).spans == (span(0), span(2))


GUARDED = [
    # the factor's address, what holds, what is read
    (120, {}, ["100..140"]),
    (141, {}, ["100..141"]),
    (40, {}, ["40..140"]),
    (16, {}, ["16..140"]),  # 125 registers
    (15, {}, ["15..100", "140", "15"]),
    (150, {"max_count": {H: 41}}, ["140..150", "100", "150"]),
    (150, {"forbidden": (span(145, 5),)}, ["150", "100..140", "150"]),
    (150, {"islands": (span(90, 60), span(150, 51))}, ["150", "100..140", "150"]),
    (101, {"gaps_forbidden": True}, ["100..101", "140", "101"]),
    (99, {"gaps_forbidden": True}, ["99..100", "140", "99"]),
]


@pytest.mark.parametrize(("at", "terrain", "reads"), GUARDED)
def test_a_factor_is_read_with_its_values_or_before_and_after_them(at, terrain, reads):
    needs = [Need(span(100), factors=(span(at),)), Need(span(140), factors=(span(at),))]
    plan = make_plan(needs, Terrain(**terrain), Line.tcp())
    assert [str(plan.spans[i]) for i in plan.order] == [f"holding {read}" for read in reads]
    for need in needs:
        assert need.span in [n.span for n in plan.needs]
        home = plan.spans[plan.home(need.span, need.guards)]
        assert home.first <= need.span.first <= home.last


def test_a_count_is_read_after_its_values_and_a_cut_parts_a_value_from_its_guards():
    apart = make_plan([Need(span(0), counts=(span(500),))], Terrain(), LINE)
    assert [(str(apart.spans[i]), apart.again[i]) for i in apart.order] == [
        ("holding 0", False),
        ("holding 500", True),
    ]
    assert sorted(apart.turns) == [0, 1]
    for cut, reads in ((4, ["0..3"]), (0, ["0..3"]), (3, ["3", "0", "3"]), (1, ["3", "0", "3"])):
        plan = make_plan([Need(span(0), factors=(span(3),))], Terrain(), LINE, cuts={(H, 0, cut)})
        assert [str(plan.spans[i]) for i in plan.order] == [f"holding {r}" for r in reads], cut
    for other in ((INPUT, 0, 2), (H, 1, 2)):
        plan = make_plan([Need(span(0), factors=(span(3),))], Terrain(), LINE, cuts={other})
        assert len(plan.spans) == 1


def test_a_count_that_another_read_brings_is_read_once_and_in_a_later_turn():
    needs = [Need(span(0), counts=(span(500),)), Need(span(500))]
    plan = make_plan(needs, Terrain(), LINE)
    assert (plan.spans, plan.turns, plan.again) == ((span(0), span(500)), (0, 1), (False, False))


def test_a_read_for_guards_has_the_pause_of_those_that_want_them_and_of_no_other():
    needs = [Need(span(0), pause_ms=35.0, factors=(span(500, area=INPUT),))]
    needs += [Need(span(1), pause_ms=70.0, factors=(span(500, area=C),))]
    plan = make_plan(needs, Terrain(), LINE)
    assert {(str(s), pause) for s, pause in zip(plan.spans, plan.pauses_ms, strict=True)} == {
        ("holding 0..1", 70.0), ("input 500", 35.0), ("coil 500", 70.0),
    }  # fmt: skip


def test_reads_of_guards_stand_behind_all_others_and_take_the_pause_of_who_asks():
    needs = [
        Need(span(0), Poll.SAFETY, 35.0, factors=(span(500, area=INPUT),)),
        Need(span(9), Poll.STATE, 70.0, counts=(span(600, area=INPUT),)),
        Need(span(700, area=C), Poll.STATE, 5.0),
    ]
    plan = make_plan(needs, Terrain(), Line(0.1, 5.0))
    rows = list(zip(map(str, plan.spans), plan.classes, plan.turns, plan.again, plan.pauses_ms, strict=True))
    assert rows == [
        ("holding 0", Poll.SAFETY, 1, False, 35.0),
        ("coil 700", Poll.STATE, 3, False, 5.0),
        ("holding 9", Poll.STATE, 3, False, 70.0),
        ("input 500", Poll.SAFETY, 0, True, 35.0),
        ("input 500", Poll.SAFETY, 2, True, 35.0),
        ("input 600", Poll.STATE, 4, True, 70.0),
    ]
    assert [(s.start, s.stop) for s in plan.slices] == [(i, i + 1) for i in range(6)]
    assert [plan.slot(n.span) for n in needs] == [0, 2, 1]
    assert plan.slot(span(500, area=INPUT), 4) == 4
    with pytest.raises(PlanError, match="input 500 is in no read of this plan"):
        plan.home(span(500, area=INPUT))


def test_a_value_is_taken_where_most_of_its_guards_come_along():
    needs = [Need(span(0, 9)), Need(span(4, 9)), Need(span(5), factors=(span(11),))]
    plan = make_plan(needs, Terrain({H: 10}), LINE)
    assert plan.reads == (Read(H, 0, 9), Read(H, 4, 9))
    assert plan.home(span(5)) == 0
    assert plan.home(span(5), (span(11),)) == 1
    assert plan.slot(span(5)) == 5
    assert plan.slot(span(5), 1) == 10


A, B, D = span(0, 10), span(20, 10), span(40, 10)
ALONE = span(60, 5)


@pytest.mark.parametrize(
    ("reads", "known", "expected"),
    [
        ({A: [], B: []}, (), [(A, AMONG, False), (B, AMONG, False)]),
        ({A: [Need(span(3), factors=(span(5),))]}, (), [(A, AMONG, False)]),
        ({A: [Need(span(3), counts=(span(5),))], B: []}, (), [(A, AMONG, False), (B, AMONG, False)]),
        # a factor in another read: before, and again after
        ({A: [Need(span(3), factors=(span(25),))], B: []}, (),
         [(B, BEFORE, False), (A, AMONG, False), (span(25), AFTER, True)]),
        # a count in another read: after
        ({A: [Need(span(3), counts=(span(25),))], B: []}, (), [(A, AMONG, False), (B, AFTER, False)]),
        # in no read at all
        ({A: [Need(span(3), factors=(span(61),))]}, (),
         [(span(61), BEFORE, True), (A, AMONG, False), (span(61), AFTER, True)]),
        ({A: [Need(span(3), counts=(span(61),))]}, (), [(A, AMONG, False), (span(61), AFTER, True)]),
        # known from an earlier turn: only after
        ({A: [Need(span(3), factors=(span(61),))]}, (ALONE,), [(A, AMONG, False), (span(61), AFTER, True)]),
        # each has the factor of the other
        ({A: [Need(span(3), factors=(span(25),))], B: [Need(span(21), factors=(span(5),))]}, (),
         [(span(5), BEFORE, True), (span(25), BEFORE, True), (A, AMONG, False), (B, AMONG, False),
          (span(5), AFTER, True), (span(25), AFTER, True)]),
        # one read brings a factor for A and a count for D
        ({A: [Need(span(3), factors=(span(25),))], B: [], D: [Need(span(41), counts=(span(26),))]}, (),
         [(B, BEFORE, False), (A, AMONG, False), (D, AMONG, False), (span(25), AFTER, True),
          (span(26), AFTER, True)]),
        # a need in two reads is taken where its factor is
        ({A: [Need(span(3), factors=(span(25),))], span(2, 30): [Need(span(3), factors=(span(25),))]}, (),
         [(A, AMONG, False), (span(2, 30), AMONG, False)]),
    ],
)  # fmt: skip
def test_factors_come_before_and_after_what_they_scale_and_counts_after(reads, known, expected):
    found = in_turn(reads, list(known), lambda guards: sorted(guards, key=lambda s: s.first))
    assert found == [Turn(*turn) for turn in expected]


def test_what_is_known_of_an_earlier_class_is_not_read_again_before():
    needs = [Need(span(500), Poll.SAFETY), Need(span(0), Poll.STATE, factors=(span(500),))]
    plan = make_plan(needs, Terrain(), Line(0.1, 5.0))
    asked = [(str(plan.spans[i]), plan.classes[i], plan.again[i]) for i in plan.order]
    assert asked == [
        ("holding 500", Poll.SAFETY, False),
        ("holding 0", Poll.STATE, False),
        ("holding 500", Poll.STATE, True),
    ]
    assert sorted(plan.turns) == [0, 1, 2]


OBSTACLES = [
    (span(0, 125), {}, None),
    (span(0, 126), {}, "holding 0..125 needs 126 addresses in one read, the unit allows 125"),
    (span(0, 30), {"max_count": {H: 30}}, None),
    (span(0, 31), {"max_count": {H: 30}}, "holding 0..30 needs 31 addresses in one read, the unit allows 30"),
    (span(65535), {}, None),
    (span(65534, 2), {}, None),
    (span(65535, 2), {}, "holding 65535..65536 runs past the last address 65535"),
    (span(5, 3), {"forbidden": (span(8),)}, None),
    (span(5, 3), {"forbidden": (span(2, 3),)}, None),
    (
        span(5, 3),
        {"forbidden": (span(7, 3, unit=ANY_UNIT),)},
        "holding 5..7 touches the forbidden holding 7..9",
    ),
    (span(5, 3), {"forbidden": (span(2, 4),)}, "holding 5..7 touches the forbidden holding 2..5"),
    (span(5, 3), {"forbidden": (span(5, 3, unit=1), span(5, 3, area=INPUT))}, None),
    (span(5, 3), {"islands": (span(5, 3), span(90))}, None),
    (span(5, 3), {"islands": (span(6, 3),)}, "holding 5..7 does not lie inside one of the readable blocks"),
    (span(5, 3), {"islands": (span(4, 3),)}, "holding 5..7 does not lie inside one of the readable blocks"),
    (span(5, 3), {"islands": (span(4, 3, unit=1),)}, None),
    (span(5, 3), {"islands": (span(0, 9, unit=ANY_UNIT),)}, None),
]


@pytest.mark.parametrize(("where", "terrain", "why"), OBSTACLES)
def test_what_stands_in_the_way_of_a_read_is_named(where, terrain, why):
    assert Terrain(**terrain).obstacle(where) == why
    needs = [Need(where)]
    if why is None:
        assert make_plan(needs, Terrain(**terrain), LINE).spans == (where,)
        return
    with pytest.raises(PlanError) as caught:
        make_plan(needs, Terrain(**terrain), LINE)
    assert str(caught.value) == why
