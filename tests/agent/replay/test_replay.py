"""Recordings of all shapes through the agent's detectors, and maps that do not fit."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli import main

DATA = Path(os.environ.get("CELLWARDEN_DATA", Path(__file__).parents[4] / "shared" / "data"))


def replay(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["replay", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


Write = Callable[[str, str], tuple[str, str, str]]


@pytest.fixture
def files(tmp_path: Path) -> Write:
    def write(rows: str, mapping: str) -> tuple[str, str, str]:
        (tmp_path / "rec.csv").write_text(rows)
        (tmp_path / "map.toml").write_text(mapping)
        return str(tmp_path / "rec.csv"), "--map", str(tmp_path / "map.toml")

    return write


def heating_rows(t_of: Callable[[int], str]) -> tuple[list[str], list[list[str]]]:
    """A pack of 8 sensors, raw degC + 40, one of which heats 1 K/min after 50 minutes, at 5 s."""
    rng = np.random.default_rng(3)
    temps = 65 + 0.05 * rng.standard_normal((900, 8))
    temps[600:, 4] += np.arange(300) / 12.0
    header = ["when", *(f"T_{i + 1}" for i in range(8))]
    return header, [[t_of(i), *(f"{x:.1f}" for x in row)] for i, row in enumerate(temps)]


def as_csv(header: list[str], rows: list[list[str]], delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(row) for row in [header, *rows])


MAP = 'time = "when"\ntemperature = { columns = "T_*", offset = -40, missing = [0, 255, 511] }\n'


@pytest.mark.parametrize(
    ("t_of", "first"),
    [
        (lambda i: f"{5 * i}", 3000.0),
        (lambda i: f"{1_700_000_000_000 + 5000 * i}", 1_700_003_000_000.0),  # ms since 1970, seen by its size
        (
            lambda i: f"2025-09-26 {i * 5 // 3600:02}:{i * 5 // 60 % 60:02}:{i * 5 % 60:02}",
            "2025-09-26T00:50:00",
        ),
    ],
)
def test_the_hot_sensor_is_named_by_its_column_and_in_the_time_of_the_recording(
    files: Write, t_of: Callable[[int], str], first: Any
) -> None:
    found = replay(*files(as_csv(*heating_rows(t_of)), MAP))
    assert {alarm["location"] for alarm in found["alarms"]} == {"T_5"}
    assert {"critical"} <= {alarm["severity"] for alarm in found["alarms"]}
    assert all(type(alarm["t"]) is type(first) and alarm["t"] > first for alarm in found["alarms"])
    assert "K/min faster than its siblings" in found["alarms"][0]["explanation"]
    assert found["frames"] == 900
    assert found["sensor_seconds"] == pytest.approx(8 * 4500, rel=0.01)
    assert found["blind_seconds"] == 0
    assert found["learning_seconds"] > 0


def test_long_format_semicolons_and_decimal_commas_tell_the_same(files: Write) -> None:
    header, rows = heating_rows(lambda i: f"{5 * i}")
    wide = replay(*files(as_csv(header, rows), MAP))
    long = [
        [row[0], name, x.replace(".", ",")]
        for row in rows
        for name, x in zip(header[1:], row[1:], strict=True)
    ]
    mapping = 'time = "when"\nsensor = "node"\ntemperature = { column = "value", offset = -40 }\n'
    told = replay(*files(as_csv(["when", "node", "value"], long, ";"), mapping))
    assert [(a["location"], a["t"], a["severity"]) for a in told["alarms"]] == [
        (a["location"], a["t"], a["severity"]) for a in wide["alarms"]
    ]


def test_groups_are_judged_apart_and_each_alarm_names_its_own(files: Write) -> None:
    header, rows = heating_rows(lambda i: f"{5 * i}")
    quiet = [[row[0], *rows[0][1:]] for row in rows]
    both = [["b", *row] for row in quiet] + [["a", *row] for row in rows]
    found = replay(*files(as_csv(["test", *header], both), MAP + 'group = "test"\n'))
    assert found["groups"] == 2
    assert {(alarm["group"], alarm["location"]) for alarm in found["alarms"]} == {("a", "T_5")}


def test_from_and_to_cut_the_recording_in_its_own_time(files: Write) -> None:
    arguments = files(as_csv(*heating_rows(lambda i: f"{5 * i}")), MAP)
    assert replay(*arguments, "--to", "2900")["alarms"] == []
    assert replay(*arguments, "--from", "1000", "--to", "1995")["frames"] == 200


def test_a_fixed_period_stands_in_for_a_time_column_and_discharge_may_be_positive(files: Write) -> None:
    header, rows = heating_rows(lambda i: "7.5")
    mapping = MAP.replace('time = "when"', "period_s = 5") + 'current = { column = "when", sign = -1 }\n'
    found = replay(*files(as_csv(header, rows), mapping))
    assert {alarm["location"] for alarm in found["alarms"]} == {"T_5"}


def test_codes_of_missing_sensors_and_glitches_are_no_thermal_alarm(files: Write) -> None:
    header, rows = heating_rows(lambda i: f"{5 * i}")
    for i, row in enumerate(rows):
        row[5] = "65.0"
        row[2] = "255" if 200 <= i < 260 else row[2]
        row[3] = "434" if i in (300, 301, 305) else row[3]
        row[4] = "" if 400 <= i < 600 else row[4]
    found = replay(*files(as_csv(header, rows), MAP))
    told = {(a["detector"], a["location"]) for a in found["alarms"]}
    assert told == {("no-measurement", "T_2"), ("blind", "T_4")}
    assert found["blind_seconds"] > 0


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ('time = "when"\ntemprature = "T_*"\n', "temprature: unknown key; did you mean 'temperature'?"),
        ('time = "when"\ntemperature = "X_*"\n', "no column 'X_*'"),
        ('time = "wen"\ntemperature = "T_*"\n', "no column 'wen'; did you mean 'when'?"),
        ('time = "when"\n', "voltage or temperature: at least one must be named"),
        ('temperature = "T_*"\n', "time: is missing"),
        (
            'time = "when"\ntemperature = { columns = "T_*", unit = "Kelvin" }\n',
            "unknown unit 'Kelvin'; known: V",
        ),
        ('time = "when"\ntemperature = { columns = "T_*", ofset = 1 }\n', "did you mean 'offset'?"),
        ("time = \n", "is not TOML"),
        ('time = { column = "when", unit = "weeks" }\ntemperature = "T_*"\n', "time unit: "),
    ],
)
def test_a_map_that_cannot_work_is_refused_with_what_to_change(
    files: Write, mapping: str, words: str
) -> None:
    said = refused(*files(as_csv(*heating_rows(lambda i: f"{5 * i}")), mapping))
    assert words in said
    assert "Traceback" not in said


def test_rows_of_many_sensors_without_a_sensor_column_are_refused(files: Write) -> None:
    rows = [[f"{i // 8}", f"{i % 8}", "25.0"] for i in range(800)]
    said = refused(*files(as_csv(["t", "node", "T"], rows), 'time = "t"\ntemperature = "T"\n'))
    assert 'sensor = "COLUMN"' in said


def test_text_where_numbers_are_meant_is_refused(files: Write) -> None:
    said = refused(*files("t,T\n1,warm\n2,warm\n", 'time = "t"\ntemperature = "T"\n'))
    assert "'warm' in row 1 under the names, not numbers (2 of 2 rows" in said


def test_parquet_tells_the_same_as_csv_and_the_report_draws_each_alarm(files: Write, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    arguments = files(as_csv(*heating_rows(lambda i: f"{5 * i}")), MAP)
    with open(arguments[0], newline="") as file:
        rows = list(csv.DictReader(file))
    table = {name: pa.array([float(row[name]) for row in rows]) for name in rows[0]}
    pq.write_table(pa.table(table), tmp_path / "rec.parquet")
    told = replay(str(tmp_path / "rec.parquet"), *arguments[1:], "--report", str(tmp_path / "report"))
    assert told["alarms"] == replay(*arguments)["alarms"]
    page = (tmp_path / "report" / "index.html").read_text()
    for number, alarm in enumerate(told["alarms"]):
        assert (tmp_path / "report" / f"alarm-{number + 1:03}.png").stat().st_size > 5000
        assert alarm["explanation"][:60] in page


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the recordings in {DATA}")
def test_the_drifting_cell_of_a_real_pack_is_found_three_weeks_before_the_end_and_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "map.toml").write_text(
        'time = "tboxTime"\nvoltage = { columns = "V_*", unit = "mV" }\n'
        'temperature = { columns = "T_*", offset = -40, missing = [0, 255, 511] }\n'
        'current = { column = "BMSBatteryCurrent", positive = "discharge" }\nchemistry = "NMC"\n'
    )
    found = replay(str(DATA / "ev_pack_car2.parquet"), "--map", str(tmp_path / "map.toml"))
    assert {alarm["location"] for alarm in found["alarms"]} == {"V_82"}
    assert found["alarms"][0]["t"] < "2019-07-16T10:54"
