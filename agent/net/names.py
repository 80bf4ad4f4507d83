"""Where a machine is. Names are looked up in threads that a stop does not wait for."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

#: One address, as `socket.getaddrinfo` returns it.
AddrInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

LOOK_UP_S = 30.0  # resolv.conf: two tries of 5 s at each of three name servers
AGAIN_S = 0.3  # how long a new look-up is waited for where an address is known already
FRESH_S = 60.0  # an address is believed for so long
RETRY_S = 10.0  # and for so long where no name server said otherwise


def look_up(host: str, port: int, family: int = 0, flags: int = 0) -> asyncio.Future[Sequence[AddrInfo]]:
    """Return the addresses of a host, for streams; the future raises OSError, or UnicodeError of no name."""
    found: asyncio.Future[Sequence[AddrInfo]] = asyncio.get_running_loop().create_future()
    found.add_done_callback(lambda done: done.cancelled() or done.exception())  # whether or not anybody waits
    Thread(target=_look_up, args=(found, host, port, family, flags), daemon=True).start()
    return found


def _look_up(
    found: asyncio.Future[Sequence[AddrInfo]], host: str, port: int, family: int, flags: int
) -> None:
    tell: Callable[[Any], None] = found.set_result
    result: Any
    try:
        result = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError) as error:
        tell, result = found.set_exception, error
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        found.get_loop().call_soon_threadsafe(lambda: None if found.done() else tell(result))


class Addresses:
    """The addresses of one host. What is known holds while no name server answers."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._known: Sequence[AddrInfo] = []
        self._until_s = 0.0
        self._looking: asyncio.Future[Sequence[AddrInfo]] | None = None

    async def get(self) -> Sequence[AddrInfo]:
        """Return them, in the system's order. Raises OSError, ValueError (no name), TimeoutError."""
        if not self._known:
            with contextlib.suppress(OSError, UnicodeError):  # an address needs no name server
                return socket.getaddrinfo(
                    self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
                )
        if not self._known or time.monotonic() >= self._until_s:
            await self._refresh()
        return self._known

    def doubt(self) -> None:
        """Look it up anew before the next use: it did not answer there."""
        self._until_s = 0.0

    async def _refresh(self) -> None:
        looking = self._looking = self._looking or look_up(self._host, self._port)
        await asyncio.wait({looking}, timeout=AGAIN_S if self._known else LOOK_UP_S)
        self._until_s = time.monotonic() + RETRY_S
        if not looking.done():
            if not self._known:
                raise TimeoutError
            return
        self._looking = None
        if looking.exception() is None or not self._known:
            self._known = looking.result()
            self._until_s = time.monotonic() + FRESH_S
