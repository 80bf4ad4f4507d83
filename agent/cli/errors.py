"""Exit codes, the same for every command, and the errors that carry them."""

import click

FINDING = 1
USAGE = 2
UNREACHABLE = 3
BUSY = 4


class Failure(click.ClickException):
    """One clear line (or one per problem) on stderr, and an exit code."""

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
