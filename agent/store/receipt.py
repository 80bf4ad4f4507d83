"""What became of one event that somebody waits for: on disk here, and then on its upstreams'."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from agent.clock import Stamp
from agent.wire.ranges import Ranges


@dataclass(slots=True)
class Receipt:
    """Filled in by the buffer, on its thread. `stamp`: the clock; times are None for what has not happened.

    `held` and `refused` are by upstream. Held is what it acknowledged by the number of the batch, and nothing
    else is taken for it: a batch that was dropped here, or renumbered in a buffer that was rolled back, is
    never held; one that the upstream names as missing later is held no more, until it is.
    """

    stamp: Callable[[], Stamp]
    epoch: bytes = b""
    sequence: int = 0  # of the batch that carries it
    recorded: Stamp | None = None
    held: dict[str, Stamp] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def seal(self, epoch: bytes, sequence: int) -> None:
        """The batch that carries it is on disk."""
        self.epoch, self.sequence, self.recorded = epoch, sequence, self.stamp()

    def settle(self, upstream: str, epoch: bytes, held: Container[int], refused: Mapping[int, str]) -> None:
        """Take an upstream's word on some batches."""
        if epoch != self.epoch:
            return
        if self.sequence in refused:
            self.refused[upstream] = refused[self.sequence]
        elif self.sequence in held:
            self.held.setdefault(upstream, self.stamp())

    def lose(self, upstream: str, epoch: bytes, lost: Ranges) -> None:
        """An upstream has lost some batches that it held."""
        if epoch == self.epoch and self.sequence in lost:
            self.held.pop(upstream, None)

    def move(self, epoch: bytes, moved: Mapping[int, int], new_epoch: bytes) -> None:
        """The buffer of this epoch was exchanged: it is in another one now, or on no disk any more."""
        if epoch != self.epoch:
            return
        if self.sequence in moved:
            self.seal(new_epoch, moved[self.sequence])
        else:
            self.recorded = None
