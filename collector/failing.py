"""How commands end when they fail: with a code that never changes, a line for people, JSON for programs.

The codes are in agent.cli.common.codes; this is what the commands of all packages share.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import click

USAGE, OUTPUT = "CW-001", "CW-002"
_SAID = "cellwarden.json"  # in the context's meta: the command has printed its object


class Coded(click.ClickException):
    """What went wrong, with its code."""

    code = USAGE

    def __init__(self, what: str, code: str = "") -> None:
        super().__init__(what)
        self.code = code or self.code

    def show(self, file: Any = None) -> None:
        """Print it on standard error (click calls this)."""
        click.echo(f"{self.code} {self.format_message()}", err=True)

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {"code": self.code, "what": self.message, "likely": [], "run": ""}


class _Told(Coded):
    """An error of a command that was asked for JSON: an object, in place of the one that it would print."""

    def __init__(self, error: Coded, context: click.Context) -> None:
        super().__init__(error.message, error.code)
        self._error, self._context = error, context
        setattr(self, "exit_code", error.exit_code)  # noqa: B010  click declares it of the class

    def show(self, file: Any = None) -> None:
        """Print the object, and the line for whoever reads standard error."""
        self._error.show()
        if _SAID not in self._context.meta:
            click.echo(json.dumps({"error": self._error.as_json()}))


class _Usage(Coded):
    """A command line that cannot be understood, with how the command is called."""

    exit_code = 2

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(error.format_message())
        self._context = error.ctx

    def show(self, file: Any = None) -> None:
        """Print both."""
        if self._context is not None:
            click.echo(self._context.get_usage(), err=True)
            click.echo(f"Try '{self._context.command_path} --help' for help.\n", err=True)
        super().show()


def coded(error: click.ClickException) -> click.ClickException:
    """Return an error with a code; help that click shows in place of an error stays as it is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError) or hasattr(error, "code"):
        return error
    if isinstance(error, click.UsageError):
        return _Usage(error)
    made = Coded(error.format_message())
    setattr(made, "exit_code", error.exit_code)  # noqa: B010
    return made


def for_programs(error: click.ClickException, context: click.Context) -> click.ClickException:
    """Return an error that ends a command which was called with --json."""
    return _Told(error, context) if isinstance(error, Coded) else error


@contextmanager
def words_on_stderr() -> Iterator[None]:
    """Send what is printed for people to standard error: standard output is for the object alone."""
    with redirect_stdout(sys.stderr):
        yield


def print_json(content: dict[str, Any] | list[Any]) -> None:
    """Print what a command says to programs: one object, on one line."""
    click.echo(json.dumps(content))
    if context := click.get_current_context(silent=True):
        context.find_root().meta[_SAID] = True
