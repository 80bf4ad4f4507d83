"""What slow polling costs is said in the figures of docs/detection.md."""

from pathlib import Path

import pytest

from agent.detect.slow_polling import LATER, said_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("period_s", LATER)
def test_the_figures_are_those_of_the_documentation(period_s: float) -> None:
    later = LATER[period_s]
    row = f"| {period_s:g} s | {later.median_s:.0f} | {later.worst_s:.0f} | "
    (told,) = [line for line in (ROOT / "docs/detection.md").read_text().splitlines() if line.startswith(row)]
    lost, of = told.removeprefix(row).rstrip(" |").split(" of ")
    assert int(lost) / int(of) == pytest.approx(later.lost)


def test_between_two_periods_the_slower_one_holds() -> None:
    text, figures = said_of(30.5)
    assert (text, figures | {"period": 60.0}) == said_of(60.0)


@pytest.mark.parametrize(
    ("period_s", "said"),
    [
        (10.0, ""),
        (
            20.0,
            "every 20 s: a critical alarm of heat comes 53 s later than with a poll a second, 365 s at "
            "worst, and 5 % of the heats are not told",
        ),
        (
            30.0,
            "every 30 s: a critical alarm of heat comes 53 s later than with a poll a second, 365 s at "
            "worst, and 5 % of the heats are not told",
        ),
        (
            60.0,
            "every 60 s: a critical alarm of heat comes 97 s later than with a poll a second, 250 s at "
            "worst, and 15 % of the heats are not told",
        ),
        (60.5, "every 60.5 s, and beyond 60 s a heat cannot be judged"),
    ],
)
def test_what_a_period_costs_is_told_by_its_own_figures(period_s: float, said: str) -> None:
    text, figures = said_of(period_s)
    assert said in text.format(**figures)
    assert bool(text) == bool(said)
