"""What to do about an alarm, in the few words of its first line: a row for each detector and severity.

The long text, `do`, is the detector's own (its declaration) and stands below. A row tells nobody to open what
may burn, and claims nothing that was not measured. Who takes load and charge off does so from outside. Of 44
characters at most, so that it stands whole in the first 80 behind "rack-37 string 1 module 3 sensor 2".
"""

from collections.abc import Mapping
from typing import Any

from agent.detect.table import ADVICE, CRITICAL, WARNING
from agent.view.language import tr

Record = Mapping[str, Any]

OFF = "TAKE LOAD AND CHARGE OFF. Do not open it"
LEAVE = "LEAVE THE ROOM, CALL THE FIRE BRIGADE"
NOW_OUTSIDE = "LOOK FOR HEAT FROM OUTSIDE. Do not open it"
OUTSIDE = "Look for heat from outside. Do not open it"
BY_HAND = "Measure the cell by hand this week"
SENSOR = "Check sensor and cable: nothing watches it"
FANS = "Plan a look at fans and filters this week"
GATEWAY = "Check gateway {host} and its power"

TEST = "test"  # the detector of an alarm that somebody raised to see that it is heard

#: Detector -> severity -> what to do. "": whatever the severity. Texts of the record fill {fields}.
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "last-resort": {CRITICAL: LEAVE},
    "sudden-heat": {CRITICAL: LEAVE},
    "unproven-heat": {CRITICAL: NOW_OUTSIDE},
    "thermal-slope": {CRITICAL: OFF, WARNING: OUTSIDE, ADVICE: OUTSIDE},
    "thermal-rate": {CRITICAL: OFF, WARNING: "Check charge and load. Do not open it"},
    "thermal-rest": {CRITICAL: OFF, WARNING: OUTSIDE},
    "thermal-onset": {WARNING: OUTSIDE},
    "over-temperature": {
        CRITICAL: OFF,
        WARNING: "Reduce load and charge. Do not open it",
        ADVICE: "Check the cooling",
    },
    "under-temperature": {"": "Do not charge it; heat the room"},
    "cooling": {"": "Check fans, filters and the room's cooling"},
    "cooling-lost": {WARNING: "Check fans and filters before the next load", ADVICE: FANS},
    "cooling-degraded": {"": FANS},
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
        WARNING: "Stop charge and discharge where you can",
        ADVICE: "Check charge and load; measure by hand",
    },
    "limits-in-doubt": {"": "Compare chemistry and limits with the label"},
    "cell-collapse": {CRITICAL: "STOP CHARGE AND LOAD. Do not open it"},
    "lone-cell": {CRITICAL: NOW_OUTSIDE, WARNING: OUTSIDE},
    "cell-imbalance": {WARNING: "Look for heat from outside; measure by hand", ADVICE: BY_HAND},
    "cell-drift": {"": BY_HAND},
    "standing-imbalance": {WARNING: "Do not rely on this string; measure by hand", ADVICE: BY_HAND},
    "filled-values": {"": "Measure by hand: nothing watches these cells"},
    "loose-contact": {"": "Have the cell's measuring wire looked at"},
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
        CRITICAL: "END CHARGE AND DISCHARGE: it is not watched",
        WARNING: "Look at the battery: nothing watches it",
    },
    "blind": {WARNING: "Look at the battery itself: it is not seen", ADVICE: SENSOR},
    "unseen": {"": "Look at the battery; check power and cable"},
    "sensor-fault": {"": SENSOR},
    "stuck-sensor": {"": SENSOR},
    "vrla-over-room": {CRITICAL: OFF, ADVICE: "Check the float voltage this week"},
    "vrla-float-current": {"": "Check float voltage and its compensation"},
    "reported": {
        CRITICAL: "ACT ON WHAT THE UNIT REPORTS, by its manual",
        WARNING: "Look up in the unit's manual what it reports",
        ADVICE: "Look up in the unit's manual what it reports",
    },
    "identity": {"": "Find out which unit answers in its place"},
    "exchanged": {"": "Find out who exchanged it; check limits"},
    "refused-point": {"": "Compare the profile with the unit's manual"},
    "heartbeat": {"": "Look at the battery itself; restart the unit"},
    "held-frame": {"": "Look at the battery; restart its gateway"},
    "same-unit": {"": "Look which of these units is there"},
    "silent-together": {"": "Look at the batteries, and what they share"},
    "silent-together cause-gateway": {"": GATEWAY},
    "silent-together cause-gateway-some": {"": GATEWAY},
    "silent-together cause-bus": {"": GATEWAY},
    "silent-together cause-line": {"": "Check adapter, cable and supply of {bus}"},
    "silent-together cause-cable": {"": "Check the cable beyond the last that answers"},
    "silent-together cause-supply": {"": "Check their common supply; ask who is there"},
    TEST: {"": "Acknowledge it: this is a test"},
}
#: The text of a record, a phrase, by which rows of a detector differ.
BY_TEXT = {"voltage-limit": "side", "silent-together": "cause"}
OWN = "See cellwarden status"
OVER, OVER_STATE = "Over, not acknowledged", "CLEARED-NEW"


def action_of(record: Record) -> str:
    """Return what to do about an alarm's record, in the language that is spoken; of a detector that is not
    known here, as of what a unit reports itself. Where lives hang on it, its English stands behind it: no
    technician has read the translations yet, and who comes at night may read another language.
    """
    english, texts = _english(record), record.get("texts") or {}
    action, plain = (template.format_map(texts) for template in (tr(english), english))
    twice = record.get("severity") == CRITICAL and english != OVER and action != plain
    return f"{action} ({plain})" if twice else action


def _english(record: Record) -> str:
    """Return the row of a record; where a stranger's has not what its row asks for, that without fields."""
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
        template.format_map(texts)
    except KeyError:
        return ACTIONS[name][""]
    return template
