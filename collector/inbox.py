"""Bodies on their way in: whoever is slow holds up nobody but itself, and memory stays bounded."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

COMING_BYTES = 64 * 1024 * 1024
COMING_BODIES = 512  # each is a file descriptor, too


class TooLong(Exception):
    """More bytes than a request may have."""


class Crowded(Exception):
    """A body had to make room for others."""


@dataclass(slots=True, eq=False)
class _Body:
    sender: str
    deadline: asyncio.Timeout
    content: bytearray = field(default_factory=bytearray)
    ousted: bool = False


class Inbox:
    """Reads bodies. One that is not whole yet has no claim: where there are too many, or too many bytes, the
    oldest of the sender who holds most of them has to go, so that whatever comes in one piece comes in.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.coming: list[_Body] = []  # oldest first
        self.bytes = 0

    async def read(self, http: web.Request, sender: str, most: int) -> bytes:
        """The whole body. Raises TimeoutError, TooLong (of more than `most` bytes) or Crowded."""
        body = _Body(sender, asyncio.timeout(self._timeout_s))
        try:
            async with body.deadline:
                self.coming.append(body)
                self._make_room()
                while not body.ousted and (chunk := await http.content.readany()):
                    if len(body.content) + len(chunk) > most:
                        raise TooLong
                    body.content += chunk
                    self.bytes += len(chunk)
                    self._make_room()
        except TimeoutError:
            if not body.ousted:
                raise
        finally:
            content = bytes(body.content)
            self._forget(body)
        if body.ousted:
            raise Crowded
        return content

    def _make_room(self) -> None:
        while self.bytes > COMING_BYTES or len(self.coming) > COMING_BODIES:
            held: Counter[str] = Counter()
            for body in self.coming:
                held[body.sender] += len(body.content) + COMING_BYTES // COMING_BODIES
            most = max(held, key=lambda sender: held[sender])
            oldest = next(body for body in self.coming if body.sender == most)
            oldest.ousted = True
            oldest.deadline.reschedule(asyncio.get_running_loop().time())
            self._forget(oldest)

    def _forget(self, body: _Body) -> None:
        if body in self.coming:
            self.coming.remove(body)
            self.bytes -= len(body.content)
            body.content.clear()
