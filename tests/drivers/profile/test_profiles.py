"""Profiles from TOML: small to write, strict to read, every mistake at once."""

import json
import tomllib
from importlib.resources import files

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from drivers.connect import assume
from drivers.profile.expansion import expand
from drivers.profile.load import ProfileError, json_schema, load_profile, parse_profile, shipped_profiles
from drivers.registers import Area, Read
from drivers.values import Reading

ACME = """
schema = 1
model = "acme-powerrack-lfp"
word_order = "big"
max_registers_per_read = 100
topology = { strings = 1, modules = 2, cells = 16 }

[[point]]
name = "cell_voltage"    # module-major
table = "input"
address = 1000
count = 32
type = "u16"
scale = 0.001            # raw mV -> V
unit = "V"
valid = [1.5, 4.0]       # outside: bad sensor, not a cell fault
missing = 0xFFFF         # BMS has no reading
"""


def layout(points, head="", **rest):
    return assume(parse_profile(f'schema = 1\nmodel = "x"\n{head}\n{points}'), **rest)


def problems(text):
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    return [str(p) for p in caught.value.problems]


def test_a_point_needs_little_more_than_the_datasheet_says():
    found = assume(parse_profile(ACME))
    assert found.plan.reads == (Read(Area.INPUT, 1000, 32),)
    assert found.places[0] == "string1/module1/cell1"
    assert found.places[31] == "string1/module2/cell16"
    assert set(found.quantities) == {"cell_voltage"}
    assert {value.poll for value in found.values} == {"safety"}
    assert found.sentinels[0] == 0xFFFF
    assert found.resolution[0] == 0.001


def test_units_are_converted_and_limits_with_them():
    found = layout(
        """
        [limits.cell_temperature]
        safety = [-20, 60]
        [[point]]
        name = "cell_voltage_1"
        address = 0
        unit = "mV"
        valid = [500, 5000]
        limits = { operating = [2800, 3550], safety = [2500, inf] }
        [[point]]
        name = "cell_temperature_1"
        address = 1
        scale = 0.1
        unit = "K"
        [[point]]
        name = "ambient_temperature"
        address = 2
        unit = "degF"
        """
    )
    cell, sensor, room = found.values
    assert (cell.unit, cell.scale, cell.place) == ("V", 0.001, "cell1")
    assert cell.valid == (0.5, 5.0)
    assert found.limits[0] == pytest.approx(np.array([[2.8, 3.55], [-np.inf, np.inf], [2.5, np.inf]]))
    assert (sensor.unit, sensor.scale, sensor.offset, sensor.place) == ("degC", 0.1, -273.15, "sensor1")
    assert found.limits[1, 2].tolist() == [-20, 60]
    assert 50 * room.scale + room.offset == pytest.approx(10)  # 50 degF


@pytest.mark.parametrize(
    ("fields", "coding"),
    [
        ('type = "u32"', (Reading.INTEGER, 2, 32, 0, False)),
        ('type = "i8"\nbits = [8, 15]', (Reading.INTEGER, 1, 8, 8, True)),
        ('type = "u12"\nbits = [20, 31]', (Reading.INTEGER, 2, 12, 20, False)),
        ('type = "u8"\nbits = [0, 7]\nregisters = 2', (Reading.INTEGER, 2, 8, 0, False)),
        ('type = "u64"', (Reading.UNSIGNED_64, 4, 64, 0, False)),
        ('type = "f64"', (Reading.FLOAT_64, 4, 64, 0, True)),
        ('type = "u24"', (Reading.INTEGER, 2, 24, 0, False)),
        ('table = "coil"', (Reading.INTEGER, 1, 1, 0, False)),
        ('table = "discrete"\ntype = "u16"', (Reading.INTEGER, 16, 16, 0, False)),
        ("function = 2", (Reading.INTEGER, 1, 1, 0, False)),
    ],
)
def test_types_become_codings(fields, coding):
    c = layout(f'[[point]]\nname = "x"\naddress = 0\n{fields}').values[0].coding
    assert (c.reading, c.words, c.width, c.shift, c.signed) == coding


