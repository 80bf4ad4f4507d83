"""The order of a frame's way: marked, recorded, judged by what the unit reports, judged by the detectors."""

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from drivers.connect import assume
from drivers.profile.load import parse_profile
from tests.agent.detect.racks import si_of

LAYOUT = assume(
    parse_profile(
        """
        schema = 1
        model = "beats"
        topology = { modules = 1, cells = 4 }
        [[point]]
        name = "cell_temperature"
        address = 100
        count = 4
        place = "cell"
        scale = 0.1
        unit = "degC"
        [[point]]
        name = "heartbeat"
        address = 200
        quantity = "heartbeat"
        changes_within_s = 10
        [[point]]
        name = "alarms"
        address = 300
        [point.alarms]
        0 = { text = "over temperature", severity = "critical" }
        """
    )
)
BEAT, WORD = 4, 5


class Recorder:
    """Notes each frame's qualities, and what its judges had raised when it came."""

    def __init__(self) -> None:
        self.judges = UnitJudges(LAYOUT, 1.0)
        self.qualities: list[Codes] = []
        self.raised: list[int] = []
        self.raw = np.array([250, 250, 250, 250, 0, 0])

    def record(self, quality: Codes) -> Floats:
        self.qualities.append(quality)
        self.raised.append(sum(len(book.standing()) for book in self.judges.books.values()))
        return si_of(LAYOUT, self.raw, quality)

    def hear(self, t_s: float, quality: Codes | None = None) -> list[str]:
        read = np.zeros(LAYOUT.n, np.uint8) if quality is None else quality
        before = read.copy()
        events = self.judges.judge(t_s, self.raw, read, self.record)
        assert np.array_equal(read, before), "a frame is not changed after it was made"
        return [event.detector for event in events if event.state == "NEW"]


def test_a_frame_is_recorded_before_it_is_judged_and_what_it_reports_comes_first() -> None:
    def first(reports_from: int) -> tuple[int, list[str], int]:
        unit = Recorder()
        unit.raw[0] = 900
        for t_s in range(100):
            unit.raw[BEAT] += 1
            unit.raw[WORD] = t_s >= reports_from
            if found := unit.hear(float(t_s)):
                return t_s, found, unit.raised[-1]
        raise AssertionError("nothing was found")

    at_s, (detector,), raised = first(100)
    assert (detector, raised) == ("unproven-heat", 0)
    assert first(at_s) == (at_s, ["reported", "unproven-heat"], 0)


def test_what_is_marked_frozen_is_recorded_and_judged_as_frozen() -> None:
    unit = Recorder()
    for t_s in range(10):
        unit.raw[BEAT] += 1
        unit.hear(float(t_s))
    stood = next(t_s for t_s in range(10, 40) if unit.hear(float(t_s)) == ["heartbeat"])
    assert set(unit.qualities[-2]) == {Quality.GOOD}
    assert set(unit.qualities[-1]) == {Quality.FROZEN}
    unit.raw[0], unit.raw[WORD] = 900, 1
    assert not any(unit.hear(float(t_s)) for t_s in range(stood + 1, stood + 60)), "nothing fresh says so"


def test_what_was_recorded_as_frozen_stays_so_and_shows_by_its_moving_that_the_unit_lives() -> None:
    unit = Recorder()
    recorded = np.full(LAYOUT.n, Quality.FROZEN, np.uint8)
    for t_s in range(60):
        unit.raw[BEAT] += 1
        assert unit.hear(float(t_s), recorded) == []
    assert set(unit.qualities[-1]) == {Quality.FROZEN}
    assert not unit.judges.liveness.state().frozen
