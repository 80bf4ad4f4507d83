"""What the errors of a serial line point to: termination, biasing, two masters, a slow unit. Pure.

Rules of thumb (termination and fail-safe biasing: The RS-485 Design Guide, TI SLLA272): a line that is not
biased floats between frames and brings stray bytes around a reply; one that is not terminated rings, and
damages frames; two masters bring frames that nobody here asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.modbus.came import Frames
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


#: What is likely where answers are damaged, and where they do not come: on a line, and on TCP.
DAMAGED: dict[Frames, tuple[str, ...]] = {
    "rtu": ("no termination (120 ohm at both ends)", "no biasing", "a speed slightly off", "noise"),
    "tcp": ("a gateway that mixes up or cuts answers", "two masters at one gateway"),
}
LOST: dict[Frames, tuple[str, ...]] = {
    "rtu": ("a loose contact", "a busy unit"),
    "tcp": ("the network or the gateway", "a busy unit"),
}


def of_counts(
    reads: Mapping[str, Mapping[str, int]], late: Mapping[str, int], frames: Frames = "rtu"
) -> list[LineFault]:
    """Judge how the reads of each unit of one bus ended, by verdict, and how many replies came late."""
    found = []
    totals = {unit: sum(counts.values()) for unit, counts in reads.items()}
    damaged = {
        unit: counts.get("damaged", 0) / totals[unit]
        for unit, counts in reads.items()
        if totals[unit] >= LEAST_READS and counts.get("sound", 0)
    }
    bad = {unit: share for unit, share in damaged.items() if share > FEW}
    if bad:
        shares = ", ".join(f"{unit} {share:.1%}" for unit, share in bad.items())
        if len(bad) == 1 and len(damaged) > 1 and frames == "rtu":
            (unit,) = bad
            likely: tuple[str, ...] = (
                f"another unit has the id of {unit}",
                f"the stub or the terminals of {unit}",
            )
        else:
            likely = DAMAGED[frames]
        found.append(LineFault(f"damaged answers: {shares}", likely, max(bad.values()) > OFTEN))
    lost = {
        unit: counts.get("no_reply", 0) / totals[unit]
        for unit, counts in reads.items()
        if totals[unit] >= LEAST_READS and counts.get("sound", 0)
    }
    lossy = {unit: share for unit, share in lost.items() if share > OFTEN}
    if lossy:
        shares = ", ".join(f"{unit} {share:.1%}" for unit, share in lossy.items())
        found.append(LineFault(f"no answer to some reads: {shares}", LOST[frames], False))
    slow = {unit: n for unit, n in late.items() if n and n / max(1, totals.get(unit, 0)) > FEW}
    if slow:
        which = ", ".join(f"{unit} {n} times" for unit, n in slow.items())
        found.append(
            LineFault(f"answers after the time-out: {which}", ("a slow unit: raise its timeout_s",), False)
        )
    return found


def of_bytes(unit_id: int, sent: bytes, got: bytes) -> str:
    """Say what is wrong with the bytes that came after one request on a serial line; "" where nothing is."""
    heard = got.removeprefix(sent)
    if not heard or sound(heard):
        return ""
    for start in range(1, min(4, len(heard))):
        if len(heard) - start >= 5 and heard[start] == unit_id and sound(heard[start:]):
            return f"{start} stray bytes before a sound answer: no biasing, or the adapter turns round slowly"
    for end in range(len(heard) - 1, max(4, len(heard) - 4), -1):
        if heard[0] == unit_id and sound(heard[:end]):
            return f"{len(heard) - end} stray bytes after a sound answer: no biasing"
    came = of_rtu(sent, got)
    return f"{came.text}: {', '.join(came.row.likely)}"
