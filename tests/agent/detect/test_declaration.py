"""What a detector declares: contradictions are refused, and the page says what it sees and what it cannot."""

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from agent.detect import detectors
from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, Channels
from agent.detect.declaration import BANKS, At, Detector, Judged, in_order
from agent.detect.detectors import DETECTORS
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.judge_unit import call_of
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.banks import Placed
from agent.detect.limits import UnitLimits
from agent.detect.settings import Settings
from agent.detect.table import ADVICE, TIERS, WARNING, Row
from agent.detect.unit_arrays import new_banks

DOCS = Path(__file__).parents[3] / "docs" / "detection.md"


def explain(case: Case) -> AlarmEvent:
    return case.event(1.0, said(Sentence("so", "It is so.")))


def row(severity: str = WARNING, detector: str = "too-quiet") -> Row:
    return Row(detector, "voltage", severity, 1.0, "V", 1.0, 1.0, 0.0, False)


JUDGED = Judged("volts", At("volts.value"), At("volts.value"))
LEVELS = Group(None, level=Array(("cells", 2), first=7.0))
QUIET = Detector(
    name="too-quiet",
    order=1,
    rows=(row(), row(ADVICE)),
    judged=(JUDGED,),
    explain=explain,
    sees="quiet",
    cannot_see="noise",
    response="Listen.",
)


def channels() -> Channels:
    return Channels(
        ["cell1", "cell2", "sensor1"], ["cell_voltage"] * 2 + ["cell_temperature"], np.full(3, 0.1)
    )


def limits() -> UnitLimits:
    return Settings().unit_limits(channels().quantities)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_the_page_says_what_a_detector_sees_and_what_it_cannot_see(detector: Detector) -> None:
    severities = ", ".join(tier for tier in TIERS if tier in {row.severity for row in detector.rows})
    line = f"| `{detector.name}` | {detector.sees} | {severities} | {detector.cannot_see} |"
    page = DOCS.read_text(encoding="utf-8").splitlines()
    assert line in page, f"write this row into the table of docs/detection.md: {line}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": ()}, r"too-quiet: needs one row for each of its severities, not \[\]"),
        ({"rows": (row(), row())}, r"too-quiet: needs one row for each .*, not \['warning', 'warning'\]"),
        ({"rows": (row(), row(ADVICE, "loud"))}, "too-quiet: has rows of loud"),
        ({"new": lambda channels, limits: ()}, "too-quiet: has no arrays to make or to forget"),
        ({"forget": lambda arrays: None}, "too-quiet: has no arrays to make or to forget"),
        (
            {"rows": (row(), row("advise"))},
            "no severity is called advise; there are advice, warning, critical",
        ),
        (
            {"judged": (JUDGED._replace(channels="cells"),)},
            "no channels are called cells; there are temps, vol",
        ),
        ({"arrays": LEVELS}, "too-quiet: has arrays, and no kernel that fills them"),
        (
            {"arrays": Group(None, level=Array((3,))), "kernel": print},
            "too-quiet: its arrays are of one shape",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(QUIET, **change)


def test_detectors_judge_in_their_order_and_two_that_are_alike_are_refused() -> None:
    late, early = replace(QUIET, order=2), replace(QUIET, name="loud", rows=(row(detector="loud"),))
    assert [detector.name for detector in in_order([late, early])] == ["loud", "too-quiet"]
    with pytest.raises(ValueError, match="loud and too-quiet are both of order 1"):
        in_order([early, QUIET])
    with pytest.raises(ValueError, match="declared twice: too-quiet"):
        in_order([QUIET, late])
    member = replace(early, judged=(early.judged[0]._replace(member="too-quiet"),))
    with pytest.raises(ValueError, match="declared twice: too-quiet"):
        in_order([member, late])


def judge(dt_s: float, volts: Any, drops: Any, last_resort: Any, hot_degc: float, t_s: float) -> None:
    """A kernel that takes one of each kind."""


def loud(volts: Any, sound: Any, light: Any) -> None:
    """A kernel that takes what no frame has."""


def test_a_kernel_is_called_with_what_its_parameters_name() -> None:
    called = "judge_too_quiet(dt_s, b.volts, b.drops, b.detectors.last_resort, hot_degc, t_s)"
    assert call_of(replace(QUIET, kernel=judge)) == called
    with pytest.raises(ValueError, match="too-quiet: its kernel takes sound, light; there are t_s, dt_s, "):
        call_of(replace(QUIET, kernel=loud))


def test_arrays_of_its_own_have_the_sizes_of_the_unit() -> None:
    made = replace(QUIET, arrays=LEVELS, kernel=judge).made(channels(), limits())
    assert made.tolist() == [[7.0, 7.0]] * 2
    of_sensors = replace(
        QUIET, arrays=LEVELS, kernel=judge, new=lambda of, _: LEVELS.new(cells=of.sizes.sensors)
    )
    assert of_sensors.made(channels(), limits()).shape == (1, 2)
    unknown = replace(QUIET, arrays=Group(None, level=Array(("racks",))), kernel=judge)
    with pytest.raises(
        ValueError, match="level: no size of a unit is called racks; there are frame, sensors"
    ):
        Placed(unknown.arrays).arguments()  # as its opener is made, before any unit is


def test_a_score_lies_where_its_path_says() -> None:
    banks = new_banks(channels(), limits())
    banks.heat.verdict[:] = np.arange(6.0)
    array, column = At("heat.verdict", 3).of(banks)
    assert array[0, column] == 3.0
    assert At("volts.value").of(banks).array is banks.volts.value
    with pytest.raises(AttributeError, match="colour"):
        At("heat.colour").of(banks)


def test_members_are_called_after_their_detector_where_they_have_no_name() -> None:
    assert QUIET.members() == ("too-quiet",)
    assert QUIET.key == "too_quiet"
    (blind,) = [detector for detector in DETECTORS if detector.name == "blind"]
    assert blind.members() == ("blind", "blind-voltage")


def test_a_bank_that_can_be_judged_is_one_of_a_units_channels() -> None:
    assert [name for name, bank in vars(channels()).items() if isinstance(bank, Bank)] == sorted(
        BANKS, key=["temps", "volts", "circuits", "groups"].index
    )


def test_a_file_that_declares_no_detector_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "import_module", ModuleType)
    with pytest.raises(
        ValueError, match=r"agent\.detect\.detectors\.blind, .*: declares no DETECTOR; what is no"
    ):
        detectors._declared()


def test_a_name_is_one_that_a_site_can_write() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", detector.name) for detector in DETECTORS)
