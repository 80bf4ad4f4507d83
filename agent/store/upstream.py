"""Whom a buffer is for, and what each of them is not to have. Pure."""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.wire.ranges import Ranges


class Upstream(NamedTuple):
    """A collector. `required`: batches stay until it has them. `frames`: False, alarms and other events only.

    It is known by its name: one that moves to another URL is the same, another name is another upstream.
    """

    name: str
    required: bool = True
    frames: bool = True


#: The one of an agent that has one.
MAIN = Upstream("main")


@dataclass(slots=True)
class Withheld:
    """The sequences that an upstream is never sent: some for good, and the frames of some periods.

    `whole`: what was here no more when it was named, or came from it under another epoch. `periods`: in which
    it had alarms alone, as (first, last); the last of one that goes on is None.
    """

    whole: Ranges = field(default_factory=Ranges)
    periods: list[tuple[int, int | None]] = field(default_factory=list)

    @classmethod
    def parse(cls, said: str) -> "Withheld":
        """From the words of the ledger. Raises ValueError, TypeError, LookupError."""
        read: dict[str, Any] = json.loads(said)
        return cls(Ranges(read.get("whole", [])), [(first, last) for first, last in read.get("periods", [])])

    def words(self) -> str:
        """As the ledger keeps it."""
        if not self.whole.count and not self.periods:
            return "{}"
        return json.dumps({"whole": list(self.whole), "periods": self.periods})

    def turn(self, frames: bool, last_sequence: int) -> None:
        """From the next sequence on it is to have frames, or not."""
        opened = bool(self.periods) and self.periods[-1][1] is None
        if not frames and not opened:
            self.periods.append((last_sequence + 1, None))
        elif frames and opened:
            first, _ = self.periods.pop()
            if first <= last_sequence:
                self.periods.append((first, last_sequence))

    def ranges(self, events: Ranges, last_sequence: int) -> Ranges:
        """All of it, up to `last_sequence`. `events`: the sequences of batches without frames."""
        if not self.periods:
            return self.whole
        closed = [(first, last_sequence if last is None else last) for first, last in self.periods]
        frames = Ranges(ends for ends in closed if ends[0] <= ends[1]).minus(events)
        return Ranges([*self.whole, *frames])
