"""Shipped profiles against register words worked out by hand from the families' published facts.

The addresses and scales are those of the facts (datasheets, other people's drivers), not of our profiles.
"""

import pytest

from agent.quality import Quality
from drivers.connect import connect
from drivers.profile.check import check_profile
from drivers.profile.load import load_profile, shipped_profiles
from drivers.registers import Area
from tests.drivers.units import Frame, Unit, block, converse, text


def zeros(*ranges):
    return {address: 0 for first, last in ranges for address in range(first, last + 1)}


def frame_of(name, registers, **unit):
    device = Unit(registers, **unit)
    layout = converse(connect(load_profile(name)), device)
    return Frame(layout, device)


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_has_nothing_to_complain_about(name):
    assert check_profile(load_profile(name)) == []


def test_pace():
    words = zeros((0, 36), (150, 179)) | {
        0: 0xFF06,  # -2.50 A, positive = charge
        1: 5283,  # 52.83 V
        2: 87,
        9: 1 << 12,  # ambient high temperature in the warning word ...
        10: 1 << 12,  # ... MOSFET high temperature in the protection word
        11: 1 << 8 | 1 << 2,  # charging, temperature sensor fault
        30: 3301,  # cell 16
        34: 0xFFCE,  # sensor 4: -5.0 degC
        36: 253,
    }
    frame = frame_of("pace-rtu", words | block(150, text("P16S100A", 10)))
    assert frame["pack_current"] == -2.5
    assert frame["pack_voltage"] == 52.83
    assert frame["soc"] == 87
    assert frame["cell_voltage", "cell16"] == 3.301
    assert frame["cell_temperature", "sensor4"] == -5.0
    assert frame["ambient_temperature"] == 25.3
    assert frame.quality_of("cell_voltage", "cell1") == Quality.OUT_OF_RANGE  # an empty slot reads 0 V
    assert frame.alarms() == {
        ("warning_flags", "ambient high temperature"),
        ("protection_flags", "MOSFET high temperature protection"),
        ("status_flags", "temperature sensor fault"),
    }
    assert frame.layout.identity["version"] == "P16S100A"


def test_jk_counts_its_addresses_in_bytes():
    words = {a: 0 for a in range(0x1000, 0x1500, 2)} | {
        0x106C: 0, 0x106E: 16,  # cell count, high word first
        0x1200: 3312, 0x121E: 3309,  # cells 1 and 16
        0x1290: 0x0000, 0x1292: 0xCE59,  # 52.825 V
        0x1298: 0xFFFF, 0x129A: 0xFC18,  # -1.000 A
        0x129C: 215, 0x129E: 216, 0x12F8: 217, 0x12FA: 0xFFFB, 0x12FC: 219,
        0x12A0: 0x0020, 0x12A2: 0x0022,  # bits 21, 1 and 5
        0x12A6: 0x0157,  # balancing 1, state of charge 87
        0x12B8: 0x6301,  # state of health 99, precharge 1
    }  # fmt: skip
    frame = frame_of(
        "jk-pb", words | dict(zip(range(0x1400, 0x1410, 2), text("JK_PB2A16S20P", 8), strict=True)), step=2
    )
    assert sum(q == "cell_voltage" for q in frame.layout.quantities) == 16
    assert frame["cell_voltage", "cell1"] == 3.312
    assert frame["cell_voltage", "cell16"] == 3.309
    assert frame["pack_voltage"] == 52.825
    assert frame["pack_current"] == -1.0
    assert [frame["cell_temperature", f"sensor{k}"] for k in (1, 2, 3, 4, 5)] == [
        21.5,
        21.6,
        21.7,
        -0.5,
        21.9,
    ]
    assert (frame["soc"], frame["soh"], frame["balance_state"]) == (87, 99, 1)
    assert frame.alarms() == {
        ("alarm_word", "MOSFET over-temperature"),
        ("alarm_word", "battery over-temperature"),
        ("alarm_word", "bit 5 of alarm_word, meaning not known"),
    }
    assert frame.layout.identity["product"] == "JK_PB2A16S20P"


def test_eg4():
    words = zeros((0, 38), (45, 135)) | {
        0: 5312, 1: 0xFF9C, 2: 3320, 16: 3321,  # 53.12 V, -1.00 A, cells 1 and 15
        33: 0x17FB,  # sensors 1 and 2: 23 and -5 degC, high byte first
        34: 0x1900,  # sensor 3: 25 degC; sensor 4 not fitted
        36: 15,
        29: 0, 30: 321,
        31: 0x1575, 32: 0x2A00,  # 360 000 000 mA s = 100 Ah
        27: 0x0004,
    }  # fmt: skip
    frame = frame_of("eg4-ll", words)
    assert frame["pack_voltage"] == 53.12
    assert frame["pack_current"] == -1.0
    assert frame["cell_voltage", "cell15"] == 3.321
    assert ("cell_voltage", "cell16") not in zip(frame.layout.names, frame.layout.places, strict=True)
    assert frame["cell_temperature", "sensor1"] == 23
    assert frame["cell_temperature", "sensor2"] == -5
    assert frame["optional_temperature", "sensor3"] == 25
    assert frame.quality_of("optional_temperature", "sensor4") == Quality.MISSING
    assert frame["cycles"] == 321
    assert frame["full_capacity"] == pytest.approx(100)
    assert frame.alarms() == {("protection_word", "bit 2 of protection_word, meaning not known")}