def test_scales_may_be_fractions_and_powers():
    points = "".join(
        f'[[point]]\nname = "x{i}"\naddress = {i}\nscale = "{s}"\n'
        for i, s in enumerate(("1/512", "2^-5", "10^2"))
    )
    assert [v.scale for v in layout(points).values] == [1 / 512, 1 / 32, 100]


def test_orders_tables_and_pauses_are_said_once_or_per_point():
    found = layout(
        """
        [[point]]
        name = "a"
        address = 0
        type = "u32"
        [[point]]
        name = "b"
        address = 4
        type = "u32"
        word_order = "big"
        byte_order = "little"
        table = "holding"
        pause_ms = 120
        """,
        'table = "input"\nword_order = "little"\npause_ms = 35',
    )
    a, b = found.values
    assert (a.span.area, a.coding.big_words, a.coding.big_bytes, a.pause_ms) == (Area.INPUT, False, True, 35)
    assert (b.span.area, b.coding.big_words, b.coding.big_bytes, b.pause_ms) == (
        Area.HOLDING,
        True,
        False,
        120,
    )


def spans(found):
    return [(v.place, v.span.unit_offset, v.span.first, v.coding.shift) for v in found.values]


@pytest.mark.parametrize(
    ("fields", "head", "expected"),
    [
        ("count = 2\nstride = 10", "", [("cell1", 0, 0, 0), ("cell2", 0, 10, 0)]),
        ('count = [2, 2]\nstride = [100, 1]\nplace = "module/cell"', "",
         [("module1/cell1", 0, 0, 0), ("module1/cell2", 0, 1, 0),
          ("module2/cell1", 0, 100, 0), ("module2/cell2", 0, 101, 0)]),
        ("count = [2, 1]\nunit_stride = [1, 0]\n", "topology = { modules = 2, cells = 1 }",
         [("module1/cell1", 0, 0, 0), ("module2/cell1", 1, 0, 0)]),
        ('count = [2, 2]\nstride = [1, 0]\nbits = [8, 15]\nbit_stride = [0, -8]\nplace = "cell"', "",
         [("cell1", 0, 0, 8), ("cell2", 0, 0, 0), ("cell3", 0, 1, 8), ("cell4", 0, 1, 0)]),
        ("count = 2\nfirst = 17", "", [("cell17", 0, 0, 0), ("cell18", 0, 1, 0)]),
        ("", "", [("cell1", 0, 0, 0)]),
        ('count = 2\nplace = "string3/cell"', "", [("string3/cell1", 0, 0, 0), ("string3/cell2", 0, 1, 0)]),
    ],
)  # fmt: skip
def test_arrays_lead_to_registers_units_and_places(fields, head, expected):
    found = layout(f'[[point]]\nname = "cell_voltage"\naddress = 0\ntype = "u16"\n{fields}', head)
    assert spans(found) == expected


def test_an_array_may_list_its_addresses():
    found = layout('[[point]]\nname = "cell_temperature"\naddress = ["0x129C", "0x129E", "0x12F8"]\n')
    assert spans(found) == [("sensor1", 0, 4764, 0), ("sensor2", 0, 4766, 0), ("sensor3", 0, 4856, 0)]


@pytest.mark.parametrize(
    ("name", "count", "topology", "last"),
    [
        ("cell_temperature", 4, "cells = 16, sensors = 4", "sensor4"),
        ("cell_temperature", 16, "cells = 16", "cell16"),
        ("cell_temperature", 4, "modules = 2, cells = 4, sensors = 2", "module2/sensor2"),
        ("cell_temperature", 24, "strings = 2, modules = 3, cells = 4", "string2/module3/cell4"),
        ("module_temperature", 6, "strings = 2, modules = 3", "string2/module3"),
        ("string_current", 2, "strings = 2, modules = 3", "string2"),
    ],
)
def test_the_place_follows_from_quantity_and_topology(name, count, topology, last):
    found = layout(
        f'[[point]]\nname = "{name}"\naddress = 0\ncount = {count}', f"topology = {{ {topology} }}"
    )
    assert found.places[-1] == last


