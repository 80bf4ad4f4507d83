"""One unit's batches on one line of time, over boots and clocks that were set.

Detectors are begun anew where they could not know better: other values (another schema), or a boot whose
distance in time from the one before is unknown, since one of the two had no clock to be believed.
"""

from typing import Any

from numpy.typing import NDArray

from agent.replay.times import in_its_words
from agent.wire import CLOCK_REPAIRED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch

BELIEVED = CLOCK_SYNCHRONISED | CLOCK_SIMULATED | CLOCK_REPAIRED
NS = 1e-9


class Timeline:
    """One unit's batches on one line of time: UTC where it begins, the boot's own clock from there on."""

    def __init__(self, where: str, notes: list[str]) -> None:
        self.part = 0
        self.shifts_s: dict[bytes, float] = {}  # of this part's boots: seconds on the line less boot time
        self._where, self._notes = where, notes
        self._last: Batch | None = None
        self._ended: set[bytes] = set()

    def stranger(self, batch: Batch) -> str:
        """Say that another machine speaks with this batch, since its boot had ended; "" where none does."""
        before, boot = self._last, batch.boot_id
        if boot not in self._ended:
            return ""
        return (
            f"{self._where}: judged only before {in_its_words(utc(batch)[0])}, when two machines recorded"
            f" under this name at once (boots {_name(before)} and {boot.hex()[:8]});"
            " `cellwarden-collector audit` says more, --from and --to choose"
        )

    def part_of(self, batch: Batch) -> int:
        """Return the number of the part that a batch belongs to."""
        before, self._last = self._last, batch
        boot = batch.boot_id
        if before and boot != before.boot_id:
            self._ended.add(before.boot_id)
        utc_s, boot_s = batch.utc_ns[0] * NS, batch.boottime_ns[0] * NS
        if before is None:
            self.shifts_s = {boot: utc_s - boot_s}
        elif batch.schema != before.schema:
            self._begin(batch, utc_s - boot_s, "its values are described otherwise from here on")
        elif boot != before.boot_id:
            believed = before.clock[-1] & BELIEVED and batch.clock[0] & BELIEVED
            gap_s = utc_s - before.utc_ns[-1] * NS
            if believed and gap_s > 0.0:
                last_s = before.boottime_ns[-1] * NS + self.shifts_s[before.boot_id]
                self.shifts_s[boot] = last_s + gap_s - boot_s
            else:
                self._begin(batch, utc_s - boot_s, "nobody knows how long the box was off before this")
        return self.part

    def _begin(self, batch: Batch, shift_s: float, why: str) -> None:
        self.part += 1
        self.shifts_s = {batch.boot_id: shift_s}
        self._notes.append(f"{self._where}: learned anew from {in_its_words(utc(batch)[0])}: {why}")


def _name(batch: Batch | None) -> str:
    """Name the boot of a batch."""
    return batch.boot_id.hex()[:8] if batch else "-"


def utc(batch: Batch) -> NDArray[Any]:
    """Return the frames' UTC as datetime64[ns], as far as it is known."""
    return batch.utc_ns.astype("datetime64[ns]")
