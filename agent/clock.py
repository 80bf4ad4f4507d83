"""Time on a box without a clock battery.

Everything is ordered by boot id and CLOCK_BOOTTIME, which neither steps nor sleeps; UTC is attached beside
it, with the kernel's word on whether it was synchronised.
"""

import ctypes
import ctypes.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
NEVER_SET_NS = 1_767_225_600 * 10**9  # 2026-01-01, before our first release: says a clock less, nobody set it
OFFSET_STEP_NS = 500_000_000  # what NTP slews away is no step (ntpd steps from 128 ms, chrony from 1 s)
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
SYNCHRONISED_FOR_NS = 10**9  # the kernel is asked no more often: it knows what a time service said last
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux; zeroed, modes = 0 only reads


def never_set(utc_s: float) -> bool:
    """Whether nobody set a clock that says so: a box without a battery boots in 1970 or at its last stop."""
    return utc_s < NEVER_SET_NS / 1e9


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant, as this boot and as the world counts it."""

    boottime_ns: int
    utc_ns: int
    synchronised: bool
    simulated: bool = False


class Clock:
    """The clocks of this boot."""

    scale = 1.0  # how many of its seconds pass in one: more than one where time is simulated

    def __init__(self) -> None:
        self.boot_id = UUID(BOOT_ID_FILE.read_text().strip()).bytes
        self._libc = ctypes.PyDLL(None)  # which keeps the GIL: this call does not wait
        self._timex = ctypes.create_string_buffer(_TIMEX_BYTES)
        self._synchronised, self._ask_ns = False, 0

    def boottime_s(self) -> float:
        """Seconds since this boot, suspended time included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def synchronised(self) -> bool:
        """Whether the kernel's clock is disciplined by a time service (adjtimex(2))."""
        ctypes.memset(self._timex, 0, _TIMEX_BYTES)
        state: int = self._libc.adjtimex(self._timex)
        return 0 <= state < TIME_ERROR

    def stamp(self) -> Stamp:
        """Now."""
        boottime_ns, utc_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
        if boottime_ns >= self._ask_ns:
            self._synchronised, self._ask_ns = self.synchronised(), boottime_ns + SYNCHRONISED_FOR_NS
        return Stamp(boottime_ns, utc_ns, self._synchronised)


@dataclass(frozen=True, slots=True)
class Passed:
    """How much time has passed between two stamps: so long where that is `sure`, else at least so long."""

    seconds: float
    sure: bool


def passed(then: Stamp, then_boot: bytes, now: Stamp, now_boot: bytes) -> Passed:
    """Return the time between two stamps of which `now` is the later.

    Within a boot the boot's clock knows. From boot to boot UTC does, where it was synchronised both times;
    else it is at least the time since this boot, and what a clock with a battery, or one that never goes back
    (fake-hwclock, systemd-timesyncd), says.
    """
    if then_boot == now_boot:
        seconds = (now.boottime_ns - then.boottime_ns) / 1e9
        return Passed(max(seconds, 0.0), sure=seconds >= 0.0)  # simulated time may have run ahead
    up_s, seconds = now.boottime_ns / 1e9, (now.utc_ns - then.utc_ns) / 1e9
    sure = then.synchronised and now.synchronised and seconds >= up_s
    return Passed(max(seconds, up_s), sure)


class OffsetWatch:
    """When UTC less boot time is worth a record: once it is known, and when the clock was set again. Pure.

    The record is true for the whole boot, whatever the stamps of its first frames say.
    """

    def __init__(self, boot_id: bytes, told_ns: int | None) -> None:
        self._boot_id, self._told_ns = boot_id, told_ns

    def offer(self, stamp: Stamp) -> dict[str, Any] | None:
        """Return a record for the wire, or None."""
        offset_ns = stamp.utc_ns - stamp.boottime_ns
        if not stamp.synchronised:
            return None
        if self._told_ns is not None and abs(offset_ns - self._told_ns) < OFFSET_STEP_NS:
            return None
        self._told_ns = offset_ns
        return {
            "kind": "clock_offset",
            "boot_id": self._boot_id,
            "boottime_ns": stamp.boottime_ns,
            "offset_ns": offset_ns,
        }
