"""The dialogue of setup at a real terminal, and the limits that somebody must look at."""

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.box.discovery import COLLECTOR
from agent.cli import main
from agent.cli.scan.remembered import recent
from agent.cli.setup.label import counted
from agent.transport.table import parse
from hil.modbus.rtu import RtuBus
from hil.run.processes import Children
from tests.agent.box.test_discovery import found
from tests.agent.cli.test_scan import BAUD, pace
from tests.collector.processes import Collector
from tests.terminal import Terminal

CTRL_C = "\x03"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace()})
    served.start()
    yield served
    served.stop()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    with Children(tmp_path) as children:
        yield children


def start_agent(children: Children, config: Path) -> None:
    """As the person does in another terminal, once there is a file to start it with."""

    def start() -> None:
        while "[[unit]]" not in config.read_text():
            time.sleep(0.05)
        children.start("agent", "agent.cli", "run", "--config", str(config))

    threading.Thread(target=start, daemon=True).start()


@pytest.mark.long(35)
@pytest.mark.usefixtures("multicast")
def test_a_stopped_setup_leaves_nothing_half_written_and_goes_on_to_the_signed_report(
    tmp_path: Path, bus: RtuBus, children: Children
) -> None:
    at, config = Terminal(tmp_path), tmp_path / "agent.toml"
    find = f"--endpoint ./bus --line {BAUD}-8N1 --id 1"
    stopped = at.run(f"setup --config agent.toml {find}", {"Use it?": "y", "on the panel": CTRL_C}, status=1)
    assert "it resumes at the open step" in stopped
    assert not config.exists()

    config.write_text("# what was there before\n")
    name = f"noc-{os.getpid()}"
    with Collector(tmp_path / "collector.db", "--announce", name) as collector:
        heard: list[str] = []
        for _ in range(20):  # seconds
            heard = [one.name for one in asyncio.run(found(COLLECTOR, 1))]
            if name in heard:
                break
        answers = {
            "on the panel": "north-1",
            "panel show?": "53.5",
            "on its plate?": "pack_serial BA999",
            "as people say it": "Raum 3",
            "or its number": "0",
            "URL, or its number": str(1 + heard.index(name)),
            "6/6 Write": "y",
            "Open the page": "",
            "Start it in another terminal": "",
            "Raise one test alarm?": "y",
            "Acknowledge the test alarm": "y",
        }
        start_agent(children, config)
        resumed = at.run("setup --config agent.toml --by A.Technician", answers, status=1)
        url = collector.url
    assert "it goes on at step 4 (< goes back a step, --fresh begins anew)" in resumed
    assert "2/6" not in resumed
    assert "a hint only: anybody can say so; who it really is, its certificate says" in resumed
    assert f'url = "{url}"' in config.read_text()
    assert f"takes batches of {socket.gethostname().split('.')[0]}" in resumed
    assert re.search(r"On the collector's disk: acknowledged \d+ ms later", resumed)
    assert re.search(r"^north-1: LIVE, every 1 s; achieved in \d+ s: 2\d intervals", resumed, re.M)
    assert "FINDING  the limits are NOT REVIEWED: cellwarden limits --review" in resumed
    page = "The page:  http://127.0.0.1:8480/, on this machine only; for phones: sudo"
    assert f"\nFINDING  north-1: its plate says otherwise\n{page}" in resumed
    assert (tmp_path / "agent.toml.1").read_text() == "# what was there before\n"
    report = (tmp_path / "commissioning.html").read_text()
    assert "panel 53.5 V, read 53.7" in report
    assert "12 of 16 cells have no temperature of their own" in report
    assert "DIFFERS: pack_serial BA999" in report
    assert "by A.Technician (user " in report
    assert not {"agent.toml.new", "agent.toml.setup"} & {path.name for path in tmp_path.iterdir()}


