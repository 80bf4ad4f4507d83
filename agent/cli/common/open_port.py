"""Opening a port for a tool: what goes wrong has its code, and what the agent holds is left to it."""

from pathlib import Path

from agent.cli.common.came_said import sentence
from agent.cli.common.codes import Trouble
from agent.control import client
from agent.message import Message, joined
from agent.modbus.came import Kind
from agent.modbus.ports import Port, PortError
from agent.modbus.serial_devices import console_of
from agent.modbus.survey.presence import LineSetting
from agent.transport.row import Endpoint, EndpointError, TooMany
from agent.transport.table import parse
from agent.wire.hosts import authority


def endpoints(texts: tuple[str, ...], port: int) -> list[Endpoint]:
    """Return what was named. Raises Trouble."""
    try:
        return [endpoint for text in texts for endpoint in parse(text, port)]
    except TooMany as error:
        raise Trouble("CW-121", error.args[0]) from error
    except EndpointError as error:
        raise Trouble("CW-120", error.args[0], "cellwarden scan --help") from error


def agents_bus(socket: Path, endpoint: Endpoint) -> str | None:
    """Return the name of the running agent's bus at this endpoint, if it has one."""
    try:
        buses = client.get(socket, "/v1/status")["buses"]
    except (client.NotRunning, client.Refusal):
        return None
    return next((bus["name"] for bus in buses if endpoint.is_port(str(bus["port"]))), None)


async def opened(endpoint: Endpoint, line: LineSetting, port: Port | None = None) -> Port:
    """Return the port of an endpoint, opened: `port`, where its bus is configured. Raises Trouble."""
    if endpoint.device and console_of(endpoint.device):
        raise Trouble(
            "CW-110",
            Message(
                "{device} is this machine's console: what is sent there goes to whoever logs in.",
                device=endpoint,
            ),
            "sudo raspi-config   (Interface options, Serial port)",
        )
    port = port or endpoint.new_port(line)
    try:
        await port.open()
    except PortError as error:
        raise trouble_of(error, endpoint) from error
    return port


UNASKED = {"CW-103", "CW-104", "CW-110"}  # what was sent before is worth a word


def trouble_of(error: PortError, endpoint: Endpoint, *, asked: bool = False) -> Trouble:
    """Say why a port cannot be used. asked: a request went out through it."""
    code, what, run = endpoint.trouble(error)
    came = error.came
    if came is not None:
        code, what = came.code, joined(" ", filter(None, [what, sentence(came.do)]))
        usual = authority(endpoint.place, 502)
        if came.kind is Kind.NOT_TAKEN and came.frames == "tcp" and str(endpoint) != usual:
            run = f"cellwarden scan {usual}"
    if not asked and code in UNASKED:
        what = joined(" ", [what, Message(endpoint.nothing_sent)])
    return Trouble(code, what, run, came.row.likely if came else None)
