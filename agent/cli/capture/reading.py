"""Reading a unit for a capture: at its pace, what it refuses in halves, what stays unanswered said."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

from agent.modbus.came import NOTHING, Came
from agent.modbus.ports import NO_REPLY, Answer, HungUp, Port
from agent.modbus.survey import too_late
from agent.modbus.survey.reopening import BUSY_S, TRIES
from agent.modbus.timing import ResponseTimes
from agent.modbus.tries import Tries
from agent.modbus.verdict import OF_CODE, Verdict, verdict_of
from agent.quality import Quality
from drivers.asking import Asking
from drivers.layout import Layout
from drivers.registers import Read, Reply
from drivers.told import CLOSED, DAMAGED, NO_ANSWER

FRAME_S = 1.0  # between the beginnings of two frames, where the unit is that quick

SAYS = {Verdict.SILENT: NO_ANSWER, Verdict.DAMAGED: DAMAGED}


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a read, after `response_s`; `fault`: why no registers, in words."""

    read: Read
    reply: Reply
    response_s: float | None
    fault: str = ""

    @property
    def refused(self) -> bool:
        """Whether the unit will not have this read: a smaller one may do, where it is not busy or away."""
        said = OF_CODE.get(self.reply.exception_code or 0)
        refused = self.reply.quality is Quality.REFUSED and said not in (Verdict.BUSY, Verdict.GATEWAY)
        return refused or self.fault == CLOSED


@dataclass
class Reader:
    """One unit on an open port. hear: called with each answer. tell: what is done about refusals."""

    port: Port
    unit_id: int
    ceiling_s: float
    pause_s: float
    hear: Callable[[Said], None]
    tell: Callable[[str], None]
    came: Came = NOTHING  # in place of the last answer

    def __post_init__(self) -> None:
        self.times = ResponseTimes(self.ceiling_s)

    async def ask(self, read: Read, _pause_s: float = 0.0) -> Reply:
        """Read once more while nothing comes, and tell what came."""
        return (await self.said(read)).reply

    async def said(self, read: Read) -> Said:
        """Return what came of a read, after up to three tries. Raises PortError."""
        tries = Tries()
        while tries.made < TRIES:
            closed = False
            if not self.port.is_open:  # a device may close it after an answer
                await self.port.open()
            try:
                answer = await self.port.ask(
                    self.unit_id + read.unit_offset, read, self.times.timeout_s, self.pause_s
                )
            except HungUp as error:
                answer, closed = Answer(NO_REPLY, unheard=error.came or NOTHING), True
            tries.count(asked=answer.asked)
            answer = too_late.told(answer, self.port, self.unit_id + read.unit_offset, self.ceiling_s)
            verdict = verdict_of(answer)
            if verdict is Verdict.BUSY:
                await asyncio.sleep(BUSY_S)
            elif verdict not in SAYS:
                break
        if answer.response_s is not None:
            self.times.add(answer.response_s)
        self.came = answer.came
        fault = CLOSED if closed else SAYS.get(verdict, "")
        if code := answer.reply.exception_code:
            fault = f"exception {code}"
        said = Said(read, answer.reply, answer.response_s, fault)
        self.hear(said)
        return said

    async def of_layout(self, layout: Layout) -> list[Read]:
        """Read all that a layout asks for once; return the reads that bring something."""
        heard: dict[Read, Said] = {}
        asking = Asking(layout.plan)
        while read := asking.read:
            said = heard[read] = heard.get(read) or await self.said(read)
            if done := asking.take(said.reply, refused=said.refused):
                self.tell(done)
        reads = (asking.plan.reads[index] for index in asking.plan.order)
        return [read for read in reads if heard[read].reply.quality is Quality.GOOD]

    async def of_range(self, read: Read, step: int) -> list[Read]:
        """Read a block, in halves where it is refused; return the reads that bring something."""
        said = await self.said(read)
        if said.reply.quality is Quality.GOOD:
            return [read]
        if not said.refused or read.count == 1:
            return []
        first = read.count // 2
        halves = (
            replace(read, count=first),
            replace(read, address=read.address + step * first, count=read.count - first),
        )
        self.tell(f"{in_words(read, step)}: {said.fault}; now read in two")
        return [good for half in halves for good in await self.of_range(half, step)]

    async def frames(self, reads: Iterable[Read], number: int) -> AsyncIterator[float]:
        """Read `reads` so many times more; yield the beginning of each frame, before it is read."""
        reads = list(reads)
        for _ in range(number):
            began_s = time.monotonic()
            yield began_s
            for read in reads:
                await self.said(read)
            await asyncio.sleep(max(0.0, began_s + FRAME_S - time.monotonic()))


def in_words(read: Read, step: int = 1) -> str:
    """Return the registers of a read in words."""
    last = read.address + step * (read.count - 1)
    return f"{read.area} {read.address}" + (f" to {last}" if read.count > 1 else "")
