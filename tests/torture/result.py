"""What a scenario tried, and what went wrong."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Result:
    """`counts` are for people; `wrong` is empty where everything held."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, number: int, wrong: Iterable[str]) -> None:
        """One round is over."""
        self.wrong += [f"round {number}: {text}" for text in wrong]
