"""A line to a collector elsewhere, which can be cut: bytes go through it, until nothing does."""

import asyncio
import contextlib


class Line:
    """Listens on a free port of this machine and passes on to another. `url`: where it listens."""

    def __init__(self, to_port: int) -> None:
        self.url = ""
        self._to_port, self._cut = to_port, False
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Pass nothing on any more, and let nobody in. From any thread."""
        self._loop.call_soon_threadsafe(self._cut_now)

    def _cut_now(self) -> None:
        self._cut = True
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers += [writer, there[1]]
        with contextlib.suppress(OSError):
            await asyncio.gather(self._one_way(reader, there[1]), self._one_way(there[0], writer))
        for end in (writer, there[1]):
            end.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._cut and (some := await reader.read(65536)):
            writer.write(some)
            await writer.drain()
        writer.close()
