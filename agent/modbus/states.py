"""The states of a polled unit, and what leads from one to another: one table. Pure.

Theory. Two questions decide what a unit may be asked: whether it is known what it is, and what came of the
last request. Each answers with a row of states, and every state is in one cell.

              nothing is missing    it is being asked who it is    a reply is missing
not known     UNKNOWN               CONNECTING                     ABSENT
known         POLLING               PROVING, SUSPECTED             SILENT

    UNKNOWN -> CONNECTING -> POLLING <-> PROVING
       ^                       |^           |
       |                       v|           v
     ABSENT                  SILENT      SUSPECTED

A unit that did not answer is probed before it is asked anything else: ABSENT and SILENT are left only by the
answer to a probe. Whoever is back after that may be another one, which PROVING finds out by one mark of its
identity, and SUSPECTED by all of them, while the connection of before still holds. Values are asked for in
POLLING and PROVING; in PROVING they wait for the mark.

`Unit` holds the state in one field, and changes it by `after` alone; a pair that is not in the table is a
mistake in `Unit`, never the device's.
"""

from enum import Enum, auto


class State(Enum):
    """What a unit can be asked."""

    UNKNOWN = auto()  # nothing yet: a first conversation is to be begun
    CONNECTING = auto()  # what its first conversation needs
    ABSENT = auto()  # a probe: it did not answer, and nobody knows what it is
    POLLING = auto()  # the reads of its plan
    PROVING = auto()  # one mark of its identity, then the reads of its plan
    SUSPECTED = auto()  # what a first conversation needs: a mark was another one's
    SILENT = auto()  # a probe: it did not answer


class Event(Enum):
    """What happens to a unit."""

    ASKED_WHO = auto()  # a first conversation was begun, also once more
    ASKED_MARK = auto()  # a conversation about one mark was begun
    UNDERSTOOD = auto()  # it has said all of itself, and is what its profile describes
    VOUCHED = auto()  # its mark is as it was, or cannot be had now
    OTHER_KIND = auto()  # it is not what its profile describes
    BROKEN_OFF = auto()  # the conversation, if there was one, ended without a result
    LOST = auto()  # a request was not answered, or counts as such
    ANSWERED_PROBE = auto()
    CHANGED = auto()  # a factor or a count is another one: what it says is not understood any more


#: State -> event -> the state after it.
TABLE: dict[State, dict[Event, State]] = {
    State.UNKNOWN: {
        Event.ASKED_WHO: State.CONNECTING,
        Event.BROKEN_OFF: State.UNKNOWN,
        Event.LOST: State.ABSENT,
    },
    State.CONNECTING: {
        Event.ASKED_WHO: State.CONNECTING,
        Event.UNDERSTOOD: State.POLLING,
        Event.OTHER_KIND: State.UNKNOWN,
        Event.BROKEN_OFF: State.UNKNOWN,
        Event.LOST: State.ABSENT,
    },
    State.ABSENT: {
        Event.ANSWERED_PROBE: State.UNKNOWN,
        Event.BROKEN_OFF: State.ABSENT,
        Event.LOST: State.ABSENT,
    },
    State.POLLING: {
        Event.ASKED_MARK: State.PROVING,
        Event.CHANGED: State.UNKNOWN,
        Event.BROKEN_OFF: State.POLLING,
        Event.LOST: State.SILENT,
    },
    State.PROVING: {
        Event.ASKED_MARK: State.PROVING,
        Event.VOUCHED: State.POLLING,
        Event.ASKED_WHO: State.SUSPECTED,
        Event.CHANGED: State.UNKNOWN,
        Event.BROKEN_OFF: State.POLLING,
        Event.LOST: State.SILENT,
    },
    State.SUSPECTED: {
        Event.ASKED_WHO: State.SUSPECTED,
        Event.UNDERSTOOD: State.POLLING,
        Event.OTHER_KIND: State.UNKNOWN,
        Event.BROKEN_OFF: State.POLLING,
        Event.LOST: State.SILENT,
    },
    State.SILENT: {
        Event.ANSWERED_PROBE: State.POLLING,
        Event.CHANGED: State.ABSENT,
        Event.BROKEN_OFF: State.SILENT,
        Event.LOST: State.SILENT,
    },
}

KNOWN = frozenset({State.POLLING, State.PROVING, State.SUSPECTED, State.SILENT})
POLLED = frozenset({State.POLLING, State.PROVING})  # the reads of its plan are asked
CONVERSING = frozenset({State.CONNECTING, State.PROVING, State.SUSPECTED})
PROBED = frozenset({State.ABSENT, State.SILENT})


def after(state: State, event: Event) -> State:
    """Return the state that follows. KeyError: this event cannot be in this state."""
    return TABLE[state][event]
