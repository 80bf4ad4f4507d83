"""A run: agents are played against a collector, over HTTP, and its restart waited for."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import aiohttp

from agent.wire import ACKNOWLEDGEMENT_TYPE
from agent.wire.text import printable
from collector.conform import accounts, batches, events, kept, requests, schemas
from collector.conform.answers import RULES
from collector.conform.row import NEEDS, RESTART, Check, Course, Post, Reply, Row, Run, Wrong
from collector.conform.sender import Sender, acknowledged

ANSWER_S = 30.0  # as long as agents wait
RESTART_S = 60.0  # for the command, and for the first answer after it
AGAIN_S = 0.1
MOST_BYTES = 4 * 1024 * 1024  # of an answer

CHECKS: list[Check] = [
    *accounts.CHECKS,
    *schemas.CHECKS,
    *batches.CHECKS,
    *events.CHECKS,
    *requests.CHECKS,
    *kept.CHECKS,
]
ROWS: list[Row] = [*(row for row, _ in RULES), *(check.row for check in CHECKS)]


class NotReached(Exception):
    """There is no collector at the URL; one line says why."""


class NoAnswer(Exception):
    """A request was not answered; one line says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row. wrong: what is wrong, "" nothing. unasked: why it was not asked, "" it was."""

    row: Row
    wrong: str = ""
    unasked: str = ""


class Line:
    """The way to a collector, and what its answers broke of the rules for all of them."""

    def __init__(self, url: str, kept: aiohttp.ClientSession, fresh: aiohttp.ClientSession) -> None:
        self._url, self._kept, self._fresh = url.rstrip("/"), kept, fresh
        self.broken: dict[str, str] = {}
        self.during = ""

    async def ask(self, posts: Sequence[Post]) -> list[Reply]:
        """Send posts at once, and judge each reply by the rules. Raises NoAnswer."""
        replies = await asyncio.gather(*map(self._ask, posts))
        for post, reply in zip(posts, replies, strict=True):
            for row, rule in RULES:
                if row.id not in self.broken and (said := rule(post, reply)):
                    self.broken[row.id] = f"{said} (status {reply.status}, first in {self.during})"
        return replies

    async def _ask(self, post: Post) -> Reply:
        headers = {"Content-Type": post.content_type, "Accept-Encoding": "identity", **post.headers}
        headers.setdefault("Accept", ACKNOWLEDGEMENT_TYPE)
        try:
            try:
                return await self._once(self._kept, post, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # a collector may close a connection between two requests; agents send again, too
                return await self._once(self._fresh, post, headers)
        except TimeoutError:
            raise NoAnswer(f"no answer within {ANSWER_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"no answer: {printable(str(error)) or type(error).__name__}") from error

    async def _once(self, session: aiohttp.ClientSession, post: Post, headers: dict[str, str]) -> Reply:
        async with session.request(
            post.method, self._url + post.path, data=post.body, headers=headers, allow_redirects=False
        ) as response:
            body = await response.content.read(MOST_BYTES)
            types = tuple(response.headers.getall("Content-Type", []))
            return Reply(response.status, types, response.headers.get("Content-Encoding", ""), body)


async def conform(
    url: str,
    run: Run,
    tls: ssl.SSLContext | bool = True,
    restart: str | None = None,
    checks: Sequence[Check] = CHECKS,
) -> list[Outcome]:
    """Play agents against the collector at `url`; return what came of every row.

    restart: a command of the shell that restarts the collector. Raises NotReached.
    """
    session = partial(
        aiohttp.ClientSession,
        timeout=aiohttp.ClientTimeout(total=ANSWER_S),
        auto_decompress=False,
        skip_auto_headers=("Accept",),
    )
    async with (
        session(connector=aiohttp.TCPConnector(ssl=tls)) as kept,
        session(connector=aiohttp.TCPConnector(ssl=tls, force_close=True)) as fresh,
    ):
        line = Line(url, kept, fresh)
        await _greet(line, run)
        found = await _ask_all(line, run, restart, checks)
    rules = [Outcome(row, line.broken.get(row.id, "")) for row, _ in RULES]
    return [*rules, *(found[check.row.id] for check in checks)]


async def _ask_all(line: Line, run: Run, restart: str | None, checks: Sequence[Check]) -> dict[str, Outcome]:
    """What came of every check: those that wait for a restart wait for one, all of them."""
    there = {
        "restart": restart is not None,
        "names": not run.certified,
        "certificate": bool(run.certified),
        "more": run.more,
    }
    found: dict[str, Outcome] = {}
    waiting: list[tuple[Check, Course[None]]] = []
    for check in checks:
        lacking = [need for need in check.row.needs.split() if not there[need]]
        if lacking:
            found[check.row.id] = Outcome(check.row, unasked=NEEDS[lacking[0]])
            continue
        course = check.course(run)
        outcome = await _follow(line, check, course, None)
        if outcome is None:
            waiting.append((check, course))
        else:
            found[check.row.id] = outcome
    if waiting and restart is not None:
        await _restart(line, run, restart)
        for check, course in waiting:
            found[check.row.id] = await _follow(line, check, course, []) or Outcome(check.row)
    return found


async def _greet(line: Line, run: Run) -> None:
    """Find out whether this is a collector, and whether it takes requests of six elements."""
    line.during = "the first request"
    try:
        (reply,) = await line.ask([Sender(run).post()])
    except NoAnswer as error:
        raise NotReached(str(error)) from error
    try:
        run.more, theirs = acknowledged(reply).more, True
    except Wrong:  # the checks say what is wrong
        run.more, theirs = False, reply.status != 404 and ACKNOWLEDGEMENT_TYPE in reply.types
    if not theirs:
        kinds = printable(", ".join(reply.types)) or "no type"
        raise NotReached(f"answered {reply.status} ({kinds}): no collector there")


async def _follow(
    line: Line, check: Check, course: Course[None], replies: list[Reply] | None
) -> Outcome | None:
    """Go on with a course; None where it waits for a restart. replies: to begin with None."""
    line.during = check.row.id
    try:
        posts = next(course) if replies is None else course.send(replies)
        while posts is not RESTART:
            posts = course.send(await line.ask(posts))
    except StopIteration:
        return Outcome(check.row)
    except (Wrong, NoAnswer) as error:
        return Outcome(check.row, str(error))
    return None


async def _restart(line: Line, run: Run, command: str) -> None:
    """Run the command, and wait until the collector answers again. Raises NotReached."""
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    line.during = "the restart"
    deadline_s = time.monotonic() + RESTART_S
    try:
        async with asyncio.timeout(RESTART_S):
            status = await process.wait()
    except TimeoutError:
        process.kill()
        raise NotReached(f"the command of --restart did not end within {RESTART_S:g} s") from None
    if status:
        raise NotReached(f"the command of --restart ended with {status}")
    while True:
        try:
            (reply,) = await line.ask([Sender(run).post()])
            said = "" if reply.status == 200 else f"answered {reply.status}"
        except NoAnswer as error:
            said = str(error)
        if not said:
            return
        if time.monotonic() >= deadline_s:
            raise NotReached(f"after the restart: {said}")
        await asyncio.sleep(AGAIN_S)
