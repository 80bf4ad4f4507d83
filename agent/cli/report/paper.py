"""Pages of evidence to print and sign: each is one file, with page numbers, and needs nothing else."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agent.view import words
from agent.view.language import current
from agent.view.page.templates import said
from agent.view.voice import spoken

#: Of a sheet, and of all: within the texts of a style.
NUMBER, PAGES = Markup('" counter(page) "'), Markup('" counter(pages) "')


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("agent.cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(place=words.place, celsius=spoken)
    made.globals.update(_=said, spoken=current, NUMBER=NUMBER, PAGES=PAGES)
    return made


def paper(template: str, title: str, foot: str, **values: Any) -> str:
    """Return a page. foot: at the foot of every sheet: a name, a date, no quotation mark, no backslash.
    values: what its template names; nothing of it becomes markup.
    """
    return _environment().get_template(template).render(title=title, foot=foot, **values)
