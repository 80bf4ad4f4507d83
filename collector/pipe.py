"""Commands whose output ends before they do: nobody reads it to its end (`cellwarden export | head`), or the
disk that it goes to is full. And commands that are not quite spelled like one.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import NoSuchCommand

STATUS = 128 + signal.SIGPIPE  # what a shell shows of a tool that the signal ends; Python ignores the signal


@contextmanager
def _to_its_end() -> Iterator[None]:
    try:
        yield
        if sys.stdout:  # None where it is closed
            sys.stdout.flush()  # or what is left would fail at Python's exit
    except BrokenPipeError:
        _drop()
        sys.exit(STATUS)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop()
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error


def _drop() -> None:
    """Throw away what is not written yet: Python flushes it at its exit, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class PipeGroup(click.Group):
    """A group whose commands end without a word when their reader has gone, where click alone would exit with
    1; with one line when the disk is full; and which names the command that was meant.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; its own --help is printed here."""
        with _to_its_end():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _to_its_end():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises click.exceptions.NoSuchCommand with those that are spelled alike."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            known = self.list_commands(ctx)
            raise NoSuchCommand(error.command_name, possibilities=known, ctx=ctx) from None
