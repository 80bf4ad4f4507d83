"""What no battery has, and what a profile that says so is told; each newly refused, and read all the same."""

import math

import pytest

from drivers.connect import assume
from drivers.profile.check import check_profile
from drivers.profile.load import parse_profile
from drivers.profile.problems import ProfileError
from drivers.registers import Area

HEAD = 'schema = 1\nmodel = "acme"\n'


def point(name, address=0, **fields):
    lines = [f'name = "{name}"', f"address = {address}"] + [f"{k} = {v}" for k, v in fields.items()]
    return "[[point]]\n" + "\n".join(lines) + "\n"


def group(name="module", address=30654, **fields):
    fields = {"level": f'"{name}"', "count": 2, "stride": 16, "address": address} | fields
    return f'[[group]]\nname = "{name}"\n' + "".join(f"{k} = {v}\n" for k, v in fields.items())


def refused(text):
    """What is told of a profile, all of it new; and the profile that 0.1.0 would have read."""
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + text)
    problems = caught.value.problems
    assert {p.since for p in problems} == {"0.2"}
    assert caught.value.profile is not None
    assert assume(caught.value.profile).n
    return [(p.point, p.what) for p in problems], [p.change for p in problems]


def spans(text):
    profile = parse_profile(HEAD + text)
    assert check_profile(profile) == []
    return {v.label: (v.span.area, v.span.first) for v in assume(profile).values}


# ---- the table of a group

MODICON = 'addressing = "modicon"\ntopology = { modules = 2 }\n'
IN_MODULE = {"group": '"module"', "unit": '"V"', "scale": 0.1}


@pytest.mark.parametrize(
    ("address", "area", "first"),
    [
        (30654, Area.INPUT, 653),
        (300654, Area.INPUT, 653),
        ('"3x0654"', Area.INPUT, 653),
        (40654, Area.HOLDING, 653),
        (465536, Area.HOLDING, 65535),
        (10654, Area.DISCRETE, 653),
        ('"000654"', Area.COIL, 653),
    ],
)
def test_points_of_a_group_are_in_the_table_that_its_address_names(address, area, first):
    text = MODICON + group(address=address, stride=0, unit_stride=1) + point("door", 0, group='"module"')
    assert spans(text) == {"door module1": (area, first)} | {"door module2": (area, first)}


def test_arrays_strides_notations_and_forbidden_ranges_follow_their_group():
    found = spans(
        MODICON
        + group(forbidden="[[9, 10]]")
        + point("module_voltage", 1, **IN_MODULE)
        + point(
            "v", 2, count=2, stride=3, place='"cell"', addressing='"zero-based"', quantity='""', **IN_MODULE
        )
        + point("w", [3, 6], place='"cell"', quantity='""', group='"module"')
        + point("lone", 40003)
    )
    assert found == {
        "module_voltage module1": (Area.INPUT, 654),
        "module_voltage module2": (Area.INPUT, 670),
        "v module1/cell1": (Area.INPUT, 655),
        "v module1/cell2": (Area.INPUT, 658),
        "v module2/cell1": (Area.INPUT, 671),
        "v module2/cell2": (Area.INPUT, 674),
        "w module1/cell1": (Area.INPUT, 656),
        "w module1/cell2": (Area.INPUT, 659),
        "w module2/cell1": (Area.INPUT, 672),
        "w module2/cell2": (Area.INPUT, 675),
        "lone": (Area.HOLDING, 2),
    }
    with pytest.raises(ProfileError, match="touches the forbidden input 662"):
        parse_profile(HEAD + MODICON + group(forbidden="[[9, 10]]") + point("x", 9, group='"module"'))


