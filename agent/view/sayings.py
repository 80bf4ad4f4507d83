"""Whole phrases of an alarm's first line and of what stands below it, by id, with named fields.

Nothing is made by joining words, so each phrase can be said in another language as a whole.
"""

from collections.abc import Mapping

from agent.view.language import tell

SAYINGS: Mapping[str, str] = {
    "place": "{unit} {where}",
    "several": "{names} and {more} more",
    "the-agent": "the agent",
    "the-agent-at": "the agent, {where}",
    "first": "{place}: {said}",
    "more": "{said}.",
    "event": "{place}: {said}",
    "happened": "{state} {severity} {said}",
    "reason": "{place}, {state}: {said}",
    "others": "Other alarms: {count}.",
    "over-too": "Over, not acknowledged: {count}.",
    # the time left
    "left": "{degc:.0f} °C about {likely} ({soonest}-{latest}, in {duration})",
    "left-sharp": "{degc:.0f} °C about {likely} (in {duration})",
    "left-open": "{degc:.0f} °C about {likely} ({soonest} at the soonest, in {duration})",
    "until": "to {degc:.0f} °C, about {likely} ({soonest}-{latest})",
    "until-sharp": "to {degc:.0f} °C, about {likely}",
    "until-open": "to {degc:.0f} °C, about {likely} ({soonest} at the soonest)",
    "left-then": "when last seen {then}: {degc:.0f} °C about {likely}",
    "left-raised": "When raised {then}: {degc:.0f} °C about {likely} ({soonest}-{latest})",
    "left-raised-sharp": "When raised {then}: {degc:.0f} °C about {likely}",
    "left-raised-open": "When raised {then}: {degc:.0f} °C about {likely} ({soonest} at the soonest)",
    "left-passed": "above {degc:.0f} °C",
    # the present
    "heating": "Heating {k_per_min:.2g} K/min, now {value}",
    "now": "Now {value}",
    "not-now": "Not seen now: {value} at {then}, {duration} ago",
    "held": "{value} at {then}, the last that is held here, {duration} old",
    # below
    "forecast": "Forecast: {said}",
    "for": "For it, when raised: {said}",
    "against": "Against it, when raised: {said}",
    # how something is seen
    "learning": "{knowledge}, LEARNING until {until}",
    "detected": "Detected: limits, fast heating, large deviations; {later}",
    "later": "{what} from {until} ({by})",
    "not-all-yet": "Nothing is in alarm. Not everything is detected yet",
    "learning-line": "{state}. {later} ({began})",
    "heat-unmeasured": "No temperature is measured, and no heat detected: {names}.",
    "slow-heating": "slow heating",
    "small-deviations": "small deviations",
    "no-sensor": "no sensor",
    "unwatched": "nothing that can be judged is read from it",
    "empty": "it says 0 of {what}",
    "unprovable": "liveness unprovable: it answers, but nothing shows that its values still move",
    "lost-values": "{lost} of {all} values are not read ({of})",
    "all-well": "Every unit is seen now, and nothing is in alarm",
}


def say(saying: str, **fields: object) -> str:
    """Return a phrase with its fields, in the language that is spoken."""
    return tell(SAYINGS[saying], **fields)
