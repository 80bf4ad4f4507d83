"""The page around the blocks, with style and script in it, and its Content-Security-Policy."""

import base64
import hashlib
from html import escape as e
from importlib import resources

REFRESH_PLAIN_S = 30

CSS = (resources.files("agent.view.page") / "page.css").read_text()
JS = (resources.files("agent.view.page") / "page.js").read_text()


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


#: Allowed: style, script and images in the page itself, its own events; no frame around it.
POLICY = (
    f"default-src 'none'; style-src {_hash(CSS)}; script-src {_hash(JS)}; "
    "connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def shell(name: str, icon: str, body: str, attributes: str = "", refresh: bool = True) -> str:
    """Return a whole page around a body: `icon` as `svg.icon` gives it, `attributes` of the body. It is read
    again by itself every REFRESH_PLAIN_S (without scripts only, where it has attributes that a script reads).
    """
    again = f'<meta http-equiv="refresh" content="{REFRESH_PLAIN_S}">' if refresh else ""
    again = f"<noscript>{again}</noscript>" if attributes else again
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{e(name)}</title>'
        f'<link rel="icon" id="icon" href="{e(icon)}">{again}<style>{CSS}</style></head>'
        f"<body {attributes}>{body}</body></html>"
    )
