"""One read of a unit: the request that goes out, and what came of it."""

from dataclasses import dataclass

from agent.modbus.came import NOTHING, Came
from agent.modbus.cycle import Cycle
from agent.modbus.verdict import UNHEARD, Verdict
from drivers.registers import Read, Reply


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """A read that goes out at `at_s` to `unit_id`; `purpose`, as in `Candidate`.

    timeout_s: how long to wait for the beginning of its answer. pause_s: the silence to keep after it. cycle:
    the one that it reads for; None for a probe or an identification.
    """

    unit_id: int
    purpose: int
    read: Read
    timeout_s: float
    pause_s: float
    at_s: float
    cycle: Cycle | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request by `at_s`. came: in place of values, in words. asked: as in `Answer`."""

    request: ReadRequest
    reply: Reply
    verdict: Verdict
    at_s: float
    came: Came = NOTHING
    asked: bool = True

    @property
    def unheard(self) -> bool:
        """Whether it is as good as no answer."""
        return self.verdict in UNHEARD
