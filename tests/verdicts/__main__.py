"""What the detectors say of fixed frames: record it, or compare it with what was recorded.

compare exits with 1 where anything differs, and says what. A change of a verdict that is meant is recorded
anew: its lines in tests/vectors/verdicts are part of the commit that makes it.
"""

import argparse
import os
import sys
from collections.abc import Iterator

from agent.bench.detection.common import data_folder
from tests.verdicts.compare import differences, read, write
from tests.verdicts.record import Line, recordings, said_of
from tests.verdicts.streams import STREAMS

LONGEST = 20  # differences of one stream that are printed


def main() -> int:
    """Judge every stream, and every recording that is at hand."""
    parser = argparse.ArgumentParser(
        prog="scripts/verdicts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  scripts/verdicts compare\n"
        "  scripts/verdicts record    # then: git diff tests/vectors/verdicts",
    )
    parser.add_argument("what", choices=("record", "compare"))
    asked = parser.parse_args()
    exact = os.environ.get("NUMBA_CPU_NAME") == "generic"
    bad = 0
    for name, lines in _all():
        if asked.what == "record":
            write(name, lines)
            print(f"{name}: recorded", flush=True)
            continue
        found = list(differences(read(name), list(lines), exact))
        bad += len(found)
        print(f"{name}: {f'{len(found)} differences' if found else 'the same'}", flush=True)
        for text in found[:LONGEST]:
            print(f"  {text}")
    return 1 if bad else 0


def _all() -> Iterator[tuple[str, Iterator[Line]]]:
    for make in STREAMS:
        stream = make()
        yield stream.name, said_of(stream)
    folder = data_folder()
    if folder is None:
        print("recordings: not at hand ($CELLWARDEN_DATA names their folder), left out", file=sys.stderr)
        return
    yield from recordings(folder)


if __name__ == "__main__":
    sys.exit(main())
