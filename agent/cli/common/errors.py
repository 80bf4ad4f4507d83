"""How commands fail: one clear line (or one per problem) on stderr, and an exit code that means the same
everywhere: 1 a finding, 2 usage or configuration, 3 unreachable, 4 port busy. 141: nobody reads the output.
The messages that carry a code are those of agent.cli.common.codes.
"""

import click


class Finding(click.ClickException):
    """The command did its work, and what it found is not good."""

    exit_code = 1


class Misuse(click.ClickException):
    """The command was called, or the agent configured, in a way that cannot work."""

    exit_code = 2


class Unreachable(click.ClickException):
    """Who should answer does not."""

    exit_code = 3
