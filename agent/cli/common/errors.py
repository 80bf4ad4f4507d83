"""How commands fail: one clear line (or one per problem) on stderr with its code, and an exit code that means
the same everywhere: 1 a finding, 2 usage or configuration, 3 unreachable, 4 port busy. 141: nobody reads the
output. With --json it is an object on stdout too. The codes: agent.cli.common.codes.
"""

from collector.failing import Coded


class Finding(Coded):
    """The command did its work, and what it found is not good."""

    exit_code = 1
    code = "CW-009"


class Misuse(Coded):
    """The command was called, or the agent configured, in a way that cannot work."""

    exit_code = 2
    code = "CW-001"


def unusable_file(error: OSError) -> Misuse:
    """Return what is said of a file that cannot be read or written, and what to do where it is another's."""
    hint = "; run this as root" if isinstance(error, PermissionError) else ""
    return Misuse(f"{error.filename}: {error.strerror}{hint}", "CW-004")


class Unreachable(Coded):
    """Who should answer does not."""

    exit_code = 3
    code = "CW-401"
