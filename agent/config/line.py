"""Line settings: what the configuration says of a bus, completed from the profile."""

from agent.config.tables import RtuBus, TcpBus, UnitTable
from drivers.line import Line, bits_per_character
from drivers.profile.load import Profile
from drivers.profile.schema import Serial

RTU_TURNAROUND_S = 0.005


def serial_of(bus: RtuBus, profile: Profile) -> Serial:
    """Return the serial settings of a bus; what its table does not say is the profile's."""
    said = {"baud": bus.baud, "parity": bus.parity, "stop_bits": bus.stop_bits}
    return profile.serial.model_copy(update={key: value for key, value in said.items() if value is not None})


def line_of(bus: TcpBus | RtuBus, profile: Profile) -> Line:
    """Return the wire that a unit's reads are planned for."""
    pause_s = max(profile.pause_ms or 0.0, bus.pause_ms) / 1e3
    said_s = None if bus.turnaround_ms is None else bus.turnaround_ms / 1e3
    if isinstance(bus, TcpBus):
        return Line.tcp(pause_s=pause_s) if said_s is None else Line.tcp(round_trip_s=said_s, pause_s=pause_s)
    serial = serial_of(bus, profile)
    bits = bits_per_character(serial.parity, serial.stop_bits)
    turnaround_s = RTU_TURNAROUND_S if said_s is None else said_s
    return Line.rtu(serial.baud, bits_per_character=bits, turnaround_s=turnaround_s, pause_s=pause_s)


def timeout_of(bus: TcpBus | RtuBus, unit: UnitTable, profile: Profile) -> float:
    """Return the longest that a unit may take to answer: what its table says, or its profile."""
    by_default = profile.tcp if isinstance(bus, TcpBus) else profile.serial
    return unit.timeout_s or by_default.timeout_ms / 1e3
