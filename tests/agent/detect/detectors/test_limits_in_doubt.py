"""What limits-in-doubt says of whole frames."""

import pytest

from tests.agent.detect.detectors.test_voltage_limit import quiet, said, watch_of
from tests.agent.detect.racks import feed


@pytest.mark.parametrize("period_s", [1.0, 30.0])
@pytest.mark.parametrize(
    ("chemistry", "volts", "span"),
    [
        ("LTO", 3.3, "0.9 to 3.1"),
        ("VRLA", 3.6, "1.2 to 2.75"),
        ("NMC", 1.3, "1.9 to 4.45"),
        ("LFP", 4.1, "1.8 to 3.9"),
    ],
)
def test_a_chemistry_that_does_not_fit_is_one_finding_and_no_critical_alarm(
    chemistry: str, volts: float, span: str, period_s: float
) -> None:
    frames = quiet(30, 8, volts)
    frames[:, 3] = volts + 0.05 if volts > 2.0 else volts - 0.05
    events = feed(watch_of(period_s, chemistry, n=8), frames, dt_s=period_s)
    assert not said(events)
    (found,) = [e for e in events if e.detector == "limits-in-doubt"]
    assert (found.severity, found.location, found.name) == ("warning", "", "limits-in-doubt:")
    assert found.value == 8.0
    assert found.text == (
        f"8 of 8 voltages were beyond {span} V when first seen, string1/module1/cell4 at {frames[0, 3]:.3f} "
        f"V: these limits or the chemistry are wrong, or the whole battery is in danger. Limits of the "
        f"chemistry raise nothing while this stands."
    )


def test_cells_that_nobody_knows_are_not_counted() -> None:
    frames = quiet(30, 8, 4.1)
    frames[:, 0], frames[:, 1] = 3.3, float("nan")
    (found,) = [e for e in feed(watch_of(1.0, n=8), frames) if e.detector == "limits-in-doubt"]
    assert found.text.startswith("6 of 7 voltages were beyond ")


@pytest.mark.parametrize("period_s", [1.0, 10.0, 30.0])
def test_two_bad_frames_of_a_unit_that_starts_are_no_wrong_chemistry(period_s: float) -> None:
    frames = quiet(40, 8)
    frames[1:3] = 0.33 + 0.001 * quiet(2, 8)
    events = feed(watch_of(period_s, n=8), frames, dt_s=period_s)
    assert not [e for e in events if e.detector in ("limits-in-doubt", "voltage-limit")]


def test_healthy_cells_of_one_number_and_a_wrong_chemistry_are_that_finding_alone() -> None:
    frames = quiet(60, 8)
    frames[:] = 3.3
    (found,) = [e for e in feed(watch_of(1.0, "LTO", n=8), frames) if e.state == "NEW"]
    assert found.detector == "limits-in-doubt"
