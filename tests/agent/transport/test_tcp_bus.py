"""Hosts and networks as people write them."""

import pytest

from agent.transport.row import EndpointError, TooMany
from agent.transport.rtu import SerialLine
from agent.transport.table import parse
from agent.transport.tcp import HostPort


def test_endpoints_are_devices_hosts_and_small_networks() -> None:
    assert parse("/dev/ttyUSB0") == [SerialLine("/dev/ttyUSB0")]
    assert parse("ups.example:1502") == [HostPort("ups.example", 1502)]
    assert parse("2001:db8::10") == [HostPort("2001:db8::10")]
    assert parse("[2001:db8::10]:1502") == [HostPort("2001:db8::10", 1502)]
    assert str(HostPort("2001:db8::10", 1502)) == "[2001:db8::10]:1502", "as RFC 3986 writes it"
    assert parse("192.0.2.0/30") == [HostPort("192.0.2.1"), HostPort("192.0.2.2")]
    with pytest.raises(TooMany):
        parse("10.0.0.0/8")
    with pytest.raises(EndpointError):
        parse("192.0.2.1:many")
    with pytest.raises(EndpointError, match="IPv6"):
        parse("2001:db8::10:g")
