"""What `profile check` finds, each said with the point and what to change."""

import pytest

from drivers.profile.check import check_profile
from drivers.profile.load import ProfileError, load_profile, parse_profile

HEAD = 'schema = 1\nmodel = "acme"\n'


def told(text):
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + text)
    return [(p.point, p.what) for p in caught.value.problems]


def point(name="x", address=0, **fields):
    lines = [f'name = "{name}"', f"address = {address}"] + [f"{k} = {v}" for k, v in fields.items()]
    return "[[point]]\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (point("a", 0, type='"u32"') + point("b", 1), ("b", "overlaps a at holding 1")),
        (point("a", 5, bits=[0, 7]) + point("b", 5, bits=[7, 15]), ("b", "overlaps a at holding 5")),
        (point("cell_voltage", 0, count=4, type='"u32"', stride=1),
         ("cell_voltage", "its own values overlap at holding 1..2")),
        (point("a") + point("a", 9), ("a", "the name stands 2 times")),
        (point("a", 65530, count=10, place='"cell"'), ("a", "holding 65536 lies outside 0..65535")),
        (point("a", 0, type='"u8"', valid=[0, 300]),
         ("a", "the type holds 0 to 255 , valid goes beyond: [0.0, 300.0]")),
        (point("cell_voltage", 0, unit='"A"', quantity='"cell_voltage"'),
         ("cell_voltage", 'a cell_voltage in "A"')),
        ("topology = { modules = 2, cells = 16 }\n" + point("cell_voltage", 0, count=30),
         ("cell_voltage", "30 cells, but the topology has 32")),
        ("topology = { sensors = 4 }\n" + point("cell_temperature", 0, count=6),
         ("cell_temperature", '"sensor5" is beyond the topology')),
        ("max_registers_per_read = 2\n" + point("a", 0, type='"u64"'),
         ("a", "holding 0..3 needs 4 addresses in one read, the unit allows 2")),
        ("forbidden = [[8, 9]]\n" + point("a", 8), ("a", "holding 8 touches the forbidden holding 8..9")),
        ("islands = [[8, 9]]\n" + point("a", 9, type='"u32"'),
         ("a", "holding 9..10 does not lie inside one of the readable blocks")),
        (point("a", 0, scale_factor='"sf"'), ("sf", "used as scale factor, but no point has this name")),
        (point("a", 0, count='"n"', place='"cell"', max_count=4),
         ("n", "used as count, but no point has this name")),
        (point("n", 0, count=2, place='"module"') + point("a", 4, count='"n"', place='"cell"', max_count=4),
         ("n", "used as count, but it has several values")),
        (point("n") + point("a", 4, count='"n"', place='"cell"'),
         ("a", 'count "n" is told by the unit, but never by how much at most')),
        (point("a", 0, group='"pile"'), ("a", 'group "pile" is not there')),
        (point("a", 0, count=4), ("a", "an array without a place")),
        (point("a", 0, count=4, place='"module2"'), ("a", "an array whose place has only fixed numbers")),
        (point("a", 0, type='"ascii"'), ("a", "a text without a length")),
        (point("a", 0, bits=[10, 20], registers=1), ("a", "bits 10..20 lie outside the 16 bits read")),
        (point("a", 0, type='"f32"', bits=[0, 3]), ("a", "bits of a float are not a number")),
        (point("a", 0, registers=5), ("a", "a number of 80 bits is wider than 64")),
        (point("a", 0, missing="0x1FFFF"), ("a", "missing: 0x1ffff does not fit in 16 bits")),
        (point("a", 0, alarms='{ 16 = "hot" }'), ("a", "bit 16 of a number of 16 bits has a meaning")),
        (point("a", 0, table='"input"', function=3),
         ("a", "address, table and function name different tables (holding, input)")),
        ('addressing = "modicon"\n' + point("a", 50001),
         ("a", "address 50001 is not in Modicon notation (0xxxx, 1xxxx, 3xxxx, 4xxxx)")),
        (point("a", 0, poll='"safety"', expect=3), ("a", "read once per connection, but poll is safety")),
        (point("a", 0, expect_match='"["', type='"ascii"', registers=2),
         ("a", "expect_match is no regular expression: unterminated character set at position 0")),
        (point("a", 0, unit_offset=300), ("a", "it is behind unit id 301, which cannot be")),
        (point("a", 0, count=[300, 300], place='"module/cell"'),
         ("a", "90000 values, more than a unit has registers")),
        (point("a", 0, limits="{ operating = [1, 9], safety = [2, 8] }"),
         ("a", "operating [1.0, 9.0] goes beyond safety [2.0, 8.0]")),
        (point("a") + "[sunspec]\nmodels = {}", ("a", "a point beside [sunspec] is never read")),
        ("[sunspec.models.802.points]\nSOC = 'soc'", ("SOC", "SunSpec model 802 has no such point")),
        ("[sunspec.models.9]\npoints = {}", ("", "there is no definition of SunSpec model 9")),
        ("[sunspec.models.805]\nplace = 'module{Idx}'\npoints = {}",
         ("", 'the place of SunSpec model 805 names "Idx", which it does not have')),
        ("[sunspec.models.805]\npoints = { CellV = 'cell_voltage' }",
         ("", "SunSpec model 805 has no repeat, but points of its repeating group")),
        ("", ("", "it has no points")),
        (point("a", 0, type='"u12"', bits=[8, 20]), ("a", "bits 8..20 are more than a u12 has")),
        ("max_registers_per_read = 126\n" + point("a"),
         ("", "max_registers_per_read of 126, a read of holding carries 1 to 125")),
        ("max_registers_per_read = { coil = 2001 }\n" + point("a"),
         ("", "max_registers_per_read of 2001, a read of coil carries 1 to 2000")),
        ("forbidden = [[9, 8]]\n" + point("a"),
         ("", "forbidden or islands: [9, 8] ends before it begins")),
        (point("a", expect='"x"'), ("a", "expect = 'x', but the point is a number")),
        (point("a", expect=5, type='"ascii"', registers=2), ("a", "expect = 5, but the point is a text")),
        (point("a", expect_range=[2, 1]), ("a", "nothing lies in the expect_range [2, 1]")),
        (point("a", expect_range='["b", "c"]', type='"ascii"', registers=2),
         ("a", "nothing lies in the expect_range ['b', 'c']")),
        (point("ambient_temperature", unit='"K"', scale=0.1, valid=[-40, 85]),
         ("ambient_temperature", "its ranges go below 0 K")),
    ],
)  # fmt: skip
def test_a_mistake_is_found_and_named(text, problem):
    assert problem in told(text)


