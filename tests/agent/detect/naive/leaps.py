"""A sensor that leaps up and comes back, told plainly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Contact:
    """A sensor: its last reading, its leap in this frame and the one before, and what has been counted."""

    last: float = math.nan
    moved: float = 0.0
    before: float = 0.0
    ago_s: float = 0.0
    leaps: float = 0.0
    turns: float = 0.0
    homes: float = 0.0
    home: float = 0.0

    def read(self, dt_s: float, x: float) -> None:
        """Take a reading."""
        self.ago_s += dt_s
        self.moved = 0.0
        if math.isnan(x):
            return
        if abs(x - self.last) >= min(max(10.0, 2.0 * dt_s), 30.0):
            self.moved = x - self.last
        self.last = x

    def count(self, dt_s: float, hot_degc: float, heats: bool) -> str:
        """Count its leap; return whether it "chatters", or "leapt" alone."""
        left = math.exp(-self.ago_s / max(120.0, 12.0 * dt_s))
        self.leaps, self.turns, self.homes, self.ago_s = (
            left * self.leaps,
            left * self.turns,
            left * self.homes,
            0.0,
        )
        came_from = self.last - self.moved
        if self.leaps < 0.3:
            self.leaps = self.turns = self.homes = 0.0
            self.home = -math.inf if heats or came_from >= hot_degc else min(came_from, self.last)
        elif (self.moved > 0.0) != (self.before > 0.0):
            self.turns += 1.0
        elif self.turns == 0.0 and self.moved > 0.0 and max(self.moved, self.before) <= 3.5 * dt_s:
            self.home = -math.inf
        self.leaps, self.before = self.leaps + 1.0, self.moved
        self.homes += self.moved < 0.0 and self.last < hot_degc and abs(self.last - self.home) <= 5.0
        self.home = min(self.home, self.last)
        return "chatters" if self.leaps >= 4.0 and self.turns >= 2.4 and self.homes >= 0.6 else "leapt"


def take(
    contacts: Sequence[Contact],
    dt_s: float,
    hot_degc: float,
    x: Sequence[float],
    heats: Sequence[bool],
    believed: Sequence[bool],
) -> list[str]:
    """Take a frame of one group; return what each says, "" nothing."""
    for contact, degc, burns in zip(contacts, x, believed, strict=True):
        contact.read(dt_s, degc)
        if burns and degc >= hot_degc:
            contact.moved = 0.0
    together = sum(contact.moved != 0.0 for contact in contacts)
    return [
        contact.count(dt_s, hot_degc, hot) if contact.moved != 0.0 and together <= 2 else ""
        for contact, hot in zip(contacts, heats, strict=True)
    ]
