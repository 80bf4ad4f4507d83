"""What a command could not read: printed while it goes on with the rest; and what a process logs."""

import logging

import click

from agent.wire.text import printable

LINE_CHARACTERS = 1000


class OneLine(logging.Formatter):
    """A record's message on one line, whatever an agent had put into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return it."""
        record.message = printable(record.message, LINE_CHARACTERS)
        return super().formatMessage(record)


class SaidOnce:
    """Prints each line once, on standard error, and keeps it."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        """Print a line, unless it was printed before."""
        line = printable(line, LINE_CHARACTERS)
        if line not in self._said:
            self._said.add(line)
            click.echo(line, err=True)

    @property
    def lines(self) -> list[str]:
        """The lines that were printed."""
        return sorted(self._said)
