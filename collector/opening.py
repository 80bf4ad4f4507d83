"""A collector's database, as commands are given it and open it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from agent.wire.text import printable
from collector.archive import Archive, ArchiveError
from collector.failing import USAGE, Coded
from collector.sinks import KINDS, ChosenSink, parse
from collector.told import LINE_CHARACTERS, SaidOnce


class CannotWork(Coded):
    """A command that cannot do its work: one line, exit 2."""

    exit_code = 2

    def __init__(self, message: object, code: str = USAGE) -> None:
        super().__init__(printable(str(message), LINE_CHARACTERS), code)


class SinkPlace(click.ParamType[ChosenSink]):
    """SCHEME:PLACE, of `collector.sinks`."""

    name = "|".join(kind.form for kind in KINDS.values())

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ChosenSink:
        """Return the kind and the place."""
        try:
            return parse(str(value))
        except ValueError as error:
            self.fail(str(error))


sink_option = click.option("--sink", type=SinkPlace(), required=True, help="The collector's database.")


@contextmanager
def reading(sink: ChosenSink, told: SaidOnce) -> Iterator[Archive]:
    """A collector's database, read-only; where it cannot be read at all that is one line."""
    try:
        archive = sink.kind.read(sink.place, told)
        try:
            yield archive
        finally:
            archive.close()
    except ArchiveError as error:
        raise CannotWork(error, "CW-511") from error
