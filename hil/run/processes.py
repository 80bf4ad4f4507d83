"""The agent, the collector and the bench as the processes they are: started, asked, stopped. For whoever runs
them: scenarios, the demo, benchmarks and tests.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.control.client import NotRunning, get

Status = dict[str, Any]  # what an agent says of itself: docs/control.md

READY_S, STOP_S = 60.0, 10.0


class ProcessError(Exception):
    """A process did not do its part: says which and its last words."""


@dataclass
class Child:
    """A running command; what it logs goes to `log`."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self.process.poll() is None

    def first_line(self) -> str:
        """Wait for the line on stdout that says that it is ready. ProcessError where none comes."""
        stdout = self.process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], READY_S)
        line = stdout.readline().decode().strip() if ready else ""
        if not line:
            self.stop()
            raise ProcessError(f"the {self.name} did not start: {self.last_words()}")
        return line

    def check(self) -> None:
        """ProcessError where it has ended by itself."""
        if not self.alive:
            raise ProcessError(f"the {self.name} ended by itself: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no word from it"

    def stop(self) -> float:
        """Ask it to stop, as systemd would, and kill it where it does not; return the seconds it took."""
        start_s = time.monotonic()
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return time.monotonic() - start_s


def start(folder: Path, name: str, module: str, *arguments: str) -> Child:
    """Start `python -m module arguments`; its stderr goes to NAME.log in `folder`."""
    log = folder / f"{name}.log"
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,  # select() must see what a buffer would hide
            start_new_session=True,  # Ctrl-C is for whoever started it, who then stops them in order
        )
    return Child(name, process, log)


class Children:
    """Starts commands and stops them all at the end, however the end comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Child] = []
        self._caught: list[signal.Signals] = []

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start `python -m module arguments`; its stderr goes to NAME.log."""
        child = start(self.folder, name, module, *arguments)
        self._running.append(child)
        return child

    def running(self, name: str) -> list[Child]:
        """Return the living children of a name."""
        return [child for child in self._running if child.name == name and child.alive]

    def __enter__(self) -> "Children":
        # a kill or a closed terminal must not leave an agent behind; what nohup ignores stays ignored
        for ending in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(ending) is signal.SIG_DFL:
                signal.signal(ending, signal.default_int_handler)
                self._caught.append(ending)
        return self

    def __exit__(self, *_: object) -> None:
        for ending in self._caught:
            signal.signal(ending, signal.SIG_IGN)  # once is enough
        for child in reversed(self._running):
            child.stop()
        while self._caught:
            signal.signal(self._caught.pop(), signal.SIG_DFL)


def events(child: Child) -> list[dict[str, Any]]:
    """Return the JSON lines that `child` has printed since last asked, without waiting."""
    found = []
    stdout = child.process.stdout
    assert stdout is not None
    while select.select([stdout], [], [], 0)[0]:
        line = stdout.readline()
        if not line:
            break
        found.append(json.loads(line))
    return found


def children_of(pid: int) -> list[int]:
    """Return the processes that the main thread of a process has started, and that are there."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Return the resident set of a process, MB (10^6 bytes)."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used, in user and kernel mode."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_status(
    agent: Child, wanted: Callable[[Status], object] = bool, within_s: float = 120.0, every_s: float = 0.05
) -> Status:
    """Return the first status of an agent that is as wanted; its control.sock lies beside its log.

    ProcessError, with the last status and the whole log, where the agent ends before or none came in time.
    """
    status: Status = {}
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s and agent.alive:
        with contextlib.suppress(NotRunning):
            status = get(agent.log.parent / "control.sock", "/v1/status", of_any_form=True)
            if wanted(status):
                return status
        time.sleep(every_s)
    why = f"not as wanted within {within_s:g} s" if agent.alive else "ended by itself"
    raise ProcessError(f"the {agent.name}: {why}: {status}\n{agent.log.read_text(errors='replace')}")
