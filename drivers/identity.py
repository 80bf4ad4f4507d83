"""Is this the unit its profile describes, and the one that it was? Texts out of registers, what is expected
of them, and which of them tell one unit from another.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.message import Message, both, either
from drivers.values import Value

# Words of a point's name. Another serial number is another unit, and so is another model; any other text too,
# but for what the same unit can be given anew.
SERIAL = frozenset({"serial", "sn", "barcode"})
MODEL = frozenset({"model", "product", "sku", "maker", "manufacturer", "vendor", "brand"})
CHANGES = frozenset(
    {"firmware", "software", "version", "revision", "fw", "sw", "bootloader", "date", "options", "name"}
)
UNWRITTEN = re.compile("0+|[fF]+|65535|4294967295")
GARBLED = "\\x"  # what `text_of` makes of a byte that is no character


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
    wants: list[str] = []
    if point.expect:
        wants.append(either([repr(e) for e in point.expect]))
    if point.expect_match:
        wants.append(Message("a match of /{pattern}/", pattern=point.expect_match))
    if point.expect_range:
        low, high = point.expect_range
        wants.append(Message("{low} to {high}", low=low, high=high))
    return both(wants) if wants else ""


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


@dataclass(frozen=True, slots=True)
class IdentityMark:
    """An identity point that shows whether a unit is still the same.

    names: what it says belongs to one unit or one kind of unit; else it is only expected to fit.
    """

    value: Value
    text: bool
    names: bool


def mark_of(value: Value, *, text: bool, expected: bool) -> IdentityMark | None:
    """Return what an identity point is worth for telling units apart; None: nothing."""
    names = names_units(value.name, text=text)
    return IdentityMark(value, text, names) if names or expected else None


def names_units(name: str, *, text: bool) -> bool:
    """Whether what a point of this name says tells one unit, or one kind of unit, from another."""
    words = _words(name)
    return bool(words & (SERIAL | MODEL)) or (text and not words & CHANGES)


def private(mark: IdentityMark) -> bool:
    """Whether what a mark says belongs to one unit, and should not be passed on with what others need."""
    words = _words(mark.value.name)
    return bool(words & SERIAL) or (mark.text and not words & (MODEL | CHANGES))


def serial_of(said: Mapping[str, str | int | float]) -> str:
    """Return the first serial number among marks, by label, that says anything; "" where none does."""
    serials = (str(value).strip() for label, value in said.items() if _words(label) & SERIAL and told(value))
    return next(serials, "")


def best_first(marks: Iterable[IdentityMark]) -> tuple[IdentityMark, ...]:
    """Return serial numbers before models, and those before what is only expected to fit."""
    return tuple(sorted(marks, key=lambda mark: (not _words(mark.value.name) & SERIAL, not mark.names)))


def _words(name: str) -> set[str]:
    return {
        word.removesuffix("number").removesuffix("no") or word for word in re.split(r"[_\W]+", name.lower())
    }


def told(said: object) -> bool:
    """Whether a mark says anything: not where it is blank, was never written, or is garbled."""
    text = str(said).strip()
    return bool(re.search(r"\w", text)) and GARBLED not in text and not UNWRITTEN.fullmatch(text)


def names_of(
    marks: Iterable[IdentityMark], identity: Mapping[str, str | int | float]
) -> dict[str, str | int | float]:
    """Return by label what tells this unit from another, of all that it said of itself."""
    found = {mark.value.label: identity.get(mark.value.label, "") for mark in marks if mark.names}
    return {label: said for label, said in found.items() if told(said)}
