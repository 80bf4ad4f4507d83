"""Who holds a port of this machine, told with the rights that there are."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.wire import holder
from agent.wire.holder import Holder


def test_who_listens_is_named_whatever_it_listens_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for host in ("127.0.0.1", "0.0.0.0", "localhost", ""):
            held = holder.of_port(host, port)
            assert held is not None, host
            assert held.pid == os.getpid()
        assert holder.of_port("127.0.0.9", port) is None  # another address of the same machine
    assert holder.of_port("127.0.0.1", port) is None
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        assert holder.of_port("::1", six.getsockname()[1]) == holder.named(os.getpid())


def test_an_interpreter_is_called_by_what_it_runs() -> None:
    listens = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    )
    command = [sys.executable, "-c", f"{listens}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        held = holder.of_port("127.0.0.1", int(child.stdout.readline()))
        assert held is not None
        assert str(held).startswith(f"process {child.pid} (python")
        child.kill()


def test_what_the_rights_do_not_show_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net").mkdir()
    line = "   0: 0100007F:2120 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0"
    (tmp_path / "net/tcp").write_text(f"  sl  local_address ...\n{line}\n")
    (tmp_path / "812").mkdir()  # a process, without its fd/
    monkeypatch.setattr(holder, "PROC", tmp_path)
    assert str(holder.of_port("127.0.0.1", 8480)) == "another user's process (which one, root can see)"
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/overflowuid").write_text("65534\n")
    assert holder.of_port("127.0.0.1", 8480) == Holder(None, user="root")
    (tmp_path / "812/fd").mkdir()
    (tmp_path / "812/fd/3").symlink_to("socket:[4711]")
    (tmp_path / "812/comm").write_text("nginx\x1b[31m\n")
    (tmp_path / "812/cmdline").write_bytes(b"nginx: master\0")
    held = holder.of_port("0.0.0.0", 8480)
    assert held is not None
    assert held.pid == 812
    assert "\x1b" not in str(held)


def test_who_has_a_device_open_without_a_lock_is_found_too() -> None:
    parent, child = os.openpty()
    device = os.ttyname(child)
    with subprocess.Popen(["sleep", "60"], stdin=child) as other:
        os.close(child)
        assert holder.who_have(device) == [other.pid]
        held = holder.of_device(device)
        assert held == Holder(other.pid, "sleep")
        other.kill()
    os.close(parent)
    assert holder.of_device(device) is None


def test_who_has_locked_a_device_is_found_before_who_has_it_open() -> None:
    parent, child = os.openpty()
    device = os.ttyname(child)
    fcntl.flock(child, fcntl.LOCK_EX)
    assert holder.who_have(device) == [], "this process is left out"
    assert holder.of_device(device) == holder.named(os.getpid())
    os.close(child)
    os.close(parent)
    assert holder.sees_all() is (os.geteuid() == 0)


@pytest.mark.parametrize(
    ("lines", "pid"),
    [
        (["1: FLOCK  ADVISORY  WRITE {pid} {file} 0 EOF"], 4711),
        (["1: POSIX  ADVISORY  WRITE 12 {file} 0 EOF"], None),
        (["1: FLOCK  ADVISORY  WRITE 12 00:00:0 0 EOF"], None),
        (["1: FLOCK  ADVISORY  WRITE 0 {file} 0 EOF"], None),  # of another pid namespace
        (["1: FLOCK  ADVISORY  WRITE 0 {file} 0 EOF", "1: -> FLOCK  ADVISORY  WRITE 12 {file} 0 EOF"], None),
    ],
)
def test_a_lock_is_read_as_the_kernel_writes_it(tmp_path: Path, lines: list[str], pid: int | None) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    at = device.stat()
    file = f"{os.major(at.st_dev):02x}:{os.minor(at.st_dev):02x}:{at.st_ino}"
    locks = tmp_path / "locks"
    locks.write_text("".join(line.format(file=file, pid=4711) + "\n" for line in lines))
    found = holder.of_device(str(device), locks)
    assert (found and found.pid) == pid


def table(proc: Path, name: str, *sockets: tuple[str, str]) -> None:
    """A table of sockets as the kernel prints it, each (address in hex, state)."""
    (proc / "net").mkdir(exist_ok=True)
    lines = [f"   0: {at}:2120 00000000:0000 {state} 0:0 00:0 0 33 0 4711 1 0" for at, state in sockets]
    (proc / "net" / name).write_text("\n".join(["  sl  local_address ...", *lines]) + "\n")


@pytest.mark.skipif(sys.byteorder != "little", reason="the addresses are in the order of a PC and a Pi")
@pytest.mark.parametrize(
    ("name", "at", "state", "host", "held"),
    [
        ("tcp", "C9C8A8C0", "0A", "192.168.200.201", True),
        ("tcp", "C9C8A8C0", "01", "192.168.200.201", False),  # a connection, no listener
        ("tcp", "C9C8A8C0", "0A", "192.168.200.202", False),
        ("tcp", "C9C8A8C0", "0A", "0.0.0.0", True),
        ("tcp", "00000000", "0A", "192.168.200.201", True),
        ("tcp", "C9C8A8C0", "0A", "n" * 64 + ".example", True),  # no name of anything: each may be meant
        ("tcp6", "B80D0120214365870A0B0C0D1E2F3A4B", "0A", "2001:db8:8765:4321:d0c:b0a:4b3a:2f1e", True),
        ("tcp6", "B80D0120214365870A0B0C0D1E2F3A4B", "0A", "2001:db8:8765:4321:d0c:b0a:4b3a:2f1f", False),
    ],
)
def test_addresses_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: str, state: str, host: str, held: bool
) -> None:
    table(tmp_path, name, (at, state))
    monkeypatch.setattr(holder, "PROC", tmp_path)
    assert (holder.of_port(host, 8480) is not None) is held


@pytest.mark.parametrize(
    ("comm", "words", "name"),
    [
        ("python3", "python3 -m agent.cli run", "python3 -m agent.cli"),
        ("python3", "python3 /opt/poll/read.py --fast", "python3 read.py"),
        ("python3", "python3 read.py", "python3 read.py"),
        ("python3", "python3", "python3"),
        ("nginx", "nginx: master process", "nginx"),
        ("kworker", "", "kworker"),
        ("perl", "perl " + "x" * 80, "perl " + "x" * 52 + "..."),
    ],
)
def test_a_process_is_called_by_its_name_and_an_interpreter_by_its_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comm: str, words: str, name: str
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/comm").write_text(comm + "\n")
    (tmp_path / "7/cmdline").write_text("".join(word + "\0" for word in words.split()))
    monkeypatch.setattr(holder, "PROC", tmp_path)
    assert holder.named(7) == Holder(7, name)
    assert str(holder.named(8)) == "process 8 (of another user)"
