"""Debian's ser2net between a socket and the bench's slave on a pty."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

needs_ser2net = pytest.mark.skipif(
    not shutil.which("ser2net", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="needs ser2net (Debian: ser2net)",
)

CONNECTION = """
connection: &line
  accepter: {accepter}tcp,localhost,{port}
  connector: serialdev,{device},{setting},local
  options:
    kickolduser: true
"""


@contextlib.asynccontextmanager
async def ser2net(folder: Path, accepter: str, port: int, device: Path, setting: str) -> AsyncIterator[None]:
    """Run it, with one connection. accepter: what stands before "tcp". setting: as 9600n81."""
    conf = folder / "ser2net.yaml"
    conf.write_text("%YAML 1.1\n---" + CONNECTION.format(**locals()))
    path = shutil.which("ser2net", path=f"{os.environ['PATH']}:/usr/sbin")
    assert path
    process = await asyncio.create_subprocess_exec(
        path,
        "-n",
        "-d",
        "-u",
        "-c",
        str(conf),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