def test_a_group_in_a_group_keeps_the_table_of_the_outer_one():
    nested = group("string", 30001, stride=100) + group("module", None, group='"string"').replace(
        "address = None\n", ""
    )
    assert spans(MODICON + nested + point("x", 5, group='"module"'))["x string2/module2"] == (
        Area.INPUT,
        121,
    )
    inner = group("string", 30001, stride=100) + group("module", 30011, group='"string"')
    assert spans(MODICON + inner + point("x", 5, group='"module"'))["x string1/module1"] == (Area.INPUT, 15)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (group() + point("x", 1, group='"module"', table='"holding"'),
         ("x", "it says holding, and the address of its group names input")),
        (group() + point("x", 1, group='"module"', function=3),
         ("x", "it says holding, and the address of its group names input")),
        (group() + point("x", 1, group='"module"', addressing='"modicon"'),
         ("x", 'addressing = "modicon", but its address counts from that of its group, from 0 on')),
        (group("string", 30001, stride=100) + group("module", 16, group='"string"')
         + point("x", 1, group='"module"'),
         ("module", "its address 16 names the coil table, and the group around it input")),
        (group(address=654) + point("x", 1, group='"module"'),
         ("module", "its address 654 has no first digit, which names the table")),
        ('table = "input"\n' + group(address=654) + point("x", 1, group='"module"'),
         ("module", "its address 654 has no first digit, which names the table")),
        (group() + point("x", 30001, group='"module"'), ("x", "its address 30001 names a table (input)")),
        (group() + point("x", '"00001"', group='"module"'), ("x", "its address 00001 names a table (coil)")),
        (group() + point("x", [30001, 40001], group='"module"', place='"cell"'),
         ("x", "its address 30001 names a table (input)")),
        (point("x", [40001, 30002], place='"cell"'),
         ("x", "its addresses lie in different tables (holding, input)")),
    ],
)  # fmt: skip
def test_tables_that_contradict_each_other_are_refused(text, told):
    assert told in refused(MODICON + text)[0]


def read_all_the_same(text):
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + text)
    assert all(problem.since == "0.2" for problem in caught.value.problems)
    return [str(value.span) for value in assume(caught.value.profile).values]


def test_a_group_without_its_first_digit_is_read_as_the_version_before_read_it():
    text = MODICON + group(address=654) + point("module_voltage", 1, **IN_MODULE)
    assert read_all_the_same(text) == ["holding 654", "holding 670"]
    assert read_all_the_same('table = "input"\n' + text) == ["input 654", "input 670"]
    text = MODICON + group() + point("module_voltage", 30001, **IN_MODULE)
    assert read_all_the_same(text) == ["input 30654", "input 30670"]


@pytest.mark.parametrize("said", ["table", "function"])
def test_a_group_of_coils_needs_no_first_digit(said):
    door = point("door", 0, group='"module"', **({"table": '"coil"'} if said == "table" else {"function": 1}))
    text = MODICON + group(address=17) + door
    assert set(spans(text).values()) == {(Area.COIL, 16), (Area.COIL, 32)}


def test_an_address_of_a_group_that_cannot_be_is_told_as_that():
    with pytest.raises(ProfileError, match="x: its group's address 654 is not in Modicon notation"):
        parse_profile(HEAD + MODICON + group(address='"654"') + point("x", 1, group='"module"'))


def test_an_address_in_a_group_that_cannot_be_is_told_with_what_it_counts_from():
    with pytest.raises(ProfileError, match="it counts from the address of its group"):
        parse_profile(HEAD + MODICON + group() + point("x", '"3x0001"', group='"module"'))


def test_a_table_for_all_that_contradicts_a_group_is_refused_and_was_what_was_read():
    text = 'table = "holding"\n' + MODICON + group() + point("module_voltage", 1, **IN_MODULE)
    assert refused(text)[0] == [
        ("module", "its address 30654 names the input table, `table` says holding"),
    ]
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + text)
    assert assume(caught.value.profile).values[0].span.area is Area.HOLDING
    assert spans(text.replace("holding", "input"))["module_voltage module1"] == (Area.INPUT, 654)


# ---- units, ranges, limits

