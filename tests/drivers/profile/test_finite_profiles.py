"""A profile's numbers are finite: whatever stands in it is refused in a printable line, or is bounded."""

import math
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from drivers.connect import assume
from drivers.profile.load import Profile, ProfileError, load_profile, parse_profile
from drivers.profile.schema import Tiers
from tests.changed import changed, keys

EVERYTHING = """
schema = 1
model = "mine"
title = "t"
unit_id = 1
address_step = 1
max_registers_per_read = 100
pause_ms = 1.0
per_instance = 0
forbidden = [[900, 901]]
[serial]
baud = 9600
data_bits = 8
stop_bits = 1
timeout_ms = 1000.0
settle_s = 0.0
inter_byte_s = 0.5
[tcp]
port = 502
timeout_ms = 1000.0
[missing]
u16 = [65535]
[limits.cell_voltage]
operating = [2.0, 4.0]
safety = [1.8, 4.2]
[[group]]
name = "mods"
level = "module"
count = 2
max_count = 4
address = 100
stride = 10
unit_stride = 0
first = 1
[[point]]
name = "cell_voltage"
address = 0
count = 4
max_count = 4
stride = 1
unit_stride = 0
bit_stride = 0
unit_offset = 0
first = 1
type = "u16"
registers = 1
scale = 0.001
raw_offset = 0
offset = 0.0
unit = "V"
missing = [65535]
valid = [0.0, 5.0]
changes_within_s = 100.0
pause_ms = 1.0
per_instance = 0
[point.limits]
operating = [2.0, 4.0]
[[point]]
name = "serial"
address = 50
expect = [1, 2]
[[point]]
name = "version"
address = 51
expect_range = [1, 4]
[[point]]
name = "module_temperature"
group = "mods"
address = 1
unit = "degC"
type = "i16"
scale = 0.1
[[point]]
name = "word"
address = 60
function = 3
alarms = { 1 = { text = "hot", active = 0 } }
[[point]]
name = "part"
address = 61
bits = [0, 3]
values = { 1 = "on" }
"""
CONTENT = tomllib.loads(EVERYTHING)
OTHERS = """
schema = 1
model = "mine"
max_registers_per_read = { holding = 100, input = 100 }
islands = [[0, 200]]
forbidden = { holding = [[300, 301]] }
topology = { strings = 2, modules = 2, cells = 4 }
[[group]]
name = "outer"
level = "string"
count = 2
address = 1
stride = 60
[[group]]
name = "inner"
group = "outer"
level = "module"
count = 2
address = 1
stride = 10
forbidden = [[5, 6]]
[[point]]
name = "cell_voltage"
group = "inner"
address = 0
count = 4
scale = 0.001
unit = "V"
[[point]]
name = "here_and_there"
address = [150, 160]
place = "cell"
"""
DESCRIBES_ITSELF = """
schema = 1
model = "mine"
[sunspec]
bases = [40000, 0]
[sunspec.models.802.points.SoC]
name = "soc"
expect = [1]
expect_range = [1, 2]
valid = [0.0, 100.0]
changes_within_s = 10.0
"""
NASTY: list[Any] = [math.inf, -math.inf, math.nan, 1e300, -1e300, 1e-300, 0, -1, 2**70, 10**400, True, False]
NASTY += [
    "nan",
    "inf",
    "1",
    "1e300",
    "1/0",
    "10^400",
    "10^-400",
    "a\nb",
    "\x1b[31m",
    "\u202e",
    [],
    {},
    [math.nan],
]
NASTY += [[math.nan] * 2, [math.inf] * 2, [-math.inf] * 2, [0, 1e300], [1e300, math.inf], [2**70], ["a\nb"]]


def _endless(value: object) -> bool:
    return isinstance(value, int | float) and not abs(value) <= (1e12 if isinstance(value, float) else 2**64)