@pytest.mark.parametrize(
    ("name", "place", "quantity"),
    [
        ("cell_voltage_7", "module2/cell3", "cell_voltage"),
        ("cell_7_voltage", "module2/cell3", "cell_voltage"),
        ("ambient_temperature_2", "sensor2", "ambient_temperature"),
        ("ambient_temperature", "", "ambient_temperature"),
        ("cell_over_voltage_protection", "", ""),
        ("pack_voltage", "", "voltage"),
    ],
)
def test_points_typed_one_by_one_are_known_by_their_names(name, place, quantity):
    head = "topology = { modules = 2, cells = 4 }\n"
    text = f'schema = 1\nmodel = "x"\n{head}[[point]]\nname = "{name}"\naddress = 0\n'
    (value,) = (
        expand(parse_profile(text.replace(head, ""))).values if not place else _with_siblings(head, name)
    )
    assert (value.place, value.quantity) == (place, quantity)


def _with_siblings(head, name):
    """The value of `name` among eight typed one by one."""
    names = [name.replace("7", str(k)).replace("_2", f"_{k}") for k in range(1, 9)]
    points = "".join(f'[[point]]\nname = "{n}"\naddress = {k}\n' for k, n in enumerate(names))
    return [v for v in layout(points, head).values if v.name == name]


def test_a_count_told_by_the_unit_is_bounded_by_its_own_level():
    point = '[[point]]\nname = "module_count"\naddress = 90\n[[point]]\nname = "cell_voltage"\n'
    point += 'address = 0\ncount = ["module_count", 14]\nunit_stride = [1, 0]\nstride = [0, 1]'
    head = "topology = { modules = 12, cells = 14 }"
    assert layout(point, head).n == 12 * 14
    found = layout(point, head, counts={"module_count": 13})
    assert found.places[-1] == "module12/cell14"
    assert found.notes == (
        "module_count: the unit reports 13, the profile allows 12; the first 12 are polled",
    )


def test_bytes_packed_high_first_are_an_array_with_a_falling_bit_stride():
    found = layout(
        '[[point]]\nname = "cell_temperature"\naddress = 20\ntype = "i8"\nbits = [8, 15]\n'
        "count = [2, 2]\nstride = [1, 0]\nbit_stride = [0, -8]"
    )
    assert [(v.place, v.span.first, v.coding.shift) for v in found.values] == [
        ("sensor1", 20, 8),
        ("sensor2", 20, 0),
        ("sensor3", 21, 8),
        ("sensor4", 21, 0),
    ]


def test_groups_repeat_and_nest_and_forbid():
    found = layout(
        """
        gaps = "readable"
        [[group]]
        name = "rack"
        level = "string"
        count = 2
        address = 0x1000
        stride = 0x100
        [[group]]
        name = "tray"
        level = "module"
        count = 2
        group = "rack"
        stride = 0x10
        forbidden = [[1, 1]]
        [[point]]
        name = "cell_voltage"
        group = "tray"
        address = 2
        count = 2
        [[point]]
        name = "module_temperature"
        group = "tray"
        address = 0
        """
    )
    assert found.places[:2] == ("string1/module1/cell1", "string1/module1/cell2")
    assert (found.values[-1].place, found.values[-1].span.first) == ("string2/module2", 0x1110)
    assert [v.span.first for v in found.values if v.name == "cell_voltage"][6:] == [0x1112, 0x1113]
    touched = {a for s in found.plan.spans for a in range(s.first, s.last + 1)}
    assert not touched & {0x1001, 0x1011, 0x1101, 0x1111}


def test_byte_addresses_count_in_bytes_and_ask_in_bytes():
    text = '[[point]]\nname = "cell_voltage"\naddress = 4608\ncount = 3\nstride = 2\n'
    assert layout(text, "address_step = 2").plan.reads[0] == Read(Area.HOLDING, 4608, 3)
    assert layout(text, 'addressing = "bytes"').plan.reads[0] == Read(Area.HOLDING, 2304, 3)


