"""Listening where strangers connect: there is room for one more, whoever opens connections and says nothing.

Standard library only. A connection counts from when it is taken, its TLS handshake included, to when it is
closed: each is a file descriptor, and a process without a free one can neither answer nor open a port.
"""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import time
from typing import Any

from agent.wire import holder
from agent.wire.text import printable

log = logging.getLogger(__name__)

SAID_AGAIN_S = 60.0
BACKLOG = 128  # connections that wait to be taken
AT_ONCE = 32  # of them in one round of the event loop; who makes room is closed a few rounds later
SPARE = 256  # descriptors for those that are being closed, and for all else that is open


def room(wanted: int) -> int:
    """Return how many connections a process can have, at most `wanted`. It raises its own limit of open files
    for them as far as it may.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + SPARE:
        with contextlib.suppress(OSError, ValueError):  # forbidden
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted + SPARE, hard), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(wanted, soft - SPARE))


class _NoHttp(logging.Filter):
    """What is no HTTP is answered, and is no mistake here: it is logged in one line once a minute, and not
    with a traceback each time, behind which a journal drops what matters.
    """

    said_s = -SAID_AGAIN_S

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record through, or not."""
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__module__ != "aiohttp.http_exceptions":
            return True
        now_s = time.monotonic()
        if now_s - self.said_s < SAID_AGAIN_S:
            return False
        self.said_s = now_s
        said = f"{record.getMessage()}: {printable(' '.join(str(error).split()))}; said once a minute"
        record.msg, record.args, record.exc_info = said, None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


_NO_HTTP = _NoHttp()


async def listen(host: str, port: int, most: int) -> "list[Listener]":
    """Take every address of a host, for at most `most` connections together.

    Raises OSError, which says of an address in use whose process has it.
    """
    logging.getLogger("aiohttp.server").addFilter(_NO_HTTP)
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    crowd, taken = _Crowd(most), list[Listener]()
    try:
        for family, kind, number, _, address in dict.fromkeys(found):
            listener = Listener(family, kind, number)
            taken.append(listener)
            listener.crowd = crowd
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in taken:
            listener.close()
        why = (error.strerror or "cannot be had").lower()
        if error.errno == errno.EADDRINUSE:
            held = await asyncio.to_thread(holder.of_port, host, port)
            why = f"in use by {held or 'another process'}"
        raise OSError(error.errno, why) from error
    if not taken:
        raise OSError(errno.EADDRNOTAVAIL, "no address")
    return taken


class _Accepted(socket.socket):
    """A connection that says when it is closed."""

    crowd: "_Crowd | None" = None
    address = ""

    def close(self) -> None:
        """Close it."""
        if self.crowd:
            self.crowd.leave(self)
        super().close()


class Listener(socket.socket):
    """A socket that takes connections, and hangs up on the oldest of whoever has most where they are many."""

    crowd: "_Crowd"
    taken = 0

    def accept(self) -> tuple[_Accepted, Any]:
        """Take a connection. BlockingIOError: none waits, or enough were taken in this round."""
        if self.taken == AT_ONCE:
            raise BlockingIOError(errno.EAGAIN, "the rest is for the next round")
        if not self.taken:
            asyncio.get_running_loop().call_soon(self._next_round)
        self.taken += 1
        plain, address = super().accept()
        taken = _Accepted(fileno=plain.detach())
        taken.address, taken.crowd = str(address[0]), self.crowd
        self.crowd.enter(taken)
        return taken, address

    def _next_round(self) -> None:
        self.taken = 0


class _Crowd:
    """All connections, by address, oldest first."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._of: dict[str, dict[_Accepted, None]] = {}
        self._said_s = -SAID_AGAIN_S

    def enter(self, taken: _Accepted) -> None:
        self._of.setdefault(taken.address, {})[taken] = None
        self._count += 1
        while self._count > self._most:
            most = max(self._of, key=lambda address: len(self._of[address]))
            self._say(most)
            oldest = next(iter(self._of[most]))
            self.leave(oldest)
            with contextlib.suppress(OSError):  # it has gone by itself
                oldest.shutdown(socket.SHUT_RDWR)  # whoever reads from it hears the end, and closes it

    def leave(self, taken: _Accepted) -> None:
        held = self._of.get(taken.address, {})
        if taken in held:
            del held[taken]
            self._count -= 1
            if not held:
                del self._of[taken.address]

    def _say(self, address: str) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s >= SAID_AGAIN_S:
            self._said_s = now_s
            log.warning(
                "%d connections: the oldest of %s, who has %d of them, make room",
                self._most, address, len(self._of[address]),
            )  # fmt: skip
