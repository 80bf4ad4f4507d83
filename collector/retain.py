"""cellwarden-collector init and retain: how long an archive keeps what, and what nothing deletes."""

import json
import logging
from collections.abc import Callable
from typing import Any

import click

from agent.wire.text import printable
from collector import keeping
from collector.archive import ArchiveError
from collector.moment import between_options
from collector.notes import RETENTION, NotesError
from collector.opening import CannotWork, reading, sink_option
from collector.retention import CLASSES, MOST_DAYS, Hold, Retention
from collector.sink import SinkError
from collector.sinks import ChosenSink
from collector.told import LINE_CHARACTERS, SaidOnce

log = logging.getLogger(__name__)
EVER = "ever"


class Days(click.ParamType[int]):
    """A number of days, or `ever`, as 0."""

    name = f"days|{EVER}"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return days."""
        if value == EVER or isinstance(value, int):
            return int(value) if isinstance(value, int) else 0
        text = str(value).removesuffix("d")
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_DAYS:
            self.fail(f"{value!r}: expected days, such as 400, or {EVER}")
        return int(text)


def _proposed(what: str, kept: Retention | None) -> int:
    return kept.days.get(what, 0) if kept else CLASSES[what].proposed


def _days_options(command: Callable[..., None]) -> Callable[..., None]:
    for what, of in reversed(list(CLASSES.items())):
        proposed = f"{of.proposed} days" if of.proposed else "for ever"
        command = click.option(
            f"--{what}", type=Days(), help=f"How long {of.words} are kept; proposed: {proposed}."
        )(command)
    return command


@click.command("init")
@sink_option
@_days_options
@click.option("--yes", is_flag=True, help="Take what is proposed, or was set before; ask nothing.")
def init(sink: ChosenSink, yes: bool, **given: int | None) -> None:
    """Make a collector's database, and say how long what is kept.

    \b
    Where there is an archive already, this sets how long it keeps what from now on; without it everything is
    kept for ever. A collector that runs takes it up within the hour. What is deleted stays accounted for.
    Example:  cellwarden-collector init --sink sqlite:collector.db --raw 400 --yes
    """
    if not _exists(sink):
        try:
            sink.kind.open(sink.place).close()
        except SinkError as error:
            raise CannotWork(error, "CW-510") from error
    try:
        notes = sink.kind.notes(sink.place)
        before = keeping.read(notes) if notes.read(RETENTION) is not None else None
    except (NotesError, ValueError) as error:
        raise CannotWork(error, "CW-511") from error
    days = {}
    for what, of in CLASSES.items():
        proposed = _proposed(what, before)
        chosen = given[what]
        if chosen is None and not yes:
            shown = proposed or EVER
            chosen = click.prompt(f"{of.words}: days, or {EVER}", type=Days(), default=shown)
        days[what] = proposed if chosen is None else chosen
    kept = Retention({what: n for what, n in days.items() if n}, before.holds if before else ())
    _say(sink, kept)
    if not yes and not click.confirm("set this", default=True):
        return
    _write(sink, kept)


@click.command("retain")
@sink_option
@between_options
@click.option("--why", help="What a hold is for, for whoever finds it later.")
@click.option("--agent", default="", help="Hold only what is of this agent.")
@click.option("--unit", default="", help='Hold only what is of this unit, as "rack/unit".')
@click.option("--lift", type=int, metavar="NUMBER", help="Lift this hold.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def retain(
    sink: ChosenSink,
    start: int | None,
    end: int | None,
    why: str | None,
    agent: str,
    unit: str,
    lift: int | None,
    as_json: bool,
) -> None:
    """Show what is kept how long and deleted next; hold what nothing may delete.

    \b
    With --from, --to and --why, all that was measured or came then is kept until the hold is lifted, whatever
    `init` has set.
    Examples:  cellwarden-collector retain --sink sqlite:collector.db
               cellwarden-collector retain --sink sqlite:collector.db --from 2026-11-01 --to 2026-11-03 \\
                   --why "fire in hall 2" --agent site-1
               cellwarden-collector retain --sink sqlite:collector.db --lift 1
    """
    held = (start, end, why)
    if any(held) and not (start is not None and end is not None and why and why.strip()):
        raise CannotWork("a hold needs --from, --to and --why")
    if not any(held) and (agent or unit):
        raise CannotWork("--agent and --unit belong to a hold: give --from, --to and --why")
    if start is not None and end is not None and start >= end:
        raise CannotWork("--from is not before --to")
    if any(held) and lift is not None:
        raise CannotWork("--lift and a new hold are two commands")
    try:
        kept = keeping.read(sink.kind.notes(sink.place))
    except (NotesError, ValueError) as error:
        raise CannotWork(error, "CW-511") from error
    if lift is not None:
        try:
            kept = kept.without(lift)
        except KeyError:
            raise CannotWork(f"there is no hold {lift}") from None
    elif start is not None and end is not None and why:
        kept = kept.with_hold(Hold(0, start, end, printable(why.strip(), 200), agent, unit))
    said = _say(sink, kept, as_json)
    if lift is not None or why:
        _write(sink, kept)
    if as_json:
        click.echo(json.dumps(said))


def _exists(sink: ChosenSink) -> bool:
    try:
        sink.kind.read(sink.place, log.warning).close()
    except ArchiveError:
        return False
    return True


def _say(sink: ChosenSink, kept: Retention, silent: bool = False) -> dict[str, Any]:
    try:
        with reading(sink, SaidOnce()) as archive:
            said = keeping.plain(archive, kept, sink.kind.notes(sink.place))
    except (NotesError, ValueError) as error:
        raise CannotWork(error, "CW-511") from error
    for line in () if silent else keeping.lines(said):
        click.echo(printable(line, LINE_CHARACTERS))
    return said


def _write(sink: ChosenSink, kept: Retention) -> None:
    try:
        sink.kind.notes(sink.place).write(RETENTION, kept.plain())
    except NotesError as error:
        raise CannotWork(error, "CW-004") from error
