"""What a gateway may still have to do: it waits on its line for who is dead, and others wait behind. Pure.

Theory. Units behind a gateway share a line that it serves in order. For a unit that is dead it waits (1 s is
usual), and says exception 11 then, or nothing; whoever asks waits for a shorter time, and takes the unit for
silent before the gateway does. What is asked meanwhile lies in the gateway, and its answer comes when the
line has come to it. So each question without an answer counts, until an answer to it or to a later one says
that the line is beyond it: with WAITS_S, or with what the line was seen to need. A gateway that does not
wait answers whoever lives at once, and nothing counts.
"""

from collections import deque
from math import inf

USUALLY_S = 1.0  # what most wait for a dead unit
WAITS_S = 1.5 * USUALLY_S  # taken for it where nothing was seen yet
ROOM = 1.25  # what is seen is taken for so much, for a gateway's own overhead
ROUNDING_S = 1e-3
SLOW_S = 0.3  # an answer behind something unanswered that takes so long has waited for the line
SOON_S = 0.6  # one that comes at once, so soon behind a question for who is dead, shows that nobody waits


class Backlog:
    """The questions that a gateway may still wait for, one for each of its units at most. All times are
    CLOCK_BOOTTIME, s.
    """

    def __init__(self, units: int) -> None:
        self.waited_s = -inf  # when it was last seen to wait for somebody,
        self.waits_s = WAITS_S  # and for how long it may
        self.at_once = False  # it was seen not to wait
        self._asked: deque[float] = deque(maxlen=units)  # when they were asked, in order
        self._reached_s = -inf  # when the line was seen to have come to the first of them

    @property
    def free_s(self) -> float:
        """When the line has done all of it, by then."""
        if not self._asked:
            return -inf
        return max(self._asked[0], self._reached_s) + self.waits_s * len(self._asked)

    def unanswered(self, asked_s: float, *, lost: bool) -> None:
        """Note that a question has had no answer within its time-out.

        lost: it and those before may have got lost: the unit has answered, and nobody was seen to wait.
        """
        if lost:
            self._asked.clear()
        self._asked.append(asked_s)

    def answered(self, asked_s: float, now_s: float, *, late: bool = False, dead: bool = False) -> None:
        """Note an answer. dead: it is the gateway's own, and in time: the unit is dead."""
        if dead:
            self._asked.append(asked_s)
        done = sum(at_s <= asked_s + ROUNDING_S for at_s in self._asked)
        if done and now_s - asked_s >= SLOW_S:
            busy_s = now_s - max(self._asked[0], self._reached_s)
            self.waited_s, self.waits_s, self.at_once = now_s, ROOM * busy_s / done, False
        elif done and now_s - self._asked[done - 1] < SOON_S:
            self.at_once = True
        elif late:  # behind more than is kept
            least_s = (now_s - asked_s) / (self._asked.maxlen or 1)
            self.waited_s, self.waits_s = now_s, max(self.waits_s, ROOM * least_s)
        for _ in range(done):
            self._asked.popleft()
        self._reached_s = now_s

    def forget(self) -> None:
        """Note that the connection is a new one: nobody waits for what was asked on the one before."""
        self._asked.clear()
