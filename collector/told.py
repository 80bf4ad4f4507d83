"""What a command could not read, said as it goes on with the rest."""

import click

from agent.wire.text import printable

LINE_CHARACTERS = 1000


class SaidOnce:
    """Takes a line for each thing, says each once, on standard error, and knows how many there were."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        """Say one thing."""
        line = printable(line, LINE_CHARACTERS)
        if line not in self._said:
            self._said.add(line)
            click.echo(line, err=True)

    @property
    def lines(self) -> list[str]:
        """All of it."""
        return sorted(self._said)
