"""The system's names for one HTTP session."""

import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from agent.net.names import look_up

NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Names(AbstractResolver):
    """The system's names, looked up without holding up a stop."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError."""
        return [
            ResolveResult(
                hostname=host, host=_text(address), port=port, family=of, proto=proto, flags=NUMERIC
            )
            for of, _, proto, _, address in await look_up(host, port, family, socket.AI_ADDRCONFIG)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _text(address: tuple[Any, ...]) -> str:
    """Return an address; a link-local one of IPv6 with its interface."""
    scope = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{socket.if_indextoname(scope)}" if scope else str(address[0])
