"""How commands fail: one clear line (or one per problem) on stderr with its code, and an exit code that means
the same everywhere: 1 a finding, 2 usage or configuration, 3 unreachable, 4 port busy. 141: nobody reads the
output. With --json it is an object on stdout too. The codes: agent.cli.common.codes.
"""

from agent.message import Message
from agent.view.language import current, speaking, tr
from collector.failing import Coded


class Spoken(Coded):
    """An error that is said in the language that was spoken where it happened."""

    def __init__(self, what: str, code: str = "") -> None:
        super().__init__(what, code)
        self._language = current()

    def format_message(self) -> str:
        """Return the message, in that language."""
        with speaking(self._language):
            return tr(self.message)


class Finding(Spoken):
    """The command did its work, and what it found is not good."""

    exit_code = 1
    code = "CW-009"


class Misuse(Spoken):
    """The command was called, or the agent configured, in a way that cannot work."""

    exit_code = 2
    code = "CW-001"


def unusable_file(error: OSError) -> Misuse:
    """Return what is said of a file that cannot be read or written, and what to do where it is another's."""
    where = {"file": error.filename, "why": error.strerror}
    if isinstance(error, PermissionError):
        return Misuse(Message("{file}: {why}; run this as root", **where), "CW-004")
    return Misuse(Message("{file}: {why}", **where), "CW-004")


class Unreachable(Spoken):
    """Who should answer does not."""

    exit_code = 3
    code = "CW-401"
