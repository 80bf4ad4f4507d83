"""Room files: what is accepted, and that every mistake is told at once."""

import pytest

from hil.plant.recording import SHIPPED
from hil.run.bench import Bench
from hil.scenario.room import RoomError, load_room

GOOD = """
[[bus]]
name = "bus-1"
link = "wires/bus-1"

[[bus]]
name = "gateway"
listen = "127.0.0.1:0"

[[unit]]
name = "rack-1"
transport = "rtu"
bus = "bus-1"
profile = "pace-rtu"
source = { rack = { cells = 16, seed = 3 } }

[[unit]]
name = "pack-1"
transport = "tcp"
bus = "gateway"
unit_id = 1
profile = "sunspec-lithium-ion"
source = { recording = "ev_pack_car1" }

[[unit]]
name = "pack-2"
transport = "tcp"
bus = "gateway"
unit_id = 2
profile = "sunspec-lithium-ion"
source = { rack = { modules = 2, cells = 4, sensors = 2, chemistry = "NMC" } }

[[event]]
at_s = 3
kind = "internal_short"
unit = "rack-1"
place = "cell5"
ohm = 0.1

[[event]]
at_s = 4
kind = "fault"
unit = "pack-2"
fault = "late"
delay_s = 1.5
"""


@pytest.fixture
def room_file(tmp_path):
    def write(text):
        path = tmp_path / "room.toml"
        path.write_text(text)
        return path

    return write


def problems(room_file, text, build=False):
    path = room_file(text)
    with pytest.raises(RoomError) as caught:
        Bench(load_room(path)) if build else load_room(path)
    return caught.value.problems


def test_a_room_of_two_wires_is_built(room_file, tmp_path):
    room = load_room(room_file(GOOD))
    bench = Bench(room)
    assert room.bus[0].link == tmp_path / "wires/bus-1", "a relative link starts at the room file"
    assert [unit.table.name for unit in bench.units] == ["rack-1", "pack-1", "pack-2"]
    assert bench.units[1].wire is bench.units[2].wire, "both behind one endpoint"
    assert bench.units[0].unit.source.arrangement.sensors == 4


def test_own_profiles_and_recordings_are_found_beside_the_room_file(room_file, tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "pace-rtu"\nschema = 1\nmodel = "mine"\n')
    for kind in ("csv", "json"):
        (tmp_path / f"drive.{kind}").write_bytes((SHIPPED / f"ev_pack_car1.{kind}").read_bytes())
    text = GOOD.replace('"pace-rtu"', '"mine.toml"').replace('"ev_pack_car1"', '"drive.csv"')
    bench = Bench(load_room(room_file(text)))
    assert bench.units[0].unit.profile.model == "mine"
    assert bench.units[1].unit.base.name == "drive"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('link = "wires/bus-1"', "", 'bus "bus-1": say either link'),
        ('name = "gateway"', 'name = "bus-1"', 'bus "bus-1": 2 have this name'),
        ('name = "pack-2"', 'name = "pack-1"', 'unit "pack-1": 2 have this name'),
        ("unit_id = 2", "unit_id = 1", "unit_id 1: 2 units on gateway have it"),
        ("unit_id = 2", "unit_id = 256", 'unit "pack-2": unit_id: '),
        ("seed = 3", "sead = 3", 'unit "rack-1": source.rack.sead: unknown key'),
        (
            "sensors = 2",
            "sensors = 5",
            'unit "pack-2": source.rack: sensors = 5: from 0 to the number of cells, 4',
        ),
        (
            'chemistry = "NMC"',
            'chemistry = "XYZ"',
            "chemistry: 'XYZ' is not known; choose LFP or NMC or ",
        ),
        ('bus = "bus-1"', 'listen = "127.0.0.1:0"', 'unit "rack-1": an rtu unit sits on a bus'),
        ('bus = "bus-1"', 'bus = "bus-9"', 'unit "rack-1": there is no bus "bus-9"; there is bus-1, gateway'),
        ('bus = "bus-1"', 'bus = "gateway"', 'unit "rack-1": speaks rtu, but bus "gateway" speaks tcp'),
        ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1"', "'127.0.0.1' is no HOST:PORT"),
        ('link = "wires/bus-1"', 'link = "x"\nbaud = 9601', 'bus "bus-1": baud: 9601 is none of 1200'),
        ('kind = "fault"', 'kind = "explode"', 'event "explode"'),
        ('place = "cell5"', 'place = "cell17"', "no cell 'cell17': cells are string1/module1/cell1"),
        ('unit = "rack-1"', 'unit = "rack-7"', 'there is no unit "rack-7"; there is rack-1, pack-1, pack-2'),
        (
            'unit = "rack-1"',
            'unit = "pack-1"',
            "replays a recording; there is no internal_short in it",
        ),
        ('fault = "late"', 'fault = "crc"', "there is no fault crc on tcp"),
        ("ohm = 0.1", "ohm = 0", 'event "internal_short": ohm: '),
    ],
)
def test_one_mistake_is_one_line_that_names_table_and_key(room_file, old, new, expected):
    found = problems(room_file, GOOD.replace(old, new, 1))
    assert any(expected in line for line in found), found
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"pace-rtu"', '"pace-rut"', 'unit "rack-1": pace-rut'),
        ('"ev_pack_car1"', '"car9"', "shipped are ev_pack_car1"),
        ("cells = 16, seed = 3 } }", 'cells = 16 } }\nidentity = { maker = "x" }', "identity.maker"),
    ],
)
def test_what_cannot_be_loaded_is_named_with_its_unit(room_file, old, new, expected):
    (line,) = problems(room_file, GOOD.replace(old, new, 1), build=True)
    assert expected in line


def test_all_mistakes_are_told_at_once(room_file):
    text = (
        GOOD.replace("seed = 3", "sead = 3")
        .replace("ohm = 0.1", "ohm = -1")
        .replace("unit_id = 2", "unit_id = 999")
    )
    assert len(problems(room_file, text)) == 3
    both = GOOD.replace('"pace-rtu"', '"no-such"').replace('"ev_pack_car1"', '"car9"')
    assert len(problems(room_file, both, build=True)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "unit: is missing"), ("unit = []", "unit: "), ("[[unit", "not TOML"), ("unit = 3", "unit: ")],
)
def test_a_file_that_is_no_room_is_refused(room_file, text, expected):
    assert expected in problems(room_file, text)[0]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RoomError, match=r"nowhere\.toml: No such file"):
        load_room(tmp_path / "nowhere.toml")


def test_an_ipv6_address_stands_in_brackets(room_file):
    bench = Bench(load_room(room_file(GOOD.replace("127.0.0.1:0", "[::1]:0"))))
    assert bench.units[1].wire.host == "::1"
