"""The chain of a SunSpec unit: `SunS`, then (ID, length, content) until ID 0xFFFF.

Units get it wrong: it is cut, comes back to its beginning, or declares a length its content does not have.
What is sound is read, the rest is named in notes.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from agent.message import Message
from agent.quality import Quality
from drivers.errors import ChainError, NoAnswer
from drivers.registers import Area, Read, Reply
from drivers.sunspec.models import TYPES, ModelDefinition, PointDefinition, definition

MARKER = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
_MOST_MODELS = 512

T = TypeVar("T")
Asking = Generator[Read, Reply, T]


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """One model as the unit has it: `words` start with ID and length and end where the content does."""

    address: int
    words: tuple[int, ...]

    @property
    def id(self) -> int:
        """Model number."""
        return self.words[0]

    def __str__(self) -> str:
        return f"model {self.id} at {self.address}"

    def number(self, point: PointDefinition) -> int | None:
        """An integer point as a plain number; None when not implemented or not there."""
        raw = self.raw(point)
        return None if raw in TYPES[point.type][1] else raw

    def raw(self, point: PointDefinition) -> int | None:
        """The same, whatever it means; None when it is not there."""
        if point.offset + point.size > len(self.words):
            return None
        coding, _ = TYPES[point.type]
        raw = 0
        for word in self.words[point.offset : point.offset + point.size]:
            raw = raw << 16 | word
        if coding.signed and raw >> (coding.width - 1):
            raw -= 1 << coding.width
        return raw


def find_base(bases: tuple[int, ...]) -> Asking[int]:
    """Where the marker stands. Raises NoAnswer, ChainError."""
    silent = 0
    for base in bases:
        reply = yield Read(Area.HOLDING, base, 2)
        if reply.quality == Quality.GOOD and tuple(reply.words) == MARKER:
            return base
        silent += reply.quality not in (Quality.GOOD, Quality.REFUSED)
    places = ", ".join(map(str, bases))
    if silent == len(bases):
        raise NoAnswer(
            Message(
                "no sound answer at {places}; check power, wiring, unit id and line settings", places=places
            )
        )
    raise ChainError(
        Message(
            'no "SunS" at {places}: not a SunSpec unit, or its base must be said in [sunspec] bases',
            places=places,
        )
    )


def walk(base: int, most: int, notes: list[str]) -> Asking[list[ModelBlock]]:
    """All models that could be read. Those without a definition here keep only their header."""
    blocks: list[ModelBlock] = []
    address = base + 2
    while True:
        header = yield from _words(address, 2, most)
        if len(header) < 2:
            notes.append(f"the chain of models is cut at {address}; {_after(blocks)}")
            return blocks
        model_id, length = header
        if model_id == END:
            return blocks
        known = definition(model_id)
        if model_id == 0 or address + 2 + length > 0x10000:
            notes.append(f"at {address} stands no model ({model_id}, length {length}); {_after(blocks)}")
            return blocks
        content: tuple[int, ...] = ()
        if known:
            length = yield from _sound_length(known, address, length, most, notes)
            content = yield from _words(address + 2, length, most)
            if len(content) < length:
                notes.append(
                    f"model {model_id} at {address}: only {len(content)} of {length} registers can be read"
                )
        block = ModelBlock(address, (*header, *content))
        if known and model_id == 1 and any(b.words == block.words for b in blocks):
            notes.append(f"the chain of models comes back to its beginning at {address}; {_after(blocks)}")
            return blocks
        if len(blocks) == _MOST_MODELS:
            notes.append(
                f"the chain of models does not end after {_MOST_MODELS} models; the rest is not read"
            )
            return blocks
        blocks.append(block)
        address += 2 + length


def _after(blocks: list[ModelBlock]) -> str:
    return f"nothing after {blocks[-1]} is read" if blocks else "nothing is read"


def _words(address: int, count: int, most: int) -> Asking[tuple[int, ...]]:
    """`count` registers in as many reads as it takes; fewer when the unit refuses, or is silent thrice."""
    words: tuple[int, ...] = ()
    while len(words) < count:
        read = Read(Area.HOLDING, address + len(words), min(most, count - len(words)))
        for _ in range(3):
            reply = yield read
            if reply.quality in (Quality.GOOD, Quality.REFUSED):
                break
        if reply.quality != Quality.GOOD:
            break
        words += tuple(int(word) for word in reply.words)  # numpy words would wrap at 16 bits
    return words


def _sound_length(
    model: ModelDefinition, address: int, length: int, most: int, notes: list[str]
) -> Asking[int]:
    """The declared length, unless the next model stands where only the definition puts it.

    A field unit declares 15 where its content has 13 registers (matfroh/sax_battery_ha issue 128).
    """
    repeats = 0
    if model.counter:
        told = yield from _words(address + model.counter.offset, 1, most)
        start = ModelBlock(address, (0,) * model.counter.offset + told)
        repeats = start.number(model.counter) or model.repeats(length)
    defined = model.size - 2 + repeats * model.group_size
    if defined == length or (model.id == 1 and length == 65):  # model 1 may leave its pad out
        return length
    said = f"model {model.id} at {address} declares a length of {length}, its content has {defined}"
    for candidate in (length, defined):
        if address + 2 + candidate >= 0xFFFF:
            continue
        following = yield from _words(address + 2 + candidate, 2, most)
        if len(following) == 2 and _is_header(*following):
            notes.append(f"{said}; the next model stands after {candidate}")
            return candidate
    notes.append(f"{said}; no known model stands after either")
    return length


def _is_header(model_id: int, length: int) -> bool:
    """Whether two words look like the end of a chain or a model known here. Data can look like model 1."""
    known = definition(model_id)
    return model_id == END or (known is not None and known.holds(length))
