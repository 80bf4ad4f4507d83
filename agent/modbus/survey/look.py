"""What registers can mean when nobody says: guesses at a block, and other readings of values that look wrong.

Pure. A guess is offered with the word "plausible" and never used: the manual decides.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.message import Message
from agent.modbus.survey.plausible import bounds, share
from agent.quality import Quality
from drivers.decode import codec_table, decode, to_si
from drivers.registers import Area
from drivers.values import Value

FITS = 0.9
MODICON = {Area.COIL: 0, Area.DISCRETE: 10000, Area.INPUT: 30000, Area.HOLDING: 40000}
SCALES = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001)


def manual_address(area: Area, address: int) -> str:
    """Return the address as one-based manuals write it: 40101 for holding 100; six digits where it must."""
    base = MODICON[area]
    return f"{base + address + 1:05d}" if address < 9999 else f"{base * 10 + address + 1:06d}"


#: By the step from the first word to the second.
FLOATS = {
    1: "as 32-bit floats, high word first: {values}",
    -1: "as 32-bit floats, low word first: {values}",
}


@dataclass(frozen=True, slots=True)
class Guess:
    """One reading of single registers, and the range `low` to `high` in which its values are plausible."""

    title: str
    noun: str
    scale: float
    low: float
    high: float
    signed: bool = True
    offset: float = 0.0

    def value(self, word: int) -> float:
        """Return the value of a register under this reading."""
        return (word - 0x10000 if self.signed and word >= 0x8000 else word) * self.scale + self.offset

    def plausible(self, word: int) -> bool:
        """Whether the value of a register is within the range."""
        return self.low <= self.value(word) <= self.high


GUESSES = (
    Guess("as mV -> V", "cell", 0.001, 1.5, 4.4, signed=False),
    Guess("as 0.1 degC", "temperature", 0.1, 5.0, 60.0),
    Guess("as 0.1 K -> degC", "temperature", 0.1, 5.0, 60.0, signed=False, offset=-273.15),
    Guess("as 0.1 V", "pack voltage", 0.1, 24.0, 1500.0, signed=False),
)


def guess(words: Sequence[int]) -> Guess | None:
    """Return the reading that fits most of a block of registers; None where none fits half of it."""
    counted = [(sum(g.plausible(word) for word in words), -i) for i, g in enumerate(GUESSES)]
    best, index = max(counted)
    return GUESSES[-index] if 2 * best > len(words) else None


def pairs(words: Sequence[int]) -> list[str]:
    """Return what two registers together can be: floats in either order of words, and text."""
    data = b"".join(word.to_bytes(2, "big") for word in words).rstrip(b"\0 ")
    if len(data) >= 4 and all(0x20 <= byte < 0x7F for byte in data):
        return [Message("as text: {text!r}", text=data.decode("ascii"))]
    found: list[str] = []
    if len(words) >= 2 and len(words) % 2 == 0:
        for order, said in FLOATS.items():
            blocks = [words[i : i + 2][::order] for i in range(0, len(words), 2)]
            floats = [struct.unpack(">f", struct.pack(">HH", *block))[0] for block in blocks]
            if all(1e-3 < abs(number) < 1e5 for number in floats):
                shown = ", ".join(f"{number:.6g}" for number in floats[:4])
                found.append(Message(said, values=shown))
    return found


def read_as(values: Sequence[Value], words: NDArray[np.uint16], slots: Sequence[int]) -> NDArray[np.float64]:
    """Return what `values` say, in SI, when each begins at its slot of `words`; NaN where not good."""
    codec, missing = codec_table(values, list(slots))
    n = len(values)
    raw, quality, si = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.empty(n)
    decode(words, np.full(len(words), Quality.GOOD, np.uint8), codec, missing, raw, quality)
    to_si(codec, raw, quality, si)
    return si


def alternatives(values: Sequence[Value], words: NDArray[np.uint16], first: int) -> list[str]:
    """Return other readings of one point's values under which they can be, in words.

    words: the registers around the point, `first` the address of words[0]; the values lie within.
    """
    slots = [value.span.first - first for value in values]
    most = len(words)
    as_it_is = share(values[0], read_as(values, words, slots))
    found: list[str] = []
    for say, changed, shift in _readings(values):
        moved = [slot + shift for slot in slots]
        if min(moved) < 0 or any(m + v.coding.words > most for m, v in zip(moved, values, strict=True)):
            continue
        si = read_as(changed, words, moved)
        if share(values[0], si) >= max(FITS, as_it_is + 0.01) and np.any(si):
            low, high = float(np.nanmin(si)), float(np.nanmax(si))
            span: str = f"{low:.6g}"
            if low != high:
                span = Message("{low} to {high}", low=span, high=f"{high:.6g}")
            said = {"how": say(changed[0], shift), "values": span, "unit": values[0].unit}
            found.append(Message("{how}: {values} {unit}" if values[0].unit else "{how}: {values}", **said))
    return found


def _readings(
    values: Sequence[Value],
) -> list[tuple[Callable[[Value, int], str], list[Value], int]]:
    coding = values[0].coding
    readings: list[tuple[Callable[[Value, int], str], list[Value], int]] = []

    def add(say: Callable[[Value, int], str], change: Callable[[Value], Value], shift: int = 0) -> None:
        readings.append((say, [change(value) for value in values], shift))

    for shift in (-1, 1):
        add(
            lambda v, s: Message("off by one ({area} {address})", area=v.span.area, address=v.span.first + s),
            lambda v: v,
            shift,
        )
    if coding.words > 1:
        add(
            lambda _v, _s: Message("words swapped"),
            lambda v: replace(v, coding=replace(v.coding, big_words=not v.coding.big_words)),
        )
    add(
        lambda _v, _s: Message("bytes swapped"),
        lambda v: replace(v, coding=replace(v.coding, big_bytes=not v.coding.big_bytes)),
    )
    add(
        lambda v, _s: Message("signed" if v.coding.signed else "unsigned"),
        lambda v: replace(v, coding=replace(v.coding, signed=not v.coding.signed)),
    )
    for factor in SCALES:
        add(
            lambda v, _s: Message("scale {factor:g}", factor=v.scale),
            lambda v, f=factor: replace(v, scale=v.scale * f),  # type: ignore[misc]
        )
    return readings


def looks_wrong(value: Value, si: float, quality: int) -> str:
    """Say what looks wrong with a value; "" where nothing does."""
    if quality == Quality.OUT_OF_RANGE:
        low, high = value.valid or bounds(value)
        return Message("outside {low:g} to {high}", low=low, high=f"{high:g} {value.unit}".rstrip())
    if quality != Quality.GOOD:
        return Message(Quality(quality).name.lower().replace("_", " "))
    low, high = bounds(value)
    what = Message(value.quantity.replace("_", " "))
    return "" if low <= si <= high else Message("hardly a {what}", what=what)
