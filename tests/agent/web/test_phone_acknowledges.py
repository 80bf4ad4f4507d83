"""A phone that never had the certificate, and a keyboard: from the browser's warning to the collector.

A real agent, whose page is opened by the address and the token that `cellwarden page enable`, and the end of
setup, print; a real collector, a unit that raises an alarm.
"""

import asyncio
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from agent.bench.wire_to_relay import ALARM_POINT, PROFILE, AlarmUnit
from agent.cli import main
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.until import until

ALARM, WAIT_S, STOPS = "rack:alarms_0.bit0:", 20, 60


class Site:
    """An agent, its collector and its page."""

    def __init__(self, folder: Path, agent: Child, url: str, token: str) -> None:
        self.folder, self.agent, self.url, self.token = folder, agent, url, token

    async def status(self, wanted: Callable[[Status], object]) -> Status:
        return await asyncio.to_thread(wait_for_status, self.agent, wanted)

    def collected(self) -> list[tuple[Any, ...]]:
        """What the collector has of who did what to the alarm."""
        query = "SELECT json_extract(record, '$.what'), json_extract(record, '$.who') FROM event"
        with closing(sqlite3.connect(f"file:{self.folder / 'collector.db'}?mode=ro", uri=True)) as db:
            return db.execute(f"{query} WHERE kind = 'change'").fetchall()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    unit = AlarmUnit()
    unit.raise_alarm(0)
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    (tmp_path / "alarm.toml").write_text(PROFILE + ALARM_POINT.format(k=0, address=16))
    with Children(tmp_path) as children:
        sink = f"sqlite:{tmp_path / 'collector.db'}"
        collector = children.start(
            "collector", "collector.cli", "serve", "--sink", sink, "--listen", "127.0.0.1:0"
        )
        url = (await asyncio.to_thread(collector.first_line)).rpartition(" ")[2]
        text = configuration.agent(tmp_path, url)
        text += configuration.tcp_unit("rack", endpoint.port, "alarm.toml", period_s=0.2)
        (tmp_path / "agent.toml").write_text(text)
        with socket.create_server(("0.0.0.0", 0)) as free:
            port = free.getsockname()[1]
        enable = ["page", "enable", "--config", str(tmp_path / "agent.toml"), "--listen", f"0.0.0.0:{port}"]
        printed = CliRunner().invoke(main, enable).output
        agent = children.start("agent", "agent.cli", "run", "--config", str(tmp_path / "agent.toml"))
        await asyncio.to_thread(
            wait_for_status, agent, lambda s: ALARM in [one["id"] for one in s["alarms"]] and s["web"]["port"]
        )
        yield Site(tmp_path, agent, *re.findall(r"^The (?:page|token): +(\S+)", printed, re.MULTILINE))
    await endpoint.stop()


@pytest.mark.long(20)
async def test_a_phone_without_the_certificate_acknowledges_by_keys_alone_and_the_collector_knows(
    site: Site, see: Callable[..., Chrome]
) -> None:
    chrome = await asyncio.to_thread(past_the_warning, site.url, see)
    await asyncio.to_thread(log_in, chrome, site.token)
    await asyncio.to_thread(acknowledge, chrome)
    said = await site.status(lambda s: [one["state"] for one in s["alarms"] if one["id"] == ALARM] == ["ACK"])
    assert said["alarms"]
    await until(lambda: site.collected() == [("acknowledge", "Kim (page)")])
    await asyncio.to_thread(chrome.get, "about:blank")


def past_the_warning(url: str, see: Callable[..., Chrome]) -> Chrome:
    """The browser warns, shows nothing of the page, and lets one go on who wants to."""
    chrome = see(url, 390, 844)
    warned = chrome.find_element(By.TAG_NAME, "body").text
    assert "ERR_CERT_AUTHORITY_INVALID" in warned
    assert "token" not in warned
    chrome.find_element(By.ID, "details-button").click()
    chrome.find_element(By.ID, "proceed-link").click()
    WebDriverWait(chrome, WAIT_S).until(lambda c: "This page needs its token." in c.page_source)
    return chrome


def log_in(chrome: Chrome, token: str) -> None:
    to(chrome, lambda e: e.get_attribute("name") == "token").send_keys(token, Keys.ENTER)
    WebDriverWait(chrome, WAIT_S).until(lambda c: c.find_elements(By.ID, "al"))


def acknowledge(chrome: Chrome) -> None:
    """The name first, which is below, then back to the alarm's own button."""
    to(chrome, lambda e: e.get_attribute("name") == "who").send_keys("Kim")
    button = to(chrome, lambda e: e.get_attribute("value") == f"one {ALARM}", Keys.SHIFT + Keys.TAB)
    assert button.accessible_name.startswith("Acknowledge: rack")
    button.send_keys(Keys.ENTER)
    WebDriverWait(chrome, WAIT_S).until(lambda c: f"acknowledged {ALARM}" in c.page_source)
    assert not chrome.find_elements(By.CSS_SELECTOR, f'button[value="one {ALARM}"]')
    assert chrome.find_element(By.NAME, "who").get_attribute("value") == "Kim", "it is remembered"


def to(chrome: Chrome, wanted: Callable[[Any], bool], key: str = Keys.TAB) -> Any:
    """Go from one stop of the keyboard to the next until it is the wanted one."""
    for _ in range(STOPS):
        chrome.switch_to.active_element.send_keys(key)
        if wanted(at := chrome.switch_to.active_element):
            return at
    raise AssertionError(f"not within {STOPS} stops of the keyboard")
