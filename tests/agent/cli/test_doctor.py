"""The doctor against real buses: what it names, what it hides, and what it never gives away."""

import inspect
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.common.codes import CODES
from agent.cli.doctor import CHECKS, box, wire
from agent.cli.doctor.line_faults import of_bytes, of_counts
from agent.cli.doctor.results import Check, CheckState, examine, good, problem
from agent.cli.doctor.site import Site
from agent.modbus.lately import Late
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.run import configuration
from tests.agent.cli.test_scan import BAUD, pace


def well(folder: Path) -> str:
    """An agent and two units on a line."""
    return (
        configuration.agent(folder, agent={"id": "gw-secret-site"})
        + configuration.rtu_bus("north", folder / "bus", baud=BAUD)
        + configuration.unit("rack-ankara", "north", "pace-rtu", unit_id=1)
        + configuration.unit("rack-berlin", "north", "pace-rtu", unit_id=2)
    )


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace(), 2: pace()})
    served.start()
    yield served
    served.stop()


@pytest.fixture
def config(tmp_path: Path, bus: RtuBus) -> Path:
    path = tmp_path / "agent.toml"
    south = configuration.rtu_bus("south", tmp_path / "gone")
    path.write_text(well(tmp_path) + south + configuration.unit("rack-cairo", "south", "pace-rtu"))
    return path


def doctor(config: Path) -> dict[str, list[dict[str, str]]]:
    result = CliRunner().invoke(main, ["doctor", "--config", str(config), "--json"])
    told = json.loads(result.stdout)
    assert told["exit"] == result.exit_code
    found: dict[str, list[dict[str, str]]] = {}
    for each in told["results"]:
        found.setdefault(each["check"], []).append(each)
    return found


def test_a_cable_that_is_out_is_named_once_and_hides_only_what_follows_from_it(
    config: Path, bus: RtuBus
) -> None:
    bus.faults.set(Fault(FaultKind.MUTE, unit_id=2))
    found = doctor(config)
    (missing,) = [each for each in found["port"] if each["state"] == "problem"]
    assert missing["code"] == "CW-101"
    silent, hidden = found["bus"]
    assert (silent["state"], silent["code"]) == ("problem", "CW-201")
    assert silent["seen"] == "no answer from id 2 (rack-berlin) now; port opens, 0 bytes received"
    assert silent["run"] == f"cellwarden scan {config.parent}/bus --id 2"
    assert (hidden["state"], hidden["seen"]) == ("unknown", "needs the port of south, not checked")
    assert [each["state"] for each in found["profile match"]] == ["unknown", "unknown"]
    assert all(each["state"] != "problem" for each in found["line"])


@pytest.mark.parametrize(
    ("trouble", "reads", "code", "says"),
    [
        (
            "not a SunSpec unit",
            {"illegal": 9},
            "CW-211",
            "nothing that can be used since the start; not a Sun",
        ),
        ("", {"sound": 9, "illegal": 9}, "CW-202", "it answers only some polls"),
        ("does not answer", {"no_reply": 9}, "CW-201", "no answer from id 1 (rack-ankara) since the start;"),
    ],
    ids=["not understood", "too seldom", "silent"],
)
def test_a_unit_that_an_agent_cannot_read_is_called_silent_where_it_says_nothing(
    trouble: str, reads: dict[str, int], code: str, says: str, config: Path
) -> None:
    site = Site(config, None)
    told = {"knowledge": "NEVER", "age_s": None, "trouble": trouble, "came": None}
    well = {"knowledge": "LIVE", "age_s": 0.0, "trouble": "", "came": None}
    units = {"rack-ankara": (told, reads), "rack-berlin": (well, {"sound": 9}), "rack-cairo": (well, {})}
    late = {"times": 0, "slowest_s": 0.0, "given_s": 1.0}
    buses = {"north": ("rack-ankara", "rack-berlin"), "south": ("rack-cairo",)}
    vars(site)["status"] = {
        "units": [{"name": name, **of} for name, (of, _) in units.items()],
        "buses": [
            {"name": bus, "units": [{"name": u, "reads": units[u][1], "late": late} for u in names]}
            for bus, names in buses.items()
        ],
    }
    (found,) = wire.answers(site)
    assert found.code == code
    assert says in found.seen


def test_units_of_one_line_that_are_silent_alike_are_one_finding(config: Path, bus: RtuBus) -> None:
    config.write_text(well(config.parent) + configuration.unit("rack-danzig", "north", "pace-rtu", unit_id=3))
    bus.faults.set(Fault(FaultKind.MUTE, unit_id=2))
    found = doctor(config)
    (silent,) = found["bus"]
    assert silent["seen"] == "no answer from 2 of 3 units (ids 2, 3) now; port opens, 0 bytes received"
    assert silent["of"] == ["rack-berlin", "rack-danzig"]
    (hidden,) = [each for each in found["profile match"] if each["state"] == "unknown"]
    assert hidden["seen"] == "needs an answer of rack-berlin, not checked; the same of rack-danzig (2 in all)"


