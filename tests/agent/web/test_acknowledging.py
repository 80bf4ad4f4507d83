"""The page acknowledges, and nothing else: behind a login, by a form of its own, what was on the screen."""

import html
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from agent.alarms.site import Person
from agent.control.api import alarms_of
from agent.web.guard import COOKIE, Door, is_own_form
from tests.agent.alarms.test_acknowledged_lists import ADVICE, CRITICAL, WARNING, Rack
from tests.agent.view.sites import rack, status, unit
from tests.agent.web.conftest import Room
from tests.collector.authority import Authority

TOKEN = "0123456789abcdef0123"
OWN = {"Sec-Fetch-Site": "same-origin"}
U, V = "u:thermal-slope:string1/sensor1", "v:thermal-slope:string1/sensor2"


class Acting(Room):
    """A page of two units with real alarms, which it acknowledges."""

    def __init__(self, **more: Any) -> None:
        self.rack = Rack()
        super().__init__(acknowledge=self._acknowledge, **more)
        self.points = {"u": rack(1, 4), "v": rack(1, 4)}

    def _acknowledge(self, shown: Any, who: str) -> list[tuple[str, str]]:
        return [(a.id, a.why) for a in self.rack.site_alarms.acknowledge(shown, Person(1000, who))]

    async def _look(self, name: str | None) -> dict[str, Any]:
        alarms = alarms_of(self.rack.site_alarms, self.rack.clock.t_s)
        self.status = status([unit("u"), unit("v")], alarms)
        return await super()._look(name)

    def changes(self) -> list[tuple[str, str]]:
        records = [event.record for event in self.rack.events]
        return [(r["alarm"], r["who"]) for r in records if r["kind"] == "change"]


class Browser:
    """Presses the buttons of the page, without scripts."""

    def __init__(self, room: Acting, session: aiohttp.ClientSession, trust: ssl.SSLContext) -> None:
        self.room, self._session, self._trust = room, session, trust
        self.url, self.page, self.status = f"https://localhost:{room.page.port}/", "", 0

    async def login(self) -> None:
        await self.send("login", {"token": TOKEN})
        assert self.status == 200

    async def open(self, path: str = "") -> str:
        for screen in self.room.page._screens.values():
            screen.outdated()  # no test waits for the next refresh
        async with self._session.get(self.url + path, ssl=self._trust) as response:
            self.status, self.page = response.status, await response.text()
        return self.page

    async def send(self, path: str, fields: Any, headers: dict[str, str] = OWN) -> None:
        data = urlencode(fields, doseq=True)
        kind = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        async with self._session.post(self.url + path, data=data, headers=kind, ssl=self._trust) as response:
            self.status, self.page = response.status, await response.text()

    def fields(self) -> dict[str, list[str]]:
        """The fields of the form that belongs to the buttons, as a browser sends them."""
        found: dict[str, list[str]] = {}
        for tag in re.findall(r"<input [^>]*>", self.page):
            at = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if at.get("name") in ("a", "token", "unit", "who"):
                found.setdefault(at["name"], []).append(html.unescape(at.get("value", "")))
        return found

    def buttons(self) -> dict[str, str]:
        """What each button says, and what it sends."""
        found = re.findall(
            r'<button class="ack" form="ack" name="do" value="([^"]*)"[^>]*>([^<]*)<', self.page
        )
        return {html.unescape(text): html.unescape(value) for value, text in found}

    async def press(self, does: str, **more: Any) -> None:
        await self.send("acknowledge", {**self.fields(), "do": does, **more})


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    authority = Authority(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    room = Acting(tls=authority.issue("box"), token=tmp_path / "token")
    await room.start()
    trust = ssl.create_default_context(cafile=str(authority.path))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar()) as session:
        browser = Browser(room, session, trust)
        await browser.login()
        yield browser
    await room.stop()


async def test_one_button_acknowledges_one_alarm_and_says_so_and_who_did_it_is_recorded(
    browser: Browser,
) -> None:
    browser.room.rack.hot(1)
    browser.room.rack.hot(2, unit="v")
    await browser.open()
    await browser.press(f"one {U}", who="Kim  Min-ji")
    assert browser.status == 200
    assert f"Kim Min-ji (page):\nacknowledged {U}." in browser.page
    assert browser.room.changes() == [(U, "Kim Min-ji (page)")]
    assert browser.room.rack.states() == {U: "ACK", V: "NEW"} == browser.room.rack.upstream()
    assert 'name="who" value="Kim Min-ji"' in browser.page, "it is remembered"
    assert "All that it can do is acknowledge alarms." in browser.page


async def test_what_came_later_stays_new_and_what_grew_worse_is_refused_by_name(browser: Browser) -> None:
    room = browser.room.rack
    room.hot(1, ADVICE)
    room.hot(2, unit="v")
    await browser.open()
    room.hot(1, CRITICAL)
    room.hot(9, unit="v", string="string9")
    await browser.press("all")
    assert room.states() == {U: "NEW", V: "ACK", "v:thermal-slope:string9/sensor9": "NEW"}
    assert f"acknowledged {V}." in browser.page
    why = "it grew worse meanwhile: critical now, advice when it was shown"
    assert f"<b>NOT acknowledged:</b> {U}: {why}." in browser.page
    assert browser.room.changes() == [(V, "page")]
    await browser.press("all")
    assert set(room.states().values()) == {"ACK"}, "the page that said so shows it as it is now"


