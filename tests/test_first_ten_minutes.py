"""The first ten minutes of a technician: four unlike units on one RTU bus, two TCP endpoints, an empty
directory, a real terminal, a phone, a cable that is pulled. CELLWARDEN_TRANSCRIPT=1 writes what the terminal
showed into docs/field-guide.md.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from agent.cli.demo.story import AT_SHORT, SHORTED_UNIT
from hil.run import rooms
from hil.run.processes import Child, Status, wait_for_status
from tests.agent.cli.test_scan import BAUD
from tests.browser import pictures
from tests.terminal import BIN, Command, Terminal

BEGIN, END = "<!-- transcript -->\n", "<!-- end -->"
GUIDE = Path(__file__).parents[1] / "docs/field-guide.md"
LINE = f"{BAUD}-8N1"
RTU = {
    1: ("pace-rtu", {"cells": 16}),
    2: ("eg4-ll", {"cells": 16}),
    5: ("pylontech-powercube-m2", {"modules": 4, "cells": 15}),
    9: ("huawei-ups2000", {"cells": 16}),
}
TCP = {
    "sunspec-lithium-ion": {"modules": 4, "cells": 14},
    "apc-smart-ups": {"modules": 4, "cells": 14},
}


def tables() -> tuple[str, str]:
    """The room's serial line, and what is on its network, as room files."""
    line = rooms.bus("rs485", link="ttyUSB0", baud=BAUD)
    for unit_id, (profile, rack) in RTU.items():
        source = {"rack": {**rack, "sensors": 4, "seed": unit_id}}
        line += rooms.rtu_unit(f"u{unit_id}", "rs485", profile, source, unit_id=unit_id)
    network = "".join(
        rooms.tcp_unit(profile, profile, {"rack": {**rack, "seed": 1}}) for profile, rack in TCP.items()
    )
    return line, network


@dataclass
class Room:
    """A room that is served: where its TCP units are, and the cable of its line."""

    hosts: list[str]
    line: "subprocess.Popen[bytes]"

    def pull_the_cable(self) -> None:
        """Nothing answers on the line any more; the adapter is still there."""
        self.line.send_signal(signal.SIGSTOP)

    def plug_it_back(self) -> None:
        self.line.send_signal(signal.SIGCONT)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Serve the room."""
    served, hosts = [], []
    for text in tables():
        (tmp_path / "room.toml").write_text(text)
        command = [str(BIN / "cellwarden-hil"), "serve", "room.toml"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE)
        served.append(process)
        assert process.stdout is not None
        units = json.loads(process.stdout.readline())["units"]
        hosts += [f"{unit['host']}:{unit['port']}" for unit in units if unit["transport"] == "tcp"]
        (tmp_path / "room.toml").unlink()
    room = Room(hosts, served[0])
    yield room
    room.plug_it_back()
    for process in served:
        with process:
            process.terminate()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """The demo, running; where its files are."""
    command = [str(BIN / "cellwarden"), "demo", "--seconds", "45", "--json", "--keep", str(tmp_path / "kept")]
    with (
        (tmp_path / "out").open("w") as out,
        (tmp_path / "err").open("w") as err,
        subprocess.Popen(command, stdout=out, stderr=err) as process,
    ):
        yield tmp_path
        process.terminate()


@pytest.mark.long(200)
@pytest.mark.timeout(300)
def test_from_unboxing_to_signed_off_without_reading_source(
    room: Room, tmp_path: Path, see: Callable[..., Chrome]
) -> None:
    at = Terminal(tmp_path)

    found = at.run(f"scan ./ttyUSB0 --line {LINE}")
    for unit_id, (profile, _) in RTU.items():
        assert re.search(rf"^{unit_id} +{BAUD} 8N1 .* {profile} ", found, re.M), found
    found = at.run(f"scan {' '.join(room.hosts)}")
    assert all(profile in found for profile in TCP)

    shown = at.run(f"probe ./ttyUSB0 --id 1 --line {LINE} 40016 --count 2")
    assert "plausible cell" in shown

    endpoints = " ".join(f"--endpoint {where}" for where in ("./ttyUSB0", *room.hosts))
    said = at.run(
        f"setup --config agent.toml {endpoints} --line {LINE} --chemistry LFP --yes --by A.Technician"
    )
    assert "56 cell voltages in 4 modules" in said
    assert "not computed for units that describe themselves (rack-5)" in said
    assert not (tmp_path / "agent.toml.setup").exists()
    assert "6 units on 3 buses" in at.run("check --config agent.toml")
    doctor = at.run("doctor --config agent.toml", status=1)
    assert "CW-502" in doctor  # there is no collector
    assert re.search(r"^good .*\bbus\b.*profile match", doctor, re.M), doctor

    with running(tmp_path) as url:
        chrome = see(url, 390, 844)
        the_worst_cell_is_named_on_the_first_screen(chrome)
        a_pulled_cable_is_seen_and_said(room, chrome, at)
        room.plug_it_back()
        the_gap_stays_visible(chrome)
    the_report_opens_offline(tmp_path / "commissioning.html", chrome)
    if "CELLWARDEN_TRANSCRIPT" in os.environ:
        _publish(at.shown, tmp_path)
    published = GUIDE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert _said(published) == _said(at.shown.replace(f"{tmp_path}/", "")), (
        "the guide's transcript is old: see the first lines of this file"
    )


def told_page(demo: Path) -> str:
    """Return where the demo says that its page is."""
    told = eventually(lambda: re.search(r"status page: (http://\S+)", (demo / "err").read_text()), 60.0)
    return str(told[1])


def the_demo_shows_a_page_and_a_live_view(demo: Path) -> None:
    page = urllib.request.urlopen(told_page(demo)).read().decode()
    assert all(rack in page for rack in ("rack-a", "rack-b", "rack-c"))
    live = Command(demo, f"live --socket {demo}/kept/control.sock", term="xterm")
    live.wait_for("cellwarden live", 10.0)
    live.wait_for("links 3 of 3 answering", 10.0)
    live.type("q")
    assert live.end() == 0


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The agent of the configuration that setup wrote; yields where its page is."""
    config = folder / "agent.toml"  # another agent of this machine may have the page's port
    config.write_text(config.read_text() + '\n[web]\nlisten = "127.0.0.1:0"\n')
    with (folder / "agent.log").open("w") as log:
        command = [str(BIN / "cellwarden"), "run", "--config", str(config)]
        with subprocess.Popen(command, cwd=folder, stderr=log) as agent:
            try:
                status = wait_for_status(Child("agent", agent, folder / "agent.log"), ready)
                yield f"http://127.0.0.1:{status['web']['port']}/"
            finally:
                agent.terminate()


