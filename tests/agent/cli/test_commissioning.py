"""The commissioning report against the real chain: bench, agent, collector, and a person at a pty."""

import json
import os
import pwd
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.alarm.follow import follow
from agent.cli.report.commissioning.record import Record, UnitReading, UnitRecord
from agent.control import client
from hil.run.processes import Child, Children, wait_for_status
from tests.terminal import Terminal
from tests.test_main_job import Chain, delivered

BY = "A.Technician"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Children(tmp_path) as children:
        yield Chain(tmp_path, children)


def watched(chain: Chain) -> Child:
    agent = chain.start_agent()
    wait_for_status(agent, lambda s: all(unit["frames"] > 3 for unit in s["units"]) and delivered(1)(s))
    return agent


def test_a_test_alarm_is_followed_to_the_collectors_disk_and_signed_with_what_was_measured(
    chain: Chain,
) -> None:
    watched(chain)
    at = Terminal(chain.folder)
    answers = {
        "Raise one test alarm?": "y",
        "Acknowledge the test alarm": "y",
        "rack-1: LIVE": "-",
        "on its plate?": "y",
        "rack-2: LIVE": "53,7",
        "or what stands there": "-",
    }
    shown = at.run(f"report commissioning --config agent.toml --by {BY}", answers, status=1)
    assert "On the collector's disk: acknowledged" in shown
    states = "SELECT record ->> 'state' FROM event WHERE record ->> 'detector' = 'test' ORDER BY sequence"
    assert chain.collected(states) == [("NEW",), ("NORMAL",)]
    ((who,),) = chain.collected(
        "SELECT record ->> 'alarm' FROM event WHERE record ->> 'what' = 'acknowledge'"
    )
    assert who == ":test:"
    told = json.loads((chain.folder / "commissioning.json").read_text())
    test = told["test"]
    assert test["raised_utc_ns"] <= test["collectors"]["main"]["utc_ns"] < test["acknowledged"]["utc_ns"]
    assert test["by"] == BY
    assert test["outputs"].startswith("no [relay]")
    first, second = told["units"]
    assert (first["identity"]["serial"], first["plate"]) == ("rack-1", "the same")
    assert second["panel"]["shown_v"] == 53.7
    for unit in told["units"]:
        assert unit["intervals"]["count"] >= 20
        assert 0.15 < unit["intervals"]["p50_s"] < 1.0
        assert unit["intervals"]["misses"] == 0
        assert unit["shown"]["readings"] > 10  # of the agent's disk, which has them already
        assert len([v for v in unit["shown"]["values"] if v["quantity"] == "cell_voltage"]) >= 14
        assert all(v["median"] > 3 for v in unit["shown"]["values"] if v["quantity"] == "cell_voltage")
    found = [line.partition(": ")[0] for line in shown.splitlines() if line.startswith("FINDING")]
    assert found[:2] == ["FINDING  the limits are NOT REVIEWED", "FINDING  no [relay] is configured"]
    assert found[2:] in ([], ["FINDING  the clock is not synchronised"])  # of this machine
    page = (chain.folder / "commissioning.html").read_text()
    assert f"by {BY} (user " in page
    assert "panel 53.7 V, read " in page


def test_what_is_not_so_is_a_finding_and_what_nobody_compared_again_is_kept_for_the_same_unit(
    chain: Chain,
) -> None:
    agent = watched(chain)
    chain.collector.stop()
    client.post(chain.folder / "control.sock", "/v1/alarms/test", {"seconds": 1})
    test = follow(chain.folder / "control.sock", 1.0)
    assert test["collectors"] == {}
    assert test["trouble"]["main"].startswith("not within 1 s: ")
    assert "127.0.0.1" in test["trouble"]["main"]
    chain.start_collector(chain.url.rpartition("/")[2])
    assert follow(chain.folder / "control.sock", 40)["collectors"]

    arguments = ["report", "commissioning", "--config", str(chain.folder / "agent.toml"), "--yes", "--by", BY]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 1, first.output
    assert "FINDING  nobody has acknowledged the test alarm" in first.output
    kept = chain.folder / "commissioning.json"
    told = json.loads(kept.read_text())
    told["units"][0] |= {"plate": "the same", "panel": {"shown_v": 50.0, "said_v": 50.2, "when": "2025"}}
    told["units"][1] |= {"plate": "the same", "identity": {"pack_serial": "another"}}
    kept.write_text(json.dumps(told))
    again = CliRunner().invoke(main, [*arguments, "--json"])
    finding = "rack-2: another unit than on the last report"
    said = json.loads(again.stdout)
    assert (again.exit_code, finding in said["findings"], said["record"]) == (1, True, str(kept))
    assert any("no cable was pulled" in line for line in said["untried"])
    assert f"<li>{finding}" in (chain.folder / "commissioning.html").read_text()
    told = json.loads(kept.read_text())
    assert [unit["plate"] for unit in told["units"]] == ["the same", ""]
    page = (chain.folder / "commissioning.html").read_text()
    assert "ANOTHER UNIT: pack_serial another" in page
    assert "panel 50 V, read 50.20 V, difference +0.20 V, 2025" in page  # of then, not against today's

    to = chain.folder / "bundle.tar.gz"
    CliRunner().invoke(main, ["doctor", "--config", arguments[3], "--bundle", str(to), "--yes"])
    with tarfile.open(to) as tar:
        file = tar.extractfile("cellwarden-doctor/status.json")
        assert file
        status = file.read().decode()
    serial = told["units"][0]["identity"]["module_serial string1/module1"]
    assert serial not in status
    assert json.loads(status)["units"][0]["identity"] == list(told["units"][0]["identity"])
    assert "this is a test by person-1" in status
    assert f'"who": "{pwd.getpwuid(os.getuid()).pw_name}"' not in status

    agent.stop()
    os.replace(kept, chain.folder / "before.json")
    nobody = CliRunner().invoke(main, arguments)
    assert nobody.exit_code == 3
    assert nobody.stderr.startswith("CW-401 no agent answers at ")
    assert f"Run: cellwarden run --config {chain.folder / 'agent.toml'}" in nobody.stderr
    assert not kept.exists()


@pytest.mark.parametrize(
    ("quantity", "quality", "tells"),
    [
        ("cell_voltage", "good", True),
        ("cell_voltage_min", "good", True),
        ("cell_voltage_max", "missing", False),
        ("cell_temperature_max", "good", False),
        ("voltage", "good", False),
    ],
)
def test_a_unit_tells_of_its_cells_by_each_or_by_the_highest_of_them(
    quantity: str, quality: str, tells: bool
) -> None:
    assert UnitReading([{"quantity": quantity, "quality": quality}], {}).tells_cells() == tells


def test_one_unit_that_was_found_at_two_endpoints_is_told_by_its_serial() -> None:
    def unit(label: str, **identity: str) -> UnitRecord:
        return UnitRecord.of(label, "", "", 1.0, UnitReading([], identity))

    units = [
        unit("a", serial="77", firmware="1"),
        unit("b", bms_serial="78", firmware="1"),
        unit("c", pack_serial="77"),
        unit("d", serial=""),
        unit("e", serial=""),
    ]
    record = Record("agent", "", "", "", "", "", "", "", "", units=units)
    assert record.twins() == [("a", "c", "77")]
