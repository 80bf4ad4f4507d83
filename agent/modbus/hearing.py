"""Whether the other end of a connection still answers on it. Pure.

A connection whose other end vanished without a word never fails by itself. It is ended, beside what the
kernel finds out while it is idle, by unanswered requests in a row, over a time in which a line that loses
replies brings one. Units that have not answered on this connection may be dead, and a gateway waits for each:
where they alone were asked, a new connection would begin all that anew, and their answers come on this one.
"""

from agent.modbus.backlog import USUALLY_S

UNANSWERED_MOST = 3


class Hearing:
    """What came on one connection. silent_s: the least time without an answer that ends it."""

    def __init__(self, silent_s: float) -> None:
        self._silent_s = silent_s
        self._unanswered, self._since_s = 0, 0.0
        self._there, self._missed = set[int](), set[int]()  # unit ids

    def begin(self, now_s: float) -> None:
        """Note that the connection was made."""
        self._there.clear()
        self._again(now_s)

    def heard(self, now_s: float, unit_id: int = 0) -> None:
        """Note an answer. unit_id: who was asked; 0: that is not known."""
        self._there.add(unit_id)
        self._again(now_s)

    def _again(self, now_s: float) -> None:
        self._unanswered, self._since_s = 0, now_s
        self._missed.clear()

    def missed(self, now_s: float, unit_id: int = 0) -> str:
        """Note an unanswered request; return why the connection is to be made anew, or ""."""
        self._unanswered += 1
        self._missed.add(unit_id)
        strangers = 0 if self._missed & self._there else len(self._missed) - 1
        silent_s = self._silent_s + USUALLY_S * strangers
        if self._unanswered < UNANSWERED_MOST or now_s - self._since_s < silent_s:
            return ""
        return f"{self._unanswered} requests unanswered"