def ready(status: Status) -> bool:
    return bool(status["health"]["ready"] and not status["web"]["trouble"])


def eventually(look: Callable[[], Any], seconds: float) -> Any:
    """Look again and again, until there is something to see."""
    deadline_s = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline_s, look
        time.sleep(0.1)
    return found


def the_worst_cell_is_named_on_the_first_screen(chrome: Chrome) -> None:
    headline = chrome.find_element(By.ID, "hl")
    assert "NORMAL - LIVE" in headline.text
    assert re.search(r"Worst cell: rack-\d (string \d+ module \d+ )?cell \d+, [+-]\d+ mV", headline.text)
    assert headline.rect["y"] + headline.rect["height"] < 844
    keep(chrome, "first-phone")


def a_pulled_cable_is_seen_and_said(room: Room, chrome: Chrome, at: Terminal) -> None:
    """STALE within 15 s, BLIND within 75 s; at no time is anything called normal."""
    live = Command(at.folder, "live --plain --socket control.sock")
    live.wait_for("rack-6 LIVE", 10.0)
    room.pull_the_cable()
    pulled_s = time.monotonic()
    said = until_it_says(chrome, "STALE", 15.0)
    assert "LAST KNOWN: normal" in said
    keep(chrome, "first-stale")
    doctor_names_the_cable(at)
    said = until_it_says(chrome, "BLIND", 75.0 - (time.monotonic() - pulled_s))
    assert "any state is possible" in said
    assert "NORMAL" not in chrome.find_element(By.TAG_NAME, "body").text
    assert "BLIND" in chrome.find_element(By.ID, "say").get_attribute("textContent")
    unseen = "The battery may be in any state."  # the first rack may be blind a moment after another
    WebDriverWait(chrome, 10.0, 0.2).until(lambda c: unseen in c.find_element(By.ID, "bl0").text)
    assert "CW-201: it does not answer; device off or cable out" in chrome.find_element(By.ID, "bl0").text
    keep(chrome, "first-blind")
    for rack in range(1, 5):
        live.wait_for(f"rack-{rack} BLIND", 10.0)
    live.type("\x03")
    live.end()
    shown = at.keep(live)
    assert re.search(r"rack-1 STALE.*rack-1 BLIND", shown, re.S)
    assert not re.search(r"rack-[56] (STALE|BLIND)", shown)  # on the network


