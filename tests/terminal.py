"""A technician's terminal: real commands on real ptys of 100 columns, and everything that they showed."""

import codecs
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent


class Command:
    """`cellwarden ARGUMENTS`, running in `folder`."""

    def __init__(self, folder: Path, arguments: str, term: str = "dumb") -> None:
        self.arguments, self.shown = arguments, ""
        self._letters = codecs.getincrementaldecoder("utf-8")("replace")  # one may come in two pieces
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
            os.chdir(folder)
            plain = {"NO_COLOR": "1"} if term == "dumb" else {}
            os.environ.update(COLUMNS="100", LINES="24", TERM=term, **plain)
            os.execv(BIN / "cellwarden", ["cellwarden", *arguments.split()])

    def read(self, seconds: float) -> bool:
        """Wait for more of what it shows; False once it is over."""
        if select.select([self._terminal], [], [], seconds)[0]:
            try:
                self.shown += self._letters.decode(os.read(self._terminal, 4096))
            except OSError:  # hung up: the command is over
                return False
        return True

    def wait_for(self, text: str, seconds: float) -> None:
        """Read until it shows `text`, a regular expression."""
        deadline_s = time.monotonic() + seconds
        while not re.search(text, self.shown):
            assert time.monotonic() < deadline_s, (text, self.shown)
            assert self.read(1.0), (text, self.shown)

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self._terminal, keys.encode())

    def end(self, seconds: float = 90.0) -> int:
        """Read until it is over; return its exit status."""
        deadline_s = time.monotonic() + seconds
        while self.read(5.0):
            assert time.monotonic() < deadline_s, self.shown
        _, ended = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(ended)

    def text(self) -> str:
        """What it has shown, as lines; of a line that was written over, the last state."""
        return re.sub(r"[^\n]*\r(?!\n)", "", self.shown.replace("\r\n", "\n"))


class Terminal:
    """Types one command after the other, and keeps what they showed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, ""

    def run(
        self, arguments: str, answers: Mapping[str, str] | Sequence[tuple[str, str]] = (), status: int = 0
    ) -> str:
        """Run one command; answer each question (a piece of what is shown) as it comes."""
        pairs = answers.items() if isinstance(answers, Mapping) else answers
        command, waiting, asked = Command(self.folder, arguments), list(pairs), 0
        deadline_s = time.monotonic() + 90.0
        while waiting and time.monotonic() < deadline_s and command.read(5.0):
            seen = command.shown
            if waiting[0][0] in seen[asked:] and seen.rstrip().endswith(">"):
                asked = len(seen)
                command.type(waiting.pop(0)[1] + "\n")
        ended = command.end()
        text = self.keep(command)
        assert ended == status, text
        assert not waiting, (waiting, text)
        return text

    def keep(self, command: Command) -> str:
        """Add what a command has shown to all that was; return it."""
        text = command.text()
        self.shown += f"$ cellwarden {command.arguments}\n{text}\n"
        return text
