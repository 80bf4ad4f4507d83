"""Which values are judged, and who is whose sibling."""

from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.channels import Bank, Channels, channels_of, common_place, distinct, make_bank

NONE = -1


def unit(*values: str, steps: float | Sequence[float] = 0.1) -> Channels:
    """The channels of a frame whose values are written "place quantity"."""
    places, quantities = zip(*(value.rsplit(" ", 1) for value in values), strict=True)
    return Channels(places, quantities, np.broadcast_to(steps, len(values)))


def groups_of(bank: Bank) -> dict[str, list[list[str]]]:
    """Scope -> its groups, each as the places of its members."""
    found: dict[str, list[list[str]]] = {}
    for g, scope in enumerate(bank.scope):
        members = bank.member[bank.start[g] : bank.start[g + 1]]
        assert (bank.group[members] == g).all()
        found.setdefault(scope, []).append([bank.places[c] for c in members])
    return found


def cells(string: str, n: int, first: int = 1) -> list[str]:
    """The places of `n` cells."""
    return [f"{string}/cell{i}" for i in range(first, first + n)]


@pytest.mark.parametrize(
    ("places", "groups"),
    [
        ([], {}),
        (["string1/cell1"], {"": [["string1/cell1"]]}),
        (cells("string1", 3), {"": [cells("string1", 3)]}),
        (cells("string1", 4), {"string1": [cells("string1", 4)]}),
        (cells("string1", 5), {"string1": [cells("string1", 5)]}),
        (cells("rack", 4), {"": [cells("rack", 4)]}),
        (
            [*cells("string1", 4), *cells("string2", 3), *cells("string3", 4), "cell9"],
            {
                "string1": [cells("string1", 4)],
                "": [[*cells("string2", 3), "cell9"]],
                "string3": [cells("string3", 4)],
            },
        ),
    ],
)
def test_siblings_are_of_a_string_of_four_or_else_of_the_unit(
    places: list[str], groups: dict[str, list[list[str]]]
) -> None:
    bank = make_bank(places, ["cell_voltage"] * len(places), np.ones(len(places)), ("cell_voltage",), 0.1)
    assert groups_of(bank) == groups
    assert bank.n == len(places) == bank.start[-1]
    assert bank.step.tolist() == [1.0] * len(places)


def test_siblings_are_of_one_quantity_and_a_bank_of_those_that_are_wanted() -> None:
    places = ["string1/a", "string1/b", "string2/a", "", *cells("string1", 4)]
    quantities = ["cell_voltage", "module_voltage", "module_voltage", "soc", *["cell_voltage"] * 4]
    steps = np.arange(8) / 10
    bank = make_bank(places, quantities, steps, ("cell_voltage", "module_voltage"), 0.05)
    assert bank.index.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert bank.quantities == tuple(quantities[i] for i in bank.index)
    assert bank.places == tuple(places[i] for i in bank.index)
    assert groups_of(bank) == {
        "string1": [["string1/a", *cells("string1", 4)]],
        "": [["string1/b", "string2/a"]],
    }
    assert bank.step.tolist() == [0.05, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7], "no step is finer than the floor"


@pytest.mark.parametrize(
    ("quantity", "step", "taken"),
    [
        ("cell_temperature", 0.0, 0.01),
        ("cell_temperature", 0.009, 0.01),
        ("cell_temperature", -0.5, 0.5),
        ("cell_temperature", np.nan, 0.01),
        ("cell_temperature", np.inf, 0.01),
        ("cell_voltage", 0.0, 0.0005),
        ("cell_voltage", 0.0004, 0.0005),
        ("cell_voltage", 0.001, 0.001),
    ],
)
def test_a_step_is_no_finer_than_any_register(quantity: str, step: float, taken: float) -> None:
    channels = unit(f"a {quantity}", steps=step)
    bank = channels.temps if quantity == "cell_temperature" else channels.volts
    assert bank.step.tolist() == [taken]


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ("a.v", "a"),
        ("a.v b.v", "a b"),
        ("a.v a.t", "a.v a.t"),
        ("a.v b.v a.t", "a.v b a.t"),
        ("a.v a.v", "a.v~1 a.v~2"),
        ("a.v a.t b.t a.v a.v", "a.v~1 a.t b a.v~2 a.v~3"),
    ],
)
def test_a_channel_is_told_from_all_others_by_as_little_as_it_takes(channels: str, told: str) -> None:
    places, quantities = zip(*(channel.split(".") for channel in channels.split()), strict=True)
    assert distinct(places, quantities) == tuple(told.split())


