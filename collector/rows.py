"""What rows of every database are named by, and those that both batches and figures are made of."""

from typing import NamedTuple

LifeKey = tuple[bytes, int, int]  # of an alarm: epoch, sequence, position of the record that raised it
Stream = tuple[str, bytes]  # agent, epoch
Range = tuple[int, int]  # of sequences, both ends included
NOBODY: Stream = ("", b"")  # whose a change is that brings nothing of one stream


class EventRow(NamedTuple):
    """An event as people search for it: where it lies in its batch, and what it says, as JSON.

    subject: what it is about: an alarm's id; in hex, the epoch that a gap ends or the boot of an offset; ""
    nothing.
    """

    sequence: int
    position: int
    kind: str
    unit: str
    record: str
    subject: str = ""
