"""What each key does to the view. Pure: it returns what the agent is to be asked for, if anything."""

from collections.abc import Callable
from typing import Any, NamedTuple

from agent.cli.live.frame import ScreenState, View

UP, DOWN, ESCAPE, ENTER, BACKSPACE = "up", "down", "escape", "enter", "backspace"
_SEQUENCES = {"\x1b[A": UP, "\x1b[B": DOWN, "\x1bOA": UP, "\x1bOB": DOWN}
_NAMES = {"\x1b": ESCAPE, "\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE}
PAGES = {"a": "alarms", "c": "cells", "l": "links", "?": "help"}
ANSWERS = {"k": "acknowledge", "s": "shelve", "u": "unshelve"}
SHELVE_MINUTES = 60


class Ask(NamedTuple):
    """Something that only the agent can do: a resource of its control socket, and the body."""

    resource: str
    body: dict[str, Any]


def keys_in(data: str) -> list[str]:
    """Return the keys that a terminal sent."""
    found = []
    while data:
        for sequence, name in _SEQUENCES.items():
            if data.startswith(sequence):
                found.append(name)
                data = data[len(sequence) :]
                break
        else:
            found.append(_NAMES.get(data[0], data[0]))
            data = data[1:]
    return found


def press(key: str, state: ScreenState, view: View) -> Ask | str | None:
    """Change `state`; return "quit", "plain", an Ask, or None."""
    state.said = ""
    if state.find is not None:
        _type(key, state)
    elif key in ENDS:
        return ENDS[key]
    elif key in CHANGES:
        CHANGES[key](state, view)
    elif key in PAGES:
        state.page = "main" if state.page == PAGES[key] else PAGES[key]
        state.top = state.chosen = 0
    elif key in ANSWERS and state.page == "alarms":
        return _answer(ANSWERS[key], state, view)
    return None


def _hold(state: ScreenState, _view: View) -> None:
    state.held_s = 0.0 if state.held_s is None else None


def _find(state: ScreenState, _view: View) -> None:
    state.find, state.page = "", "main"


def _next_unit(state: ScreenState, view: View) -> None:
    state.unit, state.found = (state.unit + 1) % max(len(view["units"]), 1), None


def _back(state: ScreenState, _view: View) -> None:
    state.page, state.found = "main", None


def _up(state: ScreenState, _view: View) -> None:
    state.top, state.chosen = max(state.top - 1, 0), max(state.chosen - 1, 0)


def _down(state: ScreenState, _view: View) -> None:
    state.top, state.chosen = state.top + 1, state.chosen + 1


ENDS = {"q": "quit", "\x03": "quit", "p": "plain"}
CHANGES: dict[str, Callable[[ScreenState, View], None]] = {
    " ": _hold,
    "/": _find,
    "\t": _next_unit,
    ESCAPE: _back,
    UP: _up,
    DOWN: _down,
}


def _type(key: str, state: ScreenState) -> None:
    assert state.find is not None
    if key.isdecimal() and len(state.find) < 5:
        state.find += key
    elif key == BACKSPACE:
        state.find = state.find[:-1]
    elif key == ENTER:
        state.found, state.find = int(state.find) if state.find else None, None
    elif key == ESCAPE:
        state.find = None


def _answer(what: str, state: ScreenState, view: View) -> Ask | None:
    rows = [*view["alarms"]["active"], *view["alarms"]["over"]]
    if not rows:
        return None
    body: dict[str, Any] = {"alarm": rows[min(state.chosen, len(rows) - 1)]["id"]}
    if what == "shelve":
        body |= {"minutes": SHELVE_MINUTES, "why": "from the live view"}
    return Ask(f"/v1/alarms/{what}", body)
