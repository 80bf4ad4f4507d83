"""The page over real HTTP: read-only, safe headers, a token on the network, one rendering for all."""

import asyncio
import html
import json
import re
import ssl
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from agent.box.discovery import AGENT, Announced, find
from agent.config.tables import WebTable
from agent.web import tables
from agent.web.guard import Rate, is_ours
from agent.web.screen import QUEUE, Viewer
from agent.web.server import Page
from tests.agent.view.sites import alarm, at, rack, status, unit
from tests.agent.web.conftest import Room
from tests.collector.authority import Authority

BUDGET_BYTES = 100_000


async def get(url: str, **more) -> tuple[int, aiohttp.typedefs.LooseHeaders, str]:
    async with aiohttp.ClientSession() as session, session.get(url, **more) as response:
        return response.status, response.headers, await response.text()


async def messages(response: aiohttp.ClientResponse, count: int) -> list[dict]:
    found = []
    async for line in response.content:
        if line.startswith(b"data: "):
            found.append(json.loads(line[6:]))
            if len(found) == count:
                break
    return found


async def test_240_cells_fit_the_budget_and_nothing_is_fetched_from_elsewhere(room: Room) -> None:
    code, headers, page = await get(room.url)
    assert code == 200
    assert len(re.findall('class="?k[ "]', page)) == 244
    assert len(page.encode()) < BUDGET_BYTES
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")
    assert "This page cannot change the battery. cellwarden only reads registers." in page


async def test_a_page_is_packed_for_whoever_can_unpack_it(room: Room) -> None:
    sizes = {}
    for takes in ("gzip", "identity"):
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(room.url, headers={"Accept-Encoding": takes}) as response,
        ):
            sizes[takes] = len(await response.read())
            assert response.headers.get("Content-Encoding", "identity") == takes
    assert sizes["gzip"] < sizes["identity"] / 4


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["", "events", "cells"])
async def test_nothing_can_be_changed_through_it(room: Room, method: str, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.request(method, room.url + path) as response:
        assert response.status == 405


async def test_only_what_changed_is_sent_again(room: Room) -> None:
    async with aiohttp.ClientSession() as session, session.get(room.url + "events") as response:
        (whole,) = await messages(response, 1)
        assert len(whole["slots"]) > 244
        at(room.points["rack-1"], "string2/cell17")["last"] = 3.2
        (change,) = await messages(response, 1)
    assert set(change["slots"]) == {"hl", "c0-76", "s0", "t0", "f0-spread", "f0-min"}
    assert change["slots"]["c0-76"].endswith(">-40</a>")
    assert "Worst cell: rack-1 string 2 cell 17, -40 mV" in change["slots"]["hl"]


async def test_the_unit_in_alarm_is_the_one_that_opens_first(room: Room) -> None:
    names = ["rack-1", "rack-2", "rack-3"]
    raised = [alarm("string1/cell7", "critical", unit="rack-3")]
    room.status, room.points = (
        status([unit(name) for name in names], raised),
        {name: rack(1, 20) for name in names},
    )
    opened = re.findall("<section><h2>(.*?) <small>", (await get(room.url))[2])
    assert opened == ["rack-3", "rack-1", "rack-2"]


async def test_200_viewers_cost_one_rendering_and_get_the_same_bytes(room: Room) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        opened = await asyncio.gather(*(session.get(room.url + "events") for _ in range(200)))
        firsts = await asyncio.gather(*(messages(response, 2) for response in opened))
        assert room.looks <= 4
        assert all(first == firsts[0] for first in firsts)
        for response in opened:
            response.close()


async def test_a_viewer_that_does_not_read_is_let_go_and_holds_nobody_up(room: Room) -> None:
    async with aiohttp.ClientSession() as session, session.get(room.url):
        screen = room.page._screens[None, "en"]
    lagging, reading = Viewer(), Viewer()
    screen.viewers |= {lagging, reading}
    for _ in range(QUEUE):
        lagging.offer(b"")
    await screen.refresh()
    assert screen.viewers == {reading}
    assert lagging.queue.get_nowait() is None
    assert reading.queue.qsize() == 1


@pytest.mark.parametrize(
    ("host", "ours"), [("127.0.0.1:8480", True), ("localhost", True), ("[::1]:8480", True)]
)
def test_this_machine_knows_its_own_names(host: str, ours: bool) -> None:
    assert is_ours(host) is ours


async def test_a_foreign_name_that_resolves_here_reads_nothing(room: Room) -> None:
    code, _, page = await get(room.url, headers={"Host": "evil.example"})
    assert code == 421
    assert "rack-1" not in page


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("rack-1", "./?unit=rack-1"),
        ("RACK-1 Cell 77", "cell?u=rack-1&i=76"),
        (" ", "./"),
    ],
)
async def test_a_search_leads_to_what_is_meant(room: Room, asked: str, there: str) -> None:
    url = f"{room.url}find?{urlencode({'q': asked})}"
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, there)


