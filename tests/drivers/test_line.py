"""What a read costs on the wire, in the characters of the standard."""

import pytest

from drivers.line import Line, bits_per_character
from drivers.registers import Area


@pytest.mark.parametrize(
    ("parity", "stop_bits", "bits"), [("N", 1, 10), ("N", 2, 11), ("E", 1, 11), ("O", 2, 12)]
)
def test_a_character_is_start_data_parity_and_stop(parity: str, stop_bits: int, bits: int) -> None:
    assert bits_per_character(parity, stop_bits) == bits


@pytest.mark.parametrize(
    ("baud", "bits", "turnaround_s", "per_read_s"),
    [
        # 8 + 5 characters, 3.5 of silence, and the unit's own time or as much silence, whichever is longer
        (9600, 10, 0.005, (13 + 3.5) * 10 / 9600 + 0.005),
        (9600, 10, 0.001, (13 + 7) * 10 / 9600),
        (9600, 11, 0.02, (13 + 3.5) * 11 / 9600 + 0.02),
        (19200, 10, 0.0, (13 + 7) * 10 / 19200),
        # above 19200 baud 1.75 ms (Modbus over serial line V1.02, 2.5.1.1)
        (19201, 10, 0.0, 13 * 10 / 19201 + 2 * 0.00175),
        (115200, 10, 0.005, 13 * 10 / 115200 + 0.00175 + 0.005),
    ],
)
def test_a_serial_line_costs_its_characters_and_its_silence(
    baud: int, bits: int, turnaround_s: float, per_read_s: float
) -> None:
    line = Line.rtu(baud, bits_per_character=bits, turnaround_s=turnaround_s, pause_s=0.1)
    assert line.per_read_s == pytest.approx(per_read_s, rel=1e-12)
    assert line.per_byte_s == pytest.approx(bits / baud, rel=1e-12)
    assert line.pause_s == 0.1


def test_what_is_not_said_is_a_unit_that_answers_within_5_ms_and_a_network_of_10_mbit() -> None:
    assert Line.rtu(9600) == Line.rtu(9600, bits_per_character=10, turnaround_s=0.005, pause_s=0.0)
    assert Line.tcp() == Line(0.002, 8e-7, 0.0) == Line(0.002, 8e-7)
    assert Line.tcp(round_trip_s=0.05, bytes_per_s=1000.0, pause_s=0.2) == Line(0.05, 0.001, 0.2)


@pytest.mark.parametrize(
    ("area", "count", "data"),
    [
        (Area.HOLDING, 1, 2),
        (Area.INPUT, 125, 250),
        *((Area.COIL, count, data) for count, data in ((1, 1), (8, 1), (9, 2), (17, 3))),
        *((Area.DISCRETE, count, data) for count, data in ((8, 1), (9, 2))),
    ],
)
def test_registers_are_two_bytes_and_bits_eight_to_a_byte(area: Area, count: int, data: int) -> None:
    line = Line(1000.0, 0.5, 0.25)
    assert line.read_s(area, count) == 1000.25 + data / 2
    assert line.read_s(area, count, 0.5) == 1000.5 + data / 2
    assert line.read_s(area, count, 0.0) == 1000.0 + data / 2
