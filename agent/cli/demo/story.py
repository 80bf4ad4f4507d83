"""The files of the demo: a room of three units in which one cell fails, and the agent that watches it."""

from dataclasses import dataclass
from pathlib import Path

SHORTED_UNIT = "rack-c"
SHORTED_PLACE = "string1/module1/cell5"  # in the bench's rack
SHORTED_LOCATION = "cell5"  # the same cell as the unit's profile calls it
AT_SHORT = (SHORTED_LOCATION, "sensor2")  # and the sensor on it, which tells first
SHORT_OHM = 0.03  # a hard short: its heat is a certain rise within the demo's minute
CRITICAL_S = 20.0  # after it: 18 to 23 s in four runs (thermal-rate, thermal-slope)
OUTAGE_S = 6.0

ROOM = """\
# A real electric-vehicle pack replayed, a modelled rack on TCP, and a modelled rack on a 9600 baud line.
[[bus]]
name = "rs485"
baud = 9600
link = "{folder}/rs485"

[[unit]]
name = "rack-a"
transport = "tcp"
listen = "127.0.0.1:0"
unit_id = 1
profile = "sunspec-lithium-ion"
source = {{ recording = "ev_pack_car1" }}

[[unit]]
name = "rack-b"
transport = "tcp"
listen = "127.0.0.1:0"
unit_id = 1
profile = "sunspec-lithium-ion"
source = {{ rack = {{ strings = 1, modules = 4, cells = 14, seed = 2 }} }}

[[unit]]
name = "rack-c"
transport = "rtu"
bus = "rs485"
unit_id = 1
profile = "pace-rtu"
source = {{ rack = {{ strings = 1, modules = 1, cells = 16, seed = 3 }} }}

[[event]]
at_s = {short_s}
kind = "internal_short"
unit = "{unit}"
place = "{place}"
ohm = {ohm}
"""

AGENT = """\
[agent]
id = "demo"

[store]
path = "{folder}/buffer.db"

[control]
socket = "{folder}/control.sock"

[web]
listen = "127.0.0.1:0"

[upstream]
url = "{collector}"

[[bus]]
name = "tcp-a"
transport = "tcp"
host = "127.0.0.1"
port = {port_a}

[[bus]]
name = "tcp-b"
transport = "tcp"
host = "127.0.0.1"
port = {port_b}

[[bus]]
name = "rs485"
transport = "rtu"
device = "{folder}/rs485"
baud = 9600

[[unit]]
name = "rack-a"
bus = "tcp-a"
profile = "sunspec-lithium-ion"
chemistry = "NMC"

[[unit]]
name = "rack-b"
bus = "tcp-b"
profile = "sunspec-lithium-ion"
chemistry = "LFP"

[[unit]]
name = "rack-c"
bus = "rs485"
profile = "pace-rtu"
"""


@dataclass(frozen=True, slots=True)
class StoryTimes:
    """When things happen, in seconds since the bench began."""

    short_s: float
    outage_s: float
    outage_end_s: float
    end_s: float

    @classmethod
    def of(cls, seconds: int) -> "StoryTimes":
        """Spread the story over a demo of `seconds`."""
        outage_s = round(0.55 * seconds, 1)
        return cls(round(0.3 * seconds, 1), outage_s, outage_s + OUTAGE_S, float(seconds))


def write_room(folder: Path, times: StoryTimes) -> Path:
    """Write the bench's room file."""
    path = folder / "room.toml"
    path.write_text(
        ROOM.format(
            folder=folder, short_s=times.short_s, unit=SHORTED_UNIT, place=SHORTED_PLACE, ohm=SHORT_OHM
        )
    )
    return path


def write_agent(folder: Path, collector: str, ports: dict[str, int]) -> Path:
    """Write the agent's configuration; `ports` are the TCP ports by unit."""
    path = folder / "agent.toml"
    path.write_text(
        AGENT.format(
            folder=folder,
            collector=collector,
            port_a=ports["rack-a"],
            port_b=ports["rack-b"],
        )
    )
    return path