def unbounded(model: BaseModel) -> Iterator[tuple[str, object]]:
    """Numbers that no battery has; a range may be open, a sentinel may be any number of 64 bits."""
    for name, field in model:
        if name in ("missing", "expect", "expect_range"):
            continue
        held = field.values() if isinstance(field, dict) else field if isinstance(field, tuple) else (field,)
        if name in ("valid", *Tiers.model_fields) and field and not field[0] <= min(field[1], 1e12) >= -1e12:
            yield name, field
        for value in held:
            if isinstance(value, BaseModel):
                yield from unbounded(value)
            elif name not in ("valid", *Tiers.model_fields) and _endless(value):
                yield name, value


def problems(text: str) -> list[str]:
    profile: Profile | None
    try:
        profile, refusal = parse_profile(text), None
    except ProfileError as error:
        profile, refusal = error.profile, error
    if profile:
        assert list(unbounded(profile)) == []
        assume(profile)
    if refusal is None:
        return []
    assert refusal.problems
    lines = [str(problem) for problem in refusal.problems]
    assert all(line.isprintable() for line in lines)
    return lines


@pytest.mark.parametrize("where", list(keys(CONTENT)), ids=lambda where: ".".join(map(str, where)))
def test_every_key_with_every_nasty_value(where: tuple[Any, ...]) -> None:
    assert problems(EVERYTHING) == []
    for value in NASTY:
        problems(changed(CONTENT, where, value))


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ("tcp.timeout_ms", math.inf, "tcp.timeout_ms = inf cannot be: write a number of 0.001 to 60000"),
        ("serial.settle_s", 1e300, "serial.settle_s = 1e+300 cannot be: write a number of 0 to 600"),
        ("point.0.offset", math.nan, "cell_voltage: offset = nan cannot be"),
        ("point.3.scale", 1e300, "module_temperature: scale = scale 1e+300 makes numbers of every value"),
        ("point.0.scale", "1/0", 'scale "1/0" is neither a number'),
        ("point.0.pause_ms", math.inf, "cell_voltage: pause_ms = inf cannot be"),
        ("unit_id", True, "unit_id = true is true or false, and a number is wanted: write 1"),
        (
            "point.0.valid",
            [math.inf, math.inf],
            "cell_voltage: valid = [inf, inf] has an end that no battery has",
        ),
        ("limits.cell_voltage.safety", [0, 1e300], "limits.cell_voltage.safety = [0.0, 1e+300] has an end"),
        ("title", "a\nb", r"title = 'a\nb' has characters in it that are not printable"),
    ],
)
def test_each_says_where_what_and_what_to_write(where: str, value: object, problem: str) -> None:
    place = tuple(int(key) if key.isdecimal() else key for key in where.split("."))
    said = problems(changed(CONTENT, place, value))
    assert any(problem in line for line in said), said


def test_what_the_version_before_took_is_read_without_the_numbers_that_are_none() -> None:
    """A time-out that is none is the default, a point that cannot be told is not read, a limit stays open."""
    text = changed(CONTENT, ("point", 3, "offset"), math.nan).replace("1000.0", "inf")
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    profile = caught.value.profile
    assert profile is not None
    assert (profile.tcp.timeout_ms, profile.serial.timeout_ms) == (2000, 1000)
    assert [point.name for point in profile.point] == ["cell_voltage", "serial", "version", "word", "part"]
    assert all(problem.since == "0.2" for problem in caught.value.problems)


def numbers(table: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int | float]]:
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, dict | list):
            yield from numbers(value, (*above, key))
        elif isinstance(value, int | float):
            yield (*above, key), value


def outcome(text: str) -> tuple[Profile | None, bool]:
    """The profile, as a watch that ran goes on with it, and whether `profile check` says it is good."""
    try:
        return parse_profile(text), True
    except ProfileError as error:
        return error.profile, False


#: Where a text may stand for itself, and where none was ever taken for a number.
TEXTS = {"address", "expect", "expect_range", "forbidden", "islands"}
NO_TEXTS = {"schema", "scale", "function", "active", "stop_bits", "data_bits"}


