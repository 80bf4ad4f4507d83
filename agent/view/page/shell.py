"""A whole page around its blocks, with style and script in it, and its Content-Security-Policy."""

import base64
import hashlib
import re
from importlib import resources
from typing import Any

from markupsafe import Markup

from agent.view.language import DURATIONS, current, tr
from agent.view.page import svg
from agent.view.page.templates import environment

REFRESH_PLAIN_S = 30  # a page reads itself again so often; without scripts only, where it has one


def _file(name: str) -> str:
    return (resources.files("agent.view.page") / name).read_text()


def _spare(text: str) -> str:
    """Leave out of a style or a script what is for who reads its file: comments, and how lines begin."""
    text = re.sub(r"/\*.*?\*/|(?:^|  )//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\n\s*", "\n", text).strip()


CSS, JS = _spare(_file("tokens.css") + _file("page.css")), _spare(_file("page.js"))
#: What draws histories anew, on their pages alone.
UPLOT, UPLOT_CSS = _file("vendor/uPlot.iife.min.js"), _file("vendor/uPlot.min.css")
HISTORY_JS = _spare(_file("history.js"))


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


#: Allowed: style, script and images in the page itself, its own events; no frame around it.
POLICY = (
    f"default-src 'none'; style-src {_hash(CSS)} {_hash(UPLOT_CSS)}; "
    f"script-src {_hash(JS)} {_hash(UPLOT)} {_hash(HISTORY_JS)}; "
    "connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_WHOLE = {
    "CSS": Markup(CSS),
    "JS": Markup(JS),
    "UPLOT": Markup(UPLOT),
    "UPLOT_CSS": Markup(UPLOT_CSS),
    "HISTORY_JS": Markup(HISTORY_JS),
    "HATCH": svg.HATCH,
    "REFRESH_PLAIN_S": REFRESH_PLAIN_S,
}


def page(template: str, title: str, sign: str, **values: Any) -> str:
    """Return a whole page. sign: of its icon, see `svg.icon`. values: what its template names."""
    more = {
        "title": title,
        "icon": svg.icon(sign),
        "language": current(),
        "AGES": "|".join(map(tr, DURATIONS.values())),
    }
    return environment().get_template(template).render(_WHOLE, **more, **values)
