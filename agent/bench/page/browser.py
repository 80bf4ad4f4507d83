"""Chromium without a window, driven over its own protocol (DevTools), for what only a browser can tell."""

import asyncio
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "needs Chromium: sudo apt-get install chromium"
FLAGS = ("--headless=new", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
QUIET = ("--hide-scrollbars", "--no-first-run", "--disable-sync", "--remote-debugging-port=0")
LOADED = "new Promise(d => document.readyState === 'complete' ? d() : addEventListener('load', d))"
READY_S, ANSWER_S = 30.0, 120.0


class BrowserError(Exception):
    """The browser did not do what it was asked."""


def installed() -> str:
    """Return the path of Chromium; "": there is none."""
    return next(filter(None, map(shutil.which, NAMES)), "")


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something, and return what comes of it; what happens meanwhile is not looked at."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(ANSWER_S):
            while (said := await self._socket.receive_json()).get("id") != number:
                pass
        if "error" in said:
            raise BrowserError(f"{method}: {said['error'].get('message')}")
        return dict(said["result"])

    async def run(self, script: str) -> Any:
        """Return what a script comes to, once that is there."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        said = await self.call("Runtime.evaluate", **asked)
        if "exceptionDetails" in said:
            raise BrowserError(str(said["exceptionDetails"].get("text")))
        return said["result"].get("value")

    async def open(self, url: str) -> None:
        """Go there, and wait until all of it has come."""
        if why := (await self.call("Page.navigate", url=url)).get("errorText"):
            raise BrowserError(f"{url}: {why}")
        await self.run(LOADED)

    async def look(self, width: int, height: int, theme: str = "light") -> None:
        """Be a screen of so many CSS pixels; a narrow one is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": theme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])


@asynccontextmanager
async def tab(path: str) -> AsyncIterator[Tab]:
    """Start the browser at `path`, give its one page, and end it."""
    flags = [*FLAGS, *QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            path, *flags, f"--user-data-dir={folder}", "about:blank", stdout=quiet, stderr=quiet
        )
        try:
            async with aiohttp.ClientSession() as session:
                port = await asyncio.to_thread(_port, Path(folder) / "DevToolsActivePort")
                async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                    pages = [one for one in await response.json() if one["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Tab(socket)
        finally:
            process.terminate()
            await process.wait()


def _port(file: Path) -> int:
    """Return the port at which the browser answers, once it has written that."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if file.exists() and (lines := file.read_text().split()):
            return int(lines[0])
        time.sleep(0.05)
    raise BrowserError(f"Chromium did not start within {READY_S:.0f} s")
