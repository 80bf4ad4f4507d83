"""The silence of a unit: how often in a row it did not answer, and how it is asked if it is back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.modbus.adu import data_bytes
from agent.modbus.timing import ResponseTimes
from drivers.registers import Read

# A unit that shares its line and never answered is not waited for longer than this, but for every fourth
# probe, which waits for as long as the slowest unit may take.
STRANGER_S, STRANGER_PATIENCE = 0.3, 4
WHOLE_READ_PROBES = 3  # where short reads were never answered, every third probe is a whole one


@dataclass(eq=False)
class Silence:
    """What is remembered of a unit that does not answer. lost: what was not answered; a probe must be, before
    anything else is asked.
    """

    count: int = 0  # in a row
    lost: Read | None = None
    in_vain: bool = False  # it was asked since its last frame, and did not answer
    _answers_short: bool = False  # has answered a read of part of a block

    def probe(self, others: Sequence[Read], *, has_transaction_ids: bool) -> Read:
        """Return a read that shows whether the unit is there, and whose reply looks like no other's.

        others: what else it may be asked. has_transaction_ids: its port knows a late reply by its number.
        """
        lost = self.lost
        assert lost is not None
        if has_transaction_ids or (not self._answers_short and self.count % WHOLE_READ_PROBES == 0):
            return lost
        short = [replace(lost, count=1), *sorted(others, key=data_bytes)]
        return next((read for read in short if data_bytes(read) != data_bytes(lost)), lost)

    def patience_s(self, times: ResponseTimes, longest_s: float, *, alone: bool) -> float:
        """Return how long a probe waits. longest_s: what the unit may take; alone: nobody else waits."""
        if alone:
            return longest_s
        if not times.learnt and self.count % STRANGER_PATIENCE:
            return min(times.timeout_s, STRANGER_S)
        return times.timeout_s

    def probed(self, read: Read) -> None:
        """Note that a probe was answered."""
        self._answers_short |= read != self.lost
        self.lost = None
