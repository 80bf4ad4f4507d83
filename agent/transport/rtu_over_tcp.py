"""RTU frames through a TCP connection: a serial server in transparent mode, or a unit with such a port.

The frames are those of a serial line, checksum and all. What the line behind is set to, the serial server's
own page says; here it is told for the plan, which counts with the line's speed.
"""

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

from agent.keys.values import Host, Port
from agent.modbus import ports
from agent.modbus.came import Came
from agent.modbus.far_line import FarLine
from agent.modbus.rtu_port import RtuPort
from agent.modbus.survey.presence import ALL_IDS, USUAL_IDS, LineSetting
from agent.transport.host_advice import host_advice
from agent.transport.row import Advice, Endpoint, EndpointError, Transport
from agent.transport.serial_table import SerialTable
from agent.wire.hosts import authority, host_and_port, host_problem, is_loopback
from drivers.profile.load import Profile

# Serial servers collect what they hear for 5 to 20 ms before they send it; a round trip comes on top.
FAR_TURNAROUND_S = 0.025


@dataclass(frozen=True, slots=True)
class FarEndpoint(Endpoint):
    """A serial line behind a host and a port, of whichever transport `NAME` is."""

    host: str
    port: int
    NAME: ClassVar[str]
    nothing_sent = "No unit was asked."  # the line may have been set

    def __str__(self) -> str:
        return f"{self.NAME}://{authority(self.host, self.port)}"

    @property
    def place(self) -> str:
        """The host."""
        return self.host

    def is_port(self, name: str) -> bool:
        """Whether the name is this endpoint."""
        return name == str(self)

    def trouble(self, error: ports.PortError) -> Advice:
        """Say why no connection stands."""
        return host_advice(self, f"{error}.", error.came)

    def lost(self, what: str, came: Came | None) -> Advice:
        """Advise to look for the host, or for what it says."""
        return host_advice(self, what, came)

    def too_real(self) -> str:
        """Refuse other machines."""
        return "" if is_loopback(self.host) else f"host: {self.host} is not this machine"

    def bus_keys(self, setting: str) -> list[str]:
        """Return transport, host and port, and the line setting where there is one."""
        keys = [f'transport = "{self.NAME}"', f"host = {json.dumps(self.host)}", f"port = {self.port}"]
        if setting:
            line = LineSetting.parse(setting)
            keys += [f"baud = {line.baud}", f'parity = "{line.parity}"', f"stop_bits = {line.stop_bits}"]
        return keys


class FarTable(SerialTable):
    """host, port: where the serial server listens."""

    host: Host
    port: Port

    @property
    def usual_turnaround_s(self) -> float:
        """What a unit and the serial server take."""
        return FAR_TURNAROUND_S


class RawEndpoint(FarEndpoint):
    """A serial server in transparent mode."""

    NAME = "rtu-over-tcp"

    @property
    def transport(self) -> Transport:
        """The row of RTU over TCP."""
        return RTU_OVER_TCP

    def new_port(self, setting: LineSetting) -> ports.Port:
        """Return a port, closed; the setting tells how long a byte takes on the line."""
        carrier = FarLine(str(self), self.host, self.port)
        return RtuPort(carrier, setting.baud, setting.parity, setting.stop_bits)


class RtuOverTcpBus(FarTable):
    """[[bus]] with transport = "rtu-over-tcp": a serial server in transparent mode.

    baud, parity, stop_bits: what that server is set to; nothing of it is sent.
    """

    transport: Literal["rtu-over-tcp"]

    @property
    def endpoint(self) -> RawEndpoint:
        """Host and port."""
        return RawEndpoint(self.host, self.port)

    def new_port(self, profile: Profile) -> ports.Port:
        """Return a port, closed."""
        serial = self.serial(profile)
        carrier = FarLine(str(self.endpoint), self.host, self.port, serial.settle_s)
        line = serial.baud, serial.parity, serial.stop_bits
        return RtuPort(
            carrier,
            *line,
            pause_s=self.pause_ms / 1e3,
            inter_byte_s=serial.inter_byte_s,
            accepted=self.accepted,
        )


def far_end(text: str, *schemes: str) -> tuple[str, int] | None:
    """Return the host and port of SCHEME://HOST:PORT; None where the text has another scheme.

    Raises EndpointError.
    """
    scheme, found, rest = text.partition("://")
    if not found or scheme not in schemes:
        return None
    host, port = host_and_port(rest, 0) or ("", 0)
    problem = host_problem(host) if host else "is missing"
    if problem or not port:
        why = f"{host!r} {problem}" if problem else "its port is missing"
        raise EndpointError(
            f"{text!r}: {why}: write {schemes[0]}://HOST:PORT; the port is the serial server's"
        )
    return host, port


def parse(text: str, _port: int) -> list[RawEndpoint] | None:
    """Return the serial server that rtu-over-tcp://HOST:PORT names, or socket://, as pyserial writes it."""
    found = far_end(text, "rtu-over-tcp", "socket")
    return [RawEndpoint(*found)] if found else None


RTU_OVER_TCP = Transport(
    name="rtu-over-tcp",
    example="rtu-over-tcp://192.0.2.10:4196",
    frames="rtu",
    has_transaction_ids=False,
    usual_ids=USUAL_IDS,
    all_ids=ALL_IDS,
    far_side="the serial server's line setting, or A and B swapped",
    table=RtuOverTcpBus,
    parse=parse,
)