async def test_there_is_a_button_for_each_alarm_each_cause_each_unit_and_all(browser: Browser) -> None:
    room = browser.room.rack
    for sensor, (who, string) in enumerate([("u", "string1"), ("u", "string2"), ("v", "string1")]):
        room.hot(sensor, WARNING, who, string)
    room.hot(0, CRITICAL, "u", "string1")
    room.clock.t_s += 700.0
    room.hot(7, WARNING, "u", "string1")  # too late to be the first one's follower, and of its cause
    await browser.open()
    buttons = browser.buttons()
    assert buttons["Acknowledge all 3 shown of u"] == "unit u"
    assert buttons["Acknowledge all 4 shown"] == "all"
    (cause,) = [does for text, does in buttons.items() if "all 2 of one cause" in text]
    assert not any("shown of v" in text for text in buttons), "one alarm has a button of its own"
    await browser.press(cause)
    acknowledged = {name for name, state in room.states().items() if state == "ACK"}
    assert acknowledged == {"u:thermal-slope:string1/sensor0", "u:thermal-slope:string1/sensor7"}
    await browser.press("unit u")
    assert [name for name, state in room.states().items() if state == "NEW"] == [
        "v:thermal-slope:string1/sensor2"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://localhost"},
        {},
    ],
)
async def test_a_form_of_another_origin_is_refused_even_with_everything_else_right(
    browser: Browser, headers: dict[str, str]
) -> None:
    browser.room.rack.hot(1)
    await browser.open()
    await browser.send("acknowledge", {**browser.fields(), "do": "all"}, headers)
    assert browser.status == 403
    assert browser.room.rack.states() == {U: "NEW"}
    origin = {"Origin": browser.url.rstrip("/")}
    await browser.send("acknowledge", {**browser.fields(), "do": "all"}, origin)
    assert browser.status == 403, "the refusal is a page without a form"
    await browser.open()
    await browser.send("acknowledge", {**browser.fields(), "do": "all"}, origin)
    assert browser.room.rack.states() == {U: "ACK"}, "an older browser names its origin only"


async def test_a_form_token_is_of_one_session_and_guesses_are_few(browser: Browser) -> None:
    browser.room.rack.hot(1)
    await browser.open()
    mine = browser.fields()["token"][0]
    door = Door(TOKEN)
    for wrong in ("", "x", "." + mine, door.form_token(door.session()), mine[:-1]):
        await browser.press("all", token=wrong)
        assert browser.status == 403
        await browser.open()
    await browser.press("all")
    assert browser.status == 429, "after five"
    assert browser.room.rack.states() == {U: "NEW"}


async def test_a_link_acknowledges_nothing_and_nobody_outside_does(browser: Browser) -> None:
    browser.room.rack.hot(1)
    await browser.open()
    fields = {**browser.fields(), "do": "all"}
    await browser.open(f"acknowledge?{urlencode(fields, doseq=True)}")
    assert browser.status == 405
    async with aiohttp.ClientSession() as stranger:
        for more in ({}, {"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{COOKIE}=0.0"}):
            async with stranger.post(
                browser.url + "acknowledge", data=fields, headers={**OWN, **more}, ssl=browser._trust
            ) as response:
                assert response.status in (401, 403)
    assert browser.room.rack.states() == {U: "NEW"}


async def test_without_a_login_there_is_no_button(tmp_path: Path) -> None:
    room = Acting()
    room.rack.hot(1)
    await room.start()
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(room.url) as response:
                page = await response.text()
            fields = {"do": "all", "a": f"0 warning.1:1 {U}"}
            async with session.post(room.url + "acknowledge", data=fields, headers=OWN) as response:
                assert response.status == 404
    finally:
        await room.stop()
    assert U in html.unescape(page)
    assert 'id="ack"' not in page
    assert 'form="ack"' not in page
    assert "acknowledge alarms" not in page
    assert room.rack.states() == {U: "NEW"}


async def test_what_goes_to_all_viewers_holds_nothing_of_a_session(browser: Browser) -> None:
    browser.room.rack.hot(1)
    tokens = {(await browser.open()) and browser.fields()["token"][0] for _ in range(3)}
    assert len(tokens) == 3, "another one in each page: its length tells nothing of it"
    screen = browser.room.page._screens[None, "en"]
    assert not any(token.encode() in screen.page + screen.whole() for token in tokens)


async def test_names_are_kept_short_and_on_one_line_and_shown_as_text(browser: Browser) -> None:
    browser.room.rack.hot(1)
    await browser.open()
    await browser.press("all", who='<b>김민지</b>\r\n"root"' + "x" * 80)
    ((_, who),) = browser.room.changes()
    assert who.startswith('<b>김민지</b> "root"x')
    assert who.endswith(" (page)")
    assert len(who) == 47
    assert "<b>김민지" not in browser.page
    assert "&lt;b&gt;김민지" in browser.page


async def test_forms_that_are_none_acknowledge_nothing(browser: Browser) -> None:
    browser.room.rack.hot(1)
    for a, do in (
        ("", "all"),
        ("0 x", "all"),
        (f"0 x {U}", "all"),
        (f"0  {U}", "all"),
        (f"0 warning.1:1 {U}", ""),
    ):
        await browser.open()
        await browser.press(do, a=a)
        assert browser.status == 200
        assert "nothing was acknowledged" in browser.page
    await browser.open()
    await browser.press("all", a=["0 advice.1:1 x"] * 1200)
    assert browser.status == 400
    await browser.open()
    await browser.press("all", who="x" * 300_000)
    assert browser.status == 413
    assert browser.room.rack.states() == {U: "NEW"}


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://box"}, False),
        ({"Origin": "https://box"}, True),
        ({"Origin": "https://box.evil"}, False),
        ({"Origin": "box"}, False),
        ({}, False),
    ],
)
def test_where_a_form_comes_from(headers: dict[str, str], own: bool) -> None:
    assert is_own_form(headers, "box") is own