def until_it_says(chrome: Chrome, word: str, seconds: float) -> str:
    page = WebDriverWait(chrome, seconds, 0.2, ignored_exceptions=[StaleElementReferenceException])
    page.until(lambda c: word in c.find_element(By.ID, "hl").text)  # it may read itself again meanwhile
    return chrome.find_element(By.ID, "hl").text


def doctor_names_the_cable(at: Terminal) -> None:
    doctor = at.run("doctor --config agent.toml", status=1)
    assert doctor.count("PROBLEM  bus") == 1, doctor  # one cause, not four
    assert "no answer from any of 4 units (ids 1, 2, 5, 9)" in doctor
    assert "device off or cable out" in doctor
    assert "PROBLEM  page" not in doctor, doctor  # it is where the agent says, not where the file says
    assert not re.search(r"^note +cells +rack-[1-4]", doctor, re.M), doctor  # that follows from it
    assert re.search(r"Try: +cellwarden scan \S*ttyUSB0  ", doctor), doctor


def the_gap_stays_visible(chrome: Chrome) -> None:
    """What is read again stands behind a hatched gap, in the trend and in the history."""
    until_it_says(chrome, "- LIVE", 30.0)

    def drawn(c: Chrome) -> bool:
        trend = c.find_element(By.CSS_SELECTOR, "#f0-voltage .trend")
        return bool(trend.find_elements(By.CLASS_NAME, "gap") and trend.find_elements(By.TAG_NAME, "path"))

    WebDriverWait(chrome, 100.0, 0.5).until(drawn)  # a point is of a minute
    keep(chrome, "first-back")


def the_report_opens_offline(report: Path, chrome: Chrome) -> None:
    text = report.read_text()
    assert "http" not in re.sub(r"http://127\.0\.0\.1:8440", "", text)  # self-contained
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    chrome.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        chrome.get(report.as_uri())
        shown = chrome.find_element(By.TAG_NAME, "body").text
        assert "A.Technician" in shown
        assert all(f"rack-{n}" in shown for n in range(1, 7))
        keep(chrome, "first-report")
    finally:
        chrome.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, "offline": False})


def keep(chrome: Chrome, name: str) -> None:
    if folder := pictures():
        chrome.save_screenshot(str(folder / f"{name}.png"))


def _publish(shown: str, folder: Path) -> None:
    text = GUIDE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    shown = "\n".join(line.rstrip() for line in shown.replace(f"{folder}/", "").splitlines())
    GUIDE.write_text(f"{before}{BEGIN}```\n{shown}\n```\n{END}{after}")


def _said(shown: str) -> set[str]:
    """Return what scan, probe and the steps of setup say, without figures, columns and what was answered:
    nothing of it depends on how busy the machine is.
    """
    found = set()
    for command, text in re.findall(r"^\$ cellwarden (\w+)[^\n]*\n(.*?)(?=^\$|\Z)", shown, re.M | re.DOTALL):
        lines = [
            line for line in text.splitlines() if command in ("scan", "probe") or re.match(r"\d/6", line)
        ]
        found |= {f"{command}: " + " ".join(re.sub(r" > .*|[\dA-F.:]+", "#", line).split()) for line in lines}
    return found


@pytest.mark.long(60)
def test_the_demo_shows_a_page_hears_the_short_where_it_is_and_accounts_for_every_frame(demo: Path) -> None:
    the_demo_shows_a_page_and_a_live_view(demo)
    last = eventually(lambda: (demo / "out").read_text().splitlines()[-1:], 100.0)
    said = json.loads(last[0])
    assert said["problems"] == []
    assert {alarm["unit"] for alarm in said["alarms"]} == {SHORTED_UNIT}
    at_cell = [a for a in said["alarms"] if a["location"] in AT_SHORT]
    assert 0 < min(a["t_s"] for a in at_cell) - said["short_started_t_s"] < 30
    assert {a["severity"] for a in said["alarms"]} <= {"critical", "warning", "advice"}
    assert (
        min(a["t_s"] for a in said["alarms"] if a["severity"] == "critical") < said["short_started_t_s"] + 28
    )
    accounted = said["batches_acknowledged"] + said["batches_pending"] + said["batches_dropped"]
    assert said["batches_sealed"] == accounted > 0
    assert said["frames"] == said["collector_frames"] > 3 * 35
    assert said["values"] == said["collector_values"]
    assert 0 < said["wire_bytes_per_value"] < 1
    assert {"poll_errors", "collector_duplicates", "rss_mb", "cpu_percent"} <= said.keys()
    assert sorted(os.listdir(demo / "kept"))[0] == "agent.log"
