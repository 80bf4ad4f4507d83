"""Events of this process until every upstream holds them that must: kept for a buffer whose files are
exchanged, and followed for whoever waits for one.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from agent.store.ledger import Event
from agent.store.receipt import Receipt
from agent.wire.ranges import Ranges

EVENTS_KEPT = 1000  # 1 MB
RECEIPTS_KEPT = 100


class EventsUnderWay:
    """`events`: those of the open epoch that a required upstream does not hold yet, by their sequences."""

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}
        self._receipts: deque[Receipt] = deque(maxlen=RECEIPTS_KEPT)

    def begin(self) -> None:
        """Forget the events: another database is open. Receipts follow with `move`."""
        self.events = {}

    def sealed(self, epoch: bytes, events: Mapping[int, Event]) -> None:
        """Take events that are on disk."""
        for sequence, event in events.items():
            if event.receipt:
                event.receipt.seal(epoch, sequence)
                self._receipts.append(event.receipt)
        self.events = dict([*self.events.items(), *events.items()][-EVENTS_KEPT:])

    def settle(
        self,
        upstream: str,
        epoch: bytes,
        held: Collection[int],
        refused: Mapping[int, str],
        settled: Iterable[int],
    ) -> None:
        """Take an upstream's word on batches of the open epoch. `settled`: what no required one lacks."""
        for sequence in settled:
            self.events.pop(sequence, None)
        for receipt in self._receipts:
            receipt.settle(upstream, epoch, held, refused)

    def lose(self, upstream: str, epoch: bytes, lost: Ranges) -> None:
        """An upstream has lost batches that it held."""
        for receipt in self._receipts:
            receipt.lose(upstream, epoch, lost)

    def move(self, epoch: bytes, events: Mapping[int, Event], moved: Mapping[int, int], new: bytes) -> None:
        """Take what of an exchanged buffer's `events` went to a new epoch. `moved`: new sequences by old."""
        self.events = {moved[s]: event for s, event in events.items() if s in moved}
        for receipt in self._receipts:
            receipt.move(epoch, moved, new)
