"""What people type to find a unit or a cell."""

import pytest

from agent.view.find import Found, find, is_meant
from agent.view.language import speaking

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
        ("rack-37 string 1 module 3 cell 5", Found("rack-37", "string 1 module 3 cell 5")),
        ("String1/Module3/Cell5", Found("here", "String1/Module3/Cell5")),
        ("hall 2 rack 5 sensor 2", Found("hall 2 rack 5", "sensor 2")),
        ("string 1 cell 5", Found("here", "string 1 cell 5")),
        ("shed string 1 cell 5", None),
        ("rack-9", None),
        ("shed 5", None),
        ("", None),
    ],
)
def test_a_text_means_a_unit_or_a_cell_of_one(typed: str, found: Found | None) -> None:
    assert find(typed, UNITS, "here") == found


def test_a_cell_is_found_by_the_name_that_is_shown_in_the_language_that_is_spoken() -> None:
    box = {"kind": "cell", "number": 77, "name": "string 2 cell 17", "place": "string2/cell17"}
    sensor = {"kind": "sensor", "number": 77, "name": "string 2 sensor 1", "place": "string2/sensor1"}
    for typed in (77, "string 2 cell 17", "STRING2 CELL17", "string2/cell17"):
        assert is_meant(box, typed)
        assert not is_meant(sensor, typed)
    assert not is_meant(box, "string 2 cell 1")
    with speaking("ko"):
        assert find("rack-3 스트링 2 셀 17", UNITS, "here") == Found("rack-3", "스트링 2 셀 17")
        assert find("셀 5", UNITS, "here") == Found("here", 5)
    assert is_meant({**box, "name": "스트링 2 셀 17"}, "스트링 2 셀 17")
