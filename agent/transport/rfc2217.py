"""RTU on a serial line of another machine, which is told how the bits stand there (Telnet's RFC 2217).

ser2net, and serial servers of Moxa, Digi, Lantronix and Perle in their mode of that name, speak it.
"""

from typing import Literal

from agent.modbus import ports
from agent.modbus.far_line import ComPortLine
from agent.modbus.rtu_port import RtuPort
from agent.modbus.survey.presence import ALL_IDS, USUAL_IDS, LineSetting
from agent.transport.row import Transport
from agent.transport.rtu_over_tcp import FarEndpoint, FarTable, far_end
from drivers.profile.load import Profile


class ComPortEndpoint(FarEndpoint):
    """A serial server that speaks RFC 2217."""

    NAME = "rfc2217"
    sets_line = True

    @property
    def transport(self) -> Transport:
        """The row of RFC 2217."""
        return RFC2217

    def new_port(self, setting: LineSetting) -> ports.Port:
        """Return a port, closed, that sets the line so when it is opened."""
        line = setting.baud, setting.parity, setting.stop_bits
        return RtuPort(ComPortLine(str(self), self.host, self.port, *line), *line)


class Rfc2217Bus(FarTable):
    """[[bus]] with transport = "rfc2217": baud, parity and stop_bits are sent to the far end."""

    transport: Literal["rfc2217"]

    @property
    def endpoint(self) -> ComPortEndpoint:
        """Host and port."""
        return ComPortEndpoint(self.host, self.port)

    def new_port(self, profile: Profile) -> ports.Port:
        """Return a port, closed."""
        serial = self.serial(profile)
        line = serial.baud, serial.parity, serial.stop_bits
        carrier = ComPortLine(str(self.endpoint), self.host, self.port, *line, serial.settle_s)
        return RtuPort(
            carrier,
            *line,
            pause_s=self.pause_ms / 1e3,
            inter_byte_s=serial.inter_byte_s,
            accepted=self.accepted,
        )


def parse(text: str, _port: int) -> list[ComPortEndpoint] | None:
    """Return the serial server that rfc2217://HOST:PORT names."""
    found = far_end(text, "rfc2217")
    return [ComPortEndpoint(*found)] if found else None


RFC2217 = Transport(
    name="rfc2217",
    example="rfc2217://192.0.2.10:2217",
    frames="rtu",
    has_transaction_ids=False,
    usual_ids=USUAL_IDS,
    all_ids=ALL_IDS,
    far_side="A and B swapped",
    table=Rfc2217Bus,
    parse=parse,
)
