"""What the errors of a serial line point to: termination, biasing, two masters, a slow unit. Pure.

Rules of thumb (termination and fail-safe biasing: The RS-485 Design Guide, TI SLLA272): a line that is not
biased floats between frames and brings stray bytes around a reply; one that is not terminated rings, and
damages frames; two masters bring frames that nobody here asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.message import Message, joined, message
from agent.modbus.came import Frames, Kind
from agent.modbus.lately import NEVER_LATE, SAID, Late, Share, shares
from agent.modbus.overheard import sound
from agent.modbus.told_apart import of_rtu

FEW = 0.002  # of the reads of a healthy line; more is a finding
OFTEN = 0.05
LEAST_READS = 20


@dataclass(frozen=True, slots=True)
class LineFault:
    """What was seen, and what it points to, most likely first."""

    seen: str
    likely: tuple[str, ...]
    serious: bool
    code: str = "CW-202"


#: What is worth a word, of all reads; a loss costs more, and is a finding, from `lately.SAID` on.
LEAST = {
    Kind.SOME_DAMAGED: FEW,
    Kind.LATE: FEW,
    Kind.SOME_LOST: OFTEN,
    Kind.SOME_BUSY: OFTEN,
    Kind.SOME_FAILED: OFTEN,
    Kind.SOME_AWAY: OFTEN,
}


def of_counts(
    reads: Mapping[str, Mapping[str, int]], late: Mapping[str, Late], frames: Frames = "rtu"
) -> list[LineFault]:
    """Judge how the reads of each unit of one bus ended, by verdict, and which replies came late."""
    found: dict[str, dict[str, Share]] = {}
    judged = 0  # units that answer
    for unit, counts in reads.items():
        if sum(counts.values()) < LEAST_READS or not counts.get("sound", 0):
            continue
        judged += 1
        for share in shares(counts, late.get(unit, NEVER_LATE), frames):
            if share.part > LEAST[share.came.kind]:
                found.setdefault(share.came.text, {})[unit] = share
    return [_fault(of, alone=len(of) == 1 < judged) for of in found.values()]


def _fault(of: Mapping[str, Share], *, alone: bool) -> LineFault:
    """Return one cost of several units. alone: others of the line have it not."""
    who = ", ".join(f"{unit} ({share.part:.1%})" for unit, share in of.items())
    came, worst = next(iter(of.values())).came, max(share.part for share in of.values())
    likely, damaged = came.row.likely, came.kind is Kind.SOME_DAMAGED
    if alone and damaged and came.frames == "rtu":
        (unit,) = of
        likely = (
            Message("another unit has the id of {unit}", unit=unit),
            Message("the stub or the terminals of {unit}", unit=unit),
        )
    serious = worst > OFTEN if damaged else worst >= SAID
    said = joined("; ", [joined(" ", [who, came.text]), came.do])
    return LineFault(said, likely, serious, came.code)


def of_bytes(unit_id: int, sent: bytes, got: bytes) -> str:
    """Say what is wrong with the bytes that came after one request on a serial line; "" where nothing is."""
    heard = got.removeprefix(sent)
    if not heard or sound(heard):
        return ""
    for start in range(1, min(4, len(heard))):
        if len(heard) - start >= 5 and heard[start] == unit_id and sound(heard[start:]):
            return Message(
                "{n} stray bytes before a sound answer: no biasing, or the adapter turns round slowly",
                n=start,
            )
    for end in range(len(heard) - 1, max(4, len(heard) - 4), -1):
        if heard[0] == unit_id and sound(heard[:end]):
            return Message("{n} stray bytes after a sound answer: no biasing", n=len(heard) - end)
    came = of_rtu(sent, got)
    return joined(": ", [came.text, joined(", ", map(message, came.row.likely))])
