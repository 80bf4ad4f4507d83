"""Whether the other end of a connection still answers on it. Pure.

A connection whose other end vanished without a word never fails by itself. It is ended, beside what the
kernel finds out while it is idle, by unanswered requests in a row, over a time in which a line that loses
replies brings one.
"""

UNANSWERED_MOST = 3


class Hearing:
    """What came on one connection. silent_s: the least time without an answer that ends it."""

    def __init__(self, silent_s: float) -> None:
        self._silent_s = silent_s
        self._unanswered, self._since_s = 0, 0.0

    def heard(self, now_s: float) -> None:
        """Note an answer, or that the connection was made."""
        self._unanswered, self._since_s = 0, now_s

    def missed(self, now_s: float) -> str:
        """Note an unanswered request; return why the connection is to be made anew, or ""."""
        self._unanswered += 1
        if self._unanswered < UNANSWERED_MOST or now_s - self._since_s < self._silent_s:
            return ""
        return f"{self._unanswered} requests unanswered"
