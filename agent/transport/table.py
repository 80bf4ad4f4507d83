"""The transports, one row each."""

from collections.abc import Sequence

from agent.transport.row import Endpoint
from agent.transport.rtu import RTU, RtuBus
from agent.transport.tcp import TCP, TcpBus

TRANSPORTS = (RTU, TCP)  # in the order in which they are asked what a text names: TCP takes any
AnyBus = TcpBus | RtuBus


def parse(text: str, port: int = 502) -> Sequence[Endpoint]:
    """Return the endpoints that a text names: /dev/ttyUSB0, HOST, HOST:PORT, [IPV6]:PORT or 192.0.2.0/28.

    Raises EndpointError.
    """
    found = (transport.parse(text, port) for transport in TRANSPORTS)
    return next(endpoints for endpoints in found if endpoints is not None)
