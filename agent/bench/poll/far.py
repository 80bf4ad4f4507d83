"""The share of its limit that a serial line behind a socket reaches: RTU over TCP, and RFC 2217.

Debian's ser2net stands between the socket and the bench's wire; where it is not installed, nothing is
measured. The limit is that of `rtu`, the line's own: what a serial server adds is part of what is missing.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.bench.poll import rtu
from agent.transport.rfc2217 import Rfc2217Bus
from agent.transport.row import BusTable
from agent.transport.rtu_over_tcp import RtuOverTcpBus

BAUDS = (9600, 115200)
ACCEPTERS = {"rtu_over_tcp": "tcp", "rfc2217": "telnet(rfc2217),tcp"}
BEGINS_S = 10.0
CONNECTION = """%YAML 1.1
---
connection: &line
  accepter: {accepter},localhost,{port}
  connector: serialdev,{device},{baud}n81,local
  options:
    kickolduser: true
"""


def measure() -> list[tuple[str, float | None, str]]:
    """Return the share of the limit of each transport at each speed."""
    return [
        (f"{name}_{baud}_share_of_limit", _share(name, baud), "ratio") for name in ACCEPTERS for baud in BAUDS
    ]


def _share(name: str, baud: int) -> float | None:
    program = shutil.which("ser2net", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as folder:
        link = Path(folder) / "line"
        with rtu.served(link, baud), _ser2net(program, Path(folder), name, baud, link) as port:
            return rtu.limit_s(baud) / rtu.polled_s(_table(name, port, baud))


def _table(name: str, port: int, baud: int) -> BusTable:
    if name == "rfc2217":
        return Rfc2217Bus(name="bench", transport="rfc2217", host="127.0.0.1", port=port, baud=baud)
    return RtuOverTcpBus(name="bench", transport="rtu-over-tcp", host="127.0.0.1", port=port, baud=baud)


@contextmanager
def _ser2net(program: str, folder: Path, name: str, baud: int, device: Path) -> Iterator[int]:
    """Run it on a free port of this machine, which is given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    conf = folder / "ser2net.yaml"
    conf.write_text(CONNECTION.format(accepter=ACCEPTERS[name], port=port, device=device, baud=baud))
    process = subprocess.Popen([program, "-n", "-d", "-u", "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + BEGINS_S
        while time.monotonic() < until_s:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()
