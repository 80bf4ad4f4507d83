"""The live view on a real terminal: drawn once a second, keys read as they come, left as it was found."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from typing import Any

from agent.cli.common.letters import speaks_utf8
from agent.cli.common.tables import terminal
from agent.cli.live.frame import ScreenState, View, frame
from agent.cli.live.keys import Ask, keys_in, press, told
from agent.control.client import NotRunning, Refusal

DRAW_S = 1.0
HELD_AT_MOST_S = 300.0
FALLBACK = (80, 24)  # where the terminal does not know its size

Get = Callable[[str | None], View]  # of a unit, None: the worst
Post = Callable[[str, dict[str, Any]], Any]


class Terminal:
    """Shows what `get` returns until the person leaves; `post` asks the agent for something."""

    def __init__(self, get: Get, post: Post) -> None:
        self._get, self._post = get, post
        self._console = terminal()
        self._state = ScreenState(utf8=speaks_utf8())
        self._got_s = time.monotonic()
        self._view = get(None)  # raises NotRunning: without an agent there is nothing to show
        self._held: View | None = None
        self._held_s = 0.0

    def run(self) -> str:
        """Show until a key ends it; return "quit" or "plain"."""
        with _raw(sys.stdin.fileno()), self._console.screen(hide_cursor=True):
            while True:
                self._draw()
                ready, _, _ = select.select([sys.stdin], [], [], DRAW_S)
                if ready:
                    data = os.read(sys.stdin.fileno(), 1024).decode(errors="replace")
                    for key in keys_in(data) if data else ["q"]:  # the terminal has gone
                        if end := self._press(key):
                            return end
                self._look()

    def _press(self, key: str) -> str | None:
        was, unit = self._state.held_s, self._state.unit
        does = press(key, self._state, self._shown())
        if self._state.unit != unit:  # a picture that is held has no other unit in it
            self._state.held_s = None
            self._fetch()
        if self._state.held_s is not None and was is None:
            self._held, self._held_s = self._view, time.monotonic()
        if isinstance(does, Ask):
            try:
                self._state.said = told(does, self._post(does.resource, does.body))
                self._fetch()
            except (NotRunning, Refusal) as error:
                self._state.said = str(error)
            return None
        return does

    def _look(self) -> None:
        now_s = time.monotonic()
        if now_s - self._got_s >= self._view["refresh_s"] or self._state.lost_s is not None:
            self._fetch()
        if self._state.held_s is not None:
            self._state.held_s = now_s - self._held_s
            if self._state.held_s > HELD_AT_MOST_S or _new(self._view) - _new(self._held or self._view):
                self._state.held_s = None

    def _fetch(self) -> None:
        try:
            self._view, self._got_s = self._get(self._state.unit), time.monotonic()
            self._state.lost_s = None
        except NotRunning:
            self._state.lost_s = time.monotonic() - self._got_s

    def _shown(self) -> View:
        return self._held if self._held is not None and self._state.held_s is not None else self._view

    def _draw(self) -> None:
        self._state.age_s = 0.0 if self._state.held_s is not None else time.monotonic() - self._got_s
        width, height = _size()
        lines = frame(self._shown(), self._state, width, height)
        picture = ""
        for row, line in enumerate(lines, 1):
            with self._console.capture() as drawn:
                self._console.print(line, end="", soft_wrap=True)
            # erased first: afterwards the cursor may stand on the last character of a full line
            picture += f"\x1b[{row};1H\x1b[K{drawn.get()}"
        sys.stdout.write(picture)
        sys.stdout.flush()


def _size() -> tuple[int, int]:
    with contextlib.suppress(OSError):
        size = os.get_terminal_size(sys.stdout.fileno())
        if size.columns > 0 and size.lines > 0:
            return size.columns, size.lines
    return FALLBACK


def _new(view: View) -> set[str]:
    return {row["id"] for row in view["alarms"]["active"] if row["state"] == "NEW"}


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Read keys one by one; Ctrl-C is one of them, so that the terminal is always put back."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
