"""A relay on a GPIO pin of this board, through gpiozero."""

import asyncio
from typing import Any


class GpioError(Exception):
    """The pin cannot be had."""


class GpioDriver:
    """One output pin, BCM numbering. `active_high`: the level that energises the relay.

    Raspberry Pi kernels keep a pin driven after its process has died: the service's ExecStopPost must drive
    it safe (`cellwarden relay drop`), and only an external watchdog covers a hung kernel.
    """

    def __init__(self, pin: int, active_high: bool = True) -> None:
        try:
            from gpiozero import DigitalOutputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError as error:
            raise GpioError("a GPIO relay needs more: pip install 'cellwarden[gpio]'") from error
        try:
            self._pin: Any = DigitalOutputDevice(pin, active_high=active_high, initial_value=False)
        except (GPIOZeroError, OSError) as error:
            raise GpioError(
                f"GPIO pin {pin}: {error}; see the pins that exist with: gpiodetect, and whether the agent's"
                " user may use them: ls -l /dev/gpiochip*"
            ) from error
        self.trouble = ""

    def drive(self, energised: bool) -> None:
        """Energise the relay, or drop it."""
        self._pin.value = energised

    async def run(self) -> None:
        """Nothing takes time here."""
        await asyncio.Future()

    async def close(self) -> None:
        """Drop the relay and let go of the pin."""
        self._pin.off()
        self._pin.close()
