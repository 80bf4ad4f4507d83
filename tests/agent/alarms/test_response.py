"""What to do about an alarm."""

import pytest

from agent.alarms.response import response
from agent.detect.rows import ROWS, response_to


@pytest.mark.parametrize("detector", sorted({row.detector for row in ROWS}))
def test_an_alarm_of_a_unit_says_what_its_detector_declares(detector: str) -> None:
    assert response("rack-1", detector) == response_to(detector) != ""


def test_an_alarm_that_no_detector_declares_has_a_response_too() -> None:
    assert response("rack-1", "nothing") == response_to("reported")
    assert response("", "uplink").startswith("See the log of the service")
    assert response("", "test").startswith("Acknowledge it where it is heard.")
    assert response("", "silent-together") == response_to("silent-together")
