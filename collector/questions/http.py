"""The read-only HTTP API: GET /v1/query/NAME answers what `cellwarden-collector query NAME --json` prints.

Each request reads by a connection of its own, on a thread, so that batches do not wait for it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from agent.wire.nameless import nameless
from agent.wire.text import printable
from collector.archive import Archive, ArchiveError
from collector.moment import last_ns
from collector.questions import openapi
from collector.questions.ask import alike, ask
from collector.questions.question import Question, Row
from collector.questions.table import QUESTIONS

AT_ONCE = 4  # questions; others wait


class QueryApi:
    """Answers questions of one archive. archive: opens it. Raises ArchiveError there."""

    def __init__(self, archive: Callable[[], Archive]) -> None:
        self._archive, self._places = archive, asyncio.Semaphore(AT_ONCE)

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.on_response_prepare.append(nameless)
        app.router.add_get(openapi.PATH, self.listed)
        app.router.add_get(openapi.PATH + "/{name}", self.answer)
        app.router.add_get("/v1/openapi.json", self.described)
        return app

    async def listed(self, _: web.Request) -> web.Response:
        """GET /v1/query: which questions there are."""
        return web.json_response(openapi.listed())

    async def described(self, _: web.Request) -> web.Response:
        """GET /v1/openapi.json."""
        return web.json_response(openapi.description())

    async def answer(self, request: web.Request) -> web.Response:
        """GET /v1/query/NAME."""
        name = request.match_info["name"]
        question = QUESTIONS.get(name)
        if question is None:
            return _wrong(404, f"there is no question {name!r}; {alike(name, list(QUESTIONS))}")
        try:
            asked = _asked(question, request)
        except ValueError as error:
            return _wrong(400, str(error))
        async with self._places:
            try:
                rows = await asyncio.to_thread(self._ask, question, asked)
            except ArchiveError as error:
                return _wrong(503, str(error))
        return web.json_response(rows)

    def _ask(self, question: Question, asked: dict[str, Any]) -> list[Row]:
        archive = self._archive()
        try:
            return ask(archive, question, asked, time.time_ns())
        finally:
            archive.close()


def _asked(question: Question, request: web.Request) -> dict[str, Any]:
    """The filters of an address. Raises ValueError."""
    known = {openapi.parameter(name): name for name in question.conditions}
    asked: dict[str, Any] = {}
    for written, value in request.query.items():
        name = known.get(written)
        if name is None:
            raise ValueError(f"{question.name} is not narrowed by {written!r}; {alike(written, list(known))}")
        if name in asked:
            raise ValueError(f"{written} is given twice")
        asked[name] = last_ns(value) if name == "from_ns" else value
    question.statement(asked)
    return asked


def _wrong(status: int, why: str) -> web.Response:
    return web.json_response({"error": printable(why, 1000)}, status=status)
