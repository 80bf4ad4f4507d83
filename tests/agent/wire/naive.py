"""An encoder written from docs/wire-format.md alone, one integer after the other: what `stranger` reads."""

from itertools import groupby, pairwise
from typing import Any

import msgpack

NOT_READ = (3, 4, 5, 7)
Rows = list[list[int]]


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def zigzag(difference: int) -> int:
    return 2 * difference if difference >= 0 else -2 * difference - 1


def narrow(numbers: list[int]) -> bytes:
    width = next(w for w in range(9) if all(number < 256**w for number in numbers))
    planes = [bytes(number // 256**plane % 256 for number in numbers) for plane in range(width)]
    return bytes([width]) + b"".join(planes)


def differences(numbers: list[int]) -> list[int]:
    return [wrapped(b - a) for a, b in pairwise(numbers)]


def zigzagged(numbers: list[int]) -> bytes:
    return narrow([zigzag(number) for number in numbers])


def runs(numbers: list[int]) -> tuple[bytes, list[int]]:
    """Values and lengths."""
    found = [(value, len(list(same))) for value, same in groupby(numbers)]
    return bytes(value for value, _ in found), [length for _, length in found]


def quality_changes(quality: Rows) -> list[int]:
    changes = list(quality[0])
    for before, now in pairwise(quality):
        changes += [a ^ b for a, b in zip(before, now, strict=True)]
    return changes


def value_differences(raw: Rows, quality: Rows) -> Rows:
    """The differences of each frame, 0 where nothing was read."""
    found: Rows = []
    running: list[int] = []
    for f, (numbers, marks) in enumerate(zip(raw, quality, strict=True)):
        found.append([])
        for j, (number, mark) in enumerate(zip(numbers, marks, strict=True)):
            before = running[j] if f else running[-1] if j else 0
            now = before if mark in NOT_READ else number
            found[f].append(wrapped(now - before))
            running[j : j + 1] = [now]
    return found


def small_and_large(later: Rows, n: int, m: int) -> tuple[bytes, list[int]]:
    small, large = b"", []
    for j in range(m):
        codes = [zigzag(frame[j]) for frame in later]
        large += [code for code in codes if code >= 15]
        nibbles = [min(code, 15) for code in codes] + [0] * (n // 2 * 2 - len(codes))
        small += bytes(low + 16 * high for low, high in zip(nibbles[0::2], nibbles[1::2], strict=True))
    return small, large


def fields(batch: dict[str, Any]) -> list[Any]:
    """The 21 elements of a batch, given as a vector's JSON gives one, ids as bytes."""
    n, m = len(batch["raw"]), len(batch["raw"][0]) if batch["raw"] else 0
    head = [
        1,
        batch["agent"],
        batch["epoch"],
        batch["sequence"],
        batch["unit"],
        batch["schema"],
        batch["boot_id"],
    ]
    events = msgpack.packb(batch["events"])
    if not n:
        return [*head, 0, 0, 0, 0, b"\0", 0, b"\0", b"", b"", b"\0", b"", b"", events, b""]
    times = batch["boottime_ns"]
    steps = differences(times)
    offsets = [wrapped(utc - t) for utc, t in zip(batch["utc_ns"], times, strict=True)]
    changed, lengths = runs(quality_changes(batch["quality"]))
    first, *later = value_differences(batch["raw"], batch["quality"])
    small, large = small_and_large(later, n, m)
    return [
        *head,
        n,
        m,
        times[0],
        steps[0] if steps else 0,
        zigzagged(differences(steps)),
        offsets[0],
        zigzagged(differences(offsets)),
        bytes(batch["clock"]),
        changed,
        narrow([length - 1 for length in lengths]),
        zigzagged(first),
        narrow(large),
        events,
        small,
    ]
