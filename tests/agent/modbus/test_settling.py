"""How long a device is left alone after its connection was opened: found out, and no longer than it needs."""

import pytest

from agent.modbus.settling import STEPS_S, Settling


def connections(settling: Settling, needs_s: float, count: int) -> list[float]:
    """Return the pauses of `count` connections to a device that answers after `needs_s` alone."""
    pauses = []
    for _ in range(count):
        pauses.append(settling.opened())
        if pauses[-1] >= needs_s:
            settling.answered()
    return pauses


def test_a_device_that_needs_no_pause_gets_none() -> None:
    assert connections(Settling(0.0), 0.0, 5) == [0.0] * 5


def test_what_is_said_is_the_least() -> None:
    assert connections(Settling(1.5), 0.0, 2) == [1.5, 1.5]
    assert connections(Settling(3.0), 4.0, 4) == [3.0, 3.0, 5.0, 3.0]
    assert connections(Settling(60.0), 61.0, 3) == [60.0] * 3


def test_a_longer_pause_is_found_and_kept() -> None:
    assert connections(Settling(0.0), 4.0, 9) == [0.0, 0.0, 1.0, 2.0, 5.0, 2.0, 5.0, 5.0, 5.0]


def test_a_device_that_was_only_away_gets_no_pause_once_it_is_back() -> None:
    settling = Settling(0.0)
    assert connections(settling, 99.0, 8) == [0.0, 0.0, *STEPS_S, 0.0, 1.0]
    assert connections(settling, 0.0, 5) == [2.0, 1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("needs_s", [0.5, 1.0, 4.0, 8.0, 10.0])
def test_one_that_needs_less_later_finds_back_after_an_absence(needs_s: float) -> None:
    settling = Settling(0.0)
    least_s = next(step for step in STEPS_S if step >= needs_s)
    assert connections(settling, needs_s, 20)[-10:] == [least_s] * 10
    connections(settling, 99.0, 2)  # it is away
    assert connections(settling, 0.0, 20)[-1] == 0.0
