"""What to do about an alarm: what its detector declares, and for alarms of the agent about itself."""

from agent.alarms.testing import TEST
from agent.detect.rows import response_to

_TEST = "Acknowledge it where it is heard. Heard nowhere: look at the relay's wires, and at [relay]."
_OWN = "See the log of the service (journalctl -u cellwarden), then: cellwarden status"


def response(unit: str, detector: str) -> str:
    """Return what to do; unit: "" for the agent and the site."""
    if detector == TEST:
        return _TEST
    return response_to(detector) or (response_to("reported") if unit else _OWN)
