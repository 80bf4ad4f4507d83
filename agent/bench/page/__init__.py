"""The page: what 200 viewers cost, what it weighs, how old its "now" is, how soon it is there, who can read
it.

Two rows need Chromium and one needs a checkout; where that is not there, the row says so and has no value.
"""

from agent.bench.figures import Figure
from agent.bench.page import alarms, axe, large, viewers


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench page`; takes about six minutes."""
    return [*viewers.measure(), *alarms.measure(), *large.measure(), *axe.measure()]
