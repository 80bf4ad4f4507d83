"""The first conversation with a unit: who it is, and what it will be asked from then on. Pure."""

from collections.abc import Generator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from drivers.connect import connect
from drivers.layout import Layout
from drivers.line import Line
from drivers.plan import Cut
from drivers.profile import Profile
from drivers.registers import Read, Reply

LAYOUT_PARTS = ("values", "plan", "guards", "identity", "notes")
_LAYOUTS: WeakValueDictionary[tuple[bytes, int, int], Layout] = WeakValueDictionary()


@dataclass(eq=False)
class Conversation:
    """What is asked of a unit before it is polled, as its profile says; begun anew when it may be another.

    read: what is to be asked next, or was asked last.
    """

    profile: Profile
    line: Line
    instance: int
    read: Read | None = None
    tries: int = 0  # of that read
    _talk: Generator[Read, Reply, Layout] | None = field(default=None, repr=False)

    @property
    def under_way(self) -> bool:
        """Whether it was begun, and has not ended."""
        return self._talk is not None

    def begin(self, cuts: frozenset[Cut]) -> Layout | None:
        """Begin; the layout at once where the profile leaves nothing to be asked. `cuts`: see `connect`."""
        self._talk = connect(self.profile, line=self.line, instance=self.instance, cuts=cuts)
        try:
            self.read = next(self._talk)
        except StopIteration as done:
            return self._over(done)
        return None

    def answered(self, reply: Reply) -> Layout | None:
        """Take an answer; return the layout after the last one. Raises ConnectError, IdentityMismatch."""
        assert self._talk is not None
        self.tries = 0
        try:
            self.read = self._talk.send(reply)
        except StopIteration as done:
            return self._over(done)
        return None

    def end(self) -> None:
        """Break off."""
        self._talk = None

    def _over(self, done: StopIteration) -> Layout:
        self._talk = None
        layout: Layout = done.value
        return layout


def shared(layout: Layout) -> Layout:
    """Return the layout of all units that say the same of themselves: it is much of their memory."""
    key = layout.profile_hash, layout.instance, layout.n
    known = _LAYOUTS.get(key)
    if known is None or any(getattr(known, part) != getattr(layout, part) for part in LAYOUT_PARTS):
        known = _LAYOUTS[key] = layout
    return known
