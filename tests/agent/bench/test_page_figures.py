"""What `cellwarden bench page` makes of what it has seen, and what it says where it could not look."""

import asyncio

import pytest

from agent.bench.page import alarms, axe, browser, large
from agent.bench.page.alarms import Sample, Shown
from agent.view.page import blocks
from tests.agent.view.sites import alarm, shown, status, unit
from tests.agent.web.states import pack


def test_now_is_as_old_as_the_newest_reading_that_says_the_same() -> None:
    samples = [Sample(10.0, "25.0"), Sample(11.0, "25.1"), Sample(12.0, "25.1"), Sample(13.0, "25.2")]
    page = [Shown(11.2, 13.2, "25.1"), Shown(13.2, 15.2, "25.2")]
    assert alarms.ages_s(samples, page) == pytest.approx((0.2, 2.2))
    late = Shown(13.5, 14.0, "25.1")
    assert alarms.ages_s(samples, [late]) == pytest.approx((1.5, 2.0))
    never = Shown(14.0, 15.0, "99.9")
    assert alarms.ages_s(samples, [never]) == pytest.approx((4.0, 5.0)), "as old as all that is known"


def test_what_the_page_calls_now_is_found_in_its_block_of_alarms() -> None:
    present = {"value": 31.25, "unit": "degC", "age_s": 0.4, "seen": True, "ahead": {}}
    row = alarm(alarms.PLACE, "critical", unit=alarms.UNIT, detector="thermal-slope", present=present)
    view = shown(status([unit(alarms.UNIT)], [row]), {alarms.UNIT: pack(1)})
    block = str(blocks.slots(view, [0], {})["al"])
    assert alarms.now_of(block) == "31.2"
    assert alarms.now_of(block.replace(alarms.UNIT, "rack-d")) == ""


def test_without_a_browser_a_row_says_what_to_install_and_has_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    rows = [*axe.measure(), *asyncio.run(large.paint("http://127.0.0.1:9/"))]
    assert [row.name for row in rows if row.value is None and "apt-get install chromium" in row.note] == [
        "axe_violations",
        "first_paint_ms_64_units",
        "first_paint_ms_empty",
        "first_paint_ratio_64_units",
    ]


@pytest.mark.skipif(not browser.installed(), reason="needs Debian's chromium")
async def test_the_browser_tells_when_it_painted_and_what_a_script_comes_to() -> None:
    async with browser.tab(browser.installed()) as tab:
        await tab.look(390, 800, "dark")
        await tab.open("data:text/html,<meta name=viewport content=width=device-width><title>t</title>p")
        assert await tab.run("Promise.resolve([document.title, innerWidth])") == ["t", 390]
        assert await tab.run("matchMedia('(prefers-color-scheme: dark)').matches")
        assert 0.0 < await tab.run(large.PAINTED) < 60_000.0
        with pytest.raises(browser.BrowserError, match="Uncaught"):
            await tab.run("nothing()")
