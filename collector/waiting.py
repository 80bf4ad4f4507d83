"""Pieces of requests that wait to be stored, and whose turn it is. Pure, but for the futures."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from agent.wire import Limits, Request
from collector.admission import PIECE_BYTES, inflated
from collector.intake import IntakeResult


@dataclass(eq=False, slots=True)
class Piece:
    """A request, or a part of one. certificate_ends_ns: of its connection. stored: what becomes of it."""

    request: Request
    certificate_ends_ns: int | None
    stored: "asyncio.Future[IntakeResult]"


@dataclass
class Waiting:
    """What waits, in lines by sender and agent; whose turn is next comes first.

    Senders take turns, and within one its agents do: a proxy is one sender of many agents, and who makes up
    names of agents gets no more turns by it. What is stored together takes no longer than one piece may
    (`PIECE_BYTES`), and has one piece of an agent at most.
    """

    limits: Limits
    lines: dict[str, dict[str, deque[Piece]]] = field(default_factory=dict)

    def put(self, sender: str, piece: Piece) -> None:
        """Put a piece at the end of its line."""
        self.lines.setdefault(sender, {}).setdefault(piece.request.agent, deque()).append(piece)

    def take(self) -> list[Piece]:
        """Take out what is stored together next; nothing where nobody waits for an answer any more."""
        size, taken = 0, dict[str, Piece]()
        turns = deque((sender, iter(list(lines))) for sender, lines in self.lines.items())
        while turns:
            sender, agents = turns.popleft()
            agent = next((one for one in agents if one not in taken and self._waits(sender, one)), None)
            if agent is None:
                continue
            more = inflated(self.lines[sender][agent][0].request, self.limits)
            if taken and size + more > PIECE_BYTES:
                break
            taken[agent] = self._served(sender, agent)
            size += more
            turns.append((sender, agents))
        return list(taken.values())

    def _waits(self, sender: str, agent: str) -> bool:
        """Whether anybody in a line waits for an answer; whoever is gone is taken out."""
        line = self.lines[sender][agent]
        while line and line[0].stored.done():
            line.popleft()
        if not line:
            self._leave(sender, agent)
        return bool(line)

    def _served(self, sender: str, agent: str) -> Piece:
        """Take the first of a line; what is behind it waits behind all others."""
        line = self._leave(sender, agent)
        piece = line.popleft()
        lines = self.lines.pop(sender, {})
        if line:
            lines[agent] = line
        if lines:
            self.lines[sender] = lines
        return piece

    def _leave(self, sender: str, agent: str) -> deque[Piece]:
        line = self.lines[sender].pop(agent)
        if not self.lines[sender]:
            del self.lines[sender]
        return line
