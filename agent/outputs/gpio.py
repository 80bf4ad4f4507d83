"""A relay on a GPIO pin of this board, through gpiozero."""

import asyncio
from typing import Any

RETRY_S = 5.0


class GpioDriver:
    """One output pin, BCM numbering. `active_high`: the level that energises the relay.

    A pin that cannot be had, or that fails later, is told by `trouble` and tried again: the room is watched
    and alarms leave it all the same. Made, it touches nothing: the pin may still be another agent's.

    Raspberry Pi kernels keep a pin driven after its process has died, unless the board is booted with
    `dtparam=strict_gpiod`: the service's ExecStopPost must drive it safe (`cellwarden relay drop`), and only
    an external watchdog covers a hung kernel.
    """

    def __init__(self, pin: int, active_high: bool = True) -> None:
        self.trouble = ""
        self._number, self._active_high = pin, active_high
        self._pin: Any = None
        self._energised = False

    def drive(self, energised: bool) -> None:
        """Energise the relay, or drop it. Raises nothing."""
        self._energised = energised
        if not self.trouble:
            self._apply()

    async def run(self) -> None:
        """Try a pin again that gave trouble, until cancelled."""
        while True:
            await asyncio.sleep(RETRY_S)
            if self.trouble:
                self._apply()

    async def close(self) -> None:
        """Drop the relay and let go of the pin."""
        self._energised = False
        self._apply()
        self._let_go()

    def _apply(self) -> None:
        try:
            from gpiozero import DigitalOutputDevice  # only where there is a pin
        except ImportError:
            self.trouble = "a GPIO relay needs more: pip install 'cellwarden[gpio]'"
            return
        try:
            if self._pin is None:
                self._pin = DigitalOutputDevice(self._number, active_high=self._active_high)
            self._pin.value = self._energised
            self.trouble = ""
        except Exception as error:  # gpiozero's own, and whatever the library beneath it raises (lgpio.error)
            self._let_go()
            self.trouble = (
                f"GPIO pin {self._number}: {error}; see the pins that exist with: gpiodetect, and whether the"
                " agent's user may use them: ls -l /dev/gpiochip*"
            )

    def _let_go(self) -> None:
        pin, self._pin = self._pin, None
        try:
            if pin is not None:
                pin.close()
        except Exception as error:
            self.trouble = f"GPIO pin {self._number}: {error}"
