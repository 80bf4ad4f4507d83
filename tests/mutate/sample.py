"""Which mutants are tried, and how sure one may be of a share found among them."""

import math
import random
from collections.abc import Iterable
from pathlib import Path

from tests.mutate.operators import Mutant, mutants

#: Of how many parts of a sample: the detectors, what a replay says first, decoding and plan of the drivers,
#: the wire format.
STRATA = {"agent/detect": 4, "agent/replay": 1, "drivers": 2, "agent/wire": 2}
#: All their mutants are tried, whatever the sample: the last resort, and the states of an alarm.
CRITICAL = ("agent/detect/detectors/last_resort.py", "agent/detect/alarms/states.py")


def stratum_of(file: str) -> str:
    """Return the stratum of a source file."""
    return next(stratum for stratum in STRATA if file.startswith(f"{stratum}/"))


def all_of(root: Path, files: Iterable[str]) -> list[Mutant]:
    """Return all mutants of files under `root`."""
    return [mutant for file in files for mutant in mutants(file, (root / file).read_text(encoding="utf-8"))]


def drawn(made: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """Return `count` mutants, of each stratum its part, in an order whose beginnings are samples too."""
    by_stratum: dict[str, list[Mutant]] = {stratum: [] for stratum in STRATA}
    for mutant in made:
        by_stratum[stratum_of(mutant.file)].append(mutant)
    parts = sum(STRATA.values())
    places: list[tuple[float, str, Mutant]] = []
    for stratum, pool in by_stratum.items():
        n = min(len(pool), count * STRATA[stratum] // parts)
        chosen = random.Random(f"{seed} {stratum}").sample(pool, n)
        places += [((i + 0.5) / n, stratum, mutant) for i, mutant in enumerate(chosen)]
    return [mutant for _, _, mutant in sorted(places, key=lambda place: place[:2])]


def wilson(killed: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927): of none, all that a share can be."""
    if not of:
        return 0.0, 1.0
    z = 1.959964
    share = killed / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)
