"""Debian's Chromium, as tests look at pages with it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@contextmanager
def new_chrome() -> Iterator["Chrome"]:
    """Start Chromium, without a window; RuntimeError where it is not installed."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        raise RuntimeError("needs Debian's chromium and chromium-driver")
    from selenium import webdriver  # not everywhere where other tests run
    from selenium.webdriver.chrome.service import Service

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
        try:
            yield chrome
        finally:
            chrome.quit()


def sized(chrome: "Chrome", width: int, height: int, scale: int = 1) -> None:
    """Make its window so large, in CSS pixels; a narrow one is a phone's."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture(scope="session")
def chromium() -> Iterator["Chrome"]:
    """One for all tests; each sets what it wants."""
    if not shutil.which("chromedriver"):
        pytest.skip("needs Debian's chromium and chromium-driver")
    with new_chrome() as chrome:
        yield chrome


@pytest.fixture
def see(chromium: "Chrome") -> "Callable[..., Chrome]":
    """Open a page at a size, on a light or a dark screen."""

    def see(url: str, width: int, height: int, theme: str = "light", scripts: bool = True) -> "Chrome":
        sized(chromium, width, height)
        feature = {"name": "prefers-color-scheme", "value": theme}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        chromium.get(url)
        return chromium

    return see


def pictures() -> Path | None:
    """Where screenshots are to be kept, for people to look at; None: nowhere."""
    folder = os.environ.get("CELLWARDEN_SCREENSHOTS")
    return Path(folder) if folder else None
