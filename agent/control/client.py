"""Ask a running agent through its control socket; standard library only, so that every tool can."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

TIMEOUT_S = 5.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))


def get(path: Path, resource: str) -> dict[str, Any]:
    """Return the JSON of `resource`, such as "/v1/status". Raises OSError where nobody answers."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", resource)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        return answer
    finally:
        connection.close()