CELL = {"count": 2, "place": '"cell"'}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cell_voltage", {"unit": '"A"', "scale": 0.001} | CELL),
        ("cell_3_voltage", {"unit": '"degC"'}),
        ("pack_power", {"unit": '"A"'}),
        ("pack_current", {"unit": '"V"'}),
        ("soc", {"unit": '"V"'}),
        ("soh", {"unit": '"Ah"'}),
        ("cell_temperature", {"unit": '"V"', "scale": 0.1}),
        ("internal_resistance", {"unit": '"Hz"', **CELL}),
        ("battery_runtime", {"unit": '"%"'}),
        ("remaining_capacity", {"unit": '"V"'}),
        ("full_capacity", {"unit": '"%"', "quantity": '"capacity_full"'}),
        ("cycles", {"unit": '"A"'}),
    ],
)
def test_a_unit_of_another_dimension_is_refused_where_the_name_tells_the_quantity(name, fields):
    told, (change, *_) = refused(point(name, 0, **fields))
    assert told[0][0] == name
    assert " in " + fields["unit"] in told[0][1]
    assert "another quantity" in change


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cell_voltage", {"unit": '"mV"'} | CELL),
        ("cell_voltage", {"unit": '"V"', "type": '"f32"'} | CELL),
        ("cell_temperature", {"unit": '"K"', "scale": 0.1}),
        ("cell_temperature", {"unit": '"degF"'}),
        ("cell_temperature", {"unit": '"degC"', "type": '"u8"', "offset": -40}),
        ("soc", {"unit": '"permille"'}),
        ("soc", {}),
        ("internal_resistance", {"unit": '"uohm"'} | CELL),
        ("runtime", {"unit": '"min"'}),
        ("remaining_capacity", {"unit": '"kWh"'}),
        ("current", {"unit": '"mA"', "type": '"i32"'}),
        ("status", {"unit": '"s"'}),
    ],
)
def test_units_of_the_quantity_are_taken(name, fields):
    assert check_profile(parse_profile(HEAD + point(name, 0, **fields))) == []


LIMITS = "[limits.{}]\noperating = {}\nsafety = {}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (point("cell_voltage", unit='"mV"', scale=0.001, **CELL),
         "0 to 0.065535 V holds no cell_voltage of a sound battery"),
        (point("cell_voltage", unit='"mV"', type='"i32"', valid=[0.5, 5.0], **CELL),
         "0.0005 to 0.005 V holds no cell_voltage of a sound battery"),
        (point("cell_voltage", unit='"V"', scale=100, **CELL),
         "0 to 6.5535e+06 V in steps of 100 holds no cell_voltage of a sound battery"),
        (point("cell_voltage", unit='"V"', table='"discrete"', **CELL),
         "0 to 1 V in steps of 1 holds no cell_voltage of a sound battery"),
        (point("cell_temperature", unit='"degC"', function=1),
         "0 to 1 degC in steps of 1 holds no cell_temperature of a sound battery"),
        (point("cell_voltage", unit='"V"', type='"u2"', bits=[0, 1], missing=[1, 2, 3], **CELL),
         "0 to 3 V in steps of 1 holds no cell_voltage of a sound battery"),
        (point("cell_temperature", unit='"K"', type='"u8"', scale=0.1),
         "-273.15 to -247.65 degC holds no cell_temperature of a sound battery"),
        (point("soc", unit='"%"', type='"u8"', scale=0.001), "0 to 0.255 % holds no soc of a sound battery"),
        (LIMITS.format("cell_voltage", [2800, 3550], [2500, 3650])
         + point("cell_voltage", unit='"mV"', **CELL),
         "operating of limits.cell_voltage ends at 2800 V, which can never be met: it holds 0 to 65.535 V"),
        (LIMITS.format("cell_voltage", [2800, 3550], [2500, 3650])
         + point("cell_voltage", unit='"mV"', type='"u32"', **CELL),
         "operating [2800.0, 3550.0] V leaves room for no sound battery's cell_voltage"),
        (point("cell_voltage", unit='"mV"', limits="{ operating = [2.8, 3.55] }", **CELL),
         "operating [2.8, 3.55] mV leaves room for no sound battery's cell_voltage"),
        (LIMITS.format("cell_temperature", [273, 318], [260, 333]) + point("cell_temperature", unit='"degC"'),
         "operating [273.0, 318.0] degC leaves room for no sound battery's cell_temperature"),
        (LIMITS.format("cell_temperature", [0, 45], [-20, 60])
         + point("cell_temperature", unit='"degC"', scale=0.1),
         "safety of limits.cell_temperature ends at -20 degC, which can never be met:"
         " it holds 0 to 6553.5 degC"),
        (LIMITS.format("cell_temperature", [0, 45], [-20, 60])
         + point("cell_temperature", unit='"degC"', type='"i8"', valid=[-40, 55]),
         "safety of limits.cell_temperature ends at 60 degC, which can never be met:"
         " it holds -40 to 55 degC"),
        (LIMITS.format("current", [-50, 50], [-60, 60])
         + point("current", unit='"A"', type='"i8"', scale=0.4),
         "safety of limits.current ends at -60 A, which can never be met: it holds -51.2 to 50.8 A"),
        (LIMITS.format("cell_voltage", [2.8, 3.55], [2.5, 3.65])
         + point("cell_voltage", unit='"mV"', missing=3300, **CELL),
         "missing = 3300 is 3.3 V, a value of normal operation"),
    ],
)  # fmt: skip
def test_types_limits_and_sentinels_that_no_cell_can_have_are_refused(text, told):
    assert told in [what for _, what in refused(text)[0]]


