"""Telling the service manager: ready, alive, stopping. One datagram each (sd_notify(3)); silent without one.

The watchdog is fed only while every bus polls and the buffer's thread answers. A commit that fails is an
answer (a restart mends no full disk, and would lose what waits in memory); one that hangs is not.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping

log = logging.getLogger(__name__)

SEND_S = 0.5
STALLED_S = 60.0  # a bus that began no cycle for so long, and its shortest period, hangs
STATUS_S = 10.0  # between two status lines, where no watchdog wants them more often


class Notifier:
    """The service manager of this process, if the environment names one."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # a leading @ is the kernel's abstract name space (unix(7)); other families than unix are not for us
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        usec = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(usec) / 1e6 if usec.isdecimal() and ours else None

    def send(self, *lines: str) -> None:
        """Send `lines` such as "READY=1"; what cannot be sent is not worth an agent."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_S)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("the service manager cannot be told %s: %s", lines[0], error)


class Stall:
    """Notices buses whose count of cycles stands still for longer than their limit."""

    def __init__(self, limits_s: Mapping[str, float]) -> None:
        self._limits_s = limits_s
        self._moved: dict[str, tuple[int, float]] = {}

    def stalled(self, cycles: Mapping[str, int], now_s: float) -> list[str]:
        """Take every bus's count of cycles at `now_s`; return the names of those that hang."""
        for bus, count in cycles.items():
            if self._moved.get(bus, (-1, now_s))[0] != count:
                self._moved[bus] = (count, now_s)
        return [bus for bus, (_, since_s) in self._moved.items() if now_s - since_s > self._limits_s[bus]]


def limit_s(periods_s: Iterable[float]) -> float:
    """Return after how long without a cycle a bus with units of these periods hangs."""
    return STALLED_S + min(periods_s, default=0.0)


async def feed(
    notifier: Notifier,
    stall: Stall,
    cycles: Callable[[], Mapping[str, int]],
    answer: Callable[[], Awaitable[object]],
    summary: Callable[[], str],
    now_s: Callable[[], float],
) -> None:
    """Feed the watchdog, and say in one line how things are, until cancelled.

    `answer` returns once the buffer's thread has done what it was asked before.
    """
    said: list[str] = []
    while True:
        await answer()
        hanging = stall.stalled(cycles(), now_s())
        if hanging != said:
            log.error("buses that hang: %s", ", ".join(hanging) or "none any more")
            said = hanging
        if not hanging:
            notifier.send("WATCHDOG=1", f"STATUS={_said(summary)}")
        await asyncio.sleep(notifier.watchdog_s / 3 if notifier.watchdog_s else STATUS_S)


def _said(summary: Callable[[], str]) -> str:
    """Return the line; whatever goes wrong with it, the watchdog is fed."""
    try:
        return summary()
    except Exception:
        log.exception("the line for the service manager")
        return "not known, see the log"
