"""All that a plan reads, asked once: what is refused in halves, until what the unit lacks is found. Sans-I/O.

asking = Asking(plan)
while read := asking.read:
    reply = ask(read)
    asking.take(reply, refused=reply.quality is Quality.REFUSED)
image = asking.image()
"""

from collections import deque
from collections.abc import Iterable

from drivers.halves import Cut, cut_before, halves, parted
from drivers.layout import Image
from drivers.plan import ReadPlan
from drivers.registers import Read, Reply
from drivers.values import Span


class Asking:
    """What is left to be asked of a plan, and what has come.

    plan: with its reads apart where the unit refused them, once nothing is left. indices: of the reads to
    ask, all of them if not said.
    """

    def __init__(self, plan: ReadPlan, indices: Iterable[int] | None = None) -> None:
        self.plan = plan
        #: Read of the plan, what of it, and whether the other half is to be asked first, before it is halved.
        self._left = deque((i, plan.spans[i], False) for i in (plan.order if indices is None else indices))
        self._said: dict[int, Reply] = {}  # by read of the plan
        self._of_pieces: dict[Span, Reply] = {}
        self._cuts: set[Cut] = set()

    @property
    def read(self) -> Read | None:
        """What is to be asked next; None: nothing is left."""
        return self.plan.read_of(self._left[0][1]) if self._left else None

    def take(self, reply: Reply, *, refused: bool) -> str:
        """Take the answer to `read`; return what is done about it where it is `refused`, in words."""
        index, span, waits = self._left.popleft()
        pieces = halves(span, self.plan.needs) if refused else None
        if pieces:
            self._cuts.add(cut_before(pieces[1]))
            for at, piece in enumerate(pieces, start=int(waits)):
                self._left.insert(at, (index, piece, piece is pieces[0]))
        elif span == self.plan.spans[index]:
            self._said[index] = reply
        else:
            self._of_pieces[span] = reply
        if self._cuts and not self._left:
            self._take_apart()
        return parted(span, pieces) if pieces else ""

    def image(self) -> Image:
        """Return the words that have come, in their places of `plan`."""
        if self._cuts:
            self._take_apart()  # given up in the middle
        image = Image(self.plan)
        for index, reply in self._said.items():
            image.store(index, reply)
        return image

    def _take_apart(self) -> None:
        """Go on with a plan whose reads are apart, and with what is known of it.

        Where factors are read round their values, an answer of before is of no use: all is asked anew.
        """
        known = {self.plan.spans[i]: reply for i, reply in self._said.items()} | self._of_pieces
        self.plan = self.plan.apart(self._cuts)
        self._said, self._of_pieces, self._cuts = {}, {}, set()
        if any(self.plan.again):
            self._left = deque((i, self.plan.spans[i], False) for i in self.plan.order)
        else:
            self._said = {i: known[span] for i, span in enumerate(self.plan.spans) if span in known}