@pytest.mark.parametrize(
    "text",
    [
        LIMITS.format("cell_voltage", [2.8, 3.55], [2.5, math.inf])
        + point("cell_voltage", unit='"mV"', **CELL),
        LIMITS.format("cell_voltage", [2.8, 3.55], [2.5, 3.65])
        + point("cell_voltage", unit='"V"', scale="0.016", type='"u8"', missing=255, **CELL),
        LIMITS.format("current", [-50, 50], [-60, 60]) + point("current", unit='"A"', scale=-0.1),
        LIMITS.format("cell_temperature", [-5, 45], [-20, 60])
        + point("cell_temperature", unit='"degC"', type='"i8"', missing=0),
        LIMITS.format("cell_voltage", [11, 14.8], [10.5, 15]) + point("cell_voltage", unit='"mV"', **CELL),
        point("sf", 9, type='"i16"') + LIMITS.format("cell_voltage", [2.8, 3.55], [2.5, 3.65])
        + point("cell_voltage", unit='"V"', scale_factor='"sf"', type='"u8"', **CELL),
    ],
)  # fmt: skip
def test_types_limits_and_sentinels_that_a_cell_can_have_are_taken(text):
    assert check_profile(parse_profile(HEAD + text)) == []


# ---- two of one quantity at one place


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (point("charge_current", 1, quantity='"current"', unit='"A"')
         + point("discharge_current", 2, quantity='"current"', unit='"A"', scale=-1),
         ("discharge_current", "a second current of the unit, beside charge_current")),
        (point("cell_voltage", 1, count=4) + point("cell_2_voltage", 9),
         ("cell_2_voltage", 'a second cell_voltage of "cell2", beside cell_voltage')),
        ("topology = { modules = 2 }\n" + group("module", 0, stride=2)
         + point("v", 0, group='"module"', quantity='"module_voltage"', unit='"V"')
         + point("module_voltage", 99, count=2),
         ("module_voltage", 'a second module_voltage of "module1", beside v')),
        (point("soc", 1) + point("state_of_charge", 1, table='"input"'),
         ("state_of_charge", "a second soc of the unit, beside soc")),
        (point("max_cell_voltage", 1) + point("highest_cell_voltage", 2),
         ("highest_cell_voltage", "a second cell_voltage_max of the unit, beside max_cell_voltage")),
        (point("heartbeat", 1) + point("life_counter", 2),
         ("life_counter", "a second heartbeat of the unit, beside heartbeat")),
        (point("soc", 1, judged="true") + point("battery_charge", 2, judged="true"),
         ("battery_charge", "a second soc of the unit, beside soc")),
    ],
)  # fmt: skip
def test_two_points_of_one_quantity_at_one_place_are_refused(text, told):
    said, (change, *_) = refused(text)
    assert said == [told]
    assert "judged = true" in change
    assert ("signed current" in change) == (" current " in told[1])


