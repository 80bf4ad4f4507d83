"""cellwarden profile: what a technician does with a datasheet and a capture, and what he is told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.cli.profile.catalogue import catalogue, shipped
from drivers.profile.load import load_profile, shipped_profiles
from drivers.sunspec.image import Sketch, compose

ROOT = Path(__file__).parents[3]

PROFILE = """
schema = 1
model = "acme-pack"
source = "invented"
topology = { cells = 4, sensors = 2 }
max_registers_per_read = 10
[[point]]
name = "serial_number"
address = 90
type = "ascii"
registers = 2
[[point]]
name = "cell_voltage"
address = 100
count = 4
scale = 0.001
unit = "V"
valid = [1.5, 4.5]
missing = 0xFFFF
[[point]]
name = "cell_temperature"
address = 104
count = 2
type = "i16"
scale = 0.1
unit = "degC"
[[point]]
name = "status"
table = "input"
address = 7
type = "u16"
alarms = { 3 = { text = "over temperature", severity = "critical" } }
"""

# By hand: "AB12"; 3.204 V, no reading, 9.999 V (impossible), one cell not captured; -1.5 and 25 degC; bit 3.
DUMP = """
# unit table address value
5 holding 90 0x4142
5 holding 91 0x3132
5 holding 100 0x0C84
5 holding 101 65535
5 holding 102 9999   # outside what a cell can be
5 holding 104 0xFFF1
5 holding 105 250
5 input 7 0b1000
"""


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["profile", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "acme-pack.toml").write_text(PROFILE)
    (tmp_path / "dump.txt").write_text(DUMP)
    return tmp_path


def test_a_capture_is_decoded_with_place_unit_and_quality(folder: Path) -> None:
    result = run("decode", folder / "acme-pack.toml", "--registers", folder / "dump.txt", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["unit_id"] == 5
    assert report["identity"] == {"serial_number": "AB12"}
    found = {
        (v["name"], v["place"]): (v["value"], v["unit"], v["quality"], v["raw"]) for v in report["values"]
    }
    assert found == {
        ("cell_voltage", "cell1"): (3.204, "V", "good", 3204),
        ("cell_voltage", "cell2"): (None, "V", "missing", 65535),
        ("cell_voltage", "cell3"): (None, "V", "out_of_range", 9999),
        ("cell_voltage", "cell4"): (None, "V", "refused", 0),
        ("cell_temperature", "sensor1"): (-1.5, "degC", "good", -15),
        ("cell_temperature", "sensor2"): (25.0, "degC", "good", 250),
        ("status", ""): (8.0, "", "good", 8),
    }
    assert [v["means"] for v in report["values"] if v["means"]] == [["critical: over temperature"]]
    assert report["not_read"] == []


def test_every_meaning_that_holds_is_shown(tmp_path: Path) -> None:
    (tmp_path / "said.toml").write_text(
        """
        schema = 1
        model = "said"
        [[point]]
        name = "status"
        address = 0
        flags = { 0 = "charging", 8 = "fan on", 9 = "balancing" }
        alarms = { 1 = "hot" }
        [[point]]
        name = "mode"
        address = 1
        values = { 0 = "idle", 2 = "float" }
        """
    )
    (tmp_path / "dump.txt").write_text("1 holding 0 0x0103\n1 holding 1 2\n")
    result = run("decode", tmp_path / "said.toml", "--registers", tmp_path / "dump.txt", "--json")
    status, mode = (set(value["means"]) for value in json.loads(result.output)["values"])
    assert (status, mode) == ({"charging", "fan on", "warning: hot"}, {"float"})


def test_registers_of_the_capture_that_no_point_reads_are_named(folder: Path) -> None:
    dump = folder / "dump.txt"
    dump.write_text(DUMP + "5 holding 106 1\n5 holding 107 1\n5 input 300 1\n6 input 7 1\n")
    output = run("decode", folder / "acme-pack.toml", "--registers", dump).output
    assert "in the dump, but read by no point: 5 holding 106..107, 5 input 300, 6 input 7" in output


def test_people_see_what_is_not_good_as_not_known(folder: Path) -> None:
    output = run("decode", folder / "acme-pack.toml", "--registers", folder / "dump.txt").output
    assert "serial_number: AB12" in output
    assert "7 values, 3 of them not good" in output
    line = next(line for line in output.splitlines() if "cell2" in line)
    assert line.split() == ["cell_voltage", "cell2", "--", "V", "missing", "65535"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 holding 100", "line 1: '1 holding 100' is not `unit table address value`"),
        (
            "1 holdin 100 1",
            "line 1: '1 holdin 100 1' is not `unit table address value` with a table of coil,",
        ),
        ("1 holding 100 70000", "line 1: 70000 is not a register of 16 bits"),
        ("1 holding 100 1\n1 holding 100 2", "line 2: unit 1 holding 100 was 1 before"),
        ("# nothing", "there is no register in it"),
    ],
)
def test_a_dump_that_is_none_is_refused_with_its_line(folder: Path, text: str, message: str) -> None:
    (folder / "dump.txt").write_text(text)
    result = run("decode", folder / "acme-pack.toml", "--registers", folder / "dump.txt")
    assert result.exit_code == 2
    assert message in result.output


def test_check_names_every_mistake_at_once_and_exits_2(folder: Path) -> None:
    path = folder / "bad.toml"
    path.write_text(
        PROFILE.replace("count = 4", "cuont = 4").replace('"degC"', '"deg"').replace("7\n", "700000\n")
    )
    result = run("check", path)
    assert result.exit_code == 2
    for words in (
        f'{path}:13: cell_voltage: key "cuont" is not known; did you mean "count"?',
        f'{path}:21: cell_temperature: unit "deg" is not known; say "degC"',
        f"{path}:28: status: input 700000 lies outside 0..65535",
    ):
        assert words in result.output


def test_show_tells_what_is_read_once_and_from_which_unit_id(folder: Path) -> None:
    path = folder / "acme-pack.toml"
    path.write_text(PROFILE.replace("count = 4", "count = 4\nunit_stride = 1\nstride = 0"))
    shown = run("show", path).output
    assert "serial_number" in shown
    assert "of unit +0..+3" in shown


def test_a_capture_of_a_further_unit_of_a_gateway_is_decoded(folder: Path) -> None:
    path = folder / "acme-pack.toml"
    path.write_text("per_instance = 1000" + PROFILE)
    dump = folder / "dump.txt"
    dump.write_text(DUMP.replace("holding 1", "holding 21").replace("holding 9", "holding 209"))
    dump.write_text(dump.read_text().replace("20900", "2090").replace("20901", "2091"))
    report = json.loads(run("decode", path, "--registers", dump, "--instance", 3, "--json").output)
    assert report["values"][0]["value"] == 3.204


def test_new_check_show_and_plan_lead_from_nothing_to_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "acme-bms.toml"
    assert run("new", "acme-bms", "--output", path).exit_code == 0
    again = run("new", "acme-bms", "--output", path)
    assert again.exit_code == 2
    assert "left as it is" in again.output
    assert f"{path}: good" in run("check", path).output
    assert "16: cell1" in run("show", path).output
    plan = json.loads(run("plan", path, "--baud", 19200, "--json").output)
    assert [read["count"] for read in plan["reads"]] == [31]
    ours, touching, naive = (cost["wire_ms"] for cost in plan["costs"])
    assert ours < touching <= naive


def test_diff_says_what_changed_and_exits_like_diff(folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text(PROFILE.replace("count = 4", "count = 3").replace("cells = 4", "cells = 3"))
    assert run("diff", folder / "acme-pack.toml", folder / "acme-pack.toml").exit_code == 0
    result = run("diff", folder / "acme-pack.toml", other)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "~ topology.cells: 4 -> 3",
        "~ point cell_voltage.count: [4] -> [3]",
    ]


def test_the_schema_is_json_and_knows_the_points_keys() -> None:
    schema = json.loads(run("schema").output)
    assert "scale_factor" in json.dumps(schema)


def test_profiles_of_a_folder_are_found_by_name(folder: Path) -> None:
    assert "good" in run("check", "acme-pack", "--profile-dir", folder).output
    assert "acme-pack" in run("list", "--profile-dir", folder).output
    assert run("check", "acme-pack").exit_code == 2


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_is_good_and_says_its_source_and_what_nobody_checked(name: str) -> None:
    assert run("check", name).exit_code == 0
    profile = load_profile(name)
    assert profile.source
    assert profile.unverified or profile.verified


def test_the_catalogue_in_the_repository_is_what_the_profiles_say() -> None:
    assert (ROOT / "drivers" / "profiles" / "README.md").read_text() == catalogue(shipped()), (
        "run: cellwarden profile list --markdown > drivers/profiles/README.md"
    )


def test_a_captured_unit_is_planned_as_big_as_it_reported_itself(tmp_path: Path) -> None:
    words = compose([Sketch(1), Sketch(802), Sketch(805, 40, {"StrIdx": 1, "ModIdx": 1})])
    dump = tmp_path / "dump.txt"
    dump.write_text("".join(f"1 holding {40000 + k} {word}\n" for k, word in enumerate(words)))
    plan = json.loads(run("plan", "sunspec-lithium-ion", "--tcp", "--registers", dump, "--json").output)
    assert sum(read["count"] for read in plan["reads"]) > 160  # 40 cells of 4 registers
    assert "give a dump" in run("plan", "sunspec-lithium-ion").output


def test_a_broken_profile_of_the_site_does_not_hide_the_others(folder: Path) -> None:
    (folder / "broken.toml").write_text('schema = 1\nmodel = "broken"\n')
    shown = run("list", "--profile-dir", folder)
    assert shown.exit_code == 0
    assert "cannot be used; see `profile check broken`" in shown.output
    assert "acme-pack" in shown.output
