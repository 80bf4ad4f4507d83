"""The agent and the collector as the processes they are: started, asked, stopped."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

READY_S, STOP_S = 60.0, 10.0


class ProcessError(Exception):
    """A process did not do its part: says which and its last words."""


class Process:
    """`python -m module arguments`; what it logs goes to NAME.log in `folder`."""

    def __init__(self, folder: Path, name: str, module: str, *arguments: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("a") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,  # select() must see what a buffer would hide
                start_new_session=True,  # Ctrl-C is for the bench, which then stops them in order
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def first_line(self) -> str:
        """Wait for the line on stdout that says that it is ready. ProcessError where none comes."""
        stdout = self._process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], READY_S)
        line = stdout.readline().decode().strip() if ready else ""
        if not line:
            self.stop()
            raise ProcessError(f"the {self.name} did not start: {self.last_words()}")
        return line

    def check(self) -> None:
        """ProcessError where it has ended by itself."""
        if self._process.poll() is not None:
            raise ProcessError(f"the {self.name} ended by itself: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no word from it"

    def stop(self) -> None:
        """Ask it to stop, as systemd would; kill it where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("agent", timeout=5.0)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def status(control: Path) -> dict[str, Any]:
    """What the agent says of itself. OSError where it does not answer."""
    connection = _UnixConnection(control)
    try:
        connection.request("GET", "/v1/status")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return said
