"""axe-core (tests/vendor/axe, version 4.14.1, MPL-2.0) finds nothing to complain of in any state."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.agent.web.states import STATES

AXE = (Path(__file__).parents[2] / "vendor/axe/axe.min.js").read_text()
RUN = """const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations'], rules: {'color-contrast': {enabled: arguments[0]}}})
  .then(r => done(JSON.stringify(r.violations.map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200),
    v.nodes[0].failureSummary]))), e => done(JSON.stringify([String(e)])));"""


def complaints(chrome: Chrome, contrast: bool) -> list[object]:
    chrome.set_script_timeout(120)
    chrome.execute_script(AXE)
    found: list[object] = json.loads(chrome.execute_async_script(RUN, contrast))
    return found


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_complained_of(
    see: Callable[..., Chrome], tmp_path: Path, state: str, width: int, theme: str
) -> None:
    page = tmp_path / "page.html"
    page.write_text(STATES[state]())
    chrome = see(page.as_uri(), width, 800, theme)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(chrome, contrast=True) == []
