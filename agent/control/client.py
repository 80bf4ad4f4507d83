"""Ask a running agent through its control socket; standard library only, so that every tool can."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from agent.control.form import HEADER, must_be_ours
from agent.message import Message

TIMEOUT_S = 5.0


class NotRunning(Exception):
    """Nobody answers at the socket."""


class Refusal(Exception):
    """The agent would not do it, and says why."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def get(
    path: Path, resource: str, timeout_s: float = TIMEOUT_S, *, of_any_form: bool = False
) -> dict[str, Any]:
    """Return the JSON of `resource`, such as "/v1/status". Raises NotRunning, Refusal and OtherVersion.

    of_any_form: for a caller that reads only what every version has told.
    """
    return _ask(path, "GET", resource, None, timeout_s, of_any_form)


def post(path: Path, resource: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a change, such as "/v1/alarms/test". Raises NotRunning, Refusal and OtherVersion."""
    return _ask(path, "POST", resource, json.dumps(body))


def _ask(
    path: Path,
    method: str,
    resource: str,
    body: str | None,
    timeout_s: float = TIMEOUT_S,
    of_any_form: bool = False,
) -> dict[str, Any]:
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.request(method, resource, body)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except PermissionError as error:
        raise NotRunning(
            Message(
                "{file}: no permission; be in the group of the socket (cellwarden), or use sudo", file=path
            )
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotRunning(
            Message(
                "no agent answers at {file} ({why}); is it running? systemctl status cellwarden, or --socket"
                " PATH where its configuration says another",
                file=path,
                why=getattr(error, "strerror", None) or str(error),
            )
        ) from error
    finally:
        connection.close()
    if not of_any_form:
        must_be_ours(path, response.getheader(HEADER))
    if response.status != 200:
        raise Refusal(str(answer.get("error", f"HTTP {response.status}")))
    return answer
