"""The page in Korean: every state of it, whole, with the figures of its English; chosen without a script."""

import html
import re
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from agent.view.language import speaking
from tests.agent.web.conftest import Room
from tests.agent.web.states import STATES
from tests.agent.web.test_browser import in_alarm, live, run
from tests.languages import HELP

ATTRIBUTES = re.compile(r'(?:aria-label|placeholder|title|data-lost|data-old|data-state)="([^"]*)"')
#: What these invented sites say in English because their records have no sentence: whole texts.
FREE = re.compile(
    r"Take load and charge off this unit.*smokes\.|Measure the cell by hand\.|cell 5 beside it is 47 mV low"
    r"|heats by .*?it was [\d.]+ °C"
    r"|is \d+ mV below the median of its siblings(, and 3 mV a day farther for 6 days)?"
    r"|it grew worse: critical now\.|That is not the token\."
    r"|no sound answer; check power, wiring, unit id|learning anew: no state was kept"
    r"|This page lost the agent .* old\."  # put there by the test, where else a script does
)
#: In Korean too: what to do where lives hang on it, names of commands, files and detectors.
BOTH = re.compile(r"\([A-Z][^()]*\)|cellwarden [a-z]+|\[store\] history_mb|\([a-z, -]+\)|kim \S+")
FIGURE = re.compile(r"\d+(?:[.:]\d+)*")
IN_WORDS = {"last hour": "1", "asked once": "1", "Once": "1", " Nov ": " 11 "}
ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")


def texts(page: str) -> list[str]:
    """What people read or hear of a page."""
    page = re.sub(r"(?s)<!--.*?-->|<(script|style)\b.*?</\1>", "", page)
    found = [*re.split(r"<[^>]*>", page), *ATTRIBUTES.findall(page)]
    return [text for one in found if (text := html.unescape(one).strip())]


def of(state: str, language: str) -> list[str]:
    with speaking(language):
        return texts(STATES[state]())


@pytest.mark.parametrize("state", STATES)
def test_nothing_of_a_page_goes_around_the_catalogue(state: str) -> None:
    left = [BOTH.sub("", FREE.sub("", text)) for text in of(state, "ko")]
    assert [text for text in left if ENGLISH.search(text)] == [], HELP
    assert any(ENGLISH.search(text) for text in of(state, "en"))


@pytest.mark.parametrize("state", STATES)
def test_a_page_holds_the_same_figures_in_either_language(state: str) -> None:
    english, korean = " ".join(of(state, "en")), " ".join(of(state, "ko"))
    for word, figure in IN_WORDS.items():
        english = english.replace(word, figure)
    assert Counter(FIGURE.findall(korean)) == Counter(FIGURE.findall(english))


async def get(room: Room, path: str = "", **headers: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(room.url + path, headers=headers) as response:
        return await response.text()


async def test_a_browser_is_answered_in_its_language_each_beside_the_other(room: Room) -> None:
    in_alarm(room)
    korean = await get(room, **{"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"})
    english = await get(room, **{"Accept-Language": "fr,en;q=0.8,ko;q=0.1"})
    assert '<html lang="ko">' in korean
    assert "경보" in korean
    assert '<html lang="en">' in english
    assert ">Alarms: 3 active" in english
    assert "스트링 4" in await get(room, "cell?u=rack-1&i=239", **{"Accept-Language": "ko"})
    assert "알려 주지" not in await get(room, "cell?u=rack-1&i=239")


async def test_the_language_is_chosen_by_a_link_and_the_page_is_where_it_was(room: Room) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        here = {"Referer": f"{room.url}cells?u=rack-1&sort=mv"}
        async with session.get(room.url + "language?to=ko", headers=here) as response:
            assert str(response.url) == f"{room.url}cells?u=rack-1&sort=mv"
            assert "rack-1의 셀" in await response.text()
        async with session.get(room.url + "language?to=xx", headers=here) as response:
            assert "rack-1의 셀" in await response.text()


@pytest.mark.parametrize(
    "referer", ["", "https://elsewhere.example/", "//elsewhere.example", "http://x/https:%2f%2fy", "::"]
)
async def test_the_way_back_never_leads_elsewhere(room: Room, referer: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            room.url + "language?to=ko", headers={"Referer": referer}, allow_redirects=False
        ) as response,
    ):
        assert response.status == 302
        assert re.fullmatch(r"\./[a-z]*(\?.*)?", response.headers["Location"])


def wide(chrome: Chrome) -> list[str]:
    """What is wider than the window, or cut."""
    return chrome.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,p,summary,button,label,td,th,.chip')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')"
        ".map(e => e.textContent).concat("
        "document.documentElement.scrollWidth > innerWidth ? ['the page'] : [])"
    )


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_korean_page_fits_and_is_used_by_keys_alone(
    room: Room, see: Callable[..., Chrome], width: int
) -> None:
    in_alarm(room)
    chrome = live(await run(see, room.url, width, 800))
    chrome.execute_cdp_cmd("Network.clearBrowserCookies", {})
    link = chrome.find_element(By.CSS_SELECTOR, 'a[lang="ko"]')
    await run(link.send_keys, Keys.ENTER)
    await run(WebDriverWait(chrome, 10).until, lambda c: c.find_elements(By.CSS_SELECTOR, 'html[lang="ko"]'))
    live(chrome)
    assert await run(wide, chrome) == []
    cell = chrome.find_element(By.CSS_SELECTOR, '.k[tabindex="0"]')
    await run(cell.send_keys, Keys.ARROW_RIGHT)
    assert re.search("센서 1, .*도, .*초 전 값", chrome.find_element(By.CSS_SELECTOR, ".now").text)
    await run(chrome.switch_to.active_element.send_keys, Keys.ENTER)
    assert "이 위치의 경보" in await run(lambda: chrome.find_element(By.TAG_NAME, "main").text)
    chrome.execute_cdp_cmd("Network.clearBrowserCookies", {})  # other tests have this browser too
