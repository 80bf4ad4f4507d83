"""The line of a key, of a table among several, and of what is missing."""

import pytest

from agent.config.toml_lines import Place, line_of

TEXT = """\
# a comment = no key
by = "A. Technician"

[upstream]
url = "https://collector.example:8440"
[[bus]]
endpoint = "a"
[[bus.unit]]
unit_id = 1
[[bus.unit]]
  unit_id = 2   # the second
[[bus]]
endpoint = "b"
unit = [{ unit_id = 3 }]
[ "odd name" . page ]
names = [
  "a",
]
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("by",), 2),
        (("upstream", "url"), 5),
        (("upstream", "ca"), 4),  # missing: of its table
        (("bus", 0, "unit", 1, "unit_id"), 11),
        (("bus", 0, "unit", 1, "name"), 10),
        (("bus", 1, "endpoint"), 13),
        (("bus", 1, "unit", 0, "unit_id"), 14),  # within a line
        (("odd name", "page", "names", 0), 16),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_the_line_of_a_place_is_its_own_or_that_of_what_it_stands_in(place: Place, line: int) -> None:
    assert line_of(TEXT, place) == line
