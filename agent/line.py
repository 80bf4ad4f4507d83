"""Line settings: what the configuration says of a bus, completed from the profile."""

from agent.config import RtuBus, TcpBus
from drivers.line import Line
from drivers.profile import Profile
from drivers.schema import Serial


def serial_of(bus: RtuBus, profile: Profile) -> Serial:
    """Return the serial settings of a bus; what its table does not say is the profile's."""
    said = {"baud": bus.baud, "parity": bus.parity, "stop_bits": bus.stop_bits}
    return profile.serial.model_copy(update={key: value for key, value in said.items() if value is not None})


def line_of(bus: TcpBus | RtuBus, profile: Profile) -> Line:
    """Return the wire that a unit's reads are planned for."""
    pause_s = (profile.pause_ms or 0.0) / 1e3
    if isinstance(bus, TcpBus):
        return Line.tcp(pause_s=pause_s)
    serial = serial_of(bus, profile)
    bits = 1 + serial.data_bits + (serial.parity != "N") + serial.stop_bits
    return Line.rtu(serial.baud, bits_per_character=bits, pause_s=pause_s)
