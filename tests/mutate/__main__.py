"""Try mutants, and print how many of them the tests kill. `scripts/mutate --help` says how it is called.

Exits with 1 where fewer than 95 % of the sample, or of a file, are killed, or a mutant of the critical files
lives, or one that is called equivalent is killed; with 2 where the tests fail without a mutant.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence

from tests.mutate.children import LIVES, Children, Refused
from tests.mutate.equivalents import LIST, equivalent
from tests.mutate.operators import Mutant
from tests.mutate.report import Report
from tests.mutate.sample import CRITICAL, all_of, drawn
from tests.mutate.targets import ROOT, TARGETS


def main() -> int:
    """Draw, try, and report."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=400, help="mutants of the sample")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so long")
    parser.add_argument("--only", choices=sorted(TARGETS), metavar="FILE", help="all mutants of one file")
    parser.add_argument("--list", action="store_true", help="name them, and try none")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    made = all_of(ROOT, TARGETS)
    proven = equivalent(made, LIST.read_text(encoding="utf-8"))
    if asked.only:
        sample, critical = [m for m in made if m.file == asked.only], []
    else:
        sample, critical = drawn(made, asked.seed, asked.count), [m for m in made if m.file in CRITICAL]
    mutants = list(dict.fromkeys([*sample, *critical]))
    if asked.list:
        print(*mutants, sep="\n")
        return 0
    try:
        outcomes = _tried(mutants, time.monotonic() + asked.seconds)
    except Refused as why:
        print(why, file=sys.stderr)
        return 2
    report = Report(sample, critical, outcomes, proven, len(proven) / len(made))
    print(json.dumps({"seed": asked.seed, **report.plain()}, indent=1) if asked.json else report.text())
    return 0 if report.good else 1


def _tried(mutants: Sequence[Mutant], until_s: float) -> dict[Mutant, str]:
    """Return the outcomes of those that came in time; say on stderr how far it is."""
    outcomes: dict[Mutant, str] = {}
    started_s = said_s = time.monotonic()
    for mutant, outcome in Children(ROOT, TARGETS).outcomes(mutants, until_s):
        outcomes[mutant] = outcome
        now_s = time.monotonic()
        if now_s - said_s > 10.0 or len(outcomes) == len(mutants):
            said_s = now_s
            alive = sum(found == LIVES for found in outcomes.values())
            done = f"{len(outcomes)} of {len(mutants)} mutants, {alive} live, {now_s - started_s:.0f} s"
            print(done, file=sys.stderr, flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
