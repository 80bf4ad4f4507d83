"""The serial devices of this machine, which of them is its console, and who holds one now."""

import os
from pathlib import Path

CONSOLE = Path("/proc/cmdline")
LOCKS = Path("/proc/locks")
# Names of serial devices of boards and adapters; ttyS* are mostly ports that no machine has any more.
SERIAL_NAMES = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttySC*", "ttymxc*", "ttyO*")


def serial_devices(folder: Path = Path("/dev")) -> list[str]:
    """Return the serial devices of this machine, those of adapters first."""
    return [str(path) for pattern in SERIAL_NAMES for path in sorted(folder.glob(pattern))]


def console_of(device: str, cmdline: Path = CONSOLE) -> bool:
    """Whether the kernel's console is on this device: what is sent there would go to whoever logs in."""
    try:
        words = cmdline.read_text().split()
    except OSError:
        return False
    name = os.path.basename(os.path.realpath(device))
    return any(word.removeprefix("console=").split(",")[0] == name for word in words if "console=" in word)


def holder(device: str, locks: Path = LOCKS) -> tuple[int, str] | None:
    """Return process id and name of who holds the device's lock; None where nobody, or nobody can say.

    Whoever opens a serial device exclusively, as pyserial and the agent do, has it locked (flock).
    """
    try:
        state = os.stat(device)
        lines = locks.read_text().splitlines()
    except OSError:
        return None
    wanted = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    for line in lines:
        fields = line.split()
        if wanted in fields and "FLOCK" in fields:
            pid = int(fields[4])
            return pid, _name(pid)
    return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "another user's process"
