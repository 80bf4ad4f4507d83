"""Asking a device that closes its connection whenever it likes, is busy, or whose line loses replies."""

import asyncio

from agent.modbus.came import Kind
from agent.modbus.numbering import LEAST
from agent.modbus.ports import NO_REPLY, Answer, HungUp, Port, PortError
from agent.modbus.tries import Tries
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from drivers.registers import Read

TRIES = 3  # of one read
BUSY_S = 0.5  # a unit that says "busy" is left alone for so long
CONNECTIONS = 2  # a read that ends the second one too is one that the device will not answer


async def ask(port: Port, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
    """Ask, and once more on a new connection where the other side closed the old one, as the agent does.

    Where it closes that too, that is what came in place of an answer. An answer under another number is asked
    for until it is known how these are made. Raises PortError with it, and where the port cannot be opened
    again.
    """
    made = 0
    while True:
        made += 1
        if not port.is_open:
            await port.open()
        try:
            return await port.ask(unit_id, read, timeout_s, pause_s)
        except PortError as error:
            if error.came is None:
                raise
            if not isinstance(error, HungUp):
                if error.came.kind is not Kind.OTHER_TRANSACTION or made >= LEAST:
                    raise
            elif made >= CONNECTIONS:
                return Answer(NO_REPLY, unheard=error.came)


async def ask_again(port: Port, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
    """Ask up to TRIES times, until something sound comes that is more than "busy"; see `ask`."""
    tries = Tries()
    while tries.made < TRIES:
        answer = await ask(port, unit_id, read, timeout_s, pause_s)
        tries.count(asked=answer.asked)
        verdict = verdict_of(answer)
        if verdict is Verdict.BUSY:
            await asyncio.sleep(BUSY_S)
        elif verdict not in UNHEARD:
            break
    return answer
