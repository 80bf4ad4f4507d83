"""HTTP and JSON on a unix socket: the one door to a running agent. Who comes in, the kernel says."""

import asyncio
import contextlib
import grp
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from agent.alarms.site import Person
from agent.control.form import FORM, HEADER

GROUP = "cellwarden"
MAX_BODY_BYTES = 256 * 1024  # a list of a thousand alarms


class ControlError(Exception):
    """The control socket cannot be opened."""


class Refused(Exception):
    """A request that cannot be done; `status` is HTTP's, the text is for the person who asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks (SO_PEERCRED), and what for. `body` is {} for a GET."""

    who: Person
    query: Mapping[str, str]
    body: Mapping[str, Any]


Handler = Callable[[Call], Awaitable[dict[str, Any]]]


class ControlServer:
    """Serves `routes`, by "METHOD /path", on a socket that only its owner and its group can open."""

    def __init__(self, path: Path, routes: Mapping[str, Handler]) -> None:
        self._path, self._routes = path, routes
        self._runner: web.AppRunner | None = None

    def must_be_free(self) -> None:
        """Raise ControlError where another agent answers at the path."""
        try:
            taken = _answers(self._path)
        except OSError:  # the path cannot be used: `start` says so
            return
        if taken:
            raise ControlError(f"{self._path}: another agent answers there; stop it, or set [control] socket")

    async def run(self) -> None:
        """Serve until cancelled. Raises ControlError."""
        try:
            await self.start()
            await asyncio.Future()
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen; raises ControlError where the path cannot be used."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for route, handler in self._routes.items():
            method, _, resource = route.partition(" ")
            app.router.add_route(method, resource, _answering(handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, auto_decompress=False)
        await self._runner.setup()
        self.must_be_free()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)  # left behind by a process that was killed
            await web.UnixSite(self._runner, str(self._path)).start()
            os.chmod(self._path, 0o660)
            with contextlib.suppress(KeyError, PermissionError):  # no such group, or not ours to give
                os.chown(self._path, -1, grp.getgrnam(GROUP).gr_gid)
        except OSError as error:
            raise ControlError(f"{self._path}: {error.strerror or error}") from error

    async def stop(self) -> None:
        """Close the socket, and remove it where it is ours."""
        if runner := self._runner:
            ours = bool(runner.sites)
            await runner.cleanup()
            if ours:
                self._path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # a listener that is too busy to take us raises BlockingIOError
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            pass
    return True


SAID = {HEADER: str(FORM)}


def _answering(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            call = Call(_peer(request), request.query, await _body(request))
            return web.json_response(await handler(call), headers=SAID)
        except Refused as refused:
            return web.json_response({"error": str(refused)}, status=refused.status, headers=SAID)

    return answer


async def _body(request: web.Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return {}
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def _peer(request: web.Request) -> Person:
    assert request.transport is not None
    credentials = request.transport.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    _, uid, _ = struct.unpack("3i", credentials)
    try:
        return Person(uid, pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Person(uid, f"uid {uid}")