def test_a_gateway_shifts_the_addresses_of_its_further_units():
    text = """
    per_instance = 10000
    [[point]]
    name = "voltage"
    address = 12000
    [[point]]
    name = "alarm_word"
    address = 41180
    per_instance = 1024
    alarms = { 3 = "hot" }
    """
    assert {r.address for r in layout(text, instance=1).plan.reads} == {12000, 41180}
    assert {r.address for r in layout(text, instance=3).plan.reads} == {32000, 43228}
    blocks = "islands = [[11990, 12010], [41170, 41190]]"  # as printed: of the first unit
    assert {r.address for r in layout(text, blocks, instance=3).plan.reads} == {32000, 43228}


def test_alarms_flags_and_values_speak():
    found = layout(
        """
        [[point]]
        name = "faults"
        address = 0
        severity = "critical"
        [point.alarms]
        0 = "over-temperature"
        1 = { text = "fan", severity = "advice" }
        2 = { text = "door open", active = 0 }
        [point.flags]
        8 = "charging"
        [[point]]
        name = "mode"
        address = 1
        values = { 2 = "online", 3 = { text = "on battery", severity = "warning" } }
        """
    )
    assert found.quantities == ("alarm_bits", "state")
    good = np.zeros(2, np.uint8)
    said = {(s, t) for _, _, s, t in found.alarms(np.array([0x0103, 3]), good)}
    assert said == {
        ("critical", "over-temperature"),
        ("advice", "fan"),
        ("critical", "door open"),
        ("warning", "on battery"),
    }
    assert found.alarms(np.array([0x0004, 2]), good) == []
    assert found.alarms(np.array([0, 3]), good + 4) == []  # nothing was read: nothing is said


def test_whatever_may_be_an_alarm_is_read_in_every_cycle():
    found = layout(
        """
        [[point]]
        name = "mode"
        address = 0
        values = { 2 = "online", 3 = { text = "on battery", severity = "warning" } }
        [[point]]
        name = "door"
        address = 0
        table = "discrete"
        flags = { 0 = { text = "door open", severity = "advice" } }
        [[point]]
        name = "fan"
        address = 1
        values = { 0 = "off", 1 = "on" }
        """
    )
    assert [value.poll for value in found.values] == ["safety", "safety", "state"]


def test_a_profile_may_be_another_one_with_differences(tmp_path):
    (tmp_path / "acme-powerrack-lfp.toml").write_text(ACME)
    (tmp_path / "acme-big.toml").write_text(
        """
        extends = "acme-powerrack-lfp"
        model = "acme-big"
        topology = { modules = 4 }
        [[point]]
        name = "cell_voltage"
        count = 64
        [[point]]
        name = "soc"
        address = 10
        """
    )
    (tmp_path / "acme-bare.toml").write_text('extends = "acme-big"\nmodel = "acme-bare"\nremove = ["soc"]\n')
    big = load_profile("acme-big", [tmp_path])
    found = assume(big)
    assert found.places[63] == "string1/module4/cell16"
    assert found.values[0].scale == 0.001
    assert "soc" in found.names
    assert "soc" not in assume(load_profile("acme-bare", [tmp_path])).names
    assert big.hash != load_profile("acme-powerrack-lfp", [tmp_path]).hash


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('extends = "pace-rtuu"\nmodel = "x"', 'did you mean "pace-rtu"'),
        ('extends = "x"\nmodel = "x"', "extends it"),
        ('extends = "pace-rtu"\nmodel = "x"\nremove = ["sock"]', 'did you mean "soc"'),
        ('model = "x"\nremove = ["a"]', "remove without extends"),
        ("schema = ", "not TOML"),
    ],
)
def test_inheritance_that_leads_nowhere_is_refused(text, why):
    assert why in problems(text)[0]


def test_every_mistake_is_told_at_once_with_point_and_remedy():
    told = problems(
        """
        schema = 1
        model = "acme"
        word_oder = "big"
        topology = { cells = 16 }
        [[point]]
        name = "cell_voltage"
        adress = 0
        address = 0
        count = 16
        [[point]]
        name = "soc"
        address = 20
        unit = "percent"
        [[point]]
        name = "soh"
        address = 21
        type = "uint16"
        [[point]]
        name = "current"
        address = 65535
        type = "i32"
        [[point]]
        name = "voltage"
        address = 30
        [[point]]
        name = "power"
        address = 30
        [[point]]
        name = "cell_temperature"
        address = 40
        valid = [-40, 125]
        """
    )
    for expected in (
        'acme: profile: key "word_oder" is not known; did you mean "word_order"?',
        'acme: cell_voltage: key "adress" is not known; did you mean "address"?',
        'acme: soc: unit "percent" is not known; ',
        'acme: soh: type "uint16" is not known; did you mean "u16"?',
        "acme: current: holding 65535..65536 lies outside 0..65535; ",
        "acme: power: overlaps voltage at holding 30; ",
        "acme: cell_temperature: the type holds 0 to 65535 , valid goes beyond: [-40.0, 125.0]; ",
    ):
        assert any(t.startswith(expected) for t in told), (expected, told)