def test_what_is_meant_is_not_complained_about():
    profile = parse_profile(
        HEAD
        + point("word", 0, flags='{ 8 = "charging" }')
        + point("mode", 0, bits=[0, 2], values='{ 1 = "on" }')  # a field of a word of flags
        + point("a", 1, bits=[0, 7])
        + point("b", 1, bits=[8, 15])
        + point("c", 0, table='"input"')
        + point("d", 0, unit_offset=1)
    )
    assert check_profile(profile) == []


def test_a_temperature_nobody_watches_is_a_warning_and_no_error():
    profile = parse_profile(HEAD + point("heat_sink", 0, unit='"degC"'))
    (warning,) = check_profile(profile)
    assert warning.warning
    assert "no detector will watch" in warning.what
    assert check_profile(parse_profile(HEAD + point("heat_sink", 0, unit='"degC"', quantity='""'))) == []


def test_cell_voltages_nobody_watches_are_a_warning():
    profile = parse_profile(HEAD + point("v", 0, unit='"mV"', count=4, place='"cell"'))
    (warning,) = check_profile(profile)
    assert (warning.what, warning.warning) == ("a cell voltage that no detector will watch", True)


def test_a_wrong_address_shows_even_where_the_point_has_another_mistake():
    said = told(point("a", '"40O1"', unit='"v"') + point("b", "-1", typo=3))
    assert ("a", 'address "40o1" is neither decimal nor hexadecimal ("0x1200", "1200h")') in said
    assert ("b", "address -1 lies before the first register in zero-based notation") in said


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        ({"unit": '"percent"'}, 'say "%"'),
        ({"unit": '"v"'}, 'did you mean "V"?'),
        ({"missing": '"0xFFFF"'}, "write missing without quotes"),
        ({"values": "{ idle = 0 }"}, 'the number comes first: 3 = "idle"'),
    ],
)
def test_what_to_change_is_said_in_the_words_of_the_file(fields, change):
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + point("a", **fields))
    assert change in [p.change for p in caught.value.problems]


def test_a_name_that_cannot_be_comes_with_one_that_can():
    with pytest.raises(ProfileError, match='say "cell_voltage"'):
        parse_profile(HEAD + point("Cell Voltage"))


def test_a_broken_point_is_not_blamed_on_those_that_need_it():
    said = told(point("sf", 9, typo=1) + point("a", 0, scale_factor='"sf"'))
    assert said == [("sf", 'key "typo" is not known')]


def test_addresses_that_look_like_those_of_modicon_are_worth_a_look():
    (warning,) = check_profile(parse_profile(HEAD + point("soc", 40001) + point("soh", 40002)))
    assert warning.change == 'if the first digit names the table, say addressing = "modicon"'
    assert check_profile(parse_profile(HEAD + point("soc", 40001) + point("soh", 2))) == []
    assert check_profile(parse_profile(HEAD + 'addressing = "modicon"\n' + point("soc", 40001))) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[point]\nname = 'a'\naddress = 1", "write [[point]], with double brackets"),
        ("title = acme", "mend `title = acme`: texts stand in quotes"),
        (point("a", scale="0,1"), "mend `scale = 0,1`: texts stand in quotes, decimals have a point"),
    ],
)
def test_toml_that_is_none_is_told_with_its_line(text, told):
    with pytest.raises(ProfileError) as caught:
        parse_profile(HEAD + text)
    assert told in str(caught.value)


def test_a_file_saved_on_windows_is_read(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(HEAD + point("soc"), encoding="utf-8-sig", newline="\r\n")
    assert load_profile(path).point[0].name == "soc"
