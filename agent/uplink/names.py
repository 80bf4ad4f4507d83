"""Look up names in threads that nobody waits for: a stop must not wait for a name server that is away."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Names(AbstractResolver):
    """The system's names, for one session."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError."""
        found: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        Thread(target=_look_up, args=(found, host, port, family), daemon=True).start()
        return [
            ResolveResult(
                hostname=host, host=_text(address), port=port, family=of, proto=proto, flags=NUMERIC
            )
            for of, _, proto, _, address in await found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _look_up(found: "asyncio.Future[list[Any]]", host: str, port: int, family: int) -> None:
    tell: Callable[[Any], None] = found.set_result
    result: Any
    try:
        result = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError) as error:
        tell, result = found.set_exception, error
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        found.get_loop().call_soon_threadsafe(lambda: None if found.done() else tell(result))


def _text(address: tuple[Any, ...]) -> str:
    """Return an address; a link-local one of IPv6 with its interface."""
    scope = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{socket.if_indextoname(scope)}" if scope else str(address[0])