@pytest.mark.parametrize(
    ("places", "place"),
    [
        ([], ""),
        ([""], ""),
        (["a/b/c"], "a/b/c"),
        (["a/b/c", "a/b/c"], "a/b/c"),
        (["a/b/c", "a/b/d"], "a/b"),
        (["a/b/c", "a/x/c"], "a"),
        (["a/b", "a/b/c", "a/b/d"], "a/b"),
        (["a/b", "c/b"], ""),
        (["a/b", "a/b", "a/x"], "a"),
    ],
)
def test_the_place_that_holds_all(places: list[str], place: str) -> None:
    assert common_place(places) == place


def circuits(channels: Channels) -> tuple[tuple[str, ...], list[int]]:
    """Places of the circuits, and where in the frame the current of each is."""
    bank = channels.circuits
    assert bank.group.tolist() == bank.member.tolist() == bank.start[:-1].tolist() == list(range(bank.n))
    assert bank.start[-1] == bank.n
    assert bank.scope == bank.places
    assert len(bank.quantities) == len(bank.step) == bank.n
    return bank.places, bank.index.tolist()


def test_each_string_whose_current_is_measured_is_a_circuit() -> None:
    channels = unit(
        " current", "string1/module1 current", "string1 current", "string2 soc", "string3 current",
        *(f"{place} cell_voltage" for place in ("string1/cell1", "string2/cell1", "string3/m1/cell1")),
    )  # fmt: skip
    assert circuits(channels) == (("string1", "string3"), [2, 4])
    assert channels.circuits.quantities == ("current", "current")
    assert channels.circuit_of_volts.tolist() == [0, 0, 1], "where no current is measured, the first"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["string1/cell1 cell_voltage"], (("",), [NONE])),
        ([" soc", " current"], (("",), [1])),
        ([" soc", "module1 current", "module2 current"], (("module1",), [1])),
        (["string1/m1 current", "string1/m2 current"], (("string1/m1",), [0])),
    ],
)
def test_a_unit_without_a_current_of_a_string_is_one_circuit(
    values: list[str], expected: tuple[tuple[str, ...], list[int]]
) -> None:
    assert circuits(unit(*values)) == expected


def test_the_circuit_of_what_is_in_no_string_is_that_of_the_whole_unit() -> None:
    one = unit(" current", "string1/cell1 cell_voltage", "cell2 cell_voltage", "x cell_temperature")
    assert one.circuit_of_volts.tolist() == [0, 0]
    assert one.circuit_of_temps.tolist() == [0]


def test_the_power_of_a_circuit_is_that_of_its_place() -> None:
    channels = unit(
        "string1 current", "string1 voltage", "string2 current", "string1 power", " power", "string3 current"
    )
    assert channels.at_power.tolist() == [3, NONE, NONE]
    assert unit(" current", " power").at_power.tolist() == [1]
    assert unit(" soc").at_power.tolist() == [NONE]


def test_the_room_is_the_first_of_its_temperatures() -> None:
    values = ("a cell_temperature", " ambient_temperature", "b ambient_temperature")
    assert unit(*values).at_ambient == 1
    assert unit(values[0]).at_ambient == NONE


def test_sensors_are_judged_by_their_groups_too_and_cells_count_for_the_sensors_of_their_string() -> None:
    channels = unit(
        *(f"{place} cell_temperature" for place in (*cells("string1", 4), *cells("string2", 4), "cell9")),
        *(f"{place} cell_voltage" for place in ("string2/cell1", "string1/cell1", "cell9", "string5/cell1")),
    )
    assert (
        channels.temps.scope == channels.groups.places == channels.groups.scope == ("string1", "string2", "")
    )
    assert channels.groups.index.tolist() == [0, 1, 2]
    assert channels.groups.quantities == ("temperature",) * 3
    assert channels.groups.step.tolist() == [1.0] * 3
    assert channels.drop_group.tolist() == [1, 0, 2, 2]
    assert channels.sizes == (13, 9, 3, 4, 1, 1)
    without = unit(
        *(f"{place} cell_temperature" for place in cells("string1", 4)), "string2/cell1 cell_voltage"
    )
    assert without.drop_group.tolist() == [1], "one past the last: for none"


def test_units_of_one_layout_share_their_channels() -> None:
    layout = ["a", "b"], ["cell_voltage", "cell_temperature"]
    channels = channels_of(*layout, np.array([0.001, 0.2]))
    assert channels_of(*layout, np.array([0.001, 0.2])) is channels
    assert channels_of(*layout, np.array([0.001, 0.3])) is not channels
    assert (channels.places, channels.quantities) == (("a", "b"), ("cell_voltage", "cell_temperature"))
    assert [channels.volts.step.tolist(), channels.temps.step.tolist()] == [[0.001], [0.2]]
    assert channels.volts.keys == ("a",)
