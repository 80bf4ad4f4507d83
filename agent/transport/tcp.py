"""Modbus TCP: a host and a port; replies find their requests by number."""

import json
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.keys.values import Host, Milliseconds, Name, Port, Settle, Whole
from agent.message import Message
from agent.modbus import ports
from agent.modbus.came import Came
from agent.modbus.survey.presence import ALL_IDS, GATEWAY_IDS, LineSetting
from agent.modbus.tcp import TcpPort
from agent.modbus.unnumbered import UnnumberedPort
from agent.transport.host_advice import host_advice
from agent.transport.row import Advice, BusTable, Endpoint, EndpointError, TooMany, Transport
from agent.wire.hosts import authority, host_and_port, host_problem, is_loopback
from drivers.line import Line
from drivers.profile.load import Profile

MOST_HOSTS = 1024


@dataclass(frozen=True, slots=True)
class HostPort(Endpoint):
    """A Modbus TCP endpoint."""

    host: str
    port: int = 502

    def __str__(self) -> str:
        return authority(self.host, self.port)

    @property
    def transport(self) -> Transport:
        """The row of Modbus TCP."""
        return TCP

    @property
    def place(self) -> str:
        """The host."""
        return self.host

    def new_port(self, setting: LineSetting) -> ports.Port:
        """Return a connection, closed."""
        return TcpPort(self.host, self.port)

    def is_port(self, name: str) -> bool:
        """Whether the name is this host and port."""
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
        """Return transport, host and port."""
        return ['transport = "tcp"', f"host = {json.dumps(self.host)}", f"port = {self.port}"]


class TcpBus(BusTable):
    """[[bus]] with transport = "tcp": one endpoint, one connection, one or more units behind it.

    turnaround_ms: the longest that a healthy unit takes to answer; the proof of `cellwarden check` counts
    with it. pause_ms: kept between an answer and the next request. settle_s: what the device needs after it
    was connected to; where it shows to need more, up to 10 s. in_flight: how many requests may wait for their
    answers at once; more than one only where the unit's manual allows it.
    """

    name: Name
    transport: Literal["tcp"]
    host: Host
    port: Port = 502
    turnaround_ms: Milliseconds | None = None
    pause_ms: Milliseconds = 0.0
    settle_s: Settle | None = None
    in_flight: Annotated[int, Field(ge=1, le=16), Whole] = 1

    @model_validator(mode="after")
    def _one_at_a_time_without_numbers(self) -> Self:
        if self.accepted.any_transaction and self.in_flight > 1:
            raise ValueError(
                Message(
                    "in_flight = {n}: with accept.transaction no number tells which request a reply is for,"
                    " so that one is asked at a time: take in_flight out",
                    n=self.in_flight,
                )
            )
        return self

    @property
    def endpoint(self) -> HostPort:
        """Host and port."""
        return HostPort(self.host, self.port)

    def setting(self, profile: Profile) -> None:
        """Return None: TCP has no line setting."""

    def line(self, profile: Profile) -> Line:
        """Return the line of a network: round trips, no baud rate."""
        pause_s = max(profile.pause_ms or 0.0, self.pause_ms) / 1e3
        if self.turnaround_ms is None:
            return Line.tcp(pause_s=pause_s)
        return Line.tcp(round_trip_s=self.turnaround_ms / 1e3, pause_s=pause_s)

    def timeout_s(self, profile: Profile) -> float:
        """Return the profile's time-out on TCP."""
        return profile.tcp.timeout_ms / 1e3

    def new_port(self, profile: Profile) -> ports.Port:
        """Return a connection, closed."""
        kind = TcpPort if self.has_transaction_ids else UnnumberedPort
        return kind(
            self.host,
            self.port,
            in_flight=self.in_flight,
            pause_s=self.pause_ms / 1e3,
            settle_s=profile.tcp.settle_s if self.settle_s is None else self.settle_s,
            accepted=self.accepted,
        )


def parse(text: str, port: int) -> list[HostPort]:
    """Return a host, or those of a network. Raises EndpointError."""
    if "/" in text:
        return _network(text, port)
    host, number = host_and_port(text, port) or ("", 0)
    before, _, after = text.rpartition(":")
    if before and not number:
        raise EndpointError(
            Message("{port} is no port: write HOST:PORT, as in 192.0.2.10:502", port=repr(after))
        )
    if problem := host_problem(host):
        raise EndpointError(
            Message(
                "{host} is neither a serial device, a host nor a network: it {problem}",
                host=repr(host),
                problem=problem,
            )
        )
    return [HostPort(host, number)]


def _network(text: str, port: int) -> list[HostPort]:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise EndpointError(
            Message(
                "{text} is neither a serial device (/dev/...), a host, nor a network (192.0.2.0/28)",
                text=repr(text),
            )
        ) from None
    if network.num_addresses > MOST_HOSTS:
        raise TooMany(
            Message(
                "{network} has {n} addresses, and {most} is the most; name a part of it",
                network=text,
                n=network.num_addresses,
                most=MOST_HOSTS,
            )
        )
    return [HostPort(str(address), port) for address in network.hosts()]


TCP = Transport(
    name="tcp",
    example="[2001:db8::10]:1502",
    frames="tcp",
    has_transaction_ids=True,
    usual_ids=GATEWAY_IDS,
    all_ids=(*ALL_IDS, 0, 255),
    far_side="the gateway's far side",
    table=TcpBus,
    parse=parse,
)
