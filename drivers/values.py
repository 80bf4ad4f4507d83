"""One expanded value: where it stands in a unit, how its bits are read and what it means.

A profile's points and a SunSpec chain both become lists of these; everything after (plan, codec table,
schema) knows nothing of either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from drivers.quantities import Poll, Severity
from drivers.registers import Area

INF = float("inf")


class Reading(IntEnum):
    """What the extracted bits are. Part of the schema on the wire: the numbers never change."""

    INTEGER = 0  # signed or unsigned: the raw value is the number
    UNSIGNED_64 = 1  # the raw value is the number modulo 2**64
    FLOAT_32 = 2  # the raw value is the 32 bits as a signed integer
    FLOAT_64 = 3  # the raw value is the 64 bits as a signed integer
    SIGN_MAGNITUDE = 4  # the raw value is the number
    BCD = 5  # four bits per decimal digit: the raw value is the number


@dataclass(frozen=True, slots=True)
class Coding:
    """How one value is cut out of consecutive registers, or coils.

    The `words` addresses make one number, most significant first when `big_words`; inside each register the
    high byte comes first when `big_bytes`. Of that number the value is the `width` bits above bit `shift`.
    """

    reading: Reading
    words: int
    width: int
    shift: int = 0
    signed: bool = False
    big_words: bool = True
    big_bytes: bool = True
    unit_bits: int = 16  # bits in one address: 1 for coils and discrete inputs


@dataclass(frozen=True, slots=True)
class LimitTiers:
    """Three tiers, innermost first, each [low, high] in the value's unit (foxBMS: MOL, RSL, MSL)."""

    operating: tuple[float, float] = (-INF, INF)
    recommended: tuple[float, float] = (-INF, INF)
    safety: tuple[float, float] = (-INF, INF)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one bit, or one number of an enumeration, says. `severity` None: a state, not an alarm."""

    text: str
    severity: Severity | None = None
    active: int = 1  # the bit's level that means it


#: An alarm of a unit's own: value index, what it is called, severity, text.
Saying = tuple[int, str, str, str]


def bit_name(point: str, bit: int) -> str:
    """What a bit that says an alarm is called, with its point; of the profile's words it has none."""
    return f"{point}.bit{bit}"


def number_name(point: str, number: int) -> str:
    """What a number that says an alarm is called, with its point."""
    return f"{point}={number}"


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive addresses of one table of one unit id; `first` counts registers, not address steps."""

    area: Area
    unit_offset: int
    first: int
    count: int

    @property
    def last(self) -> int:
        """The last address inside."""
        return self.first + self.count - 1

    def __str__(self) -> str:
        unit = f" of unit +{self.unit_offset}" if self.unit_offset > 0 else ""
        return f"{self.area} {self.first}" + (f"..{self.last}" if self.count > 1 else "") + unit


def same_table(a: Span, b: Span) -> bool:
    """Whether one read could reach both."""
    return a.area is b.area and a.unit_offset == b.unit_offset


def contains(outer: Span, inner: Span) -> bool:
    """Whether who reads `outer` has read `inner`."""
    return same_table(outer, inner) and outer.first <= inner.first and inner.last <= outer.last


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one unit. SI = (raw + raw_offset) * scale + offset, in `unit`."""

    name: str
    place: str
    span: Span
    coding: Coding
    quantity: str = ""
    unit: str = ""
    poll: Poll = Poll.STATE
    scale: float = 1.0
    raw_offset: int = 0
    offset: float = 0.0
    missing: tuple[int, ...] = ()  # raw values that mean "not available"
    valid: tuple[float, float] | None = None  # in `unit`; outside: the sensor cannot mean it
    limits: LimitTiers | None = None
    bits: Mapping[int, Meaning] = field(default_factory=dict)
    numbers: Mapping[int, Meaning] = field(default_factory=dict)
    changes_within_s: float = INF  # a heartbeat stands still for no longer
    pause_ms: float = 0.0
    guards: tuple[str, ...] = ()  # names of the values that say how this one reads

    @property
    def label(self) -> str:
        """How people find it: name and place."""
        return f"{self.name} {self.place}" if self.place else self.name


@dataclass(frozen=True, slots=True)
class Guard:
    """A value that was read at connect and shaped the layout: it must stay what it was.

    `counts`: it tells which values there are; else how they read, as a scale factor. `raw` is None in the
    layout of a unit that nobody has asked: it is planned for, and not looked at.
    """

    value: Value
    raw: int | None
    counts: bool = False


def usable(exponent: int | None) -> bool:
    """Whether a scale factor is one: SunSpec has -10 to 10, and no unit is known to have more."""
    return exponent is not None and -10 <= exponent <= 10
