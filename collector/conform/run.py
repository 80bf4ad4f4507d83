"""A run: agents are played against a collector, over HTTP, and its restart waited for."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

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
SERVER_BYTES = 4 * 1024 * 1024  # of an answer

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

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url.rstrip("/")
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
            async with self._session.request(
                post.method, self._url + post.path, data=post.body, headers=headers, allow_redirects=False
            ) as response:
                body = await response.content.read(SERVER_BYTES)
                types = tuple(response.headers.getall("Content-Type", []))
                return Reply(response.status, types, response.headers.get("Content-Encoding", ""), body)
        except TimeoutError:
            raise NoAnswer(f"no answer within {ANSWER_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"no answer: {printable(str(error)) or type(error).__name__}") from error


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
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(
        timeout=timeout,
        auto_decompress=False,
        connector=aiohttp.TCPConnector(ssl=tls),
        skip_auto_headers=("Accept",),
    ) as session:
        line = Line(session, url)
        await _greet(line, run)
        there = {
            "restart": restart is not None,
            "names": not run.certified,
            "certificate": bool(run.certified),
            "more": run.more,
        }
        found = {
            check.row.id: Outcome(check.row, unasked=NEEDS[lacking[0]])
            for check in checks
            if (lacking := [need for need in check.row.needs.split() if not there[need]])
        }
        waiting: list[tuple[Check, Course[None]]] = []
        for check in checks:
            if check.row.id not in found:
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
    rules = [
        Outcome(
            row,
            line.broken.get(row.id, ""),
            NEEDS["more"] if row.id == "answer-more" and not run.more else "",
        )
        for row, _ in RULES
    ]
    return [*rules, *(found[check.row.id] for check in checks)]


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
            await line.ask([Sender(run).post()])
            return
        except NoAnswer as error:
            if time.monotonic() >= deadline_s:
                raise NotReached(f"after the restart: {error}") from error
            await asyncio.sleep(AGAIN_S)
