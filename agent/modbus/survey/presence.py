"""Which unit ids answer: each is asked one register, at one line setting after another. Read-only, gentle.

An exception is an answer. So is one that comes too late: its id is asked again with patience.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from agent.message import Message
from agent.modbus.overheard import sound
from agent.modbus.ports import Answer, Port, PortError
from agent.modbus.survey import reopening
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from drivers.line import DATA_BITS, NO_OTHER_BITS, bits_per_character
from drivers.registers import Area, Read

FIRST_READ = Read(Area.HOLDING, 0, 1)
LISTEN_S = 2.0
KNOCK_S = 0.15  # most units begin to answer within 50 ms
PATIENT_S = 2.5  # for who was heard late: the slowest unit of the shipped profiles takes 2 s
FEW = 4  # ids that are asked with patience at once: nobody waits long
LATE_S = 0.5  # after the last id, for answers that are late
USUAL_IDS = tuple(range(1, 33))
ALL_IDS = tuple(range(1, 248))
GATEWAY_IDS = (
    1,
    255,
    0,
    *range(2, 11),
)  # a TCP unit is found at 1 or 255, sometimes at 0; more are behind gateways


@dataclass(frozen=True, slots=True)
class LineSetting:
    """How the bits stand on a serial line."""

    baud: int
    parity: str = "N"
    stop_bits: int = 1

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}{self.stop_bits}"

    @property
    def knock_s(self) -> float:
        """What asking an id that is not there takes."""
        character_s = bits_per_character(self.parity, self.stop_bits) / self.baud
        return KNOCK_S + (8 + 7 + 3.5) * character_s

    @classmethod
    def parse(cls, text: str) -> "LineSetting":
        """Read one back: "9600 8N1", "9600-8E1", "9600". ValueError."""
        baud, _, frame = text.replace("-", " ").partition(" ")
        frame = frame.strip().upper() or "8N1"
        if len(frame) == 3 and frame[0].isdecimal() and frame[0] != str(DATA_BITS):
            why = Message(NO_OTHER_BITS)
            raise ValueError(
                Message("{given} is no line setting: {why}; write it as 9600-8N1", given=repr(text), why=why)
            )
        if not re.fullmatch(rf"{DATA_BITS}[NEO][12]", frame) or not baud.isdecimal():
            raise ValueError(Message("{given} is no line setting; write it as 9600-8N1", given=repr(text)))
        return cls(int(baud), frame[1], int(frame[2]))


# In the order of likelihood: the first four are what manuals of battery units name most, 115200 is the JK's.
USUAL_LINES = (
    LineSetting(9600),
    LineSetting(9600, "E"),
    LineSetting(19200),
    LineSetting(19200, "E"),
    LineSetting(115200),
)
ALL_LINES = (
    *USUAL_LINES,
    LineSetting(38400),
    LineSetting(57600),
    LineSetting(4800),
    LineSetting(2400),
    LineSetting(9600, "O"),
    LineSetting(9600, "N", 2),
    LineSetting(115200, "E"),
)


@dataclass(frozen=True, slots=True)
class Presence:
    """A unit id from which something came."""

    unit_id: int
    answer: Answer
    line: LineSetting | None = None

    @property
    def verdict(self) -> Verdict:
        """What the answer means."""
        return verdict_of(self.answer)

    @property
    def heard(self) -> bool:
        """Whether the unit can be asked more: it has answered, be it with a refusal."""
        return self.verdict not in UNHEARD

    @property
    def words(self) -> Message:
        """What came, in words."""
        reply = self.answer.reply
        if reply.exception_code is not None:
            return Message("exception {code}", code=reply.exception_code)
        if not self.heard:
            return Message(str(self.answer.came.kind))
        return Message("{n} value" if len(reply.words) == 1 else "{n} values", n=len(reply.words))


async def listen(port: Port, seconds: float) -> bytes:
    """Return what others say on the line, while nothing is said from here."""
    heard = bytearray()
    port.tap = lambda sent, data: None if sent else heard.extend(data)
    await asyncio.sleep(seconds)
    port.tap = None
    return bytes(heard)


def masters_ids(data: bytes) -> list[int]:
    """Return the unit ids in the sound read requests among bytes that were overheard."""
    found = set()
    for at in range(len(data) - 7):
        frame = data[at : at + 8]
        if 1 <= frame[1] <= 6 and sound(frame):
            found.add(frame[0])
    return sorted(found)


async def knock(
    port: Port,
    ids: Sequence[int],
    progress: Callable[[int], None] = lambda _asked: None,
    missed: Callable[[Presence], None] = lambda _unit: None,
) -> AsyncIterator[Presence]:
    """Ask each id one register; yield those that are there, tell of those `missed`. Raises PortError."""
    port.late()  # drops late replies to earlier requests
    answered: set[int] = set()
    timeout_s = PATIENT_S if len(ids) <= FEW else KNOCK_S
    for asked, unit_id in enumerate(ids, 1):
        answer = await reopening.ask(port, unit_id, FIRST_READ, timeout_s)
        progress(asked)
        found = Presence(unit_id, answer)
        # exception 10 or 11 proves that the gateway is there, not the unit
        if found.heard or found.verdict is Verdict.DAMAGED or answer.came.sound:
            answered.add(unit_id)
            yield found
        else:
            missed(found)
    if len(ids) > FEW:
        await asyncio.sleep(LATE_S)
    for unit_id in sorted({late.unit_id for late in port.late()} - answered):
        yield Presence(unit_id, await reopening.ask(port, unit_id, FIRST_READ, PATIENT_S))


async def knock_lines(
    new_port: Callable[[LineSetting], Port],
    lines: Iterable[LineSetting],
    ids: Sequence[int],
    progress: Callable[[LineSetting, int, int], None],
    refused: Callable[[LineSetting, PortError], None],
    missed: Callable[[Presence], None] = lambda _unit: None,
) -> AsyncIterator[Presence]:
    """Try line settings one after another; yield each id with the first setting at which it was heard, and
    with those before at which something else came.
    """
    known: set[int] = set()
    for line in lines:
        port = new_port(line)
        try:
            await port.open()
        except PortError as error:
            refused(line, error)
            continue
        answers = 0
        try:
            async for found in knock(port, ids, lambda asked: progress(line, asked, answers), missed):  # noqa: B023
                answers += 1
                if found.unit_id not in known:
                    if found.heard:
                        known.add(found.unit_id)
                    yield replace(found, line=line)
            progress(line, len(ids), answers)
        finally:
            port.close()
