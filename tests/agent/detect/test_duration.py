"""Lengths of time in words, and that the page's script rounds as we do."""

import math
import re

import pytest

from agent.detect.duration import duration
from tests.graph import ROOT


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1.0, "0 s"),
        (-0.0, "0 s"),
        (0.4, "0 s"),
        (89.4, "89 s"),
        (90.0, "2 min"),
        (5399.0, "90 min"),
        (5400.0, "1.5 h"),
        (172_799.0, "48.0 h"),
        (172_800.0, "2 days"),
        (12.2 * 86_400, "12 days"),
    ],
)
def test_a_length_of_time_is_told_to_two_digits_or_three(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_page_counts_on_in_the_same_words() -> None:
    """Its script must: an age that was written by one and counted on by the other would jump."""
    source = (ROOT / "agent/view/page/page.js").read_text()
    age = re.search(r"const age = s => (.*?);", source, re.DOTALL)
    assert age
    units = {"S": " s", "MIN": " min", "H": " h"}
    steps = [(limit, units[name]) for limit, name in re.findall(r"s < (\d+)\s*\? fill\((\w+),", age[1])]
    assert [(float(limit), unit) for limit, unit in steps] == [(90, " s"), (5400, " min"), (172_800, " h")]
    for limit, unit in steps:
        assert duration(math.nextafter(float(limit), 0.0)).endswith(unit)
        assert not duration(float(limit)).endswith(unit)
    assert "fill(DAYS," in age[1]
