"""cellwarden-collector query: one command for each question of the table."""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import click

from collector.moment import Last
from collector.opening import CannotWork, reading, sink_option
from collector.pipe import PipeGroup
from collector.questions.ask import ask
from collector.questions.lines import lines
from collector.questions.question import Question
from collector.questions.table import QUESTIONS
from collector.sinks import ChosenSink
from collector.told import SaidOnce

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "site": click.option("--site", help="Only this site: its name, or its agent's id."),
    "unit": click.option("--unit", help='Only this unit, as "rack/unit".'),
    "place": click.option("--place", help='Only this place, as "string1/module2/cell5".'),
    "from_ns": click.option(
        "--last", "from_ns", type=Last(), help="What was so at any moment of this long, such as 7d or 12h."
    ),
}


@click.group("query", cls=PipeGroup)
def query() -> None:
    """Ask the archive what people ask of it.

    \b
    The same is answered by GET /v1/query/NAME of `serve --api` (docs/openapi.json), and by SQL over the views
    of docs/archive.md.
    """


def _answer(question: Question, sink: ChosenSink, as_json: bool, **given: Any) -> None:
    asked = {name: value for name, value in given.items() if value is not None}
    try:
        question.statement(asked)
    except ValueError as error:
        raise CannotWork(f"{error}: give {' and '.join(f'--{name}' for name in question.needs)}") from error
    with reading(sink, SaidOnce()) as archive:
        rows = ask(archive, question, asked, time.time_ns())
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(question, rows, datetime.now().astimezone())))
    sys.exit(1 if rows and question.finding else 0)


def _command(question: Question) -> click.Command:
    callback: Callable[..., None] = partial(_answer, question)
    for name in reversed(list(question.conditions)):
        callback = OPTIONS[name](callback)
    found = "Exit 0: none. Exit 1: there are some.\n" if question.finding else ""
    return click.command(
        question.name,
        help=f"{question.words}.\n\n\b\n{found}"
        f"Example:  cellwarden-collector query {question.name} --sink sqlite:collector.db",
        short_help=question.words,
    )(sink_option(click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")(callback)))


for _question in QUESTIONS.values():
    query.add_command(_command(_question))
