"""The page's server: plain HTTP on this machine only, or TLS with a token. Behind the token it acknowledges
alarms; it changes nothing else.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from aiohttp import web

from agent.store.reading import BufferUnreadable
from agent.tls.credentials import no_passphrase
from agent.view import words
from agent.view.find import find, is_meant
from agent.view.language import ENGLISH, LANGUAGES, current, preferred, speaking, tr
from agent.view.page import pages
from agent.view.page.shell import POLICY
from agent.view.site import REFRESH_S
from agent.web import acts, plot, tables
from agent.web.ahead import first_of
from agent.web.guard import (
    COOKIE,
    HEADERS,
    Door,
    Rate,
    TokenError,
    is_ours,
    is_own_form,
    query_of,
    read_token,
    whose,
)
from agent.web.history import History, read
from agent.web.plots import Plots
from agent.web.screen import Screen, Viewer
from agent.web.trace import as_plain, trace
from agent.wire.hosts import authority
from agent.wire.listening import listen
from agent.wire.nameless import nameless
from drivers.files import must_be_file

log = logging.getLogger(__name__)

CANNOT_LISTEN, CANNOT_SECURE = "CW-420", "CW-421"  # of agent.cli.common.codes
AGAIN_S = 10.0  # between two tries to serve the page
VIEWERS = 300  # open at once
CONNECTIONS = 400  # of the thousand files that the agent may open
LONGEST_SEARCH = 200  # letters
MAX_LOGIN_BYTES = 1024
NAME_COOKIE, LANGUAGE_COOKIE, KEPT_S = "cellwarden-name", "cellwarden-language", 365 * 86400
MIN_SPAN_S, MAX_SPAN_S = 10.0, 31 * 86400.0  # of a history
CELL_SPAN_S = 3600.0  # of the history on the page of a cell
LAST_UTC_S = 4_102_444_800.0  # 2100-01-01
View = Mapping[str, Any]
Look = Callable[[str | None], Awaitable[View]]


class Page:
    """Serves the page at `host` and `port`. `look(unit)` returns the view (see `agent.view.site`). `buffer`:
    the file that histories are read from. `tls`: certificate and key. `token`: the file that holds it.

    `trouble` says why the page is not served; "" when it is; `code`: of the field guide, once it was tried. A
    page that cannot be served never keeps the agent from its work.
    """

    def __init__(
        self,
        host: str,
        port: int,
        look: Look,
        buffer: Path,
        tls: tuple[Path, Path] | None = None,
        token: Path | None = None,
        announced: Mapping[str, str] | None = None,
        acknowledge: acts.Acknowledge | None = None,
    ) -> None:
        self.host, self.port, self.trouble = host, port, "not started yet"
        self.code = ""
        self.tried = asyncio.Event()  # to listen, at least once
        self._listening = asyncio.Event()
        self._buffer, self._one_reader = buffer, asyncio.Lock()
        self._look, self._tls, self._token = look, tls, token
        self._door: Door | None = None
        self._announced = announced  # `name`, and the texts beside it; None: the page is not announced
        self._plots = Plots(buffer, self._one_reader)
        self._acknowledge, self._answers = acknowledge, acts.Answers()
        self._screens: dict[tuple[str | None, str], Screen] = {}  # by unit and language
        self._tries, self._costly = Rate(5, 1 / 60), Rate(20, 2)

    async def run(self) -> None:
        """Serve until cancelled."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.2, auto_decompress=False)
        try:
            await self._listen(runner)
            while True:
                await asyncio.sleep(REFRESH_S)
                for screen in list(self._screens.values()):
                    if screen.viewers:
                        await screen.refresh()
        finally:
            for screen in self._screens.values():
                for viewer in screen.viewers:
                    viewer.offer(None)
            self.trouble = "stopped"
            self._listening.clear()
            await runner.cleanup()

    async def announce(self) -> None:
        """Announce the page by mDNS as soon as it is served, if it is to be announced; until cancelled."""
        if self._announced:
            from agent.box.discovery import AGENT, announce  # 3 MB that most agents do not need

            await self._listening.wait()
            name, said = self._announced["name"], {**self._announced, "path": "/"}
            await announce(AGENT, name, self.host, self.port, said)
        await asyncio.Future()

    async def _listen(self, runner: web.AppRunner) -> None:
        while self.trouble:
            code = CANNOT_SECURE
            try:
                context = self._secure()
                code = CANNOT_LISTEN
                if runner.server is None:
                    await runner.setup()
                for listener in await listen(self.host, self.port, CONNECTIONS):
                    await web.SockSite(runner, listener, ssl_context=context).start()
                self.port = runner.addresses[0][1]
                self.trouble = self.code = ""
            except (OSError, TokenError) as error:
                why = getattr(error, "strerror", None) or error
                at = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
                said = f"the page is not served at {authority(self.host, self.port)}: {why}{at}"
                if said != self.trouble:
                    log.warning("%s; it is tried again", said)
                self.trouble, self.code = said, code
                self.tried.set()
                await asyncio.sleep(AGAIN_S)
        self.tried.set()
        self._listening.set()
        log.info("status page: %s://%s:%d/", "https" if self._tls else "http", self.host, self.port)

    def _secure(self) -> ssl.SSLContext | None:
        if self._token:
            self._door = Door(read_token(self._token))
        if not self._tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for path in self._tls:
            must_be_file(path)
        context.load_cert_chain(*self._tls, no_passphrase)  # ssl.SSLError is an OSError
        return context

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=acts.MOST_BYTES, middlewares=[self._guard])
        app.on_response_prepare.append(nameless)
        app.router.add_get("/", self._status)
        app.router.add_get("/events", self._events)
        app.router.add_get("/cell", self._cell)
        app.router.add_get("/cells", self._cells)
        app.router.add_get("/find", self._find)
        app.router.add_get("/cells.csv", self._csv)
        app.router.add_get("/history", self._history)
        for form in pages.FILES:
            app.router.add_get(f"/history.{form}", self._history_file)
        app.router.add_get("/language", self._speak)
        app.router.add_post("/login", self._login)
        app.router.add_post("/acknowledge", self._act)
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        with speaking(_language(request)):
            try:
                response = self._refusal(request) or await handler(request)
            except web.HTTPException as error:
                response = _text(error.reason, f"{error.status}: {error.reason}.", error.status)
        if not response.prepared:
            if isinstance(response, web.Response) and response.body:
                response.enable_compression()  # where the browser takes it; no secret is in a page twice
            response.headers.update(HEADERS)
            response.headers["Content-Security-Policy"] = POLICY
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._door is None:
            if is_ours(request.host):
                return None
            return _text(tr("Not here"), tr("This page answers to this machine's own names only."), 421)
        if request.path in ("/login", "/language"):
            return None
        refusal = _text("cellwarden", tr("This page needs its token."), 401, login=True)
        if cookie := request.cookies.get(COOKIE, ""):
            # whoever guesses tokens can make the cookie of each
            if (wrong := self._tried(request, "cookie", self._door.admits(cookie))) is None:
                return None
            refusal = wrong
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._tried(request, "bearer", self._door.knows(token))
        return refusal

    def _tried(self, request: web.Request, way: str, right: bool) -> web.Response | None:
        """Return the answer to a wrong or refused token; None where it is `right` and lets in.

        After too many wrong tokens a right one is refused too, or guessing would go on; but not a right
        cookie from an address that has come in before. Each way has its own tries: a browser with the cookie
        of an older token takes none of the form's.
        """
        assert self._door is not None
        address = whose(request.remote or "")
        tries, now_s = f"{way} {address}", time.monotonic()
        inside = right and way == "cookie" and self._door.is_inside(address)
        if not inside and self._tries.is_spent(tries, now_s):
            return _text(tr("Too many tries"), tr("Wait a minute, then try again."), 429)
        if way == "form" or not right:
            self._tries.allows(tries, now_s)
        if right:
            self._door.enters(address)
            return None
        log.warning("status page: a wrong token (%s) from %s", way, request.remote)
        return _text("cellwarden", tr("That is not the token."), 401, login=True)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        if self._door is None:
            raise web.HTTPNotFound
        form = await _form(request, MAX_LOGIN_BYTES)
        right = self._door.knows(form.get("token", [""])[0].strip())
        if refusal := self._tried(request, "form", right):
            return refusal
        response = web.Response(status=303, headers={"Location": "./"})
        _remember(response, COOKIE, self._door.session())
        return response

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        """Remember in which language this browser is to be spoken to, and go back to where it was."""
        response = _see(_back(request.headers.get("Referer", "")))
        if (name := query_of(request.query, "to")) in LANGUAGES:
            secure = self._tls is not None  # without TLS it is this machine's own browser
            response.set_cookie(
                LANGUAGE_COOKIE, name, httponly=True, secure=secure, samesite="Strict", max_age=KEPT_S
            )
        return response

    async def _act(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge what a form of this session names, and go back to the page, which says what came of it.

        The guard has let the session in. Its cookie alone does not do: another site could send it along.
        """
        if self._door is None or self._acknowledge is None:
            raise web.HTTPNotFound
        if not is_own_form(request.headers, request.host):
            log.warning("status page: a form of another origin from %s", request.remote)
            return _text(
                tr("Not from here"), tr("This was sent by another page than this server's own."), 403
            )
        form = await _form(request, acts.MOST_BYTES)
        tries, now_s = f"act {whose(request.remote or '')}", time.monotonic()
        if self._tries.is_spent(tries, now_s):
            return _text(tr("Too many tries"), tr("Wait a minute, then try again."), 429)
        if not self._door.sent_form(request.cookies.get(COOKIE, ""), form.get("token", [""])[0]):
            self._tries.allows(tries, now_s)
            log.warning("status page: a form of no page of its session from %s", request.remote)
            return _text(tr("Not from here"), tr("This form is of another session. Open the page anew."), 403)
        act, made = acts.act_of(form), datetime.now().astimezone()
        with speaking(ENGLISH):  # what records and journal say
            outcome = self._acknowledge(act.meant, act.who)
        for screen in self._screens.values():
            screen.outdated()
        word = self._answers.keep(acts.answer(made.strftime("%H:%M:%S"), act.who, outcome))
        unit = {"unit": form["unit"][0]} if form.get("unit", [""])[0] else {}
        response = web.Response(status=303, headers={"Location": f"./?{urlencode({**unit, 'done': word})}"})
        _remember(response, NAME_COOKIE, quote(act.name), KEPT_S)
        return response

    async def _status(self, request: web.Request) -> web.Response:
        screen = await self._screen(request)
        session = request.cookies.get(COOKIE, "")
        token = self._door.form_token(session) if self._door and self._acts and session else ""
        name = acts.name_of(unquote(request.cookies.get(NAME_COOKIE, "")))
        said = self._answers.of(query_of(request.query, "done"))
        return _html(pages.with_session(screen.page, said, token, name, screen.unit or ""))

    async def _screen(self, request: web.Request) -> Screen:
        name = query_of(request.query, "unit") or None
        screen = self._screens.get((name, current()))
        if screen is None:
            if name:
                await self._unit(name)  # raises HTTPNotFound where there is none
            screen = Screen(name, current(), lambda: self._look(name), self._plots, lambda: self._acts)
            screen = self._screens.setdefault((name, current()), screen)
        await screen.fresh(REFRESH_S)
        return screen

    @property
    def _acts(self) -> bool:
        """Whether it can acknowledge: only behind a login."""
        return self._door is not None and self._acknowledge is not None

    async def _unit(self, name: str) -> tuple[View, View]:
        view = await self._look(name)
        for unit in view["units"]:
            if unit["name"] == name:
                return view, unit
        raise web.HTTPNotFound

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if sum(len(screen.viewers) for screen in self._screens.values()) >= VIEWERS:
            raise web.HTTPServiceUnavailable
        screen = await self._screen(request)
        headers = {**HEADERS, "Content-Type": "text/event-stream"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        viewer = Viewer()
        viewer.offer(screen.whole(query_of(request.query, "mark")))
        screen.viewers.add(viewer)
        try:
            while (message := await viewer.queue.get()) is not None:
                await response.write(message)
        except ConnectionResetError:
            pass
        finally:
            screen.viewers.discard(viewer)
        return response

    async def _cells(self, request: web.Request) -> web.Response:
        view, unit = await self._asked(request)
        return _html(pages.table_page(view, unit, query_of(request.query, "sort") or "place").encode())

    async def _csv(self, request: web.Request) -> web.Response:
        with speaking(ENGLISH):  # a file is the same for everybody
            _, unit = await self._asked(request)
        return _csv_file("cells.csv", tables.cells_csv(unit))

    async def _cell(self, request: web.Request) -> web.Response:
        view, unit = await self._asked(request)
        if place := _place(request):
            i = next((i for i, box in enumerate(unit["cells"]) if box["place"] == place), -1)
        else:
            i = int(asked) if (asked := query_of(request.query, "i")).isascii() and asked.isdigit() else -1
        if 0 <= i < len(unit["cells"]):
            now = datetime.now().astimezone()
            place = unit["cells"][i]["place"]
            alarms = view["alarms"]["active"]
            drawn = await self._drawn(unit["name"], place, "", now.timestamp() - CELL_SPAN_S, now, alarms)
            return _html(pages.cell_page(view, unit, i, drawn).encode())
        if place:  # of a part that has no box of its own: its unit
            return _see("./?" + urlencode({"unit": unit["name"]}))
        raise web.HTTPNotFound

    async def _drawn(
        self,
        unit: str,
        place: str,
        quantity: str,
        begin_s: float,
        end: datetime,
        alarms: Sequence[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        """Return the histories of a place as drawings; none where the buffer cannot be read."""
        with contextlib.suppress(web.HTTPServiceUnavailable):
            history = await self._read(unit, place, quantity, begin_s, end.timestamp())
            return await asyncio.to_thread(_drawings, history, end.tzinfo, unit, alarms)
        return []

    async def _find(self, request: web.Request) -> web.Response:
        """Lead to the unit or the cell that is meant, by an address; else say what is not there."""
        text = query_of(request.query, "q")[:LONGEST_SEARCH]
        if not text.strip():
            return _see("./")
        self._count(request)
        view = await self._look(None)
        names = [tile["name"] for tile in view["tiles"]]
        titles = [tile["title"] for tile in view["tiles"]]
        meant = find(text, names, query_of(request.query, "unit") or names[0] if names else "", titles)
        if meant is None:
            return _html(pages.found_page(view, text, "").encode(), 404)
        if meant.cell is None:
            return _see("./?" + urlencode({"unit": meant.unit}))
        _, unit = await self._unit(meant.unit)
        for i, box in enumerate(unit["cells"]):
            if is_meant(box, meant.cell):
                return _see("cell?" + urlencode({"u": meant.unit, "i": i}))
        return _html(pages.found_page(view, text, meant.unit).encode(), 404)

    async def _history(self, request: web.Request) -> web.Response:
        view, unit = await self._asked(request)
        place = _place(request) if "place" in request.query else _hottest(view, unit)
        asked = {"u": unit["name"], "place": place, "q": query_of(request.query, "q")}
        now = datetime.now().astimezone()
        begin_s, end_s = _stretch(request, now)
        history = await self._read(unit["name"], asked["place"], asked["q"], begin_s, end_s)
        alarms = view["alarms"]["active"]
        drawn = await asyncio.to_thread(_drawings, history, now.tzinfo, unit["name"], alarms)
        forms = [form for form in pages.FILES if form != "parquet" or tables.parquet_is_here()]
        return _html(pages.history_page(view, unit, drawn, asked, begin_s, end_s, now, forms).encode())

    async def _history_file(self, request: web.Request) -> web.Response:
        """What a history shows, as a file of the kind that its name ends with."""
        _, unit = await self._asked(request)
        begin_s, end_s = _stretch(request, datetime.now().astimezone())
        history = await self._read(
            unit["name"], _place(request), query_of(request.query, "q"), begin_s, end_s
        )
        if request.path.endswith(".csv"):
            return _csv_file("history.csv", tables.history_csv(history.series))
        if not tables.parquet_is_here():
            raise web.HTTPNotFound
        body = await asyncio.to_thread(tables.history_parquet, history.series)
        return _file("history.parquet", body, "application/vnd.apache.parquet")

    async def _read(self, unit: str, place: str, quantity: str, begin_s: float, end_s: float) -> History:
        async with self._one_reader:  # decoding takes a core: one at a time
            try:
                return await asyncio.to_thread(read, self._buffer, unit, place, quantity, begin_s, end_s)
            except BufferUnreadable as error:
                log.warning("status page: %s", error)
                raise web.HTTPServiceUnavailable from error

    async def _asked(self, request: web.Request) -> tuple[View, View]:
        """Return the view and the unit that is asked about. Such pages are made for one reader each, so their
        rate is limited.
        """
        self._count(request)
        return await self._unit(query_of(request.query, "u"))

    def _count(self, request: web.Request) -> None:
        if not self._costly.allows(whose(request.remote or ""), time.monotonic()):
            raise web.HTTPTooManyRequests


def _drawings(
    history: History, zone: tzinfo | None, unit: str, alarms: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a unit's series as drawings, each with the forecast of the alarm that is about it."""
    found = []
    for one in history.series:
        ours = [
            a for a in alarms if (a["unit"], a["location"], a["quantity"]) == (unit, one.place, one.quantity)
        ]
        ahead = first_of(ours, one.unit, history.begin_s, history.end_s)
        drawn = trace(one, history.marks, history.begin_s, history.end_s, ahead)
        found.append(
            {
                "name": one.name,
                "unit": words.unit(one.unit),
                "taken": one.taken,
                "there": one.there,
                "drawing": plot.plot(drawn, zone),
                "caption": plot.caption(drawn),
                "data": as_plain(drawn, zone),
            }
        )
    return found


def _stretch(request: web.Request, now: datetime) -> tuple[float, float]:
    """Return the time that is asked for, UTC in s: `from` and `to`, or `span` before `end` or around `at`."""
    now_s = now.timestamp()
    begin, end = _local(request, "from", now), _local(request, "to", now)
    if begin is not None and end is not None:
        end_s = min(end, now_s)
        span_s = end_s - begin
    else:
        span_s = _number(request, "span", 3600.0)
        end_s = min(_number(request, "end", _number(request, "at", now_s) + span_s / 2), now_s)
    return end_s - min(max(span_s, MIN_SPAN_S), MAX_SPAN_S), end_s


def _local(request: web.Request, name: str, now: datetime) -> float | None:
    """Return a local time of this box, in UTC s; None where there is none."""
    text = query_of(request.query, name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        found = (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp()
    except (ValueError, OverflowError):
        raise web.HTTPBadRequest from None
    if not 0.0 <= found < LAST_UTC_S:
        raise web.HTTPBadRequest
    return found


async def _form(request: web.Request, most: int) -> dict[str, list[str]]:
    """Return the fields of a form of so many bytes at most."""
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(body))
    try:
        return parse_qs(
            body.decode(errors="replace"), keep_blank_values=True, max_num_fields=acts.MOST_FIELDS
        )
    except ValueError:
        raise web.HTTPBadRequest from None


def _remember(response: web.Response, name: str, value: str, for_s: int | None = None) -> None:
    response.set_cookie(name, value, httponly=True, secure=True, samesite="Strict", max_age=for_s)


def _place(request: web.Request) -> str:
    return query_of(request.query, "place")


def _hottest(view: View, unit: View) -> str:
    """Return the place of the hottest sensor of a unit, as its tile tells; "": none is known."""
    return str(next(tile["hottest_at"] for tile in view["tiles"] if tile["name"] == unit["name"]))


def _number(request: web.Request, name: str, default: float) -> float:
    try:
        value = float(query_of(request.query, name) or default)
    except ValueError:
        raise web.HTTPBadRequest from None
    if not 0.0 <= value < LAST_UTC_S:  # NaN is refused too
        raise web.HTTPBadRequest
    return value


def _language(request: web.Request) -> str:
    """Return the language that was chosen in a browser, else the one that it asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))


def _back(address: str) -> str:
    """Return the page of ours that an address is of, as seen from its siblings."""
    there = urlsplit(address)
    page = there.path.rpartition("/")[2]
    return f"./{page if page.isalpha() else ''}" + (f"?{there.query}" if there.query else "")


def _see(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address})


def _csv_file(name: str, text: str) -> web.Response:
    return _file(name, text.encode(), "text/csv")


def _file(name: str, body: bytes, kind: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=kind, headers=headers)


def _html(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


def _text(name: str, text: str, status: int, login: bool = False) -> web.Response:
    return _html(pages.message_page(name, text, login).encode(), status)
