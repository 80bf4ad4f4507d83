"""The long form of the failure tests. Exit 1 where anything was lost, came twice or is unaccounted for.

--short runs what the tests run; --only NAME one scenario; --fleet those of a fleet's archive;
--count N so many rounds of each; --seed N other random points.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.scenarios import SCENARIOS, Scenario

MEMORY = Path("/dev/shm")


def main() -> int:
    """Run scenarios one after another and print what each tried and found."""
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="as many rounds as the tests run")
    parser.add_argument("--only", choices=[s.name for s in SCENARIOS], help="one scenario")
    parser.add_argument("--fleet", action="store_true", help="those of collectors on one PostgreSQL")
    parser.add_argument("--count", type=int, help="so many rounds of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object per scenario")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    bad = 0
    for scenario in SCENARIOS:
        if asked.only not in (None, scenario.name) or (asked.fleet and not scenario.fleet):
            continue
        if missing := scenario.missing():
            print(f"{scenario.name}: NOT RUN: {missing}", flush=True)
            continue
        bad += _run(scenario, asked)
    return 1 if bad else 0


def _run(scenario: Scenario, asked: argparse.Namespace) -> bool:
    rounds = asked.count or (scenario.short if asked.short else scenario.long)
    print(f"{scenario.name}: {scenario.text}, {rounds} times ...", file=sys.stderr, flush=True)
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="cellwarden-torture-", dir=MEMORY if MEMORY.is_dir() else None
    ) as f:
        result = scenario.run(rounds, asked.seed, Path(f))
    took_s = round(time.monotonic() - start_s, 1)
    if asked.json:
        print(json.dumps({"name": scenario.name, "took_s": took_s, **vars(result)}), flush=True)
    else:
        counts = ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in sorted(result.counts.items())
        )
        print(f"{scenario.name}: {'WRONG' if result.wrong else 'good'} ({counts}; {took_s} s)", flush=True)
        for line in result.wrong[:20]:
            print(f"  {line}", flush=True)
    return bool(result.wrong)


if __name__ == "__main__":
    sys.exit(main())
