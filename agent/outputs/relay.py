"""The relay: normally energised, dropped at once for any reason of the annunciator."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from agent.outputs.annunciator import Annunciator

log = logging.getLogger(__name__)

CHECK_S = 0.2  # how late the end of a drill may be noticed; alarms do not wait for it


class Driver(Protocol):
    """What can hold a relay. `drive` returns at once; what takes longer is the driver's own affair."""

    trouble: str

    def drive(self, energised: bool) -> None:
        """Energise the relay, or drop it."""

    async def run(self) -> None:
        """Do what needs time, until cancelled."""

    async def close(self) -> None:
        """Drop the relay and let go of it."""


class Relay:
    """An annunciator's reasons, on a driver."""

    def __init__(self, annunciator: Annunciator, driver: Driver, clock: Callable[[], float]) -> None:
        self.annunciator, self.driver = annunciator, driver
        self.reasons: list[str] = ["starting"]
        self._clock = clock

    @property
    def energised(self) -> bool:
        """Whether the relay says that all is well."""
        return not self.reasons

    def refresh(self) -> None:
        """Follow the annunciator. Called whenever something was announced, before any disk is waited for."""
        reasons = self.annunciator.reasons(self._clock())
        if bool(reasons) != bool(self.reasons):
            log.warning("relay %s", f"drops: {'; '.join(reasons)}" if reasons else "is energised")
        self.reasons = reasons
        self.driver.drive(not reasons)

    async def run(self) -> None:
        """Keep the relay true until cancelled, then drop it: an agent that ends has nothing good to say."""
        driving = asyncio.create_task(self.driver.run())
        try:
            while not driving.done():
                self.refresh()
                await asyncio.wait({driving}, timeout=CHECK_S)
            driving.result()
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)
            await self.driver.close()