def test_everything_on_a_well_bus_is_good(config: Path) -> None:
    config.write_text(well(config.parent))
    found = doctor(config)
    for check in ("config", "port", "permission", "bus", "line", "profile match", "deadline"):
        assert [each["state"] for each in found[check]] == ["good"], found[check]


def test_an_agent_that_does_not_run_is_started_with_the_file_that_was_given(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "SYSTEMD", tmp_path / "no systemd")
    (service,) = doctor(config)["service"]
    assert (service["state"], service["code"]) == ("note", "CW-401")
    assert service["run"] == f"cellwarden run --config {config}"


def test_a_bundle_names_nobody_and_holds_no_secret(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + '# token = "tiger"\n')
    to = tmp_path / "bundle.tar.gz"
    result = CliRunner().invoke(main, ["doctor", "--config", str(config), "--bundle", str(to), "--yes"])
    assert "agent.toml" in result.stdout
    with tarfile.open(to) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        text = "".join(file.read().decode() for file in files.values() if file)
    assert "unit-2" in text
    for secret in ("ankara", "berlin", "cairo", "gw-secret-site", "north"):
        assert secret not in text
    assert "tiger" not in text


def test_a_bundle_is_not_written_unless_somebody_agrees(config: Path, tmp_path: Path) -> None:
    to = tmp_path / "bundle.tar.gz"
    CliRunner().invoke(main, ["doctor", "--config", str(config), "--bundle", str(to)], input="n\n")
    assert not to.exists()


def test_a_failed_cause_hides_its_consequences_and_a_broken_check_is_no_health() -> None:
    def breaks(_site: object) -> list[object]:
        raise ZeroDivisionError

    checks = (
        Check("a", lambda _: [problem("CW-201", "x")]),
        Check("b", lambda _: [good()], ("a",)),
        Check("c", lambda _: [good()], ("b",)),
        Check("d", breaks),  # type: ignore[arg-type]
    )
    found = examine(checks, None)
    assert [result.state for result in found] == [
        CheckState.PROBLEM,
        CheckState.UNKNOWN,
        CheckState.UNKNOWN,
        CheckState.UNKNOWN,
    ]
    assert found[2].seen == "needs b, not checked"


SENT = bytes.fromhex("01030064000405D6")
REPLY = bytes.fromhex("0103080C840C860C700C811F73")


@pytest.mark.parametrize(
    ("got", "points_to"),
    [
        (REPLY, ""),
        (SENT + REPLY, ""),  # a two-wire adapter's echo
        (b"", ""),
        (b"\0" + REPLY, "stray bytes before"),
        (REPLY + b"\xff", "stray bytes after"),
        (REPLY[1:], "without its first byte"),
        (REPLY[:5] + b"\x55" + REPLY[6:], "a wrong checksum: two units with one id"),
        (REPLY[:-2], "too few bytes: an adapter that loses bytes"),
        (bytes.fromhex("020300640004") + bytes.fromhex("05E5") + REPLY, "another master"),
        (b"\xf0\x12\x99", "wrong speed or parity"),
    ],
)
def test_bytes_point_to_their_cause(got: bytes, points_to: str) -> None:
    said = of_bytes(1, SENT, got)
    assert points_to in said if points_to else said == ""


def test_damage_at_one_unit_is_that_units_and_damage_at_all_is_the_lines() -> None:
    well, bad = {"sound": 1000, "damaged": 0}, {"sound": 900, "damaged": 100}
    (one,) = of_counts({"a": well, "b": bad}, {})
    assert one.serious
    assert one.likely[0] == "another unit has the id of b"
    (both,) = of_counts({"a": bad, "b": bad}, {})
    assert both.likely[0].startswith("no termination")
    assert of_counts({"a": well, "b": {"no_reply": 500}}, {}) == []  # a dead unit is another check's
    (slow,) = of_counts({"a": well}, {"a": Late(20, 1.4, 1.0)})
    assert slow.seen.startswith("a (2.0%) answers some polls too late: after up to 1.5 s")
    assert "timeout_s = 2 in its [[unit]]" in slow.seen
    assert not slow.serious


def test_every_code_that_is_used_is_in_the_table_and_in_the_guide() -> None:
    import re

    root = Path(__file__).parents[3]
    used = {
        code
        for package in ("agent", "collector")
        for path in (root / package).rglob("*.py")
        for code in re.findall(r"CW-\d+", path.read_text())
    }
    assert used <= set(CODES)
    guide = (root / "docs/field-guide.md").read_text()
    for code, kind in CODES.items():
        assert f"| {code} | {kind.means} | {kind.exit_code} |" in guide


def test_every_check_is_a_row_of_the_table() -> None:
    looks = {
        look
        for where in (box, wire)
        for name, look in vars(where).items()
        if inspect.isgeneratorfunction(look) and look.__module__ == where.__name__ and name[0] != "_"
    }
    assert looks == {check.look for check in CHECKS}