async def test_a_search_that_finds_nothing_says_so(room: Room) -> None:
    code, _, page = await get(room.url + "find?q=rack-1+cell+999")
    assert (code, "has no such cell" in page) == (404, True)
    code, _, page = await get(room.url + "find?" + urlencode({"q": "zz<script>" * 99}))
    assert (code, "<script>" in page) == (404, False)


async def test_no_answer_names_what_made_it(room: Room) -> None:
    for path in ("", "cells?u=rack-1", "find?q=zz", "nowhere"):
        _, headers, _ = await get(room.url + path)
        assert "Server" not in headers


async def test_the_place_of_an_alarm_leads_to_its_cell_or_else_to_its_unit(room: Room) -> None:
    _, _, page = await get(room.url + "cell?u=rack-1&place=string2/cell17")
    assert "String 2 cell 17 of rack-1" in page
    _, _, page = await get(room.url + "cell?u=rack-1&place=string2")
    assert "Cells of rack-1" in page


async def test_every_cell_has_a_page_a_row_and_a_line_of_csv(room: Room) -> None:
    at(room.points["rack-1"], "string2/cell17")["last"] = 3.222
    _, _, page = await get(room.url + "cell?u=rack-1&i=76")
    assert "String 2 cell 17 of rack-1" in page
    _, _, table = await get(room.url + "cells?u=rack-1&sort=mv")
    names = [f"string {s} cell {n}" for s in range(1, 5) for n in range(1, 61)]
    assert max((table.index(f">{name}<"), name) for name in names)[1] == "string 2 cell 17"
    _, headers, csv = await get(room.url + "cells.csv?u=rack-1")
    assert headers["Content-Type"].startswith("text/csv")
    assert "rack-1,string 2 cell 17,string2/cell17,-,live,3.222,-18.0,,,2.0," in csv.splitlines()
    one = {**dict.fromkeys(("mark", "sight", "v", "mv", "t", "slope", "age_s")), "name": "@SUM(A1)"}
    formula = tables.cells_csv({"name": "rack-1", "label": "", "cells": [{**one, "place": "=1+1"}]})
    assert formula.splitlines()[1].startswith("rack-1,'@SUM(A1),'=1+1,")


@pytest.mark.parametrize(
    "path", ["cell?u=rack-1&i=9999", "cell?u=rack-1&i=-1", "cell?u=no", "?unit=no", "etc/passwd"]
)
async def test_what_is_not_there_is_not_found(room: Room, path: str) -> None:
    assert (await get(room.url + path))[0] == 404


async def test_a_site_with_many_cells_shows_no_map_at_first_and_each_unit_on_a_page_of_its_own(
    room: Room,
) -> None:
    room.status = status([unit("rack-1"), unit("rack-2")])
    room.points = {"rack-1": rack(), "rack-2": rack(5)}
    _, _, page = await get(room.url)
    assert len(re.findall(r"id=ti\d", page)) == 2
    assert len(re.findall('class="?k[ "]', page)) == 244  # of the worst unit
    _, _, page = await get(room.url + "?unit=rack-2")
    assert len(re.findall('class="?k[ "]', page)) == 305


async def test_a_page_of_now_is_not_sent_again_to_whoever_has_it(room: Room) -> None:
    _, _, page = await get(room.url)
    query = html.unescape(re.search(r'data-query="([^"]*)"', page)[1])
    for asked, sent in ((query, False), ("?mark=00", True), ("", True)):
        async with aiohttp.ClientSession() as session, session.get(room.url + "events" + asked) as response:
            (first,) = await messages(response, 1)
            assert bool(first["slots"]) is sent


