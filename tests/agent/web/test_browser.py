"""The page in real Chromium: sizes, themes, keyboard, no scripts, a lost agent, what leaves the machine."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from tests.agent.view.sites import alarm, at, rack, record, status, unit
from tests.agent.web.conftest import Room
from tests.agent.web.states import heats
from tests.browser import pictures

See = Callable[..., Chrome]


def in_alarm(room: Room) -> None:
    """Three alarms of every priority, and a cell out of band."""
    these = [
        alarm(
            "string1/sensor1", "critical", detector="thermal-slope", value=0.62, limit=0.5, value_unit="K/min"
        ),
        alarm(),
        alarm("string4/cell51", "advice", state="ACK"),
    ]
    room.status = status([unit()], these, [record(a, "NEW", a["age_s"]) for a in these])
    points = room.points["rack-1"]
    at(points, "string2/cell17")["last"] = 3.222
    at(points, "string3/cell7")["last"] = 3.276
    at(points, "string4/cell30").update(value=None, last_age_s=40.0, quality="no_reply")


def blind(room: Room) -> None:
    room.status = status([unit(knowledge="BLIND", age_s=1100.0)], [alarm()], [record(alarm(), "NEW", 2000.0)])
    room.points = {"rack-1": rack(age_s=1100.0)}


async def run(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Let the browser work while the page's server, on this loop, answers it."""
    return await asyncio.to_thread(work, *args, **more)


def wait(chrome: Chrome, within_s: float) -> WebDriverWait[Chrome]:
    """Wait for what is seen, while the page goes on to exchange what it shows."""
    return WebDriverWait(chrome, within_s, ignored_exceptions=[StaleElementReferenceException])


def live(chrome: Chrome) -> Chrome:
    """Wait until the page has heard from the agent."""
    wait(chrome, 10).until(lambda c: c.find_elements(By.CSS_SELECTOR, '.k[tabindex="0"]'))
    return chrome


def bottom(chrome: Chrome, selector: str) -> float:
    return chrome.execute_script(
        f"return document.querySelector('{selector}').getBoundingClientRect().bottom"
    )


def keep(chrome: Chrome, name: str) -> None:
    if folder := pictures():
        chrome.save_screenshot(str(folder / f"{name}.png"))


@pytest.mark.parametrize("scene", [in_alarm, blind])
async def test_headline_and_alarms_fit_a_phone_without_scrolling(
    room: Room, see: See, scene: Callable[[Room], None]
) -> None:
    scene(room)
    chrome = await run(see, room.url, 360, 640)
    keep(chrome, f"phone-{scene.__name__}")
    assert bottom(chrome, "#hl") < bottom(chrome, "#al") <= 640


def heating(room: Room, name: str) -> None:
    """A sensor heats and other racks are not seen: the longest place that is common, and a time left."""
    place = "string1/module3/sensor2"
    hot = heats(name, 8.0, 48.9, location=place, text="A long text of what was wrong then. " * 9)
    units = [unit(name), *(unit(f"rack-{i}", knowledge="BLIND", age_s=1100.0) for i in range(40, 104))]
    room.status = status(units, [hot], [record(hot, "NEW", hot["age_s"])])
    room.points = {name: rack()}


@pytest.mark.parametrize(("width", "name"), [(320, "rack-37"), (390, "rack-37"), (390, "W" * 64)])
async def test_a_phone_shows_place_action_and_time_left_whole(
    room: Room, see: See, width: int, name: str
) -> None:
    heating(room, name)
    chrome = await run(see, room.url, width, 844)
    keep(chrome, f"phone-heating-{width}-{name[0]}")
    told = chrome.find_element(By.CSS_SELECTOR, "#hl .t")
    assert told.text == f"{name} string 1 module 3 sensor 2: TAKE LOAD AND CHARGE OFF. Do not open it."
    assert chrome.execute_script("return arguments[0].scrollHeight - arguments[0].clientHeight", told) <= 1
    assert chrome.find_element(By.CSS_SELECTOR, "#hl .w").text.split() == ["▲", "ALARM", "?", "BLIND"]
    left = chrome.find_element(By.CSS_SELECTOR, "#hl .left").text.splitlines()
    assert left == ["11 min", "to 80 °C, about 14:13 (14:11-14:17)"]
    assert bottom(chrome, "#hl .left") < 422  # the upper half of the screen


@pytest.mark.parametrize("width", [320, 360, 768, 1440, 2560])
@pytest.mark.parametrize("path", ["", "cells?u=rack-1", "cell?u=rack-1&i=76"])
async def test_no_width_scrolls_sideways(room: Room, see: See, width: int, path: str) -> None:
    in_alarm(room)
    chrome = await run(see, room.url + path, width, 800)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width


