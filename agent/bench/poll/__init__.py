"""Polling: how close a line is to its limit, what a read costs, bad lines, and sites of 64 and 512 units.

The units run in processes of their own, so that only what polls them is measured. `--json` prints the share
of the limit, ratios to other clients taken in one run, how often values come from lines that lose replies
(in simulated time) and from devices with habits, and what the whole agent needs for the site.
"""

from agent.bench.poll import far, habits, lossy, rtu, site, tcp

Figure = tuple[str, float | None, str]


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench poll`; takes about eight minutes."""
    return [
        *rtu.measure(),
        *far.measure(),
        *tcp.measure(),
        *habits.measure(),
        *lossy.measure(),
        *site.measure(),
    ]
