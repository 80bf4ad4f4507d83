"""Facts: what raises an alarm and is no measurement of the battery. No setting of a site changes them."""

from typing import NamedTuple

from agent.detect.table import ADVICE, CRITICAL, WARNING, Row


class Fact(NamedTuple):
    """A fact: its rows of the alarm table, and what to do about its alarms."""

    rows: tuple[Row, ...]
    response: str

    @property
    def name(self) -> str:
        """What its alarms are called."""
        return self.rows[0].detector


FACTS = (
    # What the unit itself reports, with the severity that its profile gives it.
    Fact(
        (
            Row("reported", "", CRITICAL, 1.0, "", 0.0, 60.0, 0.0, True),
            Row("reported", "", WARNING, 1.0, "", 0.0, 60.0, 0.0, False),
            Row("reported", "", ADVICE, 1.0, "", 0.0, 60.0, 0.0, False),
        ),
        "Look up what the unit's manual says of this; the unit itself reports it.",
    ),
    # Not a measurement: the unit is, or is not, what its profile describes.
    Fact(
        (Row("identity", "", WARNING, 1.0, "", 0.0, 0.0, 0.0, False),),
        "Compare the unit with its profile: another battery, another firmware, or a wrong unit id.",
    ),
    Fact(
        (Row("exchanged", "", ADVICE, 1.0, "", 0.0, 0.0, 0.0, False),),
        "See who exchanged it, and that limits and profile suit the new one; detectors begin anew.",
    ),
    # Safety points that the unit says it does not have; a warning where these are half of them.
    Fact(
        (
            Row("refused-point", "", WARNING, 1.0, "", 0.0, 0.0, 0.0, False),
            Row("refused-point", "", ADVICE, 1.0, "", 0.0, 0.0, 0.0, False),
        ),
        "Compare the profile with the unit's manual and firmware; leave out what the unit does not have.",
    ),
    # Seconds of standing still; how long is improbable is learned from the unit, see `liveness`.
    Fact(
        (Row("heartbeat", "", WARNING, 30.0, "s", 0.0, 0.0, 0.0, False),),
        "The unit answers but its own counter stands: restart the unit; look at the battery itself.",
    ),
    Fact(
        (Row("held-frame", "", WARNING, 30.0, "s", 0.0, 0.0, 0.0, False),),
        "The unit repeats itself: restart its gateway, then the unit; look at the battery itself.",
    ),
    Fact(
        (Row("stuck-sensor", "", ADVICE, 30.0, "s", 0.0, 0.0, 0.0, False),),
        "Check the sensor and its cable; until then its place is not watched.",
    ),
    Fact(
        (Row("silent-together", "", WARNING, 2.0, "units", 0.0, 0.0, 0.0, False),),
        "They fell silent together: look for what they share (line, gateway, power), and at the batteries.",
    ),
    Fact(
        (Row("same-unit", "", ADVICE, 2.0, "units", 0.0, 0.0, 0.0, False),),
        "See which of them is there: one may answer in the other's place; nobody watches who is absent.",
    ),
)
