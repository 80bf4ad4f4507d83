"""Recordings and maps as people really have them: what is refused, what is noted, and what to do about it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.common.waiting import counting, waiting
from agent.detect.learning import Coverage
from agent.replay.mapping import MapError, RecordingMap, read_map
from agent.replay.plausible import odd
from agent.replay.recording import load_parts
from agent.replay.report import _reach_mv
from agent.replay.sight import Sight
from tests.agent.replay.test_replay import MAP, Write, as_csv, files, heating_rows, refused, replay

__all__ = ["files"]
N = 200
Load = Callable[[str, str], list[str]]
VOLTS = 'time = "t"\nvoltage = "V_*"\n'
TEMPS = 'time = "t"\ntemperature = "T_*"\n'


def table(names: str, columns: Sequence[Sequence[float]], t: Sequence[float] | None = None) -> str:
    """A recording of N rows, every 10 s, with one column per letter and number of `names`."""
    times = np.arange(len(columns[0])) * 10.0 if t is None else t
    rows = [[f"{x:.6g}" for x in row] for row in zip(*columns, strict=True)]
    return as_csv(["t", *names.split()], [[f"{s:.15g}", *row] for s, row in zip(times, rows, strict=True)])


def around(value: float, n: int = 4, spread: float = 0.001) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [value * (1 + spread * rng.standard_normal(N)) for _ in range(n)]


@pytest.fixture
def noted(files: Write) -> Load:
    """What is noted of a recording before it is judged; of one that is refused, why."""

    def load(rows: str, mapping: str) -> list[str]:
        path, _, map_path = files(rows, mapping)
        notes: list[str] = []
        given = read_map(Path(map_path))
        try:
            return [*notes, *odd(load_parts(Path(path), given, notes), given), *notes]
        except MapError as error:
            return ["refused", *str(error).splitlines(), *notes]

    return load


V4, T4 = "V_1 V_2 V_3 V_4", "T_1 T_2 T_3 T_4"


@pytest.mark.parametrize(
    ("names", "value", "mapping", "words"),
    [
        (V4, 3300, VOLTS, 'all 4 columns of voltage are outside 0 to 5.5 V .* unit = "mV" \\(then 3.3 V\\)'),
        (V4, 33000, VOLTS, r"scale = 0.0001 \(then 3.3 V\)"),
        (V4, -3.3, VOLTS, r"scale = -1 \(then 3.3 V\)"),
        (V4, 13.4, VOLTS, "blocks of several cells\\? Name them block_voltage"),
        (V4, 66.0, VOLTS, "is it the right column for voltage"),
        (T4, 298, TEMPS, r'outside -40 to 200 degC .* unit = "K" \(then 24.8. degC\)'),
        (T4, 250, TEMPS, r"scale = 0.1 \(then 25 degC\)"),
    ],
)
def test_a_recording_without_one_possible_value_is_refused_with_the_unit_that_fits(
    noted: Load, names: str, value: float, mapping: str, words: str
) -> None:
    import re

    first, said, last = noted(table(names, around(value)), mapping)
    assert first == "refused"
    assert re.search(words, said), said
    assert "mend the map" in last


def test_the_command_refuses_it_before_it_compiles_anything(files: Write) -> None:
    said = refused(*files(table(V4, around(3300)), VOLTS))
    assert 'unit = "mV" (then 3.3 V) forgotten?' in said


@pytest.mark.parametrize(
    ("names", "value", "mapping", "words"),
    [
        (V4, 0.0033, VOLTS, 'unit = "kV" (then 3.3 V)'),
        (T4, 77, TEMPS, '77 degC on the median: unit = "degF" (then 25 degC) or offset = -50 (then 27 degC)'),
        ("T_1 I", 22000, 'time = "t"\ntemperature = "t"\ncurrent = "I"\n', 'unit = "mA" (then 22 A)'),
        ("T_1 I", 9000, 'time = "t"\ntemperature = "t"\ncurrent = "I"\n', "up to 9,"),
        ("T_1 S", 0.8, 'time = "t"\ntemperature = "t"\nsoc = "S"\n', 'unit = "1" (then 7'),
        ("T_1 S", 800, 'time = "t"\ntemperature = "t"\nsoc = "S"\n', "scale = 0.1 (then 7"),
        ("T_1 U", 52000, 'time = "t"\ntemperature = "t"\npack_voltage = "U"\n', 'unit = "mV" (then 51'),
    ],
)
def test_what_is_possible_and_not_ordinary_is_noted(
    noted: Load, names: str, value: float, mapping: str, words: str
) -> None:
    times = (
        20 + np.arange(N) / 100
    )  # the time stands in for a temperature where another column is in question
    notes = noted(table(names, around(value, len(names.split())), times), mapping)
    assert any(words in note for note in notes), notes
    assert notes[0] != "refused"


@pytest.mark.parametrize(
    ("names", "value", "mapping"),
    [
        (V4, 3.3, VOLTS), (V4, 1.25, VOLTS),
        (V4, 3300, VOLTS.replace('"V_*"', '{ columns = "V_*", unit = "mV" }')),
        (V4, 13.4, VOLTS.replace("voltage", "block_voltage")), (T4, 25, TEMPS), (T4, -20, TEMPS),
        (T4, 77, TEMPS.replace('"T_*"', '{ columns = "T_*", unit = "F" }')),
    ],
)  # fmt: skip
def test_ordinary_values_say_nothing(noted: Load, names: str, value: float, mapping: str) -> None:
    assert noted(table(names, around(value)), mapping) == []


def test_one_odd_column_among_others_is_noted_with_its_code(noted: Load) -> None:
    columns = [*around(25, 3), np.full(N, 255.0)]
    (said,) = noted(table(T4, columns), TEMPS)
    assert said.startswith("1 of 4 columns (T_4) of temperature is outside -40 to 200 degC")
    assert "a code? missing = [255]" in said


def test_a_column_that_never_had_a_value_is_noted_and_so_is_a_recording_of_them(noted: Load) -> None:
    some = table(T4, [*around(25, 3), np.full(N, np.nan)])
    assert noted(some, TEMPS) == [
        "1 of 4 columns (T_4) of temperature never had a value: an empty column, or only codes of `missing`"
    ]
    refusal, said, _ = noted(table(T4, [np.full(N, np.nan)] * 4), TEMPS)
    assert (refusal, said.split(":")[0]) == ("refused", "all 4 columns of temperature never had a value")


def test_a_current_whose_sign_is_wrong_is_noted_and_one_that_is_right_is_not(noted: Load) -> None:
    rng = np.random.default_rng(2)
    amps = 50.0 * (np.arange(N) // 5 % 2)  # a charge
    volts = [3.3 + 0.001 * amps + 0.0001 * rng.standard_normal(N) for _ in range(4)]
    rows = table(V4 + " I", [*volts, amps])
    assert noted(rows, VOLTS + 'current = "I"\n') == []
    (said,) = noted(rows, VOLTS + 'current = { column = "I", sign = -1 }\n')
    assert 'current = { column = "I", positive = "charge" }' in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: a recording has a header and a row per reading"),
        ("t,T_1\n", "holds no rows under its header"),
        ("t,T_1\n0,25\n", "holds one row: a recording needs a row per reading"),
        ("t,T_1\n0,25,3\n10,25,4\n", "line 2 has 3 values, its header 2: a decimal comma"),
        ("t,T_1\n,25\n,25\n,26\n", "no row of column 't' has a time"),
        ("t,T_1\nnoon,25\none,25\n", "neither a number nor a timestamp like 2025-09-26 20:15:00"),
        ("t,T_1\ns,25\n0,25\n1,25\n", "holds 's' in row 1 under the names, and numbers else (1 of 3 rows"),
        ("t,T_1\n0,25\n1,25\nMean,25\n", "holds 'Mean' in row 3 under the names, and numbers else"),
        (
            "0,25.1,25.1\n1,25,26\n",
            "its first line holds numbers alone (0, 25.1, 25.1, ...): write a line of",
        ),
        ("t,T_1\ns,degC\n0,25\n1,25\n", "holds 'degC' in row 1 under the names, not numbers (1 of 3"),
        (
            "t,T_1\n0,25\n1,n/c\n2,25\n",
            "'T_1' holds 'n/c' in row 2 under the names, not numbers (1 of 3 rows",
        ),
        ('t;T_1\n0;25\n1;"1.025,5"\n', "holds '1.025,5' in row 2"),
        ("t,T_1,T_1\n0,25,26\n1,25,26\n", "several columns are called 'T_1': give each a name of its own"),
        ("Logger X\n\nt,T_1\n0,25\n1,25\n", "its first line is 'Logger X', and line 3 has more values"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_what_it_needs(
    files: Write, text: str, words: str
) -> None:
    assert words in refused(*files(text, TEMPS))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "utf-8"])
def test_files_are_read_as_spreadsheets_save_them(files: Write, encoding: str) -> None:
    path, _, map_path = files("", 'time = "t"\ntemperature = "T °C"\n')
    Path(path).write_text("t;T °C\n0;25,5\n10;25,75\n", encoding=encoding)
    (part,) = load_parts(Path(path), read_map(Path(map_path)))
    assert part.values.tolist() == [[25.5], [25.75]]


def test_the_line_by_which_spreadsheets_tell_the_delimiter_is_no_header(files: Write) -> None:
    path, _, map_path = files("sep=;\nt;T_1\n0;25,5\n10;25,75\n", TEMPS)
    (part,) = load_parts(Path(path), read_map(Path(map_path)))
    assert part.values.tolist() == [[25.5], [25.75]]


def test_a_code_among_few_values_is_no_register_step(files: Write) -> None:
    read = [23.9, 24.0, 24.1, 24.0, 23.9, 24.1, 6553.5, 6553.5]
    path, _, map_path = files(table("T_1 T_2", [read, read[::-1]], 10.0 * np.arange(len(read))), TEMPS)
    (part,) = load_parts(Path(path), read_map(Path(map_path)))
    assert [channel.step for channel in part.channels] == pytest.approx([0.1, 0.1])


def test_a_column_of_two_readings_is_no_register_and_heat_in_the_second_row_is_told(files: Write) -> None:
    """What both read is 71 and 46 K from what they read before: no register is so coarse."""
    rows = [["0", "24.1", "24", "24.2", "24"], ["10", "95", "70", "24.1", "24.1"]]
    rows += [[f"{10 * i}", "", "", "24.1", f"24.{i % 2}"] for i in range(2, 20)]
    given = files(as_csv(["t", *T4.split()], rows), TEMPS)
    (part,) = load_parts(Path(given[0]), read_map(Path(given[2])))
    assert [channel.step for channel in part.channels[:2]] == [1.0, 1.0]
    (alarm,) = [alarm for alarm in replay(*given)["alarms"] if alarm["severity"] == "critical"]
    assert (alarm["detector"], alarm["location"], alarm["t"]) == ("sudden-heat", "T_1", 20.0)


def test_rows_out_of_order_are_sorted_where_that_is_certain_and_it_is_said(noted: Load, files: Write) -> None:
    newest_first = table(T4, around(25), (10.0 * np.arange(N))[::-1])
    assert noted(newest_first, TEMPS) == [f"{N - 1} rows lay before the row above them: sorted by time"]
    dates = 1.7e9 + 10.0 * np.arange(N)
    dates[50], dates[51] = dates[51], dates[50]
    assert noted(table(T4, around(25), dates), TEMPS) == [
        "1 rows lay before the row above them: sorted by time"
    ]


@pytest.mark.parametrize(("period", "unit"), [(10_000.0, "ms"), (10 / 3600.0, "h"), (1e7, "us")])
def test_a_time_column_in_another_unit_is_noted(noted: Load, period: float, unit: str) -> None:
    (said,) = noted(table(T4, around(25), period * np.arange(N)), TEMPS)
    assert f'time = {{ column = "t", unit = "{unit}" }} makes it 10 s' in said


def test_days_of_a_spreadsheet_and_times_cut_to_minutes_are_known(noted: Load) -> None:
    (said,) = noted(table(T4, around(25), 46143.4 + np.arange(N) / 86400.0), TEMPS)
    assert 'time = { column = "t", unit = "d" } makes it 1 s' in said
    refused, said = noted(table(T4, around(25), 60.0 * (np.arange(N) // 6)), TEMPS)
    assert refused == "refused"
    assert (
        "cut to whole minutes, 6 rows in each? Then count the rows in place of time = ...: period_s = 10"
        in said
    )
    _, said = noted(table(T4, around(25), 5.5 * (np.arange(N) // 6)), TEMPS)
    assert "cut to whole" not in said


def braided(label: Callable[[int], object], values: Sequence[float]) -> str:
    rows = [
        [f"{2.5 * i:.1f}", str(label(i)), f"{values[i % len(values)] + 0.1 * (i * i % 7):.2f}"]
        for i in range(400)
    ]
    return as_csv(["t", "node", "T"], rows)


def test_rows_of_sensors_that_take_turns_are_refused_with_the_column_that_names_them(noted: Load) -> None:
    mapping = 'time = "t"\ntemperature = "T"\n'
    for rows in (
        braided(lambda i: i % 4, (22, 35, 28, 41)),
        braided(lambda i: "abcd"[i % 4], (25, 25, 25, 25)),
    ):
        refusal, said = noted(rows, mapping)
        assert refusal == "refused"
        assert said.startswith("rows of 4 sensors take turns: column 'node' holds ")
        assert 'sensor = "node"' in said
    assert noted(braided(lambda i: i % 4, (22, 35, 28, 41)), mapping + 'sensor = "node"\n') == []
    (perhaps,) = noted(braided(lambda i: 10 * (i % 6), (25,)), mapping)  # the seconds of a minute?
    assert perhaps.startswith("perhaps rows of 6 sensors take turns")
    assert noted(braided(lambda i: i // 100, (25,)), mapping) == []  # a state, or a test


def test_rows_that_repeat_a_sensor_at_one_time_count_once(files: Write) -> None:
    rows = [[str(10 * t), node, f"{t + k}"] for t in range(9) for node, k in (("a", 1), ("a", 2), ("b", 3))]
    path, _, map_path = files(as_csv(["t", "n", "T"], rows), 'time = "t"\nsensor = "n"\ntemperature = "T"\n')
    notes: list[str] = []
    (part,) = load_parts(Path(path), read_map(Path(map_path)), notes)
    assert part.values.tolist() == [[t + 2, t + 3] for t in range(9)]
    assert notes == ["9 rows repeat a sensor at one time: the last of each counts"]


def seen(*times: Sequence[float], judged: float = 1.0) -> list[str]:
    sight = Sight()
    for number, t in enumerate(times):
        sight.begin(f"test {number}" if len(times) > 1 else "", 10.0)
        sight.see(np.array(t[:3]), np.array(t[:3]))
        sight.see(np.array(t[3:]), np.array(t[3:]))
        sight.end(Coverage(judged=judged, learning=5.0))
    return sight.notes()


def test_gaps_are_counted_over_all_groups_and_the_longest_is_named() -> None:
    assert seen([0, 10, 20, 120, 130]) == []
    (one,) = seen([0, 10, 20, 121, 131])
    assert one.startswith("1 gap of more than 10 periods, the longest 2 min, up to 121.0: nothing is known")
    (two,) = seen([0, 10, 20, 121, 131], [0, 10, 20, 30, 4000])
    assert two.startswith(
        "2 gaps of more than 10 periods in 2 of 2 groups, the longest 66 min, up to 4000.0 in test 1:"
    )


def test_time_that_goes_back_or_stands_still_is_said() -> None:
    back, again = seen([0, 10, 20, 0, 10, 10])
    assert back.startswith("time goes back 1 times, first at 0.0: detectors began anew there. If these")
    assert again == "1 rows have the time of the row before them and were left out"


def test_groups_that_only_ever_learned_are_said() -> None:
    assert seen([0, 10, 20], judged=0.0)[0].startswith(
        "the whole recording: over before the detectors had learned"
    )
    assert seen([0, 10, 20], [0, 10, 20], judged=0.0)[0].startswith(
        "2 of 2 groups (test 0, test 1): over before"
    )


WARNED = TEMPS.replace("T_*", "T_[12]")


@pytest.mark.parametrize(
    ("column", "said", "expected"),
    [
        ([0, 8, 9], 'bits = { 3 = ["critical", "contactor welded"] }', {("critical", "contactor welded")}),
        ([0, 7, 7], 'codes = { 7 = "fan lost", 9 = "other" }', {("warning", "fan lost")}),
        ([0, 7, 7], 'severity = "advice"', {("advice", "7 in column W")}),
        (["ok", "OVERVOLT", "ok"], "", {("warning", "OVERVOLT in column W")}),
        (["none", "", "E4"], 'codes = { E4 = ["critical", "leak"] }', {("critical", "leak")}),
    ],
)
def test_what_the_unit_itself_reports_is_heard_as_in_an_agent(
    files: Write, column: list[Any], said: str, expected: set[tuple[str, str]]
) -> None:
    rows = [[f"{10 * i}", "25", "25", str(column[i // 20])] for i in range(60)]
    mapping = WARNED + f'warnings = {{ column = "W"{", " if said else ""}{said} }}\n'
    found = replay(*files(as_csv(["t", "T_1", "T_2", "W"], rows), mapping))
    heard = [alarm for alarm in found["alarms"] if alarm["detector"] == "reported"]
    assert {(a["severity"], a["explanation"].split(": ")[1].rstrip(".")) for a in heard} == expected
    assert {a["t"] for a in heard} <= {200.0, 400.0}


def test_json_has_the_ends_of_alarms_and_counts_by_detector_and_severity(files: Write) -> None:
    rows = [[f"{10 * i}", "25", "25", str((0, 7, 0, 9)[i // 60])] for i in range(240)]
    found = replay(*files(as_csv(["t", "T_1", "T_2", "W"], rows), WARNED + 'warnings = "W"\n'))
    over, stands = (alarm for alarm in found["alarms"] if alarm["detector"] == "reported")
    assert 600 == over["t"] < 1200 <= over["ended"] == over["ended_s"] < 1800 == stands["t"]
    assert (stands["ended"], stands["ended_s"]) == (None, None)
    assert found["counts"]["reported"] == {"warning": 2}


def test_a_latched_alarm_ends_in_json_when_its_condition_is_gone_each_time(files: Write) -> None:
    high = np.full(600, 3.3)
    high[200:260] = high[560:] = 4.0
    recording = table("V_1", [high], 10.0 * np.arange(600))
    once, again = replay(*files(recording, VOLTS + 'chemistry = "LFP"\n'))["alarms"]
    assert (once["severity"], once["t"], once["ended_s"]) == ("critical", 2020.0, 2650.0)
    assert (again["severity"], again["t"], again["ended"]) == ("critical", 5620.0, None)


@pytest.mark.parametrize(
    ("warnings", "words"),
    [
        ('"W"', "more than 64 different values"),
        (
            '{ column = "W", bits = { 3 = "a" }, codes = { 3 = "b" } }',
            "either bits (each bit says one thing)",
        ),
        ('{ column = "T_1" }', "warnings are whole numbers"),
        ('{ column = "W", bit = { 3 = "a" } }', "warnings bit: unknown key; did you mean 'bits'?"),
    ],
)
def test_warnings_that_cannot_be_are_refused(files: Write, warnings: str, words: str) -> None:
    rows = [[f"{10 * i}", "25.5", "25", str(i)] for i in range(90)]
    assert words in refused(
        *files(as_csv(["t", "T_1", "T_2", "W"], rows), WARNED + f"warnings = {warnings}\n")
    )


def test_pack_voltage_insulation_and_charge_reach_the_judges_by_their_quantities(files: Write) -> None:
    mapping = TEMPS + 'pack_voltage = "U"\nsoc = "S"\ninsulation = { column = "R", unit = "kohm" }\n'
    path, _, map_path = files(table("T_1 U S R", [np.full(N, x) for x in (25, 52, 80, 900)]), mapping)
    (part,) = load_parts(Path(path), read_map(Path(map_path)))
    assert dict(zip(part.layout.quantities, part.values[0], strict=True)) == {
        "cell_temperature": 25, "voltage": 52, "soc": 80, "insulation_resistance": 900_000,
    }  # fmt: skip


def test_a_unit_of_another_quantity_is_a_mistake_of_the_map() -> None:
    with pytest.raises(ValueError, match="temperature unit: 'mV' is none of degC"):
        RecordingMap.model_validate({"time": "t", "temperature": {"columns": "T_*", "unit": "mV"}})


def test_the_plot_holds_the_cell_in_alarm_however_far_it_fell() -> None:
    others = np.array([[1.0, -2.0], [3.0, 62_000.0]])
    low, high = _reach_mv(others, np.array([[-3500.0], [np.nan]]))
    assert low < -3500 < 300 < high < 600
    assert _reach_mv(np.full((1, 2), np.nan), np.zeros((0, 1)))[0] < 0


def test_a_long_wait_is_told_now_and_then_where_nobody_sees_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    over = False

    def spin() -> None:
        nonlocal over
        while not over:
            over = "compiling: " in capsys.readouterr().err

    with waiting("compiling", every_s=0.01):
        spin()
    with counting("judging", 400, every_s=0.0) as done:
        done(100)
    assert capsys.readouterr().err.endswith("judging: 100 of 400 frames (25 %)\n")
    with waiting("short"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"PK\3\4\0\0", "is no text, but a ZIP archive, or a workbook of a spreadsheet (.xlsx, .ods)"),
        (b"\x1f\x8b\x08\0", "is no text, but compressed by gzip: unpack it"),
        (b"PAR1\x15\0", "is no text, but Parquet: name it .parquet"),
        (b"\x7fELF\0\1", "is no text: save the rows as CSV or Parquet"),
        (b"\xff\xfea", "is no text: save the rows as CSV or Parquet"),  # half a letter of UTF-16
        (b"t,V_1,V_2\n" + b"1,3.3,3.3\n" * 9000 + b"\xff\n", "is no text"),  # beyond what is looked at
    ],
)
def test_a_recording_that_is_no_text_is_called_what_it_is(files: Write, head: bytes, said: str) -> None:
    path, *mapping = files("", VOLTS)
    Path(path).write_bytes(head)
    assert said in refused(path, *mapping)


def test_a_heat_in_the_last_row_is_told_a_period_later_for_what_burns_cuts_its_wires(files: Write) -> None:
    rows = [[f"{10 * i}", *(f"{25 + 0.1 * (i % 2):.1f}" for _ in range(4))] for i in range(90)]
    header = ["t", *T4.split()]
    still = replay(*files(as_csv(header, rows), TEMPS))
    assert still["alarms"] == []
    rows.append(["900", "95", "80", "25", "25.1"])
    found = replay(*files(as_csv(header, rows), TEMPS))
    (alarm,) = [alarm for alarm in found["alarms"] if alarm["severity"] == "critical"]
    assert (alarm["detector"], alarm["t"], alarm["t_s"], alarm["ended"]) == (
        "sudden-heat",
        900.0,
        910.0,
        None,
    )
    assert found["sensor_seconds"] == still["sensor_seconds"] + 40.0, "the row that never came counts nowhere"


def limit(quantity: str, tier: str, low: float, high: float, more: str = "") -> str:
    return f'[[limit]]\nquantity = "{quantity}"\ntier = "{tier}"\nlow = {low}\nhigh = {high}\n{more}'


def test_a_recording_is_judged_by_the_limits_of_its_map(files: Write) -> None:
    """A charger that does not stop, and a load that does not: the tiers of docs/adding-a-battery.md."""
    rest = np.full(60, 3.35)
    volts = np.concatenate(
        [rest, np.linspace(3.35, 4.25, 240), np.full(60, 4.25), np.linspace(4.25, 1.9, 120)]
    )
    recording = table(V4, [volts + 0.001 * i for i in range(4)], 10.0 * np.arange(len(volts)))
    tiers = {"operating": (2.8, 3.55), "recommended": (2.65, 3.6), "safety": (2.5, 3.65)}
    said = [limit("cell_voltage", tier, *ends) for tier, ends in tiers.items()]
    chemistry = 'chemistry = "LFP"\n'
    found = replay(*files(recording, VOLTS + chemistry + "".join(said)))
    told = [(alarm["severity"], alarm["limit"]) for alarm in found["alarms"]]
    assert [one for one in told if one in {("critical", 3.65), ("critical", 2.5), ("warning", 3.6)}] == [
        ("warning", 3.6), ("critical", 3.65), ("critical", 2.5)
    ]  # fmt: skip
    at = {alarm["limit"]: alarm["t"] for alarm in found["alarms"]}
    assert at[3.65] - 10.0 * np.argmax(volts + 0.003 > 3.65) <= 30.0
    by_chemistry = replay(*files(recording, VOLTS + chemistry))
    assert [alarm["limit"] for alarm in by_chemistry["alarms"]] == [3.9]


def test_blocks_are_judged_by_their_chemistry_where_the_map_says_how_many_cells_they_have(
    files: Write,
) -> None:
    blocks = [np.append(np.full(100, 13.4), np.full(20, 6.9 if i else 13.4)) for i in range(2)]
    recording = table("B_1 B_2", blocks, 10.0 * np.arange(120))
    mapping = 'time = "t"\nblock_voltage = "B_*"\nchemistry = "VRLA"\n'
    assert "voltage-limit" not in replay(*files(recording, mapping))["counts"]
    found = replay(*files(recording, mapping + "cells_per_block = 6\n"))
    assert found["counts"]["voltage-limit"] == {"critical": 1}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            limit("cell_voltage", "safety", 2.5, 4.2),
            "limit: cell_voltage: the highest safety limit 4.2 V is wider than",
        ),
        (limit("cell_voltage", "safety", 2.5, 3.6, 'units = ["a"]\n'), "limit: units: a recording has none"),
        (limit("cell_voltage", "safety", 3.6, 2.5), "limit 0: low 3.6 is not below high 2.5"),
        ('[[limit]]\nquantity = "cell_voltage"\nteir = "safety"\nhigh = 3.6\n', "did you mean 'tier'?"),
    ],
)
def test_limits_of_a_map_are_held_to_the_rules_of_a_site(files: Write, more: str, words: str) -> None:
    assert words in refused(*files(table(V4, around(3.3)), VOLTS + 'chemistry = "LFP"\n' + more))


def test_voltages_that_have_no_limit_are_said(files: Write) -> None:
    recording = table(V4, around(3.3))
    (said,) = [n for n in replay(*files(recording, VOLTS))["notes"] if "limit" in n]
    assert said.startswith("no voltage limit is judged: set chemistry in the map")
    quiet = replay(*files(recording, VOLTS + 'chemistry = "LFP"\n'))
    assert not [n for n in quiet.get("notes", []) if "limit" in n]


def test_a_reader_that_leaves_ends_a_replay_without_a_word(files: Write) -> None:
    rows = [[f"{10 * i}", "25", "25", str(i % 60)] for i in range(6000)]
    given = files(as_csv(["t", "T_1", "T_2", "W"], rows), WARNED + 'warnings = "W"\n')
    command = [sys.executable, "-m", "agent.cli", "replay", *given]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=300)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_notes_stand_in_json_and_before_the_alarms(files: Write) -> None:
    header, rows = heating_rows(lambda i: f"{5 * i + (900 if i > 100 else 0)}")
    arguments = files(as_csv(header, rows), MAP)
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.stdout.startswith("1 gap of more than 10 periods, the longest 15 min")
    result = CliRunner().invoke(main, ["replay", *arguments, "--json"])
    assert json.loads(result.stdout)["notes"][0].startswith("1 gap of more than 10 periods")
