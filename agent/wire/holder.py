"""Which process holds a port or a device of this machine: its id and its name, as far as the kernel tells.

Standard library only. Who listens at a port stands in /proc/net/tcp with its user, for everybody to read;
which process that is, in /proc/PID/fd, which is for the user's own and for root (proc(5)). A service that is
shut off from other processes (ProtectProc=, PrivateUsers= of systemd) sees neither.
"""

import contextlib
import os
import pwd
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from agent.wire.text import printable

PROC = Path("/proc")
LISTENS = "0A"  # TCP_LISTEN, include/net/tcp_states.h
NAME = 60  # characters

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Holder:
    """A process; `pid` is None where these rights do not show it, `user` "" where that is hidden too."""

    pid: int | None
    name: str = ""
    user: str = ""

    def __str__(self) -> str:
        if self.pid is not None:
            return f"process {self.pid} ({self.name or 'of another user'})"
        whose = f"a process of user {self.user}" if self.user else "another user's process"
        return f"{whose} (which one, root can see)"


def of_port(host: str, port: int) -> Holder | None:
    """Return who listens where a listener at `host` and `port` would; None where nobody is seen to."""
    wanted = _addresses(host, port)
    for at, user, inode in _listeners(port):
        if wanted is None or at.is_unspecified or any(at == one or one.is_unspecified for one in wanted):
            pid = next((pid for pid, target in _open_files() if target == f"socket:[{inode}]"), None)
            return Holder(None, user=_user(user)) if pid is None else Holder(pid, _name(pid))
    return None


def of_device(device: str, locks: Path = PROC / "locks") -> Holder | None:
    """Return who has a serial device: who has locked it (flock), as pyserial and the agent do, and everybody
    may see, or else who has it open; None where nobody is seen to.
    """
    pid = _who_locks(device, locks)
    pid = next(iter(who_have(device)), None) if pid is None else pid
    return None if pid is None else Holder(pid, _name(pid))


def who_have(device: str) -> list[int]:
    """Return the processes that have a device open, this one left out, as far as these rights show them."""
    path = os.path.realpath(device)
    return sorted({pid for pid, target in _open_files() if target == path} - {os.getpid()})


def named(pid: int) -> Holder:
    """Return a process by its id."""
    return Holder(pid, _name(pid))


def sees_all() -> bool:
    """Whether these rights show the files of every process."""
    return os.geteuid() == 0


def _addresses(host: str, port: int) -> list[Address] | None:
    """Return what a host is here; None where that cannot be told: then every address may be meant."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return None
    return [ip_address(str(where[0]).partition("%")[0]) for *_, where in found]


def _listeners(port: int) -> Iterator[tuple[Address, int, int]]:
    """Yield address, user id and inode of every socket that listens at `port`."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, _, _, _, user, _, inode, *_ = line.split()
                address, _, number = local.rpartition(":")
                if state == LISTENS and int(number, 16) == port:
                    yield _address(address), int(user), int(inode)


def _address(digits: str) -> Address:
    """Read an address: 32-bit words in this machine's order (net/ipv4/tcp_ipv4.c, get_tcp4_sock)."""
    words = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    return ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))


def _open_files() -> Iterator[tuple[int, str]]:
    """Yield (process, what it has open), of the processes that these rights show."""
    for folder in PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for handle in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    yield int(folder.name), os.readlink(handle)


def _who_locks(device: str, locks: Path) -> int | None:
    try:
        state = os.stat(device)
        lines = locks.read_text().splitlines()
    except OSError:
        return None
    wanted = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    for line in lines:
        _, kind, *fields = line.split()  # "->" for a kind is somebody who waits for it
        if kind == "FLOCK" and wanted in fields and int(fields[2]) > 0:  # 0: of another pid namespace
            return int(fields[2])
    return None


def _name(pid: int) -> str:
    """Return what a process is called; of an interpreter, what it runs."""
    try:
        name = (PROC / str(pid) / "comm").read_text().strip()
        words = (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    if re.match(r"python|perl|node|ruby", name) and len(words) > 2:
        runs = f"-m {words[2]}" if words[1] == "-m" else os.path.basename(words[1])
        name = f"{name} {runs}".strip()
    return printable(name, NAME)


def _user(number: int) -> str:
    """Return a user's name; "" of one whom this user namespace does not show (user_namespaces(7))."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if number != int((PROC / "sys/kernel/overflowuid").read_text()):
            return pwd.getpwuid(number).pw_name
    return ""
