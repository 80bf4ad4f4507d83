"""Ansible's way into a folder or a container of this machine: every command behind another one."""

import shlex
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: inside
short_description: commands behind another one
description: [Runs what it is told behind C(chroot FOLDER) or C(nsenter --all --target PID).]
options:
  inside:
    description: the command that all others stand behind
    type: str
    required: true
    vars: [{name: ansible_inside}]
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    transport = "inside"
    has_pipelining = True

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def _run(self, cmd: str, data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        command = [*shlex.split(self.get_option("inside")), "/bin/sh", "-c", cmd]
        return subprocess.run(command, input=data, capture_output=True)

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        done = self._run(cmd, in_data)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        with open(in_path, "rb") as file:
            self._run(f"cat > {shlex.quote(out_path)}", file.read()).check_returncode()

    def fetch_file(self, in_path: str, out_path: str) -> None:
        with open(out_path, "wb") as file:
            file.write(self._run(f"cat {shlex.quote(in_path)}").stdout)

    def close(self) -> None:
        self._connected = False
