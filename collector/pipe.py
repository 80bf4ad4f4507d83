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

from collector.failing import OUTPUT, Coded, coded, for_programs

AS_JSON = "cellwarden.as-json"  # in the context's meta: --json was said
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
        raise Coded(f"the output cannot be written: {error.strerror}", OUTPUT) from error


@contextmanager
def _told(context: click.Context | None = None) -> Iterator[None]:
    """Give what a command ends with its code, and print it for programs where they asked."""
    try:
        yield
    except click.ClickException as error:
        told = coded(error)
        if context and context.parent is None and context.meta[AS_JSON]:
            told = for_programs(told, context)
        raise told from error


def _drop() -> None:
    """Throw away what is not written yet: Python flushes it at its exit, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class PipeGroup(click.Group):
    """A group whose commands end without a word when their reader has gone, where click alone would exit with
    1; with one line when the disk is full; and which names the command that was meant.

    Whatever they end with has a code; with --json it is an object.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the command line; its own --help is printed here."""
        as_json = "--json" in args
        with _to_its_end(), _told():
            context = super().make_context(info_name, args, parent, **extra)
        if parent is None:
            context.meta[AS_JSON] = as_json
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _told(ctx), _to_its_end():
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
