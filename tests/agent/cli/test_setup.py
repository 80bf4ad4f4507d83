"""The dialogue of setup at a real terminal, and the limits that somebody must look at."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.setup.find import upstream_of
from agent.cli.talk import Talk
from agent.discovery import COLLECTOR
from hil.modbus.rtu import RtuBus
from tests.agent.cli.test_scan import BAUD, pace
from tests.agent.test_discovery import found
from tests.collector.processes import Collector
from tests.test_first_ten_minutes import Terminal

CTRL_C = "\x03"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace()})
    served.start()
    yield served
    served.stop()


def test_a_stopped_setup_leaves_nothing_half_written_and_goes_on_where_it_was(
    tmp_path: Path, bus: RtuBus
) -> None:
    at, config = Terminal(tmp_path), tmp_path / "agent.toml"
    find = f"--endpoint ./bus --line {BAUD}-8N1 --id 1"
    stopped = at.run(f"setup --config agent.toml {find}", {"Use it?": "y", "on the panel": CTRL_C}, status=1)
    assert "it resumes at the open step" in stopped
    assert not config.exists()

    config.write_text("# what was there before\n")
    answers = {
        "on the panel": "north-1",
        "panel show?": "53.5",
        "on its plate?": "pack_serial BA999",
        "collector's URL": "http://127.0.0.1:8000",
        "6/6 Write": "y",
    }
    resumed = at.run("setup --config agent.toml", answers)
    assert "it goes on at step 4" in resumed
    assert "2/6" not in resumed
    assert (tmp_path / "agent.toml.1").read_text() == "# what was there before\n"
    report = (tmp_path / "commissioning.html").read_text()
    assert "panel 53.5 V, read 53.7" in report
    assert "12 of 16 cells have no temperature of their own" in report
    assert "DIFFERS: pack_serial BA999" in report
    assert "not yet; start the agent, then: cellwarden report commissioning" in report
    assert "cellwarden run --config agent.toml   and beside it: cellwarden report commissioning" in resumed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "agent.toml",
        "agent.toml.1",
        "bus",
        "commissioning.html",
        "commissioning.json",
    ]

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


def test_a_collector_that_announces_itself_is_offered_by_number_and_never_taken_by_itself(
    tmp_path: Path, bus: RtuBus
) -> None:
    with Collector(tmp_path / "collector.db", "--announce", "noc") as collector:
        heard = [one.name for one in asyncio.run(found(COLLECTOR, 1))]
        assert "noc" in heard
        find = f"--endpoint ./bus --line {BAUD}-8N1 --id 1"
        assert upstream_of(Talk(yes=True)) == "http://127.0.0.1:8000"
        answers = {
            "Use it?": "y",
            "on the panel": "",
            "panel show?": "",
            "on its plate?": "",
            "or its number": "0",
            "URL, or its number": str(1 + heard.index("noc")),
            "6/6 Write": "y",
        }
        chosen = Terminal(tmp_path).run(f"setup --config agent.toml {find}", answers)
        assert "a hint only: anybody can say so; who it really is, its certificate says" in chosen
        assert f'url = "{collector.url}"' in (tmp_path / "agent.toml").read_text()
        assert f"takes batches of {socket.gethostname().split('.')[0]}" in chosen


def test_setup_without_a_terminal_says_which_flag_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["setup", "--config", str(tmp_path / "agent.toml")])
    assert result.exit_code == 2
    assert result.stderr.startswith("CW-310 There is no terminal to ask at, and --yes was not said.")
