"""Is this the unit its profile describes? Texts out of registers, and what is expected of them."""

import re
from collections.abc import Sequence
from typing import Protocol


class Expecting(Protocol):
    """A point of either kind of profile."""

    @property
    def expect(self) -> tuple[str | int, ...] | None: ...  # noqa: D102
    @property
    def expect_match(self) -> str | None: ...  # noqa: D102
    @property
    def expect_range(self) -> tuple[int | float | str, int | float | str] | None: ...  # noqa: D102


def text_of(words: Sequence[int], *, big_bytes: bool = True) -> str:
    """The characters of a block of registers, up to the first NUL and without padding.

    What is not printable is escaped: it goes into logs, alarms and terminals.
    """
    data = b"".join(int(w).to_bytes(2, "big" if big_bytes else "little") for w in words)
    text = data.split(b"\0")[0].decode("ascii", errors="backslashreplace").strip()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def expectation(point: Expecting) -> str:
    """What must be so, in words; "" when anything will do."""
    wants = []
    if point.expect:
        wants.append(" or ".join(repr(e) for e in point.expect))
    if point.expect_match:
        wants.append(f"a match of /{point.expect_match}/")
    if point.expect_range:
        wants.append(f"{point.expect_range[0]} to {point.expect_range[1]}")
    return " and ".join(wants)


def fits(point: Expecting, said: str | int | float) -> bool:
    """Whether what the unit said is what the point expects."""
    if point.expect and said not in point.expect:
        return False
    if point.expect_match and not re.search(point.expect_match, str(said)):
        return False
    if point.expect_range:
        low, high = (version(end) for end in point.expect_range)
        return low <= version(said) <= high
    return True


def version(said: str | int | float) -> tuple[float, ...]:
    """A number, or the numbers of the first "1.2.10" in a text: 1.10 comes after 1.9."""
    if not isinstance(said, str):
        return (float(said),)
    match = re.search(r"\d+(\.\d+)*", said)
    return tuple(float(part) for part in match[0].split(".")) if match else ()
