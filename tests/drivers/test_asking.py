"""A plan asked once: what a unit refuses is found by halving, whatever it lacks."""

from math import ceil, log2

import numpy as np
import pytest

from drivers.asking import Asking
from drivers.line import Line
from drivers.needs import Need
from drivers.plan import Terrain, make_plan
from drivers.registers import Area, Reply
from drivers.values import Span
from tests.drivers.units import Unit

FIELD = 260


def plan_of(firsts, **kept):
    needs = [Need(Span(Area.HOLDING, 0, first, 1), **kept) for first in firsts]
    return make_plan(needs, Terrain(), Line.tcp())


def asked(plan, unit):
    """Ask all; return the plan as it is then, its image, and what was done, in words."""
    asking, done = Asking(plan), []
    while read := asking.read:
        reply = unit.reply(read)
        done.append(asking.take(reply, refused=bool(reply.exception_code)))
    return asking.plan, asking.image(), [text for text in done if text]


def words(plan, image):
    """What was read, by register."""
    slots = {n.span.first: plan.slot(n.span) for n in plan.needs}
    return {first: int(image.words[k]) for first, k in slots.items() if image.word_quality[k] == 0}


def test_one_register_that_is_missing_is_found_in_as_many_questions_as_halving_takes():
    plan, unit = plan_of(range(120)), Unit({a: 1000 + a for a in range(120) if a != 77})
    parted, image, done = asked(plan, unit)
    assert words(parted, image) == unit.tables[Area.HOLDING, 0]
    assert len(unit.asked) == 1 + 2 * len(done)
    assert len(done) <= ceil(log2(120))
    assert done[0] == "holding 0..119 was refused as one read; now read as holding 0..59, holding 60..119"


def test_a_hundred_and_thirty_registers_that_are_missing_are_found_in_two_questions_per_value():
    plan, unit = plan_of(range(FIELD)), Unit({a: a for a in range(0, FIELD, 2)})
    parted, image, _ = asked(plan, unit)
    assert words(parted, image) == unit.tables[Area.HOLDING, 0]
    assert len(unit.asked) <= 2 * FIELD


@pytest.mark.parametrize("seed", range(20))
def test_all_that_a_unit_has_is_read_and_a_plan_that_was_taken_apart_is_refused_nothing_else(seed):
    rng = np.random.default_rng(seed)
    here = np.flatnonzero(rng.random(200) < rng.choice([0.1, 0.5, 0.98])).tolist()
    unit = Unit({a: 7 * a for a in here})
    plan = plan_of(sorted(rng.choice(200, 90, replace=False).tolist()))
    parted, image, _ = asked(plan, unit)
    assert words(parted, image) == {
        n.span.first: 7 * n.span.first for n in plan.needs if n.span.first in here
    }
    again = Unit(unit.tables[Area.HOLDING, 0])
    assert asked(parted, again)[2] == []


def test_where_a_factor_ends_up_in_a_read_of_its_own_all_is_asked_anew_round_it():
    factor = Span(Area.HOLDING, 0, 3, 1)
    plan = plan_of([0, 6], factors=(factor,))
    unit = Unit({0: 10, 3: 1, 6: 60})
    parted, image, _ = asked(plan, unit)
    assert words(parted, image) == {0: 10, 6: 60}
    last = [read.address for read in unit.asked[-len(parted.spans) :]]
    assert (last[0], last[-1]) == (3, 3)


def test_what_was_given_up_in_the_middle_keeps_what_has_come():
    asking = Asking(plan_of(range(8)))
    asking.take(Reply([], exception_code=2), refused=True)
    asking.take(Reply(range(4)), refused=False)
    image = asking.image()
    assert words(asking.plan, image) == {0: 0, 1: 1, 2: 2, 3: 3}
