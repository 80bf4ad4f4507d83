"""The transports, one row each."""

from collections.abc import Sequence

from agent.transport.rfc2217 import RFC2217, Rfc2217Bus
from agent.transport.row import Endpoint
from agent.transport.rtu import RTU, RtuBus
from agent.transport.rtu_over_tcp import RTU_OVER_TCP, RtuOverTcpBus
from agent.transport.tcp import TCP, TcpBus

# in the order in which they are asked what a text names: TCP takes any
TRANSPORTS = (RTU, RTU_OVER_TCP, RFC2217, TCP)
AnyBus = TcpBus | RtuBus | RtuOverTcpBus | Rfc2217Bus


def parse(text: str, port: int = 502) -> Sequence[Endpoint]:
    """Return the endpoints that a text names: /dev/ttyUSB0, HOST, HOST:PORT, [IPV6]:PORT, 192.0.2.0/28,
    rtu-over-tcp://HOST:PORT or rfc2217://HOST:PORT.

    Raises EndpointError.
    """
    found = (transport.parse(text, port) for transport in TRANSPORTS)
    return next(endpoints for endpoints in found if endpoints is not None)
