"""How often a read was tried. Pure."""

from dataclasses import dataclass

OTHERS = 3  # that had to be answered before it, and were not: so many take no try from it


@dataclass(slots=True)
class Tries:
    """Tries of one read."""

    made: int = 0
    _others: int = 0

    @property
    def begun(self) -> bool:
        """Whether anything has been asked."""
        return bool(self.made or self._others)

    def count(self, *, asked: bool = True) -> int:
        """Count one, and return how many there were. asked: as in `Answer`."""
        if asked or self._others >= OTHERS:
            self.made += 1
        else:
            self._others += 1
        return self.made
