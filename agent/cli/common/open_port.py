"""Opening a port for a tool: what goes wrong has its code, and what the agent holds is left to it."""

import errno
import os
from pathlib import Path
from typing import Any

from agent.cli.common.codes import Trouble
from agent.control import client
from agent.modbus.ports import Port, PortError
from agent.modbus.serial_line import SerialPort
from agent.modbus.survey.endpoint import (
    Endpoint,
    EndpointError,
    Host,
    SerialLine,
    TooMany,
    console_of,
    holder,
    parse,
    serial_devices,
)
from agent.modbus.survey.presence import LineSetting
from agent.modbus.tcp import TcpPort

REASONS = {
    errno.ENOENT: "CW-101",
    errno.EACCES: "CW-102",
    errno.EPERM: "CW-102",
    errno.EAGAIN: "CW-110",
    errno.EBUSY: "CW-110",
    errno.EINVAL: "CW-105",
}


def endpoints(texts: tuple[str, ...], port: int) -> list[Endpoint]:
    """Return what was named. Raises Trouble."""
    try:
        return [endpoint for text in texts for endpoint in parse(text, port)]
    except TooMany as error:
        raise Trouble("CW-121", str(error)) from error
    except EndpointError as error:
        raise Trouble("CW-120", str(error), "cellwarden scan --help") from error


def agents_bus(socket: Path, endpoint: Endpoint) -> str | None:
    """Return the name of the running agent's bus at this endpoint, if it has one."""
    try:
        buses = client.get(socket, "/v1/status")["buses"]
    except (client.NotRunning, client.Refusal):
        return None
    return next((bus["name"] for bus in buses if _same(bus, endpoint)), None)


def _same(bus: dict[str, Any], endpoint: Endpoint) -> bool:
    if isinstance(endpoint, Host):
        return str(bus["port"]) == str(endpoint)
    return os.path.realpath(str(bus["port"])) == os.path.realpath(endpoint.device)


def port_of(endpoint: Endpoint, line: LineSetting) -> Port:
    """Return the port of an endpoint, closed."""
    if isinstance(endpoint, Host):
        return TcpPort(endpoint.host, endpoint.port)
    return SerialPort(endpoint.device, line.baud, line.parity, line.stop_bits)


async def opened(endpoint: Endpoint, line: LineSetting) -> Port:
    """Return the port of an endpoint, opened. Raises Trouble."""
    if isinstance(endpoint, SerialLine) and console_of(endpoint.device):
        raise Trouble(
            "CW-110",
            f"{endpoint} is this machine's console: what is sent there goes to whoever logs in.",
            "sudo raspi-config   (Interface options, Serial port)",
        )
    port = port_of(endpoint, line)
    try:
        await port.open()
    except PortError as error:
        raise trouble_of(error, endpoint) from error
    return port


def trouble_of(error: PortError, endpoint: Endpoint) -> Trouble:
    """Say why a port cannot be used."""
    if isinstance(endpoint, Host):
        return Trouble("CW-103", f"{error}. Nothing was sent.", f"ping {endpoint.host}")
    number = getattr(error.__cause__, "errno", None) or 0
    code = REASONS.get(number, "CW-104")
    if code == "CW-101":
        there = ", ".join(serial_devices()) or "none at all"
        return Trouble(
            code, f"{endpoint}: there is no such device. There are: {there}.", "ls -l /dev/serial/by-id"
        )
    if code == "CW-102":
        return Trouble(
            code,
            f"{endpoint}: you may not open it.",
            f"sudo usermod -aG {_group(endpoint.device)} $USER   (then log in anew)",
        )
    if code == "CW-110":
        held = holder(endpoint.device)
        by = f"process {held[0]} ({held[1]})" if held else "another process"
        return Trouble(code, f"{endpoint} is in use by {by}. Nothing was sent.", f"fuser -v {endpoint}")
    return Trouble(code, f"{error}", f"cellwarden scan {endpoint}")


def _group(device: str) -> str:
    import grp

    try:
        return grp.getgrgid(os.stat(device).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
