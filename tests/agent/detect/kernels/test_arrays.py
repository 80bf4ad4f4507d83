"""Arrays are declared once: what is made, opened and kept cannot differ from that, nor from each other."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from agent.detect.channels import Channels, Floats, Ints
from agent.detect.keeping import PARTS, TIMES
from agent.detect.kernels.arrays import Array, Group, columns
from agent.detect.kernels.banks import PLACED, Placed
from agent.detect.kernels.memory import addresses
from agent.detect.settings import Settings
from agent.detect.unit_arrays import PLACED_OWN, arrays_of, new_banks
from tests.agent.detect.kept import KEPT


class Pair(NamedTuple):
    state: Floats
    order: Ints


PAIR = Group(Pair, state=Array(("n", 3), first=np.nan), order=Array((("groups", 1),), np.int64, first=None))


def arrays(bank: Any) -> tuple[Any, ...]:
    return (bank,) if isinstance(bank, np.ndarray) else tuple(bank)


def test_a_group_is_made_as_it_is_declared_and_opened_as_it_was_made() -> None:
    made = PAIR.new(given={"order": np.arange(3)}, n=4, groups=2)
    assert (made.state.shape, made.order.tolist()) == ((4, 3), [0, 1, 2])
    assert np.isnan(made.state).all()
    opened = PAIR.opener(4, 2, addresses(made))
    made.state[3, 2] = 7.0
    assert opened.state.shape == (4, 3)
    assert opened.state[3, 2] == 7.0
    assert opened.order.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "sizes", "what"),
    [
        ({}, {"n": 4, "groups": 2}, "Pair.order: not given"),
        ({"order": np.arange(4)}, {"n": 4, "groups": 2}, r"Pair.order: int64 \(4,\), declared int64 \(3,\)"),
        ({"order": np.zeros(3)}, {"n": 4, "groups": 2}, r"Pair.order: float64 \(3,\), declared int64"),
        ({"order": np.arange(3), "state": np.zeros((4, 3))}, {"n": 4, "groups": 2}, "Pair.state: given, and"),
        ({"order": np.arange(3)}, {"n": 4}, r"Pair: its sizes are \('n', 'groups'\), not \('n',\)"),
        ({"order": np.arange(3)}, {"n": 4, "groups": 2, "cells": 1}, "Pair: its sizes are"),
        ({"odrer": np.arange(3)}, {"n": 4, "groups": 2}, "Pair: has no odrer"),
    ],
)
def test_what_is_not_as_declared_is_refused_when_arrays_are_made(
    given: dict[str, Ints], sizes: dict[str, int], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        PAIR.new(given=given, **sizes)


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    array = Array(("n",))
    with pytest.raises(ValueError, match="Pair: declares state; has state, order"):
        Group(Pair, state=array)
    with pytest.raises(ValueError, match="Pair: declares order, state"):  # a kernel takes them by position
        Group(Pair, order=array, state=array)
    with pytest.raises(ValueError, match=r"Pair\.order: no kernel opens float32"):
        Group(Pair, state=array, order=Array(("n",), np.float32))
    with pytest.raises(ValueError, match=r"a group of 2 arrays \(state, order\) needs a named tuple"):
        Group(None, state=array, order=array)
    with pytest.raises(ValueError, match=r"a group of 0 arrays \(\) needs"):
        Group(None)
    for shape in ((), "cells"):
        with pytest.raises(ValueError, match=r'state: its shape is a tuple of axes, as \("cells",\), not'):
            Group(None, state=Array(shape))  # type: ignore[arg-type]


def test_columns_lie_side_by_side() -> None:
    assert columns(5, 5, 1) == (0, 5, 10, 11)


def unit() -> Channels:
    places = [f"string1/cell{c}" for c in range(5)] + [f"string1/sensor{s}" for s in range(3)] + ["string1"]
    quantities = ["cell_voltage"] * 5 + ["cell_temperature"] * 3 + ["current"]
    return Channels(places, quantities, np.full(9, 0.01))


def test_the_banks_are_opened_as_they_were_made() -> None:
    channels = unit()
    known: dict[str, Any] = {"carray": lambda dtype, shape: (dtype, shape)}
    for pointer in ("float64s", "int64s", "uint8s"):
        known[pointer] = lambda _address, pointer=pointer: np.dtype(pointer.rstrip("s"))
    banks = new_banks(channels, Settings().unit_limits(channels.quantities))
    placed_banks = zip((*banks[:-1], *banks.detectors), (PLACED | PLACED_OWN).items(), strict=True)
    for bank, (name, placed) in placed_banks:
        sizes = eval(f"({placed.arguments()})", {"sizes": channels.sizes})
        known |= zip(placed.group.sizes, sizes, strict=True)
        for made, array in zip(arrays(bank), placed.group.arrays.values(), strict=True):
            assert eval(array.opening("0"), known) == (made.dtype, made.shape), (name, array)


def test_a_size_that_no_unit_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ValueError, match="moments: no size of a unit is called cellz; there are frame, sensors"
    ):
        Placed(Group(None, moments=Array(("cellz",)))).arguments()
    with pytest.raises(ValueError, match="Pair: no size of a unit is called cellz"):
        Placed(PAIR, {"n": "cellz", "groups": 2}).arguments()


def test_every_size_that_a_placed_group_renames_is_its_own() -> None:
    for name, placed in (PLACED | PLACED_OWN).items():
        assert set(placed.sizes) <= set(placed.group.sizes), name


def test_a_part_keeps_what_its_version_kept() -> None:
    assert PARTS == KEPT, (
        "a part that was kept before: raise its version; a new one of a detector: KEPT of its twin test"
    )
    assert TIMES == {"gate.memory": (1, 3)}
    assert len({path for path, _ in arrays_of()}) == len(arrays_of())
