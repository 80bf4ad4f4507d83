"""What people type to find a unit or a cell."""

import pytest

from agent.view.find import Found, find

UNITS = ["rack-37", "rack-3", "hall 2 rack 5", "12"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("rack-3", Found("rack-3")),
        (" RACK-37 ", Found("rack-37")),
        ("rack", Found("rack-37")),  # the worst of those that begin so
        ("37", Found("here", 37)),
        ("12", Found("12")),
        ("rack-3 5", Found("rack-3", 5)),
        ("rack-37 cell 77", Found("rack-37", 77)),
        ("rack-37 CELL77", Found("rack-37", 77)),
        ("cell 5", Found("here", 5)),
        ("hall 2 rack 5", Found("hall 2 rack 5")),
        ("hall 2 rack 5 9", Found("hall 2 rack 5", 9)),
        ("2 rack", Found("hall 2 rack 5")),
        ("rack-9", None),
        ("shed 5", None),
        ("", None),
    ],
)
def test_a_text_means_a_unit_or_a_cell_of_one(typed: str, found: Found | None) -> None:
    assert find(typed, UNITS, "here") == found
