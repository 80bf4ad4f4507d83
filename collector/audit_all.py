"""cellwarden-collector audit --all: the account of every agent and epoch, as the database adds it up."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from agent.wire.text import printable
from collector.notes import AUDIT, NotesError
from collector.opening import CannotWork, reading
from collector.questions.ask import ask
from collector.questions.lines import lines
from collector.questions.question import Column, Question, Row
from collector.sinks import ChosenSink
from collector.told import LINE_CHARACTERS, SaidOnce


def _readable(rows: list[Row], asked: Mapping[str, Any]) -> list[Row]:
    return [{**row, "epoch": row["epoch"].hex()} for row in rows]


ACCOUNTS = Question(
    name="account",
    words="Where everything that was sealed has gone, by agent and epoch, the worst first",
    sql="SELECT agent, epoch, sealed, stored, pruned, withheld, dropped, missing, counted, incidents,"
    " balanced FROM account ORDER BY balanced, missing DESC, agent, epoch",
    columns=(
        Column("agent", "text", "its id", "agent"),
        Column("epoch", "text", "of its buffer, as hex", "epoch"),
        Column("sealed", "count", "the highest sequence that is known", "sealed"),
        Column("stored", "count", "batches that are here", "stored"),
        Column("pruned", "count", "batches that were, until retention deleted them", "pruned"),
        Column("withheld", "count", "batches that this collector is never to have", "withheld"),
        Column("dropped", "count", "batches that the agent gave up", "dropped"),
        Column("missing_count", "count", "batches of which nobody says where they are", "missing"),
        Column("counted", "count", "batches that should be here, by the sum that is kept"),
        Column("incidents", "count", "signs of two agents with one id"),
        Column("balanced", "flag", "whether nothing is missing, and all of it agrees"),
    ),
    none="nothing was received",
    work=_readable,
)


def audit_all(sink: ChosenSink, record: bool, as_json: bool) -> int:
    """Print the account of everything; return 0: balanced, 1: not. record: leave it for /metrics."""
    now_ns = time.time_ns()
    with reading(sink, SaidOnce()) as archive:
        rows = ask(archive, ACCOUNTS, {}, now_ns)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for line in (*lines(ACCOUNTS, rows, datetime.now().astimezone()), *_verdicts(rows)):
            click.echo(line)
    if record:
        try:
            sink.kind.notes(sink.place).write(AUDIT, result(rows, now_ns))
        except NotesError as error:
            raise CannotWork(error, "CW-004") from error
    return 0 if all(row["balanced"] for row in rows) else 1


def result(rows: Sequence[Row], now_ns: int) -> dict[str, Any]:
    """What a collector's metrics say of an audit."""
    return {
        "utc_ns": now_ns,
        "streams": len(rows),
        "missing": sum(row["missing_count"] for row in rows),
        "balanced": all(row["balanced"] for row in rows),
    }


def _verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """What the numbers of a row do not show by themselves, and all of them in one line."""
    if not rows:
        return
    for row in rows:
        name = printable(f"{row['agent']} epoch {row['epoch']}", LINE_CHARACTERS)
        if row["counted"] != row["stored"]:
            yield f"{name}: {row['counted']} batches were counted, {row['stored']} are here"
        if row["incidents"]:
            yield f"{name}: two agents with one id, or a copy of one: `audit` without --all says more"
    wrong = sum(not row["balanced"] for row in rows)
    missing = sum(row["missing_count"] for row in rows)
    yield (
        f"{wrong} of {len(rows)} do not balance, {missing} batches are missing"
        if wrong
        else f"all {len(rows)} balance, nothing is missing"
    )
