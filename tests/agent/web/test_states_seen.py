"""The states as people see them: on no screen is an answer cut, covered, or far below."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.agent.web.states import STATES
from tests.browser import sized

SCREENS = ((320, 640), (360, 640), (390, 844), (768, 1024), (1280, 800), (1920, 1080))
SEEN = ("first-minute", "alarm", "later", "blind", "lost", "many", "logged-in", "odd")
#: What is the answer: what to do, until when, how hot, how far, how old.
ANSWERS = (
    "#strip,#hl .w,#hl .t,#hl .left,.al h3,.al .act,.al .due,.tile b,.tile small,.tile .word,.fig .v,"
    ".top button"
)
CUT = """return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetParent
  && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 3)
  && getComputedStyle(e).display !== 'inline').map(e => e.className + ' ' + e.textContent)"""
#: Texts within a tile and a figure that lie on one another.
COVERED = """const found = [], shown = e => e.offsetParent && e.textContent.trim();
const lines = e => {
  const r = document.createRange(), box = e.getBoundingClientRect(), s = getComputedStyle(e);
  r.selectNodeContents(e);
  const [left, right] = [box.left + parseFloat(s.paddingLeft), box.right - parseFloat(s.paddingRight)];
  const cut = one => s.overflowX === 'visible' ? one
    : {top: one.top, bottom: one.bottom, left: Math.max(one.left, left), right: Math.min(one.right, right)};
  return [...r.getClientRects()].filter(one => one.bottom <= box.bottom + 1).map(cut);  // as seen
};
const overlap = (p, q) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
  && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 4;
for (const box of document.querySelectorAll('.tile,.fig,#hl')) {
  const texts = [...box.querySelectorAll('a:first-child,b,small,.chip,.word,.v,h3,.t,.s')].filter(shown);
  texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
    if (!a.contains(b) && !b.contains(a) && lines(a).some(p => lines(b).some(q => overlap(p, q))))
      found.push(a.textContent + ' | ' + b.textContent);
  }));
}
return found"""
BELOW = "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().bottom)"


def opened(see: Callable[..., Chrome], folder: Path, state: str, width: int, height: int) -> Chrome:
    (folder / "page.html").write_text(STATES[state]())
    return see((folder / "page.html").as_uri(), width, height)


@pytest.mark.parametrize(
    "state", ["first-minute", "alarm", "later", "blind", "lost", "many", "logged-in", "odd"]
)
def test_no_answer_is_cut_or_covered_on_any_screen(
    see: Callable[..., Chrome], tmp_path: Path, state: str
) -> None:
    chrome, found = opened(see, tmp_path, state, *SCREENS[0]), {}
    for width, height in SCREENS:
        sized(chrome, width, height)
        wrong: list[Any] = chrome.execute_script(CUT, ANSWERS) + chrome.execute_script(COVERED)
        if chrome.execute_script("return document.documentElement.scrollWidth") > width:
            wrong.append("it scrolls sideways")
        if wrong:
            found[width] = wrong
    assert found == {}


@pytest.mark.parametrize("state", ["alarm", "later"])
def test_eight_units_on_a_desk_say_which_is_worst_since_when_and_what_next_above_the_fold(
    see: Callable[..., Chrome], tmp_path: Path, state: str
) -> None:
    chrome = opened(see, tmp_path, state, 1280, 800)
    answers = ".tile,.fig,#hl .t,#hl .left,.al.a1 .foot span,.al.a1 .act,.al.a1 .due,.al.a1 .what"
    assert max(chrome.execute_script(BELOW, answers)) <= 800
    first = chrome.execute_script("return document.querySelector('.al').innerText")
    assert "rack-03" in first
    assert chrome.execute_script("return document.querySelector('.tile a').textContent") == "rack-03"


@pytest.mark.parametrize(("width", "height", "screens"), [(1280, 800, 1), (390, 844, 3)])
def test_64_units_fit_one_screen_of_a_desk_and_three_of_a_phone(
    see: Callable[..., Chrome], tmp_path: Path, width: int, height: int, screens: int
) -> None:
    chrome = opened(see, tmp_path, "many", width, height)
    bottoms = chrome.execute_script(BELOW, ".tile")
    assert len(bottoms) == 64
    assert max(bottoms) <= screens * height


def test_what_a_lost_page_says_of_itself_is_not_struck(see: Callable[..., Chrome], tmp_path: Path) -> None:
    chrome = opened(see, tmp_path, "lost", 390, 844)
    line = "return getComputedStyle(document.querySelector(arguments[0])).textDecorationLine"
    struck = {
        sel: chrome.execute_script(line, sel) for sel in (".tile b", ".fig .v", ".al .due", "#hl .s", "#s2")
    }
    assert set(struck.values()) == {"line-through"}, struck
    whole = {sel: chrome.execute_script(line, sel) for sel in ("#strip", ".al .act", "#hl .t", ".al h3")}
    assert set(whole.values()) == {"none"}, "nor is what to do: it is right where nobody knows more"