async def test_a_phone_shows_what_is_said_of_a_link_whole(room: Room, see: See) -> None:
    said = "20 of 20 channels are still being learned: fast heating is heard, slow heating not yet"
    room.status = status([unit(notes=[said])])
    chrome = await run(see, room.url, 390, 844)
    assert chrome.find_element(By.CSS_SELECTOR, "#li td small").text == said
    over = "const e = document.querySelector('#li .scroll'); return e.scrollWidth - e.clientWidth"
    assert chrome.execute_script(over) <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_can_be_read_against_what_is_behind_it(room: Room, see: See, theme: str) -> None:
    in_alarm(room)
    chrome = await run(see, room.url, 1440, 1300, theme)
    keep(chrome, f"desk-{theme}")
    can_be_read(chrome, "#hl .t", ".chip.p1", ".chip.p2", ".chip.p3", ".s", ".k.m2", "#li a", "small")
    blind(room)
    await run(wait(chrome, 10).until, lambda c: c.find_elements(By.CSS_SELECTOR, ".fig.blind"))
    keep(chrome, f"desk-blind-{theme}")
    can_be_read(chrome, "#hl .t", ".chip.nk", ".unseen p", ".fig.blind .v", ".fig.blind small", ".k.q")


def can_be_read(chrome: Chrome, *selectors: str) -> None:
    for selector in selectors:
        colours = chrome.execute_script(
            "const e = document.querySelector(arguments[0]); let b = e;"
            "while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)') b = b.parentElement;"
            "return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor]",
            selector,
        )
        assert contrast(*colours) >= 4.5, (selector, colours)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast of two "rgb(r, g, b)"."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_the_map_survives_a_greyscale_printer_and_forced_colours(room: Room, see: See) -> None:
    in_alarm(room)
    chrome = await run(see, room.url, 1440, 1300)
    chrome.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    keep(chrome, "desk-grey")
    marks = {e.text for e in chrome.find_elements(By.CSS_SELECTOR, ".k:not([class=k])")}
    assert marks == {"1", "2", "3", "+16", "~"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    forced = {"features": [{"name": "forced-colors", "value": "active"}]}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", forced)
    keep(chrome, "desk-forced")
    width = "return getComputedStyle(document.querySelector('.k.m1')).borderTopWidth"
    assert chrome.execute_script(width) == "3px"


async def test_the_keyboard_alone_reaches_a_cell_and_opens_it(room: Room, see: See) -> None:
    in_alarm(room)
    chrome = live(await run(see, room.url, 1440, 1300))

    def focused() -> Any:
        return chrome.switch_to.active_element

    def press(*keys: str) -> None:
        focused().send_keys(*keys)

    stops = 0
    while "k" not in (focused().get_attribute("class") or "").split():
        press(Keys.TAB)
        stops += 1
        assert stops < 40
    assert focused().get_attribute("id") == "c0-240"  # the map's one tab stop is where the alarm is
    press(Keys.HOME)
    assert (
        focused().get_attribute("aria-label") == "String 1 cell 1, 3.220 volts, at the median, 2 seconds old"
    )
    press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert focused().get_attribute("id") == "c0-25"  # 24 boxes below
    press(Keys.END, Keys.ARROW_LEFT, Keys.ARROW_UP)
    said = focused().get_attribute("aria-label")
    assert chrome.find_element(By.CSS_SELECTOR, ".now").text == said
    await run(press, Keys.ENTER)
    await run(wait(chrome, 10).until, lambda c: "cell?u=rack-1" in c.current_url)
    await run(chrome.get, "about:blank")


async def test_a_value_that_changes_moves_nothing_and_leaves_focus_and_folds_alone(
    room: Room, see: See
) -> None:
    chrome = live(await run(see, room.url, 1440, 1300))
    chrome.execute_script(
        "document.querySelector('#c0-5').focus(); document.querySelector('#t0').open = true"
    )
    where = "const r = document.querySelector('#c0-76').getBoundingClientRect(); return [r.x, r.y, r.width]"
    before = chrome.execute_script(where)
    at(room.points["rack-1"], "string2/cell17")["last"] = 3.2
    await run(wait(chrome, 10).until, lambda c: c.find_element(By.ID, "c0-76").text == "-40")
    assert chrome.execute_script(where) == before
    assert chrome.switch_to.active_element.get_attribute("id") == "c0-5"
    assert chrome.execute_script("return document.querySelector('#t0').open")


async def test_title_and_icon_carry_the_state_and_it_is_said_once(room: Room, see: See) -> None:
    chrome = live(await run(see, room.url, 360, 640))
    assert chrome.title == "Room A"
    quiet = chrome.find_element(By.ID, "icon").get_attribute("href")
    blind(room)
    await run(wait(chrome, 10).until, lambda c: c.title == "(1! ?) Room A")
    assert chrome.find_element(By.ID, "icon").get_attribute("href") != quiet
    assert chrome.find_element(By.ID, "say").get_attribute("textContent") == "ATTENTION - BLIND"
    keep(chrome, "phone-turned-blind")
    page = chrome.find_element(By.TAG_NAME, "body").text
    assert "The battery may be in any state." in page
    assert "NORMAL" not in page


async def test_an_agent_that_is_gone_is_another_thing_than_a_blind_one(room: Room, see: See) -> None:
    chrome = live(await run(see, room.url, 360, 640))
    await room.stop()
    await run(
        wait(chrome, 15).until,
        lambda c: "This page lost the agent" in c.find_element(By.ID, "strip").text,
    )
    headline = chrome.find_element(By.ID, "hl").text
    assert "LAST KNOWN: normal, 14:02:31" in headline
    assert "LIVE" not in headline
    stamps = [e.text for e in chrome.find_elements(By.TAG_NAME, "time")]
    await asyncio.sleep(1.5)  # stamps stop: nothing to wait for
    assert [e.text for e in chrome.find_elements(By.TAG_NAME, "time")] == stamps
    keep(chrome, "phone-lost")


async def test_without_scripts_it_is_whole_and_refreshes_itself(room: Room, see: See) -> None:
    in_alarm(room)
    chrome = await run(see, room.url, 360, 640, scripts=False)
    try:
        html = chrome.page_source
        assert '<meta http-equiv="refresh" content="30">' in html
        assert "made at" in chrome.find_element(By.CSS_SELECTOR, ".top").text
        assert len(chrome.find_elements(By.CSS_SELECTOR, ".k")) == 244
        chrome.find_element(By.ID, "mv").click()  # the modes need no script either
        shown = chrome.find_elements(By.CSS_SELECTOR, ".k")[76].value_of_css_property("font-size")
        assert shown == "0px"
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


async def test_no_request_leaves_the_pages_origin_and_no_policy_is_broken(room: Room, see: See) -> None:
    in_alarm(room)
    chrome = await run(see, "about:blank", 1440, 1300)
    chrome.get_log("performance"), chrome.get_log("browser")
    live(await run(see, room.url, 1440, 1300))
    sent = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert urls
    assert [u for u in urls if not u.startswith((room.url, "data:"))] == []
    assert chrome.get_log("browser") == []


async def test_the_figure_of_an_alarm_opens_on_a_phone_and_stands_open_on_a_desk(
    sagging_room: Room, see: See
) -> None:
    chrome = await run(see, sagging_room.url, 360, 640, scripts=False)
    figure = chrome.find_element(By.CSS_SELECTOR, ".al .around")
    assert not figure.is_displayed()
    chrome.find_element(By.CSS_SELECTOR, ".al summary").click()
    assert figure.is_displayed()
    drawn = chrome.find_element(By.CSS_SELECTOR, ".around svg").rect
    assert drawn["width"] > 270
    assert drawn["x"] + drawn["width"] <= 360 - 12
    dashes = "return getComputedStyle(document.querySelector(arguments[0])).strokeDasharray"
    assert chrome.execute_script(dashes, ".around .ln") == "none"
    assert chrome.execute_script(dashes, ".around .ex") != "none"  # without colours too
    letters = "return document.querySelector('.around text').getBoundingClientRect().height"
    assert chrome.execute_script(letters) >= 10
    keep(chrome, "phone-figure")
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    chrome = live(await run(see, sagging_room.url, 1440, 1300, "dark"))
    assert chrome.find_element(By.CSS_SELECTOR, ".around").is_displayed()
    keep(chrome, "desk-figure-dark")


async def test_a_figure_stays_while_what_is_around_it_changes(sagging_room: Room, see: See) -> None:
    chrome = live(await run(see, sagging_room.url, 1440, 1300))
    said = chrome.find_element(By.CSS_SELECTOR, ".around figcaption").text
    assert "when raised" in said
    other = alarm("string1/cell1", "critical", age_s=1.0, quantity="")
    sagging_room.status["alarms"].append(other)
    sagging_room.status["log"].append(record(other, "NEW", 1.0))
    await run(wait(chrome, 10).until, lambda c: len(c.find_elements(By.CSS_SELECTOR, ".al.new")) == 2)
    assert chrome.find_element(By.CSS_SELECTOR, ".around figcaption").text == said
    first = "return document.querySelector('.al').querySelector('.around')"
    assert chrome.execute_script(first) is None  # the new one stands above, and has none


HISTORY = "history?u=rack-1&place=string1/cell3&span=1800"


async def test_a_history_zooms_by_hand_and_what_leads_on_follows(sagging_room: Room, see: See) -> None:
    chrome = await run(see, sagging_room.url + HISTORY, 1280, 800)
    chrome.get_log("browser")
    over = chrome.find_element(By.CSS_SELECTOR, ".hist .u-over")

    def span() -> int:
        link = chrome.find_element(By.CSS_SELECTOR, "a[data-stretch]").get_attribute("href")
        return int(parse_qs(urlsplit(link or "").query)["span"][0])

    whole = span()
    await run(
        ActionChains(chrome).move_to_element(over).click_and_hold().move_by_offset(200, 0).release().perform
    )
    assert 10 <= span() < whole / 3
    assert "3.299 V" in chrome.find_element(By.CSS_SELECTOR, ".u-legend").text  # under the pointer
    keep(chrome, "history")
    assert chrome.get_log("browser") == []


async def test_a_history_is_whole_without_scripts_and_is_no_burden(sagging_room: Room, see: See) -> None:
    chrome = await run(see, sagging_room.url + HISTORY, 360, 640, scripts=False)
    try:
        before = chrome.find_element(By.CSS_SELECTOR, ".hist .ln")
        assert before.is_displayed()
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= 360
        await run(chrome.find_element(By.CSS_SELECTOR, "main form button").click)
        await run(wait(chrome, 10).until, staleness_of(before))
        ranged = await run(chrome.find_element, By.CSS_SELECTOR, ".hist .range")  # served meanwhile
        assert ranged.is_displayed()
        html = chrome.page_source
        assert len(gzip.compress(html.encode())) <= 45_000
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


NO_EVENTS = """delete window.EventSource;
const later = window.setTimeout;
window.setTimeout = (f, ms) => ms === 30000 ? void (window.again = f) : later(f, ms);"""


async def test_a_browser_without_eventsource_reads_the_page_again_and_is_not_lost(
    room: Room, see: See
) -> None:
    chrome = await run(see, "about:blank", 390, 844)
    told = chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NO_EVENTS})
    try:
        await run(chrome.get, room.url)
        assert chrome.execute_script("return 'EventSource' in window") is False
        before = chrome.find_element(By.CSS_SELECTOR, "#hl time").text
        await run(wait(chrome, 10).until, lambda c: c.find_element(By.CSS_SELECTOR, "#hl time").text > before)
        assert "lost" not in (chrome.find_element(By.TAG_NAME, "body").get_attribute("class") or "")
        in_alarm(room)
        for screen in room.page._screens.values():
            screen.outdated()
        await run(chrome.execute_script, "window.again()")  # after 30 s
        await run(wait(chrome, 10).until, lambda c: "ALARM - LIVE" in c.find_element(By.ID, "hl").text)
    finally:
        chrome.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", told)


