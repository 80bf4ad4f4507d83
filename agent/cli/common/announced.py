"""Who announces itself in the local network: shown to people as a hint, taken for nothing else."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from agent.view.language import tell, tr

if TYPE_CHECKING:
    from agent.box.discovery import Announced

LISTEN_S = 1.5  # answers to the first question come within a second (RFC 6762, 6)
HINT = "a hint only: anybody can say so; who it really is, its certificate says"


class Search:
    """Listens for agents, or for `collectors`, beside other work. Without a network, nobody is found."""

    def __init__(self, *, collectors: bool = False) -> None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="discovery")
        self._found = pool.submit(_look, collectors)
        pool.shutdown(wait=False)

    def found(self) -> "list[Announced]":
        """Return who was heard, once the time is over."""
        return self._found.result()


def _look(collectors: bool) -> "list[Announced]":
    from agent.box.discovery import AGENT, COLLECTOR, find  # 0.1 s, spent beside the rest

    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # an interface without multicast is no news
    try:
        return asyncio.run(find(COLLECTOR if collectors else AGENT, LISTEN_S))
    except OSError:  # no network, or none with multicast
        return []


def lines(found: "list[Announced]") -> list[str]:
    """Return a line for each: name, address, and what it says of itself."""
    width = max((len(one.name) for one in found), default=0)
    return [
        "   ".join(text for text in (f"{one.name:<{width}}", one.url, one.said.get("site", "")) if text)
        for one in found
    ]


def agents_told(found: "list[Announced]") -> str:
    """Return what a person is told of agents; "" of none."""
    if not found:
        return ""
    head = tell("Agents that announce their page in this network ({hint}):", hint=tr(HINT))
    return "\n  ".join([head, *lines(found)])