@pytest.mark.parametrize("judged", ["charge", "discharge"])
def test_of_two_points_of_one_quantity_the_named_one_is_judged(judged):
    both = [
        point(
            f"{way}_current",
            at,
            quantity='"current"',
            unit='"A"',
            **{"judged": "true"} if way == judged else {},
        )
        for at, way in enumerate(("charge", "discharge"))
    ]
    profile = parse_profile(HEAD + "".join(both))
    assert check_profile(profile) == []
    found = {v.name: (v.quantity, v.poll) for v in assume(profile).values}
    assert found == {
        f"{way}_current": ("current" if way == judged else "", "safety") for way in ("charge", "discharge")
    }


def test_a_judged_array_leaves_the_rest_of_the_other_one_alone():
    profile = parse_profile(
        HEAD + point("cell_voltage", 0, count=4) + point("cell_2_voltage", 9, judged="true")
    )
    quantity = {v.label: v.quantity for v in assume(profile).values}
    assert quantity["cell_voltage cell2"] == ""
    assert [q for q in quantity.values() if q] == ["cell_voltage"] * 4


def test_several_words_of_alarms_or_states_are_told_apart_by_their_bits():
    words = point("warnings", 1, unnamed='"warning"') + point("faults", 2, unnamed='"critical"')
    assert check_profile(parse_profile(HEAD + words + point("status", 3) + point("ups_mode", 4))) == []


SUNSPEC = "[sunspec.models.802.points]\nA = 'current'\n{}"


def test_models_that_describe_themselves_have_units_and_twins_too():
    def told(text):
        with pytest.raises(ProfileError) as caught:
            parse_profile(HEAD + text)
        return [(p.point, p.what, p.since) for p in caught.value.problems]

    assert told(SUNSPEC.format("V = 'pack_current'\n")) == [
        ("V", 'a current in "V"', "0.2"),
        ("pack_current", "a second current of the unit, beside current", "0.2"),
    ]
    across = (
        "[sunspec.models.804]\nplace = 'string{Idx}'\n[sunspec.models.804.points]\nA = 'current'\n"
        "[sunspec.models.803]\nrepeat = 'string'\n[sunspec.models.803.points]\nStrA = 'string_current'\n"
    )
    assert told(across) == [
        ("string_current", 'a second current of "string#", beside current', "0.2"),
    ]
    parse_profile(HEAD + across.replace("'string_current'", "{ name = 'string_current', judged = true }"))


# ---- characters of 7 bits


def test_seven_data_bits_are_refused_with_the_reason():
    (told,), _ = refused("[serial]\ndata_bits = 7\n" + point("soc"))
    assert "Modbus RTU has 8 data bits (Modbus over serial line V1.02, 2.5.1)" in told[1]
    assert check_profile(parse_profile(HEAD + "[serial]\ndata_bits = 8\n" + point("soc"))) == []


def test_what_has_always_been_wrong_gives_no_profile():
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + "[serial]\ndata_bits = 7\n" + point("soc") + point("soc", 5))
    assert caught.value.profile is None
    assert {p.since for p in caught.value.problems} == {"", "0.2"}
