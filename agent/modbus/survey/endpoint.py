"""Where a battery may be found: a serial device, a host, a network; and who holds a serial device now."""

import os
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from agent.wire.hosts import authority, host_and_port, host_problem

MOST_HOSTS = 1024
CONSOLE = Path("/proc/cmdline")
LOCKS = Path("/proc/locks")
# Names of serial devices of boards and adapters; ttyS* are mostly ports that no machine has any more.
SERIAL_NAMES = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttySC*", "ttymxc*", "ttyO*")


class EndpointError(ValueError):
    """What was given is no endpoint; the message says what one looks like."""


class TooMany(EndpointError):
    """A network with more hosts than a scan should knock at."""


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial device."""

    device: str

    def __str__(self) -> str:
        return self.device


@dataclass(frozen=True, slots=True)
class Host:
    """A Modbus TCP endpoint."""

    host: str
    port: int = 502

    def __str__(self) -> str:
        return authority(self.host, self.port)


Endpoint = SerialLine | Host


def parse(text: str, port: int = 502) -> list[Endpoint]:
    """Return the endpoints that a text names: /dev/ttyUSB0, HOST, HOST:PORT, [IPV6]:PORT or 192.0.2.0/28."""
    if text.startswith(("/", "./", "../")) and not text.startswith("//"):
        return [SerialLine(text)]
    if "/" in text:
        return _network(text, port)
    host, number = host_and_port(text, port) or ("", 0)
    before, _, after = text.rpartition(":")
    if before and not number:
        raise EndpointError(f"{after!r} is no port: write HOST:PORT, as in 192.0.2.10:502")
    if problem := host_problem(host):
        raise EndpointError(f"{host!r} is neither a serial device, a host nor a network: it {problem}")
    return [Host(host, number)]


def _network(text: str, port: int) -> list[Endpoint]:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise EndpointError(
            f"{text!r} is neither a serial device (/dev/...), a host, nor a network (192.0.2.0/28)"
        ) from None
    if network.num_addresses > MOST_HOSTS:
        raise TooMany(
            f"{text} has {network.num_addresses} addresses, and {MOST_HOSTS} is the most; name a part of it"
        )
    return [Host(str(address), port) for address in network.hosts()]


def serial_devices(folder: Path = Path("/dev")) -> list[str]:
    """Return the serial devices of this machine, those of adapters first."""
    return [str(path) for pattern in SERIAL_NAMES for path in sorted(folder.glob(pattern))]


def console_of(device: str, cmdline: Path = CONSOLE) -> bool:
    """Whether the kernel's console is on this device: what is sent there would go to whoever logs in."""
    try:
        words = cmdline.read_text().split()
    except OSError:
        return False
    name = os.path.basename(os.path.realpath(device))
    return any(word.removeprefix("console=").split(",")[0] == name for word in words if "console=" in word)


def holder(device: str, locks: Path = LOCKS) -> tuple[int, str] | None:
    """Return process id and name of who holds the device's lock; None where nobody, or nobody can say.

    Whoever opens a serial device exclusively, as pyserial and the agent do, has it locked (flock).
    """
    try:
        state = os.stat(device)
        lines = locks.read_text().splitlines()
    except OSError:
        return None
    wanted = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    for line in lines:
        fields = line.split()
        if wanted in fields and "FLOCK" in fields:
            pid = int(fields[4])
            return pid, _name(pid)
    return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "another user's process"
