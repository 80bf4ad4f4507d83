"""A serial bus: what its table does not say is the profile's."""

from pathlib import Path

from agent.modbus.serial_line import SerialPort
from agent.modbus.survey.presence import LineSetting
from agent.transport.rtu import RtuBus
from drivers.profile.load import parse_profile

PROFILE = parse_profile(
    """
    schema = 1
    model = "m"
    pause_ms = 30
    serial = { baud = 9600, parity = "E", stop_bits = 2, timeout_ms = 1500, settle_s = 3, inter_byte_s = 0.7 }
    [[point]]
    name = "pack_voltage"
    address = 1
    unit = "V"
    valid = [10, 100]
    """
)


def test_the_profile_says_what_the_table_does_not() -> None:
    bus = RtuBus(name="b", transport="rtu", device=Path("/dev/ttyUSB0"), baud=19200, stop_bits=1)
    assert bus.setting(PROFILE) == LineSetting(19200, "E", 1)
    assert bus.timeout_s(PROFILE) == 1.5
    assert bus.line(PROFILE).pause_s == 0.03
    port = bus.new_port(PROFILE)
    assert isinstance(port, SerialPort)
    assert port.name == "/dev/ttyUSB0"
    assert bus.serial(PROFILE).inter_byte_s == 0.7
    assert bus.model_copy(update={"inter_byte_s": 0.2}).serial(PROFILE).inter_byte_s == 0.2


def test_the_longer_pause_counts_and_a_turnaround_of_zero_is_said() -> None:
    table = {"name": "b", "transport": "rtu", "device": Path("/dev/ttyUSB0"), "pause_ms": 40.0}
    assert RtuBus(**table, turnaround_ms=0.0).line(PROFILE).pause_s == 0.04
    patient, at_once = RtuBus(**table, turnaround_ms=50.0), RtuBus(**table, turnaround_ms=0.0)
    assert patient.line(PROFILE).per_read_s > at_once.line(PROFILE).per_read_s
