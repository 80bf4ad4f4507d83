"""What to run where a host cannot be used: `ping` only where nothing came of it."""

import socket

import pytest

from agent.modbus.came import Came, Kind
from agent.modbus.ports import PortError
from agent.modbus.survey.presence import LineSetting
from agent.transport.table import parse


@pytest.mark.parametrize(
    "text", ["192.0.2.1:1502", "rtu-over-tcp://192.0.2.1:4196", "rfc2217://192.0.2.1:2217"]
)
@pytest.mark.parametrize(
    ("kind", "run"),
    [
        (Kind.NO_CONNECTION, "ping 192.0.2.1"),
        (Kind.NO_NAME, "getent hosts 192.0.2.1"),
        (Kind.NOT_TAKEN, "cellwarden scan {endpoint}"),
        (Kind.CLOSED, "cellwarden scan {endpoint}"),
        (Kind.LENGTH, "cellwarden scan {endpoint}"),
    ],
)
def test_what_a_host_says_is_looked_at_by_asking_it(text: str, kind: Kind, run: str) -> None:
    (endpoint,) = parse(text, 502)
    came = Came(kind, "x", frames=endpoint.transport.frames)
    wanted = ("CW-103", run.format(endpoint=endpoint))
    for advice in (endpoint.trouble(PortError("x", came)), endpoint.lost("x", came)):
        assert (advice.code, advice.run) == wanted


async def test_a_name_that_leads_nowhere_and_a_port_that_refuses_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    for text, kind in ((f"127.0.0.1:{number}", Kind.NOT_TAKEN), ("nowhere.invalid:502", Kind.NO_NAME)):
        (endpoint,) = parse(text, 502)
        with pytest.raises(PortError) as failed:
            await endpoint.new_port(LineSetting(9600, "N", 1)).open()
        assert failed.value.came is not None
        assert failed.value.came.kind is kind
