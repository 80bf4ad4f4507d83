"""Who holds a port of this machine, told with the rights that there are."""

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
