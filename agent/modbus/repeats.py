"""Log lines of a state that comes again and again: the first time, then a count once an hour. Pure."""

EVERY_S = 3600.0  # between two lines that say how often
MOST = 16  # lines that are remembered


class Repeats:
    """The lines that one source has logged, and how often each came since."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}  # when it was logged last, and how often it came since

    def again(self, said: str, now_s: float) -> str:
        """Return the line that is due: `said` at its first time, once an hour how often it came; else ""."""
        told_s, times = self._told.pop(said, (None, 0))
        if told_s is None:
            while len(self._told) >= MOST:
                del self._told[next(iter(self._told))]
            self._told[said] = now_s, 0
            return said
        if now_s - told_s < EVERY_S:
            self._told[said] = told_s, times + 1
            return ""
        self._told[said] = now_s, 0
        return f"{said} ({times + 1} times in the last {(now_s - told_s) / 60:.0f} min)"

    def forget(self) -> None:
        """Forget all lines: each is logged again when it comes next."""
        self._told.clear()
