"""What each key does to the view. Pure: it returns what the agent is to be asked for, if anything."""

from collections.abc import Callable
from typing import Any, NamedTuple

from agent.cli.live.frame import ScreenState, View, alarm_rows
from agent.view.find import find
from agent.view.language import tell, tr
from agent.view.page.acts import waiting

UP, DOWN, BACK_TAB, ESCAPE, ENTER, BACKSPACE = "up", "down", "back tab", "escape", "enter", "backspace"
_SEQUENCES = {"\x1b[A": UP, "\x1b[B": DOWN, "\x1bOA": UP, "\x1bOB": DOWN, "\x1b[Z": BACK_TAB}
_NAMES = {"\x1b": ESCAPE, "\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE}
PAGES = {"a": "alarms", "o": "units", "c": "cells", "l": "links", "?": "help"}
ANSWERS = {"k": "acknowledge", "s": "shelve", "u": "unshelve"}
SEVERAL = {"C": "cause", "U": "unit", "A": ""}  # acknowledged together: what they share with the chosen one
SHELVE_MINUTES = 60
LONGEST = 40  # letters to find something by


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
        _type(key, state, view)
    elif key in ENDS:
        return ENDS[key]
    elif key in CHANGES:
        CHANGES[key](state, view)
    elif key in PAGES:
        state.page = "main" if state.page == PAGES[key] else PAGES[key]
        state.top = state.chosen = 0
    elif key in ANSWERS and state.page == "alarms":
        return _answer(ANSWERS[key], state, view)
    elif key in SEVERAL and state.page == "alarms":
        return _acknowledge(SEVERAL[key], state, view)
    return None


def _hold(state: ScreenState, _view: View) -> None:
    state.held_s = 0.0 if state.held_s is None else None


def _find(state: ScreenState, _view: View) -> None:
    state.find, state.page = "", "main"


def _step(by: int) -> Callable[[ScreenState, View], None]:
    """Return what opens another unit, so many tiles on."""

    def step(state: ScreenState, view: View) -> None:
        names = _names(view)
        if names:
            state.unit, state.found = names[(names.index(view["open"]) + by) % len(names)], None

    return step


def _names(view: View) -> list[str]:
    """Return the units, worst first."""
    return [tile["name"] for tile in view["tiles"]]


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
    "\t": _step(1),
    BACK_TAB: _step(-1),
    ESCAPE: _back,
    UP: _up,
    DOWN: _down,
}


def _type(key: str, state: ScreenState, view: View) -> None:
    assert state.find is not None
    if key == BACKSPACE:
        state.find = state.find[:-1]
    elif key == ENTER:
        _open(state, view)
    elif key == ESCAPE:
        state.find = None
    elif key.isprintable() and len(key) == 1 and len(state.find) < LONGEST:
        state.find += key


def _open(state: ScreenState, view: View) -> None:
    """Open what was typed, and say so where there is no such unit."""
    typed, state.find = state.find or "", None
    found = find(typed, _names(view), view["open"], [tile["title"] for tile in view["tiles"]])
    if found:
        state.unit, state.found = found
    elif typed:
        state.said = tell("no unit is called {typed!r}; o lists them all", typed=typed)


def _answer(what: str, state: ScreenState, view: View) -> Ask | None:
    rows = alarm_rows(view)
    if not rows:
        return None
    chosen = rows[min(state.chosen, len(rows) - 1)]
    body: dict[str, Any] = {"alarm": chosen["id"]}
    if what == "acknowledge":
        body["seen"] = chosen["seen"]  # and not what it became meanwhile
    if what == "shelve":
        body |= {"minutes": SHELVE_MINUTES, "why": "from the live view"}
    return Ask(f"/v1/alarms/{what}", body)


def _acknowledge(shared: str, state: ScreenState, view: View) -> Ask | None:
    """Acknowledge what waits among the alarms on the screen, as each was shown there, and nothing else."""
    rows = alarm_rows(view)
    chosen = rows[min(state.chosen, len(rows) - 1)] if rows else {}
    those = [row for row in waiting(rows) if row["id"] in state.on_screen]
    meant = [row for row in those if not shared or row[shared] == chosen[shared]]
    if not meant:
        state.said = tr("none of them waits to be acknowledged")
        return None
    shown = [{"id": row["id"], "seen": state.on_screen[row["id"]]} for row in meant]
    return Ask("/v1/alarms/acknowledge", {"alarms": shown})


def told(does: Ask, answer: dict[str, Any]) -> str:
    """Return what came of something that the agent was asked for."""
    if "alarms" not in does.body:
        return tell("{what}: done, and recorded as yours", what=tr(does.resource.rpartition("/")[2]))
    each = answer.get("acknowledged", [])
    left = "; ".join(f"{one['id']}: {one['why']}" for one in each if one["why"])
    said = tell("{n} acknowledged, recorded as yours", n=sum(not one["why"] for one in each))
    return f"{said}. {tell('NOT acknowledged: {left}', left=left)}" if left else said
