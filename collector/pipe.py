"""Commands whose output nobody reads to its end, such as `cellwarden export | head`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

STATUS = 128 + signal.SIGPIPE  # what a shell shows of a tool that the signal ends; Python ignores the signal


@contextmanager
def _silent() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Python flushes what is left at its exit, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(STATUS)


class PipeGroup(click.Group):
    """A group whose commands end without a word when their reader has gone. Click alone would exit with 1."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; its own --help is printed here."""
        with _silent():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _silent():
            return super().invoke(ctx)
