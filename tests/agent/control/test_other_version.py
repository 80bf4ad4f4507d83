"""An agent that was not restarted after an upgrade answers in another form than the command reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from agent.cli import main
from agent.control.form import FORM, HEADER

COMMANDS = (
    ("status",),
    ("live", "--plain"),
    ("alarm", "list"),
    ("alarm", "ack", "rack-1:identity:"),
    ("alarm", "test"),
    ("probe", "127.0.0.1:9", "--id", "1"),  # a port that the agent may hold is left alone
)
RESTART = "is of an older version than this command; restart it: sudo systemctl restart cellwarden"


@asynccontextmanager
async def answering(path: Path, form: str | None) -> AsyncIterator[None]:
    """Answer every request at a control socket with an object of that form; None says none, as 0.1.0."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({}, headers={} if form is None else {HEADER: form})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    yield
    await runner.cleanup()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("form", "said"),
    [
        (None, RESTART),
        (str(FORM - 1), RESTART),
        (
            str(FORM + 1),
            "is of a newer version than this command; use the cellwarden that it runs from",
        ),
    ],
)
async def test_a_command_says_in_one_line_that_the_agent_is_of_another_version(
    tmp_path: Path, command: tuple[str, ...], form: str | None, said: str
) -> None:
    path = tmp_path / "s"
    async with answering(path, form):
        done = await asyncio.to_thread(CliRunner().invoke, main, [*command, "--socket", str(path)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"CW-407 the agent at {path} {said}\n"


async def test_programs_are_told_as_an_object(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", None):
        asked = ["status", "--json", "--socket", str(tmp_path / "s")]
        done = await asyncio.to_thread(CliRunner().invoke, main, asked)
    assert json.loads(done.stdout)["error"]["code"] == "CW-407"
