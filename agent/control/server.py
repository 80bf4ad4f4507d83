"""HTTP and JSON on a unix socket: the one door to a running agent."""

import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

StatusSource = Callable[[], Awaitable[dict[str, Any]]]


class ControlError(Exception):
    """The socket cannot be made."""


class ControlServer:
    """Serves `GET /v1/status` on a unix socket that only its owner and group can open."""

    def __init__(self, path: Path, status: StatusSource) -> None:
        self._path, self._status = path, status
        app = web.Application()
        app.router.add_get("/v1/status", self._get_status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    async def _get_status(self, _request: web.Request) -> web.Response:
        return web.json_response(await self._status())

    async def start(self) -> None:
        """Listen; raises ControlError where the path cannot be used."""
        await self._runner.setup()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()  # left behind by a process that was killed
            await web.UnixSite(self._runner, str(self._path)).start()
            os.chmod(self._path, 0o660)
        except OSError as error:
            raise ControlError(f"{self._path}: {error.strerror or error}") from error

    async def stop(self) -> None:
        """Close the socket and remove it."""
        await self._runner.cleanup()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
