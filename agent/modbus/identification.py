"""Conversations with a unit: who it is and what it will be asked, or whether it is still the same. Pure."""

from collections.abc import Generator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from agent.modbus.sameness import Said
from drivers.connect import connect, prove
from drivers.identity import told
from drivers.layout import Layout
from drivers.line import Line
from drivers.plan import Cut
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

LAYOUT_PARTS = ("values", "plan", "guards", "identity", "notes", "marks")
_LAYOUTS: WeakValueDictionary[tuple[bytes, int, int], Layout] = WeakValueDictionary()


@dataclass(eq=False)
class Conversation:
    """What a unit is asked before it is polled, as its profile says; or one mark of its identity, later on.

    read: what is to be asked next, or was asked last. proves: the label of that mark; "" in a first talk.
    """

    profile: Profile
    line: Line
    instance: int
    read: Read | None = None
    tries: int = 0  # of that read
    proves: str = ""
    _talk: Generator[Read, Reply, Layout | Said] | None = field(default=None, repr=False)

    def begin(self, cuts: frozenset[Cut]) -> Layout | None:
        """Begin; the layout at once where the profile leaves nothing to be asked. `cuts`: see `connect`."""
        self.proves = ""
        layout = self._go_on(connect(self.profile, line=self.line, instance=self.instance, cuts=cuts), None)
        assert not isinstance(layout, Said)
        return layout

    def prove(self, layout: Layout, after: str = "") -> bool:
        """Begin to ask for the best mark that the unit gave of itself, or for the next one `after` another;
        False where there is none.
        """
        given = [mark for mark in layout.marks if told(layout.identity.get(mark.value.label, ""))]
        labels = [mark.value.label for mark in given]
        rest = given[labels.index(after) + 1 :] if after in labels else given
        if rest:
            self.proves = rest[0].value.label
            self._go_on(prove(self.profile, layout, self.line, rest[0]), None)
        return bool(rest)

    def answered(self, reply: Reply) -> Layout | Said | None:
        """Take an answer; return the layout, or what the mark says, after the last one.

        Raises ConnectError, IdentityMismatch.
        """
        assert self._talk is not None
        return self._go_on(self._talk, reply)

    def _go_on(
        self, talk: Generator[Read, Reply, Layout | Said], reply: Reply | None
    ) -> Layout | Said | None:
        self._talk, self.tries = talk, 0
        try:
            self.read = next(talk) if reply is None else talk.send(reply)
        except StopIteration as done:
            self._talk = None
            said: Layout | Said = done.value
            return said
        return None


def shared(layout: Layout) -> Layout:
    """Return the layout of all units that say the same of themselves: it is much of their memory."""
    key = layout.profile_hash, layout.instance, layout.n
    known = _LAYOUTS.get(key)
    if known is None or any(getattr(known, part) != getattr(layout, part) for part in LAYOUT_PARTS):
        known = _LAYOUTS[key] = layout
    return known
