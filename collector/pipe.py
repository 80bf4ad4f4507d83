"""Commands whose output nobody reads to its end, such as `cellwarden export | head`."""

import os
import signal
import sys
from typing import Any

import click

STATUS = 128 + signal.SIGPIPE  # what a shell shows of a tool that the signal ends; Python ignores the signal


class PipeGroup(click.Group):
    """A group whose commands end without a word when their reader has gone. Click alone would exit with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Python flushes what is left at its exit, and would complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(STATUS)
