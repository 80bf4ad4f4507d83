"""One thing that is asked of a collector, and the exchange by which it is found out. Pure."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from agent.wire import CONTENT_TYPE, PATH

T = TypeVar("T")

#: What a row can need that not every run has, and what is said where it is not there.
NEEDS = {
    "restart": "needs --restart",
    "names": "needs agents of any name; a certificate names one",
    "certificate": "needs --cert",
    "more": "it answers six elements, as collectors of 0.1.0 do: agents send it five",
}


class Wrong(Exception):
    """A collector does something that the page does not allow; one line says what."""


@dataclass(frozen=True, slots=True)
class Row:
    """section: a heading of docs/wire-format.md. needs: words of `NEEDS`."""

    id: str
    section: str
    asked: str
    why: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A request to be sent, and what an answer to it may speak of.

    epoch: None where the body says none. carried: sequences in it. needed: hashes of schemas that batches of
    this agent need. brought: of those in it. most: the highest sequence that the collector can have heard of.
    """

    body: bytes
    epoch: bytes | None = None
    carried: frozenset[int] = frozenset()
    needed: frozenset[bytes] = frozenset()
    brought: frozenset[bytes] = frozenset()
    most: int = 0
    method: str = "POST"
    path: str = PATH
    content_type: str = CONTENT_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered. types: every Content-Type. coding: Content-Encoding, "" none."""

    status: int
    types: tuple[str, ...]
    coding: str
    body: bytes


#: Gives posts that go out at once, and is given their replies in the same order.
Course = Generator[list[Post], list[Reply], T]
#: Given in place of posts: the collector is restarted.
RESTART: list[Post] = []


@dataclass(frozen=True, slots=True)
class Check:
    """A row, and what makes its course for the run of this name."""

    row: Row
    course: Callable[["Run"], Course[None]]


@dataclass(slots=True)
class Run:
    """What is this run's own: the name of its agents, epochs and schema come from it.

    certified: the only agent that may be played, "" any.
    """

    name: str
    certified: str = ""
    more: bool = False
    made: int = 0

    def number(self) -> int:
        """Return another number each time."""
        self.made += 1
        return self.made