async def test_the_unit_in_alarm_comes_first_without_a_new_page(room: Room, see: See) -> None:
    names = ["rack-1", "rack-2", "rack-3"]
    room.status, room.points = status([unit(name) for name in names]), {name: rack(1, 20) for name in names}
    chrome = live(await run(see, room.url, 1280, 800))
    await run(chrome.execute_script, "window.same = true")
    room.status = status([unit(name) for name in names], [alarm(unit="rack-3", severity="critical")])

    def first(c: Chrome) -> str:
        return c.find_element(By.CSS_SELECTOR, ".tile").text

    def opened(c: Chrome) -> list[str]:
        return [
            one.text.split()[0] for one in c.find_elements(By.CSS_SELECTOR, ".packs section:not(.cells) > h2")
        ]

    await run(wait(chrome, 10).until, lambda c: first(c).startswith("rack-3"))
    assert await run(opened, chrome) == ["rack-3", "rack-1", "rack-2"]
    modes = await run(
        chrome.execute_script, "return document.querySelector('.modes').closest('.cells').innerText"
    )
    assert modes.startswith("Cells of rack-3")
    assert await run(chrome.execute_script, "return window.same")


async def test_a_page_that_reads_itself_again_says_what_is_new(room: Room, see: See) -> None:
    names = ["rack-1", "rack-2", "rack-3"]
    room.status, room.points = status([unit(name) for name in names]), {name: rack() for name in names}
    chrome = live(await run(see, room.url, 1280, 800))
    assert "Cells of rack-1" in await run(lambda: chrome.page_source)
    room.status = status([unit(name) for name in names], [alarm(unit="rack-3", severity="critical")])

    def says(c: Chrome) -> str:
        return c.find_element(By.ID, "say").get_attribute("textContent") or ""

    await run(wait(chrome, 20).until, lambda c: "ALARM" in says(c))
    assert "Cells of rack-3" in await run(lambda: chrome.page_source)
