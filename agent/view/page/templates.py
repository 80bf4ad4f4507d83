"""The templates of the page, beside this file: what is put into them never becomes markup by itself."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from agent.view import language, words
from agent.view.page.acts import WAITING

FIRST_ALARMS = 2  # the others are behind a fold, so that headline and alarms fit a phone
FIRST_LINKS = 12  # that are shown, the worst of them, where there are many
MANY_UNITS = 8  # of more, those whose link is well are behind a fold
GLYPH = {1: "▲", 2: "◆", 3: "●"}


@cache
def environment() -> Environment:
    """Return the templates, with the words that all of them use."""
    made = Environment(
        loader=PackageLoader("agent.view.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(duration=language.how_long, number=words.number, place=words.place, query=_query)
    made.globals.update(
        WAITING=WAITING,
        FIRST_ALARMS=FIRST_ALARMS,
        FIRST_LINKS=FIRST_LINKS,
        MANY_UNITS=MANY_UNITS,
        GLYPH=GLYPH,
        BREAK=Markup("<br>"),
        _=said,
        LANGUAGES=language.LANGUAGES,
        spoken=language.current,
    )
    return made


def _query(of: Mapping[str, Any]) -> Markup:
    """Return a query for an address in quotes. Nothing in it needs an escape: quotes and brackets are in
    percent, and `&name=` is no character's name.
    """
    return Markup(urlencode(of, safe="/"))


def said(text: str, /, **fields: object) -> Markup:
    """Return a text in the language that is spoken; without fields those in it stay, for a script.

    fields: markup among them stays markup.
    """
    found = escape(language.tr(text))
    return found.format(**fields) if fields else found


def macros(name: str) -> Any:
    """Return the macros of a template, each an attribute that returns markup."""
    return environment().get_template(name).module
