import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from agent.web.server import Page
from tests.agent.view.sites import rack, shown, status, unit
from tests.agent.web.buffers import FRAMES, buffer, cells_in_alarm, sagging


class Room:
    """A page of a site whose state the test sets."""

    def __init__(self, buffer: Path = Path("/nonexistent/buffer.db"), **more: Any) -> None:
        self.status, self.points = status([unit()]), {"rack-1": rack()}
        self.looks = 0
        self.page = Page("127.0.0.1", 0, self._look, buffer, **more)
        self.task: asyncio.Task[None] | None = None

    async def _look(self, name: str | None) -> dict[str, Any]:
        self.looks += 1
        return shown(self.status, {n: p for n, p in self.points.items() if name in (None, n)})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}/"

    async def start(self) -> None:
        self.task = asyncio.create_task(self.page.run())
        await self.page.tried.wait()
        assert self.page.trouble == ""

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    await room.start()
    yield room
    await room.stop()


@pytest.fixture
async def sagging_room(tmp_path: Path) -> AsyncIterator[Room]:
    """A room whose buffer holds the half hour in which a cell left its siblings."""
    buffer(tmp_path / "buffer.db", sagging, FRAMES)
    room = Room(tmp_path / "buffer.db")
    cells_in_alarm(room)
    await room.start()
    yield room
    await room.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("needs Debian's chromium and chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for flag in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-sync",
            f"--user-data-dir={folder}",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        chrome = webdriver.Chrome(options, Service(driver))
        yield chrome
        chrome.quit()


@pytest.fixture
def see(chromium: webdriver.Chrome) -> Callable[..., webdriver.Chrome]:
    """Open a page at a size, on a light or a dark screen."""

    def see(
        url: str, width: int, height: int, theme: str = "light", scripts: bool = True
    ) -> webdriver.Chrome:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": theme}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        chromium.get(url)
        return chromium

    return see


def pictures() -> Path | None:
    """Where screenshots are to be kept, for people to look at; None: nowhere."""
    import os

    folder = os.environ.get("CELLWARDEN_SCREENSHOTS")
    return Path(folder) if folder else None
