"""What the detectors say of fixed frames is what was recorded; see `scripts/verdicts`."""

from collections.abc import Callable

import pytest

from agent.detect.detectors import DETECTORS
from agent.detect.rows import JUDGING
from tests.agent.detect.second_copies import twin_of
from tests.verdicts.compare import differences, read
from tests.verdicts.record import said_of
from tests.verdicts.streams import STREAMS, Stream

OF_LIVENESS = ("heartbeat", "held-frame", "stuck-sensor")


@pytest.mark.parametrize("make", STREAMS, ids=lambda make: make.__name__)
def test_the_detectors_say_what_was_recorded(make: Callable[[], Stream]) -> None:
    stream = make()
    found = list(differences(read(stream.name), list(said_of(stream)), exact=False))
    assert not found, "\n".join([*found[:20], "if this is meant: scripts/verdicts record"])


def test_each_detector_raises_an_alarm_in_one_of_the_streams_or_has_a_slow_twin() -> None:
    raised = {
        line["detector"] for make in STREAMS for line in read(make.__name__) if line.get("state") == "NEW"
    }
    beside = {detector.name for detector in DETECTORS if twin_of(detector).exists()}
    unheard = {*JUDGING, *OF_LIVENESS, "reported"} - raised - beside
    assert not unheard, (
        f"{unheard}: write a slow twin, detectors/test_KEY_twin.py, or a stream that raises it"
    )
