"""Simulated time, for the bench alone: the agent's clock runs N times faster, and so does its polling.

Every frame says so (`Stamp.simulated`). What goes over a wire keeps its real time-outs. Time that is not real
must never meet what is: a real serial device or anything beyond this machine is refused.
"""

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from agent.clock import Clock, Stamp
from agent.config.tables import Config
from agent.keys.values import RoomOutput
from agent.wire.hosts import is_loopback


def refusals(config: Config) -> list[str]:
    """Everything that is too real for simulated time, one line each."""
    found = []
    for bus in config.bus:
        if real := bus.endpoint.too_real():
            found.append(f"[[bus]] {bus.name} {real}")
    for upstream in config.upstream:
        if not is_loopback(urlsplit(upstream.url).hostname or ""):
            found.append(f"[[upstream]] {upstream.name} url: {upstream.url} is not this machine")
    found += [f"[{name}]: would tell a real room" for name, table in config if isinstance(table, RoomOutput)]
    return [f"{line}; simulated time is for a bench on this very machine" for line in found]


class SimulatedClock(Clock):
    """`scale` times faster than this boot's clock since it was `since_s`.

    `bench` is a JSON file in which a bench says `since_s`, and how far the calendar is off, `utc_offset_s`;
    it is read again whenever it is replaced.
    """

    def __init__(self, scale: float, bench: Path | None = None) -> None:
        super().__init__()
        self.scale = scale
        self._bench, self._read_ns = bench, 0
        self._since_s, self._utc_offset_s = super().boottime_s(), 0.0
        self._read_bench()
        self._utc_since_s = time.time() - (super().boottime_s() - self._since_s)

    def boottime_s(self) -> float:
        """Simulated seconds since this boot."""
        return self._since_s + self.scale * (super().boottime_s() - self._since_s)

    def stamp(self) -> Stamp:
        """Now, as simulated."""
        self._read_bench()
        now_s = self.boottime_s()
        utc_s = self._utc_since_s + now_s - self._since_s + self._utc_offset_s
        return Stamp(int(1e9 * now_s), int(1e9 * utc_s), self.synchronised(), simulated=True)

    def _read_bench(self) -> None:
        if self._bench is None:
            return
        changed_ns = self._bench.stat().st_mtime_ns
        if changed_ns != self._read_ns:
            said = json.loads(self._bench.read_text())
            self._since_s, self._utc_offset_s = said["since_s"], said["utc_offset_s"]
            self._read_ns = changed_ns