async def test_of_512_racks_the_worst_links_are_shown_and_no_sentence_names_them_all(room: Room) -> None:
    names = [f"rack-{i:03}" for i in range(1, 513)]
    room.status = status(
        [unit(name, *(("BLIND", 700.0) if name > "rack-009" else ()), notes=["told"]) for name in names]
    )
    room.points = {name: rack(1, 4) for name in names[:1]}
    _, _, page = await get(room.url)
    headline = page[page.index('<div id="hl"') : page.index('<div class="grid">')]
    assert "rack-010, rack-011, rack-012 and 500 more" in headline
    links = page[page.index('<section id="li">') : page.index('<section id="lo">')]
    first, rest = links.split("<details", 1)
    assert first.count("<tr><th><a") == 12
    assert first.count("? BLIND") == 12, "the worst"
    assert rest.count("<tr><th><a") == 500


async def test_64_racks_of_240_cells_are_one_page_that_opens_the_one_in_alarm(room: Room) -> None:
    names = [f"rack-{i:02}" for i in range(1, 65)]
    room.status = status([unit(name) for name in names], [alarm(unit="rack-37", severity="critical")])
    room.points = {name: rack() for name in names}
    _, _, page = await get(room.url)
    assert len(page.encode()) < BUDGET_BYTES
    assert re.findall(r"id=ti(\d+)>", page)[:3] == ["36", "0", "1"]
    assert "Cells of rack-37" in page
    assert "64 answer as they should" in page
    _, _, page = await get(room.url + "?unit=rack-02")
    assert 'href="./">All 64 units' in page


async def test_names_from_the_configuration_and_texts_of_units_cannot_become_markup(room: Room) -> None:
    room.status = status([unit(trouble="<script>alert(1)</script>", notes=["<b>"])])
    _, _, page = await get(room.url)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


async def test_on_the_network_a_token_over_tls_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("box")
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123\n")
    room = Room(tls=(cert, key), token=token)
    await room.start()
    trust = ssl.create_default_context(cafile=str(authority.path))
    url = f"https://localhost:{room.page.port}/"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar()) as session:
        async with session.get(url, ssl=trust) as refused:
            assert refused.status == 401
            text = await refused.text()
            assert "needs its token" in text
            assert "rack-1" not in text
        async with session.post(url + "login", data={"token": "no"}, ssl=trust) as wrong:
            assert wrong.status == 401
        async with session.get(
            url, headers={"Authorization": "Bearer 0123456789abcdef0123"}, ssl=trust
        ) as tool:
            assert tool.status == 200
        async with session.post(url + "login", data={"token": "0123456789abcdef0123"}, ssl=trust) as opened:
            assert opened.status == 200
            assert "rack-1" in await opened.text()
        (cookie,) = session.cookie_jar
        assert cookie["secure"]
        assert cookie["httponly"]
        assert "0123456789abcdef0123" not in cookie.value
        for _ in range(4):
            async with session.post(url + "login", data={"token": "guess"}, ssl=trust) as guess:
                last = guess.status
        assert last == 429
    await room.stop()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"listen": "0.0.0.0:8480"},
            "0.0.0.0 can be reached from the network; that needs cert, key and token_file",
        ),
        ({"listen": "8480"}, 'must be "HOST:PORT"'),
        ({"cert": "a.pem"}, "cert and key belong together"),
    ],
)
def test_a_configuration_that_would_show_the_battery_to_everyone_is_refused(table: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        WebTable(**table)


@pytest.mark.usefixtures("multicast")
async def test_a_page_on_the_network_announces_itself_and_nothing_secret(tmp_path: Path) -> None:
    room = Room(announced={"name": "room-a", "site": "Room A", "version": "1.2.3"})
    await room.start()
    listed: list[Announced] = []
    for seconds in (0.5, 1.0, 2.0, 4.0):
        listed = listed or await find(AGENT, seconds, ["127.0.0.1"])
    await room.stop()
    (one,) = listed
    assert (one.port, one.said) == (
        room.page.port,
        {"name": "room-a", "site": "Room A", "version": "1.2.3", "path": "/"},
    )


async def test_a_port_that_is_taken_is_said_and_harms_nobody(room: Room) -> None:
    second = Page("127.0.0.1", room.page.port, room._look, Path("/nonexistent"))
    task = asyncio.create_task(second.run())
    await second.tried.wait()
    assert f"the page is not served at 127.0.0.1:{room.page.port}" in second.trouble
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_rate_is_a_burst_and_then_so_many_a_second() -> None:
    rate = Rate(3, 1.0)
    assert [rate.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b", 0.0)
    assert [rate.allows("a", 1.0), rate.allows("a", 1.0)] == [True, False]
