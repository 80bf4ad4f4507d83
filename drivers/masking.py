"""Serial numbers made unreadable in what is passed on: always by the same mask, so that identity still works.

The mask follows from 16 bits of a hash. Two units are told apart by it (but for one pair in 65536), and yet
it does not lead back: of serial numbers of ten digits 150,000 have the same. Digits stay digits and letters
letters, so what is expected of the form of a serial number still holds.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256, shake_256
from typing import NamedTuple

from drivers.registers import Area

Key = tuple[int, Area, int]  # unit id, table, address as it goes over the wire

PADDING = b"\0\xff "
TEXT = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._:/#-]{7,}")  # what can be a serial number among unknown registers
LEAST_DIGITS = 5
LEAST_FIRST_BYTES = 3  # cells of 12 V in mV are characters too, but all begin with the same one


def masked_text(words: Iterable[int]) -> list[int]:
    """Return the registers of a text with other letters and digits."""
    data = b"".join(word.to_bytes(2, "big") for word in words)
    stream = _stream(data.strip(PADDING), len(data))
    changed = bytes(_other(byte, by) for byte, by in zip(data, stream, strict=True))
    return [int.from_bytes(changed[i : i + 2], "big") for i in range(0, len(changed), 2)]


def masked_number(words: Iterable[int]) -> list[int]:
    """Return the registers of a number with other decimal digits, which BCD can be; 0 and 0xFFFF stay."""
    words = list(words)
    stream = _stream(b"".join(word.to_bytes(2, "big") for word in words), 4 * len(words))
    digits = [
        int("".join(str(1 + by % 9) for by in stream[4 * i : 4 * i + 4]), 16) for i in range(len(words))
    ]
    return [word if word in (0, 0xFFFF) else new for word, new in zip(words, digits, strict=True)]


def _stream(said: bytes, length: int) -> bytes:
    return shake_256(sha256(said).digest()[:2]).digest(length)


def _other(byte: int, by: int) -> int:
    for first, n in ((ord("0"), 10), (ord("A"), 26), (ord("a"), 26)):
        if first <= byte < first + n:
            return first + by % n
    return byte


class Serial(NamedTuple):
    """The registers of one serial number, and whether they hold text."""

    keys: Sequence[Key]
    is_text: bool


def mask(registers: dict[Key, int], serials: Iterable[Serial], known: Iterable[Key]) -> list[Key]:
    """Mask registers in place; return those that were changed.

    known: registers whose meaning is known; among the others what looks like a serial number is masked too.
    """
    changed = []
    unknown = set(registers) - set(known)
    for serial in serials:
        keys = [key for key in serial.keys if key in registers]
        new = (masked_text if serial.is_text else masked_number)(registers[key] for key in keys)
        changed += [key for key, word in zip(keys, new, strict=True) if registers[key] != word]
        registers.update(zip(keys, new, strict=True))
        unknown -= set(keys)
    for run in _runs(unknown):
        if run[0][1] in (Area.HOLDING, Area.INPUT):
            changed += _mask_texts(registers, run)
    return changed


def _mask_texts(registers: dict[Key, int], run: list[Key]) -> list[Key]:
    data = bytearray(b"".join(registers[key].to_bytes(2, "big") for key in run))
    for found in TEXT.finditer(bytes(data)):
        said = found[0]
        if sum(0x30 <= byte <= 0x39 for byte in said) < LEAST_DIGITS:
            continue
        if min(len(set(said[::2])), len(set(said[1::2]))) < LEAST_FIRST_BYTES:
            continue
        stream = _stream(said, len(said))
        data[found.start() : found.end()] = bytes(map(_other, said, stream))
    new = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    changed = [key for key, word in zip(run, new, strict=True) if registers[key] != word]
    registers.update(zip(run, new, strict=True))
    return changed


def _runs(keys: Iterable[Key]) -> list[list[Key]]:
    """Return keys in runs of consecutive addresses of one table."""
    runs: list[list[Key]] = []
    for key in sorted(keys):
        if runs and runs[-1][-1][:2] == key[:2] and runs[-1][-1][2] + 1 == key[2]:
            runs[-1].append(key)
        else:
            runs.append([key])
    return runs


def in_words(keys: Iterable[Key]) -> str:
    """Return registers in words: "holding 150 to 169, input 7"."""
    return ", ".join(
        f"{run[0][1]} {run[0][2]}" + (f" to {run[-1][2]}" if len(run) > 1 else "") for run in _runs(keys)
    )
