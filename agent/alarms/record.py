"""The record of an alarm, as it goes to disk, to people and onto the wire."""

from dataclasses import dataclass
from typing import Any

from agent.clock import Stamp
from agent.detect.alarms.states import AlarmEvent, AlarmState, called, with_colon, without_colon
from agent.detect.explanations.said import Said
from agent.detect.table import CRITICAL


class NoSuchAlarm(Exception):
    """There is no alarm of this name; it may be over already."""


@dataclass(frozen=True, slots=True)
class AlarmId:
    """What people call an alarm by, "UNIT:WHAT:WHERE": the unit ("" for the agent and the site), and the name
    within it: a detector, or a point and its bit or number, and the place ("" for a whole unit).
    """

    unit: str
    name: str

    def __str__(self) -> str:
        return f"{without_colon(self.unit)}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "AlarmId":
        """Read one back; NoSuchAlarm where it cannot be one."""
        unit, _, name = text.partition(":")
        if ":" not in name:
            raise NoSuchAlarm(f"{text!r} is no alarm; they are called UNIT:DETECTOR:LOCATION")
        return cls(with_colon(unit), name)


def record_of(unit: str, event: AlarmEvent, stamp: Stamp, label: str = "") -> dict[str, Any]:
    """The record of a detector's event about a unit, at the time of the frame that it was found in; `label`:
    what people call the unit.
    """
    said = event.to_plain()
    return {
        "kind": "alarm",
        "id": str(AlarmId(unit, said.pop("name"))),
        "boottime_ns": stamp.boottime_ns,
        "utc_ns": stamp.utc_ns,
        "value_unit": said.pop("unit"),
        **({"label": label} if label else {}),
        **said,
    }


def about_itself(
    detector: str, said: Said, stamp: Stamp, severity: str = CRITICAL, location: str = ""
) -> AlarmEvent:
    """An alarm of the agent about itself, in the same shape."""
    t_s, name = stamp.boottime_ns / 1e9, called(detector, location)
    return AlarmEvent(
        detector, severity, AlarmState.NEW, location, "", 0.0, 0.0, "", t_s=t_s, since_s=t_s, name=name,
        **said.told(),
    )  # fmt: skip