def test_a_wrong_answer_is_gone_back_from_and_what_was_right_is_proposed_again(
    tmp_path: Path, bus: RtuBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    at, where, find = Terminal(tmp_path), "apart by spaces", f"--line {BAUD}-8N1 --id 1"
    answers = [
        (where, "no such host"),  # three places, none of them there
        ("Enter tries this again", "<"),
        (where, f"./{bus.link.name}"),
        ("Use it?", "<"),
        (f"{where} [{bus.link}]", ""),
        ("Use it?", ""),
        ("Its label on the panel [rack-1]", "north-1"),
        ("panel show?", "<"),
        ("Use it?", ""),
        ("Its label on the panel [north-1]", CTRL_C),
    ]
    shown = at.run(f"setup --config agent.toml {find}", answers, status=1)
    assert "--fresh begins anew" in shown
    assert f"    {bus.link}: as scanned at " in shown, "what was seen a moment ago is not looked for again"
    assert shown.count("Listening 2 s") == 1
    resumed = at.run(f"setup --config agent.toml {find}", [("north-1]", CTRL_C)], status=1)
    assert "it goes on at step 4 (< goes back a step, --fresh begins anew)" in resumed
    assert not (tmp_path / "agent.toml").exists()


def test_what_a_scan_has_just_found_is_taken_over_and_never_for_longer_than_that(
    tmp_path: Path, bus: RtuBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    one = ["--line", f"{BAUD}-8N1", "--id", "1"]
    scanned = CliRunner().invoke(main, ["scan", str(bus.link), *one, "--listen", "0", "--socket", "/none"])
    assert "Then: cellwarden setup   (it takes over what was found here" in scanned.output
    asked = bus.requests
    taken = CliRunner().invoke(main, ["setup", "--config", str(tmp_path / "agent.toml"), *one, "--yes"])
    assert taken.exit_code == 0, taken.output
    assert f"1/6 Where is the battery?      where a scan has just found units: {bus.link}" in taken.output
    assert "Listening" not in taken.output
    assert bus.requests - asked < 10, "it is read once, to test it"
    (scan,) = recent()
    (endpoint,) = parse(str(bus.link))
    assert scan.answers(endpoint, [1], [f"{BAUD}-8N1"])
    assert not scan.answers(endpoint, [], []), "other ids were not looked for"
    assert not scan.answers(endpoint, [1], ["9600-8N1"])
    assert recent(scan.at_s + 3601) == recent(scan.at_s - 1) == []
    (tmp_path / "cellwarden-scan.json").write_text('[{"endpoint": 7}]')
    assert recent() == []


def test_without_a_terminal_an_error_of_a_half_done_setup_names_what_forgets_the_answers(
    tmp_path: Path,
) -> None:
    (tmp_path / "agent.toml.setup").write_text('{"endpoints": ["127.0.0.1:9"], "units": []}')
    ended = CliRunner().invoke(main, ["setup", "--config", str(tmp_path / "agent.toml"), "--yes"])
    assert ended.exit_code == 3
    assert "CW-103" in ended.stderr
    assert (
        f"cellwarden setup --config {tmp_path}/agent.toml --fresh forgets the answers so far" in ended.stderr
    )


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([("whole unit", 0, 4)], "no single cells"),
        ([("whole unit", 16, 4)], "16 cell voltages"),
        ([("whole unit", 0, 1), *((f"string1/module{n}", 14, 2) for n in (1, 2, 3, 4))], "56 in 4 modules"),
        ([(f"string{s}/module{m}", 15, 4) for s in (1, 2) for m in (1, 2)], "60 in 4 modules of 2 strings"),
        ([("whole unit", 0, 1), ("string1", 60, 0), ("string2", 60, 0)], "120 in 2 strings"),
    ],
)  # fmt: skip
def test_modules_and_strings_are_counted_as_there_are_cells_in_them(
    seen: list[tuple[str, int, int]], words: str
) -> None:
    assert counted(seen).replace("cell voltages ", "") == words


def test_what_nobody_is_asked_is_left_to_later_and_a_review_holds_for_the_limits_that_were_shown(
    tmp_path: Path, bus: RtuBus
) -> None:
    config = tmp_path / "agent.toml"
    find = ["--endpoint", str(bus.link), "--line", f"{BAUD}-8N1", "--id", "1", "--yes"]
    written = CliRunner().invoke(main, ["setup", "--config", str(config), *find])
    assert written.exit_code == 0, written.output
    assert "announce themselves" not in written.output  # a hint is for a person
    later = f"run --config {config}   and beside it: cellwarden report commissioning --config {config}\n"
    assert later in written.output
    report = (tmp_path / "commissioning.html").read_text()
    assert "not yet; start the agent, then: cellwarden report commissioning" in report

    refused = CliRunner().invoke(main, ["limits", "--config", str(config)])
    assert refused.exit_code == 1
    assert "CW-303 NOT REVIEWED" in refused.stderr
    review = ["limits", "--config", str(config), "--review", "--by", "A. Technician", "--yes"]
    assert CliRunner().invoke(main, review).exit_code == 0
    (tmp_path / "mine.toml").write_text(
        'extends = "pace-rtu"\nschema = 1\nmodel = "mine"\n[limits.cell_voltage]\nsafety = [2.0, 3.7]\n'
    )
    config.write_text(config.read_text().replace('"pace-rtu"', '"mine.toml"'))
    changed = CliRunner().invoke(main, ["limits", "--config", str(config)])
    assert changed.exit_code == 1, changed.output  # the review was of other limits


def test_setup_without_a_terminal_says_which_flag_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["setup", "--config", str(tmp_path / "agent.toml")])
    assert result.exit_code == 2
    assert result.stderr.startswith("CW-310 There is no terminal to ask at, and --yes was not said.")
