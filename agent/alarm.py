"""An alarm as it goes to disk, to people and onto the wire: what the detectors said, and when."""

from dataclasses import asdict
from typing import Any

from agent.clock import Stamp
from agent.detect.alarms import AlarmEvent, State
from agent.detect.rows import CRITICAL


def record_of(event: AlarmEvent, stamp: Stamp) -> dict[str, Any]:
    """The record of a detector's event at the time of the frame that it was found in."""
    said = asdict(event)
    return {
        "kind": "alarm",
        "boottime_ns": stamp.boottime_ns,
        "utc_ns": stamp.utc_ns,
        "value_unit": said.pop("unit"),
        **said,
    }


def about_itself(
    detector: str, text: str, stamp: Stamp, severity: str = CRITICAL, location: str = ""
) -> AlarmEvent:
    """An alarm of the agent about itself, in the same shape."""
    t_s = stamp.boottime_ns / 1e9
    return AlarmEvent(detector, severity, State.NEW, location, "", 0.0, 0.0, "", text, t_s, since_s=t_s)
