"""What to do about an alarm, by detector. An alarm without a response would be no alarm but a log event."""

RESPONSES = {
    "last-resort": "Leave the room, shut the doors, call the fire brigade; cut the rack off from outside.",
    "thermal-slope": "Take load and charge off this string; do not open the cabinet; use a thermal camera.",
    "thermal-rate": "Check load and charge current; where they do not explain it, take the string off.",
    "thermal-rest": "Nothing loads it and it heats: take the string off, do not open the cabinet.",
    "over-temperature": "Reduce load and charge, check cooling; take the string off where it does not fall.",
    "cooling": "Check fans, filters and the room's cooling.",
    "cooling-degraded": "Plan a look at fans, filters and the room's cooling.",
    "cooling-lost": "See whether the fans turn and the filters are clear, before the next load if you can.",
    "cell-imbalance": "Measure the cell by hand; look for a loose link; plan its exchange.",
    "cell-drift": "Measure the cell by hand at the next visit; plan its exchange where it goes on.",
    "resistance": "Check and tighten its links; measure its resistance by hand.",
    "overload": "Find what draws the current; check the limits in the configuration.",
    "vrla-over-room": "Reduce the float voltage or cut the string off; check its float current.",
    "vrla-float-current": "Check float voltage and temperature compensation; look for a shorted cell.",
    "sensor-fault": "Check the sensor and its cable; until then its place is not watched.",
    "reported": "Look up what the unit's manual says of this; the unit itself reports it.",
    "identity": "Compare the unit with its profile: another battery, another firmware, or a wrong unit id.",
    "exchanged": "See who exchanged it, and that limits and profile suit the new one; detectors begin anew.",
    "blind": "Find out why nothing is seen: power, cable, unit. Look at the battery itself until then.",
    "heartbeat": "The unit answers but its own counter stands: restart the unit; look at the battery itself.",
    "held-frame": "The unit repeats itself: restart its gateway, then the unit; look at the battery itself.",
    "stuck-sensor": "Check the sensor and its cable; until then its place is not watched.",
    "test": "Acknowledge it where it is heard. Heard nowhere: look at the relay's wires, and at [relay].",
    "silent-together": "They fell silent together: look for what they share (line, gateway, power).",
}
#: For the alarms of the agent about itself.
OWN = "See the log of the service (journalctl -u cellwarden), then: cellwarden status"


def response(unit: str, detector: str) -> str:
    """Return what to do."""
    return RESPONSES.get(detector, RESPONSES["reported"]) if unit else RESPONSES.get(detector, OWN)
