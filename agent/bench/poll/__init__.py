"""Polling: how close a serial line is to its limit, what a read costs, and sites of 64 and 512 units.

The units run in processes of their own, so that only what polls them is measured. `--json` prints the share
of the limit, ratios to other clients taken in one run, and what the whole agent needs for the site.
"""

from agent.bench.poll import rtu, site, tcp

Figure = tuple[str, float | None, str]


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench poll`; takes about six minutes."""
    return [*rtu.measure(), *tcp.measure(), *site.measure()]
