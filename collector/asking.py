"""Which schemas an agent is asked for. Pure; times are passed in."""

from collections.abc import Iterable, Sequence

AGAIN_S = 60.0


class Asking:
    """A schema that came and cannot be used is asked for once a minute: it may be mended meanwhile."""

    def __init__(self) -> None:
        self._asked_s: dict[tuple[str, bytes | None], float] = {}

    def refused(self, agent: str, digests: Iterable[bytes | None], now_s: float) -> None:
        """Note schemas that cannot be used; None: one without a hash."""
        self._asked_s = {key: t_s for key, t_s in self._asked_s.items() if now_s - t_s < 2 * AGAIN_S}
        for digest in digests:
            self._asked_s.setdefault((agent, digest), now_s)

    def due(self, agent: str, wanted: Sequence[bytes], now_s: float) -> list[bytes]:
        """Of what is wanted what to ask for now."""
        due, asked = [], set()
        for digest in wanted:
            keys = {(agent, digest), (agent, None)} & self._asked_s.keys()
            if all(now_s - self._asked_s[key] >= AGAIN_S for key in keys):
                due.append(digest)
                asked |= keys
        self._asked_s.update(dict.fromkeys(asked, now_s))
        return due