def test_a_field_of_the_wrong_kind_is_told_once_and_where_it_stands():
    told = problems(
        """
        schema = 1
        model = "x"
        serial = { bauds = 9600 }
        forbidden = [[1, "a", 3]]
        [[point]]
        name = "a"
        address = 1.5
        table = "holdin"
        count = 0
        alarms = { 3 = { txt = "hot" } }
        limits = { operatin = [1, 2] }
        valid = [5, 3]
        """
    )
    assert told == [
        "x: profile: forbidden.0 = [1, 'a', 3] Tuple should have at most 2 items after validation, not 3; "
        "change forbidden.0",
        'x: profile: key "serial.bauds" is not known; did you mean "baud"?',
        "x: a: table = 'holdin' should be 'coil', 'discrete', 'holding' or 'input'; "
        'did you mean "holding"?',
        "x: a: address = 1.5 should be a valid integer, got a number with a fractional part; change address",
        "x: a: count = 0 should be greater than or equal to 1; change count",
        "x: a: the first of [5.0, 3.0] must not be above the second; change valid",
        'x: a: key "limits.operatin" is not known; did you mean "operating"?',
        'x: a: "alarms.3.text" is missing; say alarms.3.text = ...',
        'x: a: key "alarms.3.txt" is not known; did you mean "text"?',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "point = 3",
        "point = [3]",
        "model = 3",
        'schema = 2\nmodel = "x"',
        "group = [[]]",
        'extends = 3\nmodel = "x"',
        'extends = "pace-rtu"\nmodel = "x"\npoint = [3]\nremove = "soc"',
        "\x00",
        "[sunspec]\nmodels = 3",
    ],
)
def test_no_content_breaks_the_reader(text):
    assert problems(text)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not UTF-8 text"):
        load_profile(tmp_path / "x.toml")


def test_the_hash_follows_the_content_and_not_the_layout_of_the_file():
    plain = parse_profile(ACME)
    assert parse_profile("# a comment\n" + ACME.replace("0.001 ", "1e-3")).hash == plain.hash
    assert parse_profile(ACME.replace("1000", "1001")).hash != plain.hash
    assert len(plain.hash) == 16


EDITOR = Draft202012Validator(json_schema())


def as_editors_see(text):
    return [error.message for error in EDITOR.iter_errors(json.loads(json.dumps(tomllib.loads(text))))]


@pytest.mark.parametrize("name", shipped_profiles())
def test_an_editor_with_the_json_schema_has_nothing_against_a_shipped_profile(name):
    assert as_editors_see((files("drivers") / "profiles" / f"{name}.toml").read_text()) == []


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("address = 1000", "adress = 1000"),
        ('unit = "V"', 'unit = "v"'),
        ('type = "u16"', 'type = "uint16"'),
        ('table = "input"', 'table = "inputs"'),
    ],
)
def test_an_editor_with_the_json_schema_sees_typing_mistakes(written, wrong):
    assert as_editors_see(ACME) == []
    assert as_editors_see(ACME.replace(written, wrong))


def test_an_editor_lets_a_profile_that_extends_another_say_only_what_differs():
    assert (
        as_editors_see('schema = 1\nmodel = "b"\nextends = "a"\n[[point]]\nname = "soc"\nscale = 0.1') == []
    )


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_shipped_profile_loads_and_says_where_it_comes_from(name):
    profile = load_profile(name)
    assert profile.model == name
    assert profile.source
    assert profile.unverified
    if not profile.sunspec:
        assert assume(profile).n
