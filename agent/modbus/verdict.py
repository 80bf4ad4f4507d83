"""What an answer means, and whose fault it is: an exception code, a damaged frame, no reply.

Codes: Modbus application protocol V1.1b3, section 7.
"""

from dataclasses import dataclass, fields
from enum import StrEnum

from agent.modbus.ports import Answer
from agent.quality import Quality


class Verdict(StrEnum):
    """What became of one request; the values are the label `result` of the metrics."""

    SOUND = "sound"
    SILENT = "no_reply"  # no byte came
    DAMAGED = "damaged"  # bytes came, and no sound reply among them
    BUSY = "busy"  # the unit asks for patience
    ILLEGAL = "illegal"  # the plan asks for what the unit does not have
    FAILED = "failed"  # the unit cannot, for a reason of its own
    GATEWAY = "gateway"  # the gateway answers, and could not reach the unit


# ACKNOWLEDGE and SERVER DEVICE BUSY mean "later"; a read that touches a register the unit lacks is answered
# with 2 by some and 3 by others; 10 and 11 are the gateway's own. All others are the unit's.
OF_CODE = {
    1: Verdict.ILLEGAL,
    2: Verdict.ILLEGAL,
    3: Verdict.ILLEGAL,
    5: Verdict.BUSY,
    6: Verdict.BUSY,
    10: Verdict.GATEWAY,
    11: Verdict.GATEWAY,
}


UNHEARD = frozenset({Verdict.SILENT, Verdict.DAMAGED, Verdict.GATEWAY})  # as good as no answer


def verdict_of(answer: Answer) -> Verdict:
    """Return what an answer means."""
    if answer.reply.quality is Quality.GOOD:
        return Verdict.SOUND
    if answer.reply.quality is Quality.REFUSED:
        return OF_CODE.get(answer.reply.exception_code or 0, Verdict.FAILED)
    return Verdict.DAMAGED if answer.damaged else Verdict.SILENT


@dataclass
class Counters:
    """What happened to a unit's reads since the agent started. One field for each verdict, by its word."""

    cycles: int = 0
    late_cycles: int = 0  # ended after the next one should have begun, or did not begin at all
    frames: int = 0
    reads: int = 0
    late_replies: int = 0
    sound: int = 0
    no_reply: int = 0
    damaged: int = 0
    busy: int = 0
    illegal: int = 0
    failed: int = 0
    gateway: int = 0
    answers: int = 0  # of all verdicts
    in_vain: int = 0  # since the last sound one

    def count(self, verdict: Verdict) -> None:
        """Count one answer."""
        setattr(self, verdict.value, getattr(self, verdict.value) + 1)
        self.answers += 1
        self.in_vain = 0 if verdict is Verdict.SOUND else self.in_vain + 1

    def by_verdict(self) -> dict[str, int]:
        """Return how often each verdict was given."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in set(Verdict)}

    @property
    def errors(self) -> int:
        """Reads that brought no values."""
        return self.answers - self.sound
