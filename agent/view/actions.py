"""What to do about an alarm, in the few words of its first line: a row for each detector and severity.

The long text, `do`, is the detector's own (its declaration) and stands below. A row tells nobody to open what
may burn, and claims nothing that was not measured. Who takes load and charge off does so from outside.
"""

from collections.abc import Mapping
from typing import Any

from agent.detect.table import ADVICE, CRITICAL, WARNING

Record = Mapping[str, Any]

OFF = "TAKE LOAD AND CHARGE OFF. Do not open it"
LEAVE = "LEAVE THE ROOM, CALL THE FIRE BRIGADE. Cut the rack off from outside"
OUTSIDE = "Look for heat from outside, with a thermal camera. Do not open it"
VISIT = "Plan a visit this week"
BY_HAND = "Plan a visit this week; measure the cell by hand"
SENSOR = "Check the sensor and its cable; its place is not watched until then"

#: Detector -> severity -> what to do. "": whatever the severity. Texts of the record fill {fields}.
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "last-resort": {CRITICAL: LEAVE},
    "sudden-heat": {CRITICAL: LEAVE},
    "unproven-heat": {CRITICAL: "LOOK FROM OUTSIDE: heat, or a broken sensor. Do not open it"},
    "thermal-slope": {CRITICAL: OFF, WARNING: OUTSIDE, ADVICE: OUTSIDE},
    "thermal-rate": {CRITICAL: OFF, WARNING: "Check load and charge current. Do not open it"},
    "thermal-rest": {CRITICAL: OFF, WARNING: OUTSIDE},
    "thermal-onset": {WARNING: OUTSIDE},
    "over-temperature": {
        CRITICAL: OFF,
        WARNING: "Reduce load and charge, check the cooling. Do not open it",
        ADVICE: "Check the cooling",
    },
    "under-temperature": {"": "Do not charge it; heat the room"},
    "cooling": {"": "Check fans, filters and the room's cooling"},
    "cooling-lost": {
        WARNING: "Check that fans turn and filters are clear, before the next load",
        ADVICE: "Plan a look at fans and filters this week",
    },
    "cooling-degraded": {"": "Plan a look at fans, filters and the room's cooling"},
    "voltage-limit above": {
        CRITICAL: "STOP THE CHARGE",
        WARNING: "Stop the charge; check the charger",
        ADVICE: "Check the charge; measure the cell by hand",
    },
    "voltage-limit below": {
        CRITICAL: "STOP THE DISCHARGE",
        WARNING: "Stop the discharge where the load allows it",
        ADVICE: "Check the load; measure the cell by hand",
    },
    "voltage-limit": {
        CRITICAL: "STOP CHARGE AND DISCHARGE",
        WARNING: "Stop charge and discharge where the load allows it",
        ADVICE: "Check charge and load; measure the cell by hand",
    },
    "limits-in-doubt": {
        "": "Compare chemistry and limits with the label; if they are right, STOP CHARGE AND DISCHARGE"
    },
    "cell-collapse": {CRITICAL: "STOP CHARGE AND LOAD. Look for heat from outside; do not open it"},
    "lone-cell": {CRITICAL: "LOOK FOR HEAT FROM OUTSIDE. Do not open it", WARNING: OUTSIDE},
    "cell-imbalance": {WARNING: "Look for heat from outside; measure the cell by hand", ADVICE: BY_HAND},
    "cell-drift": {"": BY_HAND},
    "standing-imbalance": {
        WARNING: "Do not rely on this string until the cell is measured by hand",
        ADVICE: BY_HAND,
    },
    "filled-values": {"": "Measure these cells by hand; nobody watches them"},
    "loose-contact": {"": "Have the cell's measuring wire looked at; it is not compared until then"},
    "resistance": {
        WARNING: "Have its links checked before the next load",
        ADVICE: "Plan a visit this week; check its links",
    },
    "overload": {
        CRITICAL: "REDUCE THE LOAD",
        WARNING: "Reduce the load",
        ADVICE: "Find out what draws the current",
    },
    "soc-limit": {"": "Check charger and load"},
    "no-measurement": {
        CRITICAL: "END CHARGE AND DISCHARGE: nothing watches it. Look at the battery from outside",
        WARNING: "Look at the battery itself: nothing watches it. Check unit and wiring",
    },
    "blind": {
        WARNING: "Look at the battery itself; find out why nothing is seen",
        ADVICE: "Check cable and sensor; its place is not watched until then",
    },
    "unseen": {"": "Look at the battery itself; check power and cable of the unit"},
    "sensor-fault": {"": SENSOR},
    "stuck-sensor": {"": SENSOR},
    "vrla-over-room": {CRITICAL: OFF, ADVICE: "Check the float voltage; plan a visit this week"},
    "vrla-float-current": {"": "Check float voltage and temperature compensation"},
    "reported": {
        CRITICAL: "ACT ON WHAT THE UNIT REPORTS; its manual says how",
        WARNING: "Look up in the unit's manual what it reports",
        ADVICE: "Look up in the unit's manual what it reports",
    },
    "identity": {"": "Find out which unit answers: it is not the one of its profile"},
    "exchanged": {"": "Find out who exchanged it; check limits and profile"},
    "refused-point": {"": "Compare the profile with the unit's manual; these points are not watched"},
    "heartbeat": {"": "Look at the battery itself; restart the unit"},
    "held-frame": {"": "Look at the battery itself; restart its gateway, then the unit"},
    "same-unit": {"": "Look which of these units is there"},
    "silent-together": {"": "Look for what these units share: line, gateway, power. Look at the batteries"},
    "silent-together cause-gateway": {"": "Look at gateway {host}, its network and power"},
    "silent-together cause-gateway-some": {"": "Look at gateway {host}, its network and power"},
    "silent-together cause-bus": {"": "Look at gateway {host}, its network and power"},
    "silent-together cause-line": {"": "Look at adapter, cable and supply of {bus}"},
    "silent-together cause-cable": {"": "Look at the cable of {bus}, beyond the last unit that answers"},
    "silent-together cause-supply": {"": "Look for a common supply or switch, and for people at the racks"},
    "test": {"": "Acknowledge it: this is a test"},
}
#: The text of a record, a phrase, by which rows of a detector differ.
BY_TEXT = {"voltage-limit": "side", "silent-together": "cause"}
OWN = "See cellwarden status"
OVER, OVER_STATE = "Over, not acknowledged", "CLEARED-NEW"


def action_of(record: Record) -> str:
    """Return what to do about an alarm's record; of a detector that is not known here, as of what a unit
    reports itself.
    """
    if record.get("state") == OVER_STATE:
        return OVER
    name, texts = str(record.get("detector", "")), record.get("texts") or {}
    if name == "blind" and record.get("sentence") == "unseen":
        name = "unseen"
    phrase = str(texts.get(BY_TEXT.get(name, ""), "")).partition(" ")[0].removeprefix("#")
    found = ACTIONS.get(f"{name} {phrase}") or ACTIONS.get(name)
    if found is None:
        if not record.get("unit"):
            return OWN
        found = ACTIONS["reported"]
    template = found.get(str(record.get("severity"))) or found.get("") or next(iter(found.values()))
    try:
        return template.format_map(texts)
    except KeyError:  # a record of a stranger
        return ACTIONS[name][""]
