"""What was recorded beside what is said now."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.verdicts.record import Line

FOLDER = Path(__file__).parents[1] / "vectors" / "verdicts"
#: Of a number, relative: processors fuse multiplications and additions, or not, and means of a day add up.
BOUND = 1e-6


def write(name: str, lines: Iterable[Line]) -> None:
    """Record lines."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (FOLDER / f"{name}.jsonl").write_text(text, encoding="utf-8")


def read(name: str) -> list[Line]:
    """Return what was recorded."""
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def differences(before: Sequence[Line], now: Sequence[Line], exact: bool) -> Iterator[str]:
    """Give what differs, a line each. exact: numbers bit for bit, else within BOUND."""
    for was, line in zip_longest(before, now):
        if was is None or line is None:
            yield f"{'only now' if was is None else 'no more'}: {_short(was or line)}"
            return
        for key in was.keys() | line.keys():
            if key == "state" and isinstance(was.get(key), dict):
                yield from _of_state(was, line, exact)
            elif not _same(was.get(key), line.get(key), exact):
                yield f"{_short(was)}: {key} was {was.get(key)!r}, is {line.get(key)!r}"


def _of_state(was: Line, line: Line, exact: bool) -> Iterator[str]:
    if not isinstance(line.get("state"), dict):
        yield f"{_short(was)}: no more there; {_short(line)}"
        return
    first = 0 if exact else 1  # of hash, how many, sum
    for name in sorted(was["state"].keys() | line["state"].keys()):
        before, now = was["state"].get(name, []), line["state"].get(name, [])
        if not _same(before[first:], now[first:], exact):
            yield f"frame {was['frame']}, array {name}: was {before}, is {now}"


def _same(was: Any, now: Any, exact: bool) -> bool:
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(_same(a, b, exact) for a, b in zip(was, now, strict=True))
    if isinstance(was, float) and isinstance(now, float) and not exact:
        return math.isclose(was, now, rel_tol=BOUND, abs_tol=1e-9)
    return bool(was == now)


def _short(line: Line) -> str:
    """Name a line by what is in it and short."""
    named = ("frame", "t", "group", "verdict", "detector", "severity", "location", "state")
    return " ".join(f"{line[name]}" for name in named if isinstance(line.get(name), (str, int, float)))
