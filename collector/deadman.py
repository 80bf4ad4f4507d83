"""The dead man's switch: an agent that says nothing is an alarm. Pure; times are passed in."""


class DeadMan:
    """Who was heard when, in seconds of any clock that does not step."""

    def __init__(self, silent_after_s: float) -> None:
        self.silent_after_s = silent_after_s
        self._heard_s: dict[str, float] = {}
        self._silent: set[str] = set()

    def expect(self, agent: str, now_s: float) -> None:
        """An agent that was heard before this collector started: it has the usual time to speak."""
        self._heard_s.setdefault(agent, now_s)

    def heard(self, agent: str, now_s: float) -> float | None:
        """Note a sign of life; return how long the agent was silent where that had been an alarm."""
        before_s = self._heard_s.get(agent, now_s)
        self._heard_s[agent] = now_s
        if agent not in self._silent:
            return None
        self._silent.discard(agent)
        return now_s - before_s

    def check(self, now_s: float) -> list[str]:
        """The agents that have become silent since the last check."""
        late = {agent for agent, t_s in self._heard_s.items() if now_s - t_s >= self.silent_after_s}
        found = sorted(late - self._silent)
        self._silent |= late
        return found

    @property
    def silent(self) -> list[str]:
        """The agents that are silent now."""
        return sorted(self._silent)

    def ages_s(self, now_s: float) -> dict[str, float]:
        """How long ago each agent was heard."""
        return {agent: now_s - t_s for agent, t_s in self._heard_s.items()}
