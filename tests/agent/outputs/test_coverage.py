"""What a relay cannot show is said when it is configured, not when it fails."""

import pytest

from agent.outputs.coverage import (
    HUNG_KERNEL,
    NEEDS_SYSTEMD,
    NO_HOST_TIMEOUT,
    NO_RELAY,
    STRICT_GPIOD,
    uncovered,
)
from agent.outputs.relay import CoilRelay, GpioRelay

COIL = CoilRelay(output="modbus-coil", host="192.0.2.20", coil=0)


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        (None, [NO_RELAY]),
        (GpioRelay(output="gpio", pin=17), [STRICT_GPIOD, HUNG_KERNEL]),
        (COIL, [NEEDS_SYSTEMD, NO_HOST_TIMEOUT]),
        (COIL.model_copy(update={"host_timeout_s": 5.0}), []),
        (
            COIL.model_copy(update={"host_timeout_s": 60.0}),
            ["a hung kernel or a cut cable shows only after the module's host time-out of 60 s"],
        ),
    ],
)
def test_each_output_says_what_it_does_not_show(relay: GpioRelay | CoilRelay | None, said: list[str]) -> None:
    assert uncovered(relay) == said