@pytest.mark.parametrize(
    ("text", "some"),
    [
        (EVERYTHING, "max_registers_per_read missing.u16 limits.cell_voltage.safety group.count point.count"),
        (EVERYTHING, "point.address point.missing point.valid point.expect point.alarms.1.active"),
        (OTHERS, "group.address group.count islands max_registers_per_read.holding"),
        (DESCRIBES_ITSELF, "schema sunspec.bases sunspec.models.802.points.SoC.valid"),
    ],
)
def test_what_the_version_before_read_as_a_number_is_refused_and_where_it_ran_it_is_that_number(
    text: str, some: str
) -> None:
    """Texts of digits, true and false: whichever of several types may stand there."""
    content = tomllib.loads(text)
    assert outcome(text)[1]
    went_on = set()
    for where, value in numbers(content):
        for written, number in ((True, 1), (False, 0), (str(value), value), (f" {value} ", value)):
            if isinstance(written, str) and set(where) & (TEXTS | NO_TEXTS):
                continue
            read, good = outcome(changed(content, where, written))
            assert not good, (where, written)
            assert read == outcome(changed(content, where, number))[0], (where, written)
            went_on |= {where} if read else set()
    keys = {".".join(str(key) for key in where if isinstance(key, str)) for where in went_on}
    assert keys >= set(some.split())


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ("max_registers_per_read", "26", "max_registers_per_read = '26' is a text, and a number is wanted"),
        ("point.0.count", "4", "cell_voltage: count = '4' is a text, and a number is wanted: write 4"),
        ("group.0.count", "2", "mods: count = '2' is a text, and a number is wanted: write 2"),
        ("point.0.address", True, "cell_voltage: address = true is true or false, and a number is wanted"),
        ("point.0.missing", True, "cell_voltage: missing = true is true or false, and a number is wanted"),
        ("missing.u16", ["65535"], "missing.u16.0 = '65535' is a text, and a number is wanted: write 65535"),
    ],
)  # fmt: skip
def test_a_number_that_is_none_is_one_line(where: str, value: object, problem: str) -> None:
    place = tuple(int(key) if key.isdecimal() else key for key in where.split("."))
    (line,) = problems(changed(CONTENT, place, value))
    assert problem in line


def test_what_was_a_mistake_before_is_one_beside_what_is_newly_refused() -> None:
    """Nothing was left out for a text of digits: what else is amiss has another reason."""
    newly = tomllib.loads(changed(CONTENT, ("point", 0, "count"), "4"))
    text = changed(newly, ("point", 2, "address"), "nowhere")
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    assert [p.since for p in caught.value.problems] == ["0.2", ""]
    assert caught.value.profile is None


def test_that_nothing_is_left_when_the_only_point_is_refused_is_not_said() -> None:
    text = 'schema = 1\nmodel = "mine"\n[[point]]\nname = "soc"\naddress = 0\noffset = nan\n'
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    assert [p.point for p in caught.value.problems] == ["soc"]
    assert caught.value.profile is None


def test_nothing_is_read_that_lacks_what_was_left_out() -> None:
    cell = '[[point]]\nname = "{name}"\nquantity = "cell_voltage"\nplace = "{place}"\nunit = "mV"\n'
    text = 'schema = 1\nmodel = "mine"\ntopology = { cells = 2 }\n' + "".join(
        cell.format(name=name, place=place) + f"address = {address}\noffset = {offset}\n"
        for name, place, address, offset in (("a", "cell1", 0, "0.0"), ("b", "cell2", 1, "nan"))
    )
    with pytest.raises(ProfileError, match="1 cells, but the topology has 2") as caught:
        parse_profile(text)
    assert caught.value.profile is None
    assert all(problem.since == "0.2" for problem in caught.value.problems)


@pytest.mark.parametrize("text", ["a = " + "[" * 3000, "a." * 100_000 + "a = 1", "a = 1" + "0" * 5000])
def test_what_the_parser_cannot_take_is_refused_at_once(text: str) -> None:
    with pytest.raises(ProfileError, match="not TOML"):
        parse_profile(text)


def test_a_profile_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:

    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(OSError, match="is a FIFO"):
        load_profile(tmp_path / "mine.toml")
    with pytest.raises(ProfileError, match="there is no profile of this name"):
        load_profile("mine", [tmp_path])
    with pytest.raises(ProfileError, match="there is no profile of this name"):
        load_profile("mine", [tmp_path / "mine.toml"])
