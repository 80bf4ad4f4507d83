"""What a client reads of a bench unit, against addresses that were not taken from our profiles.

PACE: its RS485 Modbus document V1.3. SunSpec: lengths and offsets as in the published models' documents.
"""

import math

import numpy as np
import pytest

from drivers.profile.load import load_profile, parse_profile
from drivers.registers import Area, Reply
from hil.bmu.battery_models import SunSpecMap, extremes, scale_factors
from hil.bmu.binding import bind
from hil.bmu.registers import ProfileMap, RegisterError, converse
from hil.plant.duty import DISCHARGE, Duty, Phase
from hil.plant.rack import Rack, RackParameters
from hil.plant.recording import load_recording
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement, Channel

SUNSPEC = load_profile("sunspec-lithium-ion")
NOT_THERE_U16, NOT_THERE_I16 = 0xFFFF, 0x8000


def rack(strings=1, modules=1, cells=16, sensors=4, **more) -> RackSource:
    shape = Arrangement(strings, modules, cells, sensors)
    return RackSource(Rack(RackParameters(shape, seed=6, **more)))


def holding(tables, address, count, offset=0):
    words = tables[offset].read(Area.HOLDING, address, count)
    assert words is not None, f"{address}..{address + count - 1} does not exist"
    return words


def decoded(layout, tables):
    """Value by (name, place), as an agent would read it; None where it is not good."""
    image = layout.image()
    image.begin_cycle()
    for index, read in enumerate(layout.plan.reads):
        image.store(index, Reply(holding(tables, read.address, read.count, read.unit_offset).tolist()))
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.zeros(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    values = [None if math.isnan(x) else float(x) for x in si]
    return dict(zip(zip(layout.names, layout.places, strict=True), values, strict=True))


def cells_of(source, quantity, numbers, t_s):
    return [of(source, f"string1/module1/cell{n}", quantity, t_s) for n in numbers]


def of(source, place, quantity, t_s):
    return source.read_at(t_s)[list(source.channels).index(Channel(place, quantity))]


def test_a_cell_without_a_sensor_reads_as_an_open_thermistor_and_not_as_0_degc():
    source = rack(cells=12, sensors=3)
    unit = ProfileMap(load_profile("soltaro-rack-b"), source, {}, "S1")
    unit.update(source.read_at(5.0), 5.0)
    values = decoded(unit.layout, unit.tables)
    seen = {place: value for (name, place), value in values.items() if name == "cell_temperature"}
    assert len(seen) == 12
    assert sum(value is not None for value in seen.values()) == 3
    assert all(value > 15 for value in seen.values() if value is not None)


# ---- PACE: a plain profile


def test_a_pace_pack_holds_what_was_measured_where_its_document_says():
    source = rack()
    unit = ProfileMap(load_profile("pace-rtu"), source, {"version": "P16S100A-1.3"}, "rack-3")
    unit.update(source.read_at(10.0), 10.0)
    cells = holding(unit.tables, 15, 16)
    probes = holding(unit.tables, 31, 4).view(np.int16)
    np.testing.assert_allclose(cells / 1000, cells_of(source, "cell_voltage", range(1, 17), 10.0))
    np.testing.assert_allclose(probes / 10, cells_of(source, "cell_temperature", (1, 5, 9, 13), 10.0))
    current, voltage, soc = holding(unit.tables, 0, 3)
    assert np.int16(current.astype(np.int16)) / 100 == pytest.approx(of(source, "", "current", 10.0))
    assert voltage / 100 == pytest.approx(cells.sum() / 1000, abs=0.1)
    assert soc == 97
    assert holding(unit.tables, 150, 10).astype(">u2").tobytes().rstrip(b"\0") == b"P16S100A-1.3"


def test_registers_that_no_point_reaches_do_not_exist():
    source = rack()
    unit = ProfileMap(load_profile("pace-rtu"), source, {}, "rack-3")
    assert unit.tables[0].read(Area.HOLDING, 0, 37) is not None
    assert unit.tables[0].read(Area.HOLDING, 180, 1) is None
    assert unit.tables[0].read(Area.INPUT, 0, 1) is None


def test_discharge_is_negative_and_an_unknown_identity_is_refused():
    source = rack(duty=Duty(phases=(Phase(0.0, DISCHARGE, 50.0),)), ripple_a=0.0)
    unit = ProfileMap(load_profile("pace-rtu"), source, {}, "rack-3")
    unit.update(source.read_at(5.0), 5.0)
    assert holding(unit.tables, 0, 1).view(np.int16)[0] / 100 == pytest.approx(-50.0, abs=0.1)
    with pytest.raises(RegisterError, match=r"identity\.maker.*version"):
        ProfileMap(load_profile("pace-rtu"), source, {"maker": "x"}, "rack-3")


ODD = """
schema = 1
model = "odd"
gaps = "forbidden"
topology = { strings = 1, modules = 2, cells = 2, sensors = 1 }
missing = { i16 = -32768, u16 = 0xFFFF }

[[point]]
name = "signature"
address = 5
expect = [4711]

[[point]]
name = "cell_voltage"
table = "input"
address = 100
count = [2, 2]
place = "module/cell"
type = "f32"
word_order = "little"
unit = "V"

[[point]]
name = "module_temperature"
table = "input"
address = 200
count = 2
type = "i16"
scale = 0.5
raw_offset = -20
offset = -30
unit = "degC"

[[point]]
name = "cell_resistance"
table = "input"
address = 300
count = 4
unit = "ohm"

[[point]]
name = "heartbeat"
address = 7
"""


def test_floats_offsets_gaps_expected_identities_and_missing_values_of_any_profile():
    source = rack(modules=2, cells=2, sensors=1)
    unit = ProfileMap(parse_profile(ODD), source, {}, "x")
    unit.update(source.read_at(3.0), 3.0)
    words = unit.tables[0].read(Area.INPUT, 100, 8)
    assert words is not None
    volts = words.reshape(4, 2)[:, ::-1].astype(">u2").tobytes()
    expected = [of(source, f"string1/module{m}/cell{c}", "cell_voltage", 3.0) for m in (1, 2) for c in (1, 2)]
    np.testing.assert_allclose(np.frombuffer(volts, ">f4"), expected, rtol=1e-6)
    degrees = unit.tables[0].read(Area.INPUT, 200, 2)
    assert degrees is not None
    np.testing.assert_allclose((degrees.astype(int) - 20) * 0.5 - 30, 25.0, atol=1.5)
    missing = unit.tables[0].read(Area.INPUT, 300, 1)
    assert missing is not None
    assert missing[0] == NOT_THERE_U16
    assert holding(unit.tables, 5, 1)[0] == 4711
    assert holding(unit.tables, 7, 1)[0] == 3
    assert unit.tables[0].read(Area.HOLDING, 5, 3) is None, "the gap at 6 cannot be read"


def test_places_that_leave_levels_out_count_over_them():
    source = rack(modules=2, cells=3, sensors=2)
    names = [
        ("cell4", "cell_voltage", "string1/module2/cell1"),
        ("module2/cell3", "cell_voltage", "string1/module2/cell3"),
        ("rack1/string1/module1/cell2", "cell_voltage", "string1/module1/cell2"),
        ("sensor3", "cell_temperature", "string1/module2/cell1"),
        ("module1/sensor2", "cell_temperature", "string1/module1/cell2"),
        ("cell4", "cell_temperature", "string1/module2/cell1"),
    ]
    values = source.read_at(1.0)
    got = bind(source, [Channel(place, quantity) for place, quantity, _ in names]).values(values)
    np.testing.assert_array_equal(got, [of(source, place, quantity, 1.0) for _, quantity, place in names])
    absent = [Channel("cell7", "cell_voltage"), Channel("cell3", "cell_temperature"), Channel("", "load")]
    assert np.isnan(bind(source, absent).values(values)).all()


# ---- SunSpec


@pytest.fixture(scope="module")
def pack():
    source = load_recording("ev_pack_car1")
    unit = SunSpecMap(SUNSPEC, source, {"Mn": "Acme"}, "pack-1", 7)
    unit.update(source.read_at(60.0), 60.0)
    return source, unit


def test_the_chain_has_the_models_and_lengths_of_the_published_documents(pack):
    _, unit = pack
    assert holding(unit.tables, 40000, 2).astype(">u2").tobytes() == b"SunS"
    address, found = 40002, []
    while (header := holding(unit.tables, address, 2).tolist())[0] != 0xFFFF:
        found.append(tuple(header))
        address += 2 + header[1]
    modules = [(805, 42 + 4 * 12)] * 8
    assert found == [(1, 66), (802, 62), (803, 26 + 32), (804, 46 + 16 * 8), *modules]
    assert unit.tables[0].read(Area.HOLDING, address, 3) is None


def test_points_of_802_are_where_its_document_has_them(pack):
    source, unit = pack
    battery = 40070
    words = holding(unit.tables, battery, 64)
    assert words[18] == 60, "Hb counts seconds"
    assert words[21] == 4, "Typ: lithium-ion"
    assert words[3] == NOT_THERE_U16, "the recording does not know the rated energy"
    voltage_factor = words[59].view(np.int16)
    assert words[34] * 10.0**voltage_factor == pytest.approx(of(source, "", "voltage", 60.0))


def test_every_recorded_value_arrives_through_the_drivers(pack):
    source, unit = pack
    layout = converse(SUNSPEC, unit.tables)
    assert layout.identity["manufacturer"] == "Acme"
    assert layout.identity["serial"] == "pack-1"
    got = decoded(layout, unit.tables)
    probed = 0
    for module in range(1, 9):
        for cell in range(1, 13):
            place = f"string1/module{module}/cell{cell}"
            assert got["cell_voltage", place] == pytest.approx(
                of(source, place, "cell_voltage", 60.0), abs=1e-9
            )
            if cell in (1, 5, 9):
                assert got["cell_temperature", place] == of(source, place, "cell_temperature", 60.0)
                probed += 1
            else:
                assert got["cell_temperature", place] is None
    assert probed == 24
    assert got["current", "string1"] == pytest.approx(of(source, "", "current", 60.0))
    assert got["soc", ""] == pytest.approx(of(source, "", "soc", 60.0))
    assert got["soh", ""] is None
    assert got["heartbeat", ""] == 60


def test_a_probe_that_is_not_there_is_the_sentinel_and_not_zero(pack):
    _, unit = pack
    first_805 = 40070 + 64 + 60 + 176
    cell_1, cell_2 = (holding(unit.tables, first_805 + 44 + 4 * k, 2) for k in range(2))
    assert cell_1[1] in range(15, 60), "1 degC steps, as recorded"
    assert cell_2[1] == NOT_THERE_I16
    assert cell_2[0] != NOT_THERE_U16


def test_several_strings_and_modules_are_told_apart():
    source = rack(strings=2, modules=3, cells=14, sensors=2)
    unit = SunSpecMap(SUNSPEC, source, {}, "rack-2", 1)
    unit.update(source.read_at(0.0), 0.0)
    got = decoded(converse(SUNSPEC, unit.tables), unit.tables)
    for string, module, cell in [(1, 1, 1), (1, 3, 14), (2, 1, 8), (2, 3, 2)]:
        place = f"string{string}/module{module}/cell{cell}"
        assert got["cell_voltage", place] == pytest.approx(of(source, place, "cell_voltage", 0.0), abs=1e-9)
    tenth = of(source, "string2/module2/cell8", "cell_temperature", 0.0)
    assert got["cell_temperature", "string2/module2/cell8"] == pytest.approx(tenth)
    assert round(tenth * 10) % 10 != 0 or tenth == pytest.approx(25.0, abs=1.5)
    volts = [got["cell_voltage", f"string2/module3/cell{c}"] for c in range(1, 15)]
    assert got["cell_voltage_max", "string2/module3"] == max(volts)
    assert got["cell_voltage_min", "string2/module3"] == min(volts)


def test_scale_factors_are_as_fine_as_the_source_and_let_a_high_voltage_fit():
    assert scale_factors(load_recording("ev_pack_car1"))["Tmp_SF"] == 0
    assert scale_factors(rack())["Tmp_SF"] == -1
    assert scale_factors(rack())["V_SF"] == -2
    assert scale_factors(rack(modules=20))["V_SF"] == -1


def test_extremes_name_where_they_are():
    values = np.array([[3.1, 3.4], [3.0, np.nan]])
    assert extremes("CellV", values, "Mod", "Cell") == {
        **{"CellVMax": 3.4, "CellVMaxMod": 1, "CellVMaxCell": 2},
        **{"CellVMin": 3.0, "CellVMinMod": 2, "CellVMinCell": 1},
        "CellVAvg": pytest.approx(9.5 / 3),
    }
    assert all(math.isnan(x) for x in extremes("T", np.array([np.nan]), "Cell").values())
