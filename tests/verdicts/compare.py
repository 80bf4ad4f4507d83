"""What was recorded beside what is said now."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
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
    """Give what differs, a line each. exact: numbers bit for bit, else within BOUND.

    Lines are paired by what they are about, in their order: one that is new does not shift all that follow.
    """
    pairs = SequenceMatcher(None, [_about(line) for line in before], [_about(line) for line in now], False)
    for how, a, b, c, d in pairs.get_opcodes():
        if how == "equal":
            for was, line in zip(before[a:b], now[c:d], strict=True):
                yield from _of_line(was, line, exact)
            continue
        yield from (f"no more: {_short(was)}" for was in before[a:b])
        yield from (f"only now: {_short(line)}" for line in now[c:d])


def _about(line: Line) -> str:
    """Return what a line is about: not when, and not with which numbers; of the arrays' state, its frame."""
    if isinstance(line.get("state"), dict):
        return f"state of frame {line['frame']}"
    named = ("group", "verdict", "channel", "tier", "detector", "severity", "state", "location")
    return " ".join(str(line.get(name)) for name in named)


def _of_line(was: Line, line: Line, exact: bool) -> Iterator[str]:
    for key in sorted(was.keys() | line.keys()):
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
