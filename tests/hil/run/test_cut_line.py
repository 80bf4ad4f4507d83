"""A line passes bytes on until it is cut, from whichever thread."""

import asyncio

import pytest

from hil.run.line import Line


async def test_a_line_that_another_thread_cuts_ends_what_it_carried_and_lets_nobody_in() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(100):
            writer.write(some)
        writer.close()

    async with asyncio.timeout(10.0), await asyncio.start_server(echo, "127.0.0.1", 0) as there:
        line = Line(there.sockets[0].getsockname()[1])
        await line.start()
        port = int(line.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"alarm")
        assert await reader.readexactly(5) == b"alarm"
        await asyncio.to_thread(line.cut)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        with pytest.raises(OSError):  # noqa: PT011, each system has its own words
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
