"""What questions of identity may cost a line: an account of their time, shared by its units. Pure.

Each mark that is lost costs a time-out, and each silence is a reason for one: with many units and four in ten
replies lost, they would take a tenth of a line that is short of time already. So a unit whose line loses
replies is asked only while the account is not empty. What it misses is asked once there is time again.
"""

SHARE = 0.03  # of the line's time; with what is saved, and what other units may, a twentieth of ten minutes
SAVED_S = 3.0


class IdentityShare:
    """The account of one line."""

    def __init__(self, now_s: float) -> None:
        self._saved_s, self._at_s = SAVED_S, now_s

    def spend(self, seconds: float, now_s: float) -> None:
        """Note what a question has taken of the line."""
        self._grow(now_s)
        self._saved_s -= seconds

    def allows(self, now_s: float) -> bool:
        """Whether there is time for another one."""
        self._grow(now_s)
        return self._saved_s >= 0.0

    def _grow(self, now_s: float) -> None:
        self._saved_s = min(SAVED_S, self._saved_s + SHARE * (now_s - self._at_s))
        self._at_s = now_s
