"""axe-core (tests/vendor/axe, version 4.14.1, MPL-2.0) finds nothing to complain of in any state."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from agent.bench.page.axe import AXE, RUN
from tests.agent.web.states import SCREENS, STATES

WAIT = f"""const done = arguments[arguments.length - 1];
({RUN}).then(done, e => done(JSON.stringify([String(e)])))"""


def complaints(chrome: Chrome) -> list[object]:
    chrome.set_script_timeout(120)
    chrome.execute_script(AXE.read_text())
    found: list[object] = json.loads(chrome.execute_async_script(WAIT))
    return found


@pytest.mark.parametrize(("width", "theme"), SCREENS)
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_complained_of(
    see: Callable[..., Chrome], tmp_path: Path, state: str, width: int, theme: str
) -> None:
    page = tmp_path / "page.html"
    page.write_text(STATES[state]())
    chrome = see(page.as_uri(), width, 800, theme)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(chrome) == []
