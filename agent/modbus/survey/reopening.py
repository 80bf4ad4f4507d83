"""Asking a device that closes its connection whenever it likes, is busy, or whose line loses replies."""

import asyncio
from dataclasses import dataclass

from agent.modbus.ports import NO_REPLY, Answer, HungUp, Port
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from drivers.registers import Read

TRIES = 3  # of one read
OTHERS = 3  # that had to be answered before it, and were not
BUSY_S = 0.5  # a unit that says "busy" is left alone for so long
CONNECTIONS = 2  # a read that ends the second one too is one that the device will not answer


@dataclass
class Tries:
    """How often a read is asked that is not answered; one that goes before it takes no try from it."""

    _asked: int = 0
    _others: int = 0

    @property
    def left(self) -> bool:
        """Whether to ask once more."""
        return self._asked < TRIES and self._others <= OTHERS

    @property
    def begun(self) -> bool:
        """Whether anything has been asked."""
        return bool(self._asked or self._others)

    def count(self, answer: Answer) -> Answer:
        """Count a try, and return what came of it."""
        self._asked += answer.asked
        self._others += not answer.asked
        return answer


async def ask(port: Port, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
    """Ask, and once more on a new connection where the other side closed the old one, as the agent does.

    Where it closes that too, that is what came in place of an answer. Raises PortError where the port cannot
    be opened again.
    """
    for _ in range(CONNECTIONS):
        if not port.is_open:
            await port.open()
        try:
            return await port.ask(unit_id, read, timeout_s, pause_s)
        except HungUp as error:
            if error.came is None:
                raise
            closed = error.came
    return Answer(NO_REPLY, unheard=closed)


async def ask_again(port: Port, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
    """Ask up to TRIES times, until something sound comes that is more than "busy"; see `ask`."""
    tries = Tries()
    while tries.left:
        answer = tries.count(await ask(port, unit_id, read, timeout_s, pause_s))
        verdict = verdict_of(answer)
        if verdict is Verdict.BUSY:
            await asyncio.sleep(BUSY_S)
        elif verdict not in UNHEARD:
            break
    return answer