def test_pylontech_grows_with_its_piles():
    words = zeros((0x100A, 0x100C), (0x1100, 0x1132), (0x1136, 0x1139), (0x1148, 0x1149))
    words |= zeros((0x1400, 0x1432), (0x1B00, 0x1B32)) | {
        0x1131: 2,
        0x1103: 7684, 0x1104: 0xFFFF, 0x1105: 0xFB2E,  # 768.4 V, -12.34 A
        0x1106: 0xFFF6,  # -1.0 degC
        0x1100: 1 << 3 | 1 << 11,  # system error protection; charging
        0x1B03: 7683, 0x1B07: 815, 0x1B14: 314,  # pile 2: 768.3 V, 81.5 %, hottest cell 31.4 degC
        0x1B32: 1 << 12,  # insulation fault
        0x110D: 0xFFFF, 0x110E: 0xD8F0,  # discharge limit, reported as -100.00 A
    }  # fmt: skip
    frame = frame_of("pylontech-powercube-m2", words)
    assert frame["voltage"] == 768.4
    assert frame["current"] == -12.34
    assert frame["system_temperature"] == -1.0
    assert frame["discharge_current_limit"] == 100
    assert frame["pile_voltage", "string2"] == 768.3
    assert frame["pile_soc", "string2"] == 81.5
    assert frame["pile_max_cell_temperature", "string2"] == 31.4
    assert {p for p in frame.layout.places if p} == {"string1", "string2"}
    assert frame.alarms() == {("status", "system error protection"), ("pile_errors", "insulation fault")}


def test_soltaro():
    words = zeros((0x2000, 0x2222), (0x2800, 0x28EF), (0x2C00, 0x2CEF)) | {
        0x20C1: 3,
        0x2100: 7012, 0x2101: 0xFFCE,  # 701.2 V, -5.0 A
        0x2823: 3298,  # module 3, cell 12
        0x2C0C: 0xFFEC,  # module 2, cell 1: -2.0 degC
        0x2110: 45,  # 0.45 mohm
        0x2140: 1 << 6, 0x2141: 1 << 11,
        0x2183: 0x0008, 0x2184: 0x0001,  # modules 20 and 1
    }  # fmt: skip
    frame = frame_of("soltaro-rack-b", words)
    assert frame["pack_voltage"] == 701.2
    assert frame["current"] == -5.0
    assert frame["cell_voltage", "module3/cell12"] == 3.298
    assert frame["cell_temperature", "module2/cell1"] == -2.0
    assert frame["min_cell_resistance"] == pytest.approx(0.00045)
    assert frame.layout.places[-1] != "module4/cell1"
    assert sum(q == "cell_voltage" for q in frame.layout.quantities) == 36
    assert frame.alarms() == {
        ("level_2_alarms", "cell cha temp high"),
        ("level_1_alarms", "cell voltage diff high"),
        ("silent_modules", "module 20 does not answer its master"),
        ("silent_modules", "module 1 does not answer its master"),
    }


def test_huawei_has_a_sentinel_per_type():
    words = zeros((11000, 11043), (12000, 12033), (19009, 19009), (41180, 41206)) | {
        11000: 2301, 11027: 314, 11024: 3,
        11008: 0x7FFF,
        12000: 2184, 12003: 0xFFFF, 12004: 0xFFFF, 12005: 0xFFFF, 12007: 2,
        41194: 1 << 4,
    }  # fmt: skip
    frame = frame_of("huawei-ups2000", words)
    assert frame["input_voltage"] == 230.1
    assert frame["ups_temperature"] == 31.4
    assert frame["battery_voltage"] == 218.4
    assert frame.quality_of("output_voltage") == Quality.MISSING
    assert frame.quality_of("battery_charge") == Quality.MISSING
    assert frame.quality_of("battery_runtime") == Quality.MISSING
    assert frame["battery_packs"] == 2
    assert frame.alarms() == {("ups_mode", "on battery"), ("alarms_40170", "battery disconnected")}
    second = connect(load_profile("huawei-ups2000"), instance=2)
    asked = Unit(zeros((21000, 21043), (22000, 22033), (29009, 29009), (42204, 42230)))
    converse(second, asked)  # data 10000 further on, alarms 1024


def test_apc_scales_by_powers_of_two():
    words = zeros((0, 26), (128, 171), (516, 603)) | {
        0: 0, 1: 1 << 2,  # on battery: bit 2 counts from the low word, the second register
        20: 0x0000, 21: 1 << 4,
        22: 1 << 3,
        128: 0, 129: 3600,
        130: 51200,  # 100 %
        131: 1728,  # 54 V
        135: 3264,  # 25.5 degC
        142: 14720,  # 230 V
        151: 0xFFFF,
        154: 0xFFFE,
    }  # fmt: skip
    frame = frame_of("apc-smart-ups", words | block(532, text("Smart-UPS 3000", 16)))
    assert frame["battery_charge"] == 100
    assert frame["battery_voltage"] == 54
    assert frame["battery_temperature"] == 25.5
    assert frame["battery_runtime"] == 3600
    assert frame["output_voltage"] == 230
    assert frame.quality_of("input_voltage") == Quality.MISSING
    assert frame.quality_of("efficiency") == Quality.OUT_OF_RANGE  # a status code, not an efficiency
    assert frame.alarms() == {
        ("ups_status", "on battery"),
        ("power_errors", "over temperature"),
        ("battery_errors", "battery over temperature"),
    }
    assert frame.layout.identity["product"] == "Smart-UPS 3000"
    assert max(frame.layout.plan.pauses_ms) == 35
    assert {r.area for r in frame.layout.plan.reads} == {Area.HOLDING}
