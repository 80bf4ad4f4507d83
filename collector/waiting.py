"""Pieces of requests that wait to be stored, and whose turn it is. Pure, but for the futures."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from agent.wire import Limits, Request
from collector.admission import PIECE_BYTES, inflated
from collector.intake import IntakeResult

Turn = tuple[str, str]  # sender and agent: behind a proxy, one sender is many agents


@dataclass(eq=False, slots=True)
class Piece:
    """A request, or a part of one. certificate_ends_ns: of its connection. stored: what becomes of it."""

    request: Request
    certificate_ends_ns: int | None
    stored: "asyncio.Future[IntakeResult]"


@dataclass
class Waiting:
    """What waits, in a line for each turn; whose turn is next comes first. What is stored together takes no
    longer than one piece may (`PIECE_BYTES`), and has one piece of an agent at most.
    """

    limits: Limits
    lines: dict[Turn, deque[Piece]] = field(default_factory=dict)

    def put(self, turn: Turn, piece: Piece) -> None:
        """Put a piece at the end of its line."""
        self.lines.setdefault(turn, deque()).append(piece)

    def take(self) -> list[Piece]:
        """Take out what is stored together next; nothing where nobody waits for an answer any more."""
        size, agents, taken = 0, set[str](), list[Piece]()
        for turn in list(self.lines):
            line = self.lines[turn]
            while line and line[0].stored.done():  # whoever sent it is gone
                line.popleft()
            if line:
                agent, more = line[0].request.agent, inflated(line[0].request, self.limits)
                if agent in agents:
                    continue
                if taken and size + more > PIECE_BYTES:
                    break
                taken.append(line.popleft())
                agents.add(agent)
                size += more
            del self.lines[turn]
            if line:
                self.lines[turn] = line  # behind all others
        return taken
