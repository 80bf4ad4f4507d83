"""Where scale factors and counts are read, and which values are told while nobody knows how they read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality import Quality
from drivers.connect import connect
from drivers.line import Line
from drivers.needs import Need
from drivers.plan import Terrain, make_plan
from drivers.profile.load import parse_profile
from drivers.quantities import Poll
from drivers.registers import Area, Reply
from drivers.values import Span, contains
from tests.drivers.units import Frame, Unit, block, converse

POINTS = """
schema = 1
model = "x"
transports = ["tcp"]
{head}
[[point]]
name = "v_sf"
address = {at}
type = "i16"
{factor}
[[point]]
name = "voltage"
address = 100
scale_factor = "v_sf"
unit = "V"
[[point]]
name = "current"
address = 140
type = "i16"
scale_factor = "v_sf"
unit = "A"
"""


def order(head="", at=3000, factor=""):
    unit = Unit(block(0, [0] * 300) | {at: 0xFFFF} | {100: 530, 140: 20})
    unit.tables[Area.INPUT, 0] = unit.tables[Area.HOLDING, 3] = unit.tables[Area.HOLDING, 0]
    plan = converse(connect(parse_profile(POINTS.format(head=head, at=at, factor=factor))), unit).plan
    return [str(plan.spans[i]) for i in plan.order]


@pytest.mark.parametrize(
    ("where", "reads"),
    [
        ({"at": 120}, ["holding 100..140"]),
        ({"at": 141}, ["holding 100..141"]),
        ({"at": 40}, ["holding 40..140"]),
        ({"at": 16}, ["holding 16..140"]),  # 125 registers
        ({"at": 15}, ["holding 15..100", "holding 140", "holding 15"]),
        ({"at": 150, "head": "max_registers_per_read = 41"},
         ["holding 140..150", "holding 100", "holding 150"]),
        ({"at": 150, "head": "forbidden = [[145, 149]]"},
         ["holding 150", "holding 100..140", "holding 150"]),
        ({"at": 150, "head": "islands = [[90, 149], [150, 200]]"},
         ["holding 150", "holding 100..140", "holding 150"]),
        ({"at": 101, "head": 'gaps = "forbidden"'},
         ["holding 100..101", "holding 140", "holding 101"]),
        ({"at": 120, "factor": 'table = "input"'}, ["input 120", "holding 100..140", "input 120"]),
        ({"at": 120, "factor": "unit_offset = 3"},
         ["holding 120 of unit +3", "holding 100..140", "holding 120 of unit +3"]),
    ],
)  # fmt: skip
def test_a_factor_is_read_with_its_values_or_before_and_after_them(where, reads):
    assert order(**where) == reads


spans = st.builds(
    lambda area, unit, first, count: Span(area, unit, first, count),
    st.sampled_from([Area.HOLDING, Area.INPUT]),
    st.sampled_from([0, 0, 1]),
    st.integers(0, 80),
    st.integers(1, 3),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(spans, st.booleans(), st.lists(spans, max_size=2), st.lists(spans, max_size=2)),
                min_size=1, max_size=6),
       st.integers(6, 40), st.booleans(), st.integers(0, 3))  # fmt: skip
def test_every_value_has_its_guards_in_its_read_or_round_it(items, most, strict, splits):
    needs = [
        Need(span, Poll.STATE if slow else Poll.SAFETY, factors=tuple(factors), counts=tuple(counts))
        for span, slow, factors, counts in items
    ]
    plan = make_plan(needs, Terrain(dict.fromkeys(Area, most), gaps_forbidden=strict), Line.rtu(9600))
    for _ in range(splits):
        parted = plan.split(0)
        plan = parted[0] if parted else plan
    assert sorted(plan.order, key=plan.turns.__getitem__) == plan.order
    for need in needs:
        home = plan.home(need.span, need.guards)
        assert not plan.again[home]
        assert plan.classes[home] <= need.poll  # "safety" < "state"
        for guard in need.guards:
            turns = {plan.turns[i] for i, span in enumerate(plan.spans) if contains(span, guard)}
            beside = contains(plan.spans[home], guard)
            assert beside or any(turn > plan.turns[home] for turn in turns)
            assert beside or guard not in need.factors or any(turn < plan.turns[home] for turn in turns)
    words = {k for where in plan.slices for k in range(where.start, where.stop)}
    assert plan.words == max(words) + 1


FAR = POINTS.format(head="", at=3000, factor="")


def frame_of(*said):
    """A frame in which the factor was read as `said`, one after the other; None: nothing came."""
    unit = Unit({100: 530, 140: 20, 3000: 0xFFFF})
    unit.tables[Area.HOLDING, 0] |= block(100, [0] * 41) | {100: 530, 140: 20}
    layout = converse(connect(parse_profile(FAR)), unit)
    frame = Frame(layout, unit)
    factors = [i for i in layout.plan.order if layout.plan.again[i]]
    for index, word in zip(factors, said, strict=True):
        reply = Reply((), Quality.NO_REPLY) if word is None else Reply([word & 0xFFFF])
        frame.image.store(index, reply)
    layout.decode(frame.image, frame.raw, frame.quality)
    return frame, layout.changed_guards(frame.image)


def test_a_value_is_taken_only_if_its_factor_is_the_same_before_and_after():
    frame, changed = frame_of(-1, -1)
    assert (frame.raw.tolist(), changed) == ([530, 20], [])
    assert set(frame.quality.tolist()) == {Quality.GOOD}
    for said in ((-2, -1), (-1, -2), (-2, -2), (-0x8000, -1)):
        frame, changed = frame_of(*said)
        assert (frame.raw.tolist(), set(frame.quality.tolist())) == ([0, 0], {Quality.STALE})
        now = next(n for n in said if n != -1)
        # one that is not available is no other one: nothing is asked anew for it
        assert changed == ([] if now == -0x8000 else [f"v_sf was -1 at connect and is {now}"])
    for said in ((None, -1), (-1, None), (None, None)):
        frame, changed = frame_of(*said)
        assert (set(frame.quality.tolist()), changed) == ({Quality.STALE}, [])


def test_a_read_that_is_taken_apart_leaves_the_factor_to_vouch_from_outside():
    unit = Unit(block(100, [530]) | block(120, [0xFFFF]) | block(140, [20]))
    layout = converse(connect(parse_profile(POINTS.format(head="", at=120, factor=""))), unit)
    assert [str(s) for s in layout.plan.spans] == ["holding 100..140"]
    once, said = layout.split(0)
    assert said.endswith("now read as holding 100, holding 120..140")
    parted, said = once.split(once.plan.home(once.values[1].span))
    assert said.endswith("now read as holding 120, holding 140")
    spans = [str(parted.plan.spans[i]) for i in parted.plan.order]
    assert spans == ["holding 120", "holding 140", "holding 100", "holding 120"]
    frame = Frame(parted, unit)
    assert (frame["voltage"], frame["current"]) == (53.0, 2.0)
    unit.tables[Area.HOLDING, 0][120] = 0xFFFE
    assert set(Frame(parted, unit).quality.tolist()) == {Quality.STALE}


def test_modules_behind_their_own_unit_ids_do_not_hang_on_the_count_of_the_master():
    text = """
    schema = 1
    model = "spread"
    topology = { modules = 2, cells = 2 }
    [[point]]
    name = "modules_fitted"
    address = 1
    [[point]]
    name = "cell_voltage"
    address = 10
    count = ["modules_fitted", 2]
    stride = [0, 1]
    unit_stride = [1, 0]
    unit_offset = 1
    unit = "mV"
    """
    unit = Unit({1: 2})
    for offset in (1, 2):
        unit.tables[Area.HOLDING, offset] = block(10, [3300, 3301])
    layout = converse(connect(parse_profile(text)), unit)
    assert all(value.guards == () for value in layout.values)
    assert [str(s) for s in layout.plan.spans] == [
        "holding 10..11 of unit +1", "holding 10..11 of unit +2", "holding 1",
    ]  # fmt: skip
