"""The relay: normally energised, dropped at once for any reason of the annunciator."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from agent.alarms.output import Output
from agent.detect.alarms.states import AlarmEvent
from agent.keys.values import Host, Port, RoomOutput, Seconds, Whole
from agent.outputs.annunciator import Annunciator
from drivers.profile.newly import number

log = logging.getLogger(__name__)

TROUBLE_S = 10.0  # a module that is back by then was only restarted
UNHEARD = "; until that is mended nobody in the room hears an alarm"
CHECK_S = 0.2  # how late the end of a test alarm may be noticed; alarms do not wait for it


class GpioRelay(RoomOutput):
    """[relay] with output = "gpio": a pin of this board, BCM numbering; `active_high`: what energises it."""

    output: Literal["gpio"]
    pin: Annotated[int, Field(ge=0, le=27), Whole]
    active_high: bool = True


class CoilRelay(RoomOutput):
    """[relay] with output = "modbus-coil": one coil of a remote I/O module, the only thing ever written."""

    output: Literal["modbus-coil"]
    host: Host
    port: Port = 502
    unit_id: Annotated[int, Field(ge=0, le=255), Whole] = 1
    coil: Annotated[int, Field(ge=0, le=65535), Whole]
    host_timeout_s: Annotated[Seconds, number(0.01, 86_400)] | None = (
        None  # set in the module itself: it drops the coil when nobody writes
    )


class Driver(Protocol):
    """What can hold a relay. `drive` returns at once; what takes longer is the driver's own affair."""

    trouble: str

    def drive(self, energised: bool) -> None:
        """Energise the relay, or drop it."""

    async def run(self) -> None:
        """Do what needs time, until cancelled."""

    async def close(self) -> None:
        """Drop the relay and let go of it."""


class Relay(Output):
    """An annunciator's reasons, on a driver."""

    def __init__(self, annunciator: Annunciator, driver: Driver, clock: Callable[[], float]) -> None:
        self.driver = driver
        self._annunciator = annunciator
        self.reasons: list[str] = ["starting"]
        self._clock = clock
        self._trouble_since_s: float | None = None

    @property
    def energised(self) -> bool:
        """Whether the relay says that all is well."""
        return not self.reasons

    @property
    def trouble(self) -> str:
        """What keeps the relay from being driven now; "" where nothing does."""
        return self.driver.trouble

    def stands(self, unit: str, alarms: Sequence[AlarmEvent]) -> None:
        """Take all alarms of a unit that are not over, and act at once."""
        self._annunciator.alarms(unit, alarms)
        self._refresh()

    def expect(self, units: Iterable[str]) -> None:
        """Take the units that there are from now on."""
        self._annunciator.expect(units)
        self._refresh()

    def sights(self, knowledge: Iterable[tuple[str, str]]) -> None:
        """Take how much is known of units, and act at once."""
        for unit, known in knowledge:
            self._annunciator.sight(unit, known)
        self._refresh()

    def test(self, seconds: float, who: str) -> None:
        """Drop for some seconds."""
        self._annunciator.test(self._clock() + seconds)
        self._refresh()

    def lasting_trouble(self) -> str:
        """Return what has kept the relay from being driven for TROUBLE_S, and what follows; else ""."""
        now_s = self._clock()
        if not self.trouble:
            self._trouble_since_s = None
            return ""
        if self._trouble_since_s is None:
            self._trouble_since_s = now_s
        return self.trouble + UNHEARD if now_s - self._trouble_since_s >= TROUBLE_S else ""

    def report(self) -> dict[str, Any]:
        """Return what the relay shows and why."""
        return {"energised": self.energised, "reasons": self.reasons, "trouble": self.trouble}

    def _refresh(self) -> None:
        reasons = self._annunciator.reasons(self._clock())
        if bool(reasons) != bool(self.reasons):
            log.warning("relay %s", f"drops: {'; '.join(reasons)}" if reasons else "is energised")
        self.reasons = reasons
        self.driver.drive(not reasons)

    async def run(self) -> None:
        """Keep the relay true until cancelled, then drop it: an agent that ends has nothing good to say."""
        driving = asyncio.create_task(self.driver.run())
        try:
            while not driving.done():
                self._refresh()
                await asyncio.wait({driving}, timeout=CHECK_S)
            driving.result()
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)
            await self.driver.close()
