"""Time on a box without a clock battery.

Everything is ordered by boot id and CLOCK_BOOTTIME, which neither steps nor sleeps; UTC is attached beside
it, with the kernel's word on whether it was synchronised.
"""

import ctypes
import ctypes.util
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux; zeroed, modes = 0 only reads


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant, as this boot and as the world counts it."""

    boottime_ns: int
    utc_ns: int
    synchronised: bool


class Clock:
    """The clocks of this boot."""

    def __init__(self) -> None:
        self.boot_id = UUID(BOOT_ID_FILE.read_text().strip()).bytes
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timex = ctypes.create_string_buffer(_TIMEX_BYTES)

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
        return Stamp(
            boottime_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            utc_ns=time.time_ns(),
            synchronised=self.synchronised(),
        )
