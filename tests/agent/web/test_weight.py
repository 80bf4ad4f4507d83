"""The page of 64 racks is within its budget however restless its lines are, and leads to each history."""

import random
import re

import pytest

from agent.view.page import svg
from agent.view.trends import Trends
from tests.agent.web import states

BUDGET_BYTES = 95_000  # of the 100 kB that a page may weigh: what is added later shall have room

SPREADS = {"hottest": (25, 5), "coldest": (22, 5), "voltage": (768, 6), "current": (0, 40), "soc": (50, 40)}
SPREADS |= {"spread": (30, 60), "min": (3.2, 0.05), "max": (3.3, 0.05)}


@pytest.fixture(scope="module")
def page() -> str:
    trends, draw = Trends(), random.Random(7)
    for k in range(120):
        trends.begin()
        for i in range(1, 65):
            said = {key: low + draw.uniform(0, wide) for key, (low, wide) in SPREADS.items()}
            trends.take(f"rack-{i:02}", said, 10.0 * k, 10.0 * k)
    return states.page(states.in_alarm(64, trends=trends))


def test_64_racks_of_restless_values_fit_the_budget(page: str) -> None:
    assert len(page.encode()) < BUDGET_BYTES


def test_each_tile_and_each_alarm_leads_to_its_history_in_one_click(page: str) -> None:
    links = re.findall(r'<a href="(history\?u=rack-\d\d)"', page)
    assert len({*links}) == 64
    assert links[0] == "history?u=rack-03", "of the worst: its hottest sensor"
    alarms = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)  # what need not be opened first
    assert alarms.count('<a class=hs href="history?') == 2


@pytest.mark.parametrize(
    ("line", "half"),
    [
        ([], []),
        ([1.0, 2.0], [2.0]),
        ([0.0, 9.0, 0.0, 0.0], [9.0, 0.0]),
        ([0.0, 0.0, 9.0, 0.0, 0.0, 0.0], [0.0, 9.0, 0.0]),
    ],
)
def test_a_line_of_half_its_points_loses_no_peak(line: list, half: list) -> None:
    assert svg.halved(line) == half


def test_a_line_is_drawn_from_point_to_point_and_breaks_at_a_gap() -> None:
    drawn = svg.trend([1.0, 3.0, 3.0, 3.0, 2.0, None, 1.0], 7, (1.0, 3.0), "")
    assert re.findall(r'd="([^"]+)"', drawn) == ["M0 20l20-18l40 0l20 9", "M120 20h1"]
    assert drawn.count("url(#hatch)") == 1
