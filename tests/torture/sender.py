"""The sending half of an agent that goes on sealing while its collectors come and go.

The hour after which a batch may be healed once more is a clock that is passed in.
"""

import asyncio
import random
import time
from collections.abc import Iterator

from agent.store.account import Account
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire.ranges import Ranges
from tests.agent.store.buffers import ALARM
from tests.torture.agents import seal
from tests.torture.oracle import Oracle

HOUR_S = 3700.0


class Sender:
    """An agent's half with its uplinks. `hours`: that its clock of healing was put on."""

    def __init__(self, store: Store, agent: str, values: int) -> None:
        self.store, self.agent, self.writer, self.hours, self.values = store, agent, Writer(), 0, values
        self.uplinks: dict[str, Uplink] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for delivery in store._deliveries.values():
            delivery.healing._now_s = lambda: time.monotonic() + HOUR_S * self.hours

    async def begin(self, name: str, url: str) -> None:
        """Send to an upstream where it is now."""
        await self.end(name)
        uplink = Uplink(
            name,
            url,
            self.agent,
            self.store,
            self.writer,
            Pace(0.8),
            client_context,
            lambda *_: None,
        )
        self.uplinks[name], self._tasks[name] = uplink, asyncio.create_task(uplink.run())

    async def end(self, name: str) -> None:
        """Send no more to an upstream."""
        if task := self._tasks.pop(name, None):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """Send no more."""
        for name in list(self._tasks):
            await self.end(name)
        self.writer.close()

    def wake(self, alarm: bool) -> None:
        """Something was sealed."""
        for uplink in self.uplinks.values():
            uplink.wake(alarm)

    async def accounts(self) -> tuple[dict[str, Account], Ranges]:
        """Of each upstream; and the sequences that are on the box."""
        return await self.writer(self.store.accounts), await self.writer(self._here)

    def _here(self) -> Ranges:
        rows = self.store._db.execute("SELECT sequence FROM batch WHERE sequence > 0 ORDER BY 1")
        return Ranges((sequence, sequence) for (sequence,) in rows)


async def seal_and_send(
    sender: Sender, clock: Iterator[int], rng: random.Random, oracle: Oracle, alarm: bool | None = None
) -> None:
    """Seal a batch, and an alarm, by chance if it is not said; it is over before the next one."""
    at, alarm = next(clock), rng.random() < 0.2 if alarm is None else alarm
    await sender.writer(seal, sender.store, at, rng, oracle, alarm, sender.values)
    if alarm:
        over = next(clock)
        await sender.writer(
            sender.store.seal, [], [Event("rack-1", {**ALARM, "boottime_ns": over, "state": "OVER"})]
        )
        oracle.alarms.add(over)
    sender.wake(alarm)
