"""What the upstream has said of a buffer's batches: in memory until a commit writes it."""

import math
import time
from collections.abc import Collection, Iterable, Mapping

from agent.store.healing import Healing
from agent.store.ledger import Ledger, Range
from agent.wire.ranges import Ranges

NAMED_S = 20.0  # that named batches wait for a commit of frames, before one is made for them
GONE = "acknowledged, lost again by the collector, and no longer in the history"


class Delivery:
    """`settled`: what the upstream needs no more, as of the last commit. `heard`, `refused`: its word since.
    `healing`: what it had acknowledged, and names as missing.
    """

    def __init__(self, settled: Ranges, healing: Iterable[Range] = ()) -> None:
        self.settled = settled
        self.healing = Healing(Ranges(healing).minus(settled))
        self.heard, self.refused = Ranges(), dict[int, str]()
        self._named_s = math.inf

    @property
    def waits(self) -> bool:
        """Whether it said something that no commit has written."""
        return bool(self.heard.count or self.refused)

    def known(self, aside: Iterable[int] = ()) -> Ranges:
        """What is not to be sent: settled, heard, refused, or put `aside`."""
        return Ranges([*self.settled, *self.heard, *((s, s) for s in (*self.refused, *aside))])

    def hear(self, held: Collection[int], refused: Mapping[int, str]) -> None:
        """Take its word on batches that it was sent."""
        for sequence in held:
            self.heard.add(sequence)
        self.refused.update(refused)
        self.healing.settled([*held, *refused])

    def name(self, held: Ranges, last_sequence: int) -> bool:
        """Take its word on what it holds; return whether what it lacks has waited too long for a commit."""
        self.healing.name(self.settled, held, last_sequence)
        if not self.healing.named.count:
            self._named_s = math.inf
        elif self._named_s == math.inf:
            self._named_s = time.monotonic()
        return time.monotonic() > self._named_s + NAMED_S

    def write(self, ledger: Ledger) -> tuple[Ranges, Ranges]:
        """Write all of it, in a transaction; return what is to be sent again, and what is here no more."""
        ledger.acknowledge(self.heard)
        ledger.refuse(self.refused)
        return ledger.unsettle(self.healing.named, GONE)

    def committed(self, ledger: Ledger) -> None:
        """Take over what a transaction has made of the ranges."""
        self.settled, self.healing.ranges = ledger.settled, ledger.healing

    def written(self, stored: Ranges) -> None:
        """Forget what is on disk now; `stored`: what is to be sent again."""
        self.heard, self.refused = Ranges(), {}
        self.healing.begun(stored)
