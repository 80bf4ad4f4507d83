"""The serial devices of this machine, and which of them is its console."""

import os
from pathlib import Path

CONSOLE = Path("/proc/cmdline")
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
