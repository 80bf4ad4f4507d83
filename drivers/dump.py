"""Register dumps: what a unit said once, as text, so that a profile can be tried without the unit.

A dump is lines of `unit table address value`; numbers are decimal or 0x hexadecimal, `#` begins a comment,
and the address is the one that goes over the wire (zero-based).

    # unit table address value
    1 holding 100 0x0C84
    1 holding 101 3206

`cellwarden capture` reads a unit several times: what stands below a line `frame NUMBER SECONDS` was read
then, and what stands only above the first holds in all of them. Beside the registers it says how each read
was answered (`drivers.told`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from agent.quality import Quality
from drivers.connect import Conversation
from drivers.layout import Image, Layout
from drivers.registers import Area, Read, Reply
from drivers.told import Told, told

ILLEGAL_DATA_ADDRESS = 2

FACTS = ("device", "profile", "line", "unit id", "taken")  # of the head of a capture
_FACT = re.compile(rf"# ({'|'.join(FACTS)}): (.+)")


class DumpError(ValueError):
    """Lines that are no dump; `problems` names each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


Registers = Mapping[tuple[int, Area, int], int]  # by unit id, table and address


class Frame(NamedTuple):
    """What a unit said in one of several readings, `t_s` seconds after the first. `told`: how it did."""

    t_s: float
    registers: Registers
    told: tuple[Told, ...] = ()


@dataclass(frozen=True)
class Dump:
    """The registers of one or more unit ids: `registers[unit id, area, address]` is a word, the first that
    was read. `frames`: where they were read several times. `told`: how reads before the first were answered.
    `about`: what the head of a capture says: device, profile, line, ...
    """

    registers: Registers
    frames: tuple[Frame, ...] = ()
    told: tuple[Told, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    def units(self) -> list[int]:
        """Return the unit ids in it, ascending."""
        return sorted({unit for unit, _, _ in self.registers})

    def reply(self, read: Read, unit_id: int, step: int = 1) -> Reply:
        """Answer a read as the unit `unit_id` would: refused where a register is not in the dump."""
        words = self._words(read, unit_id, step)
        known = [word for word in words if word is not None]
        if len(known) < len(words):
            return Reply((), Quality.REFUSED, ILLEGAL_DATA_ADDRESS)
        return Reply(known)

    def image(self, layout: Layout, unit_id: int, step: int = 1) -> Image:
        """Return an image of every word of the layout's reads; what is not in the dump is REFUSED."""
        image = layout.image()
        for read, where in zip(layout.plan.reads, layout.plan.slices, strict=True):
            words = self._words(read, unit_id, step)
            image.words[where] = [word or 0 for word in words]
            image.word_quality[where] = np.where(
                [word is None for word in words], Quality.REFUSED, Quality.GOOD
            )
        return image

    def _words(self, read: Read, unit_id: int, step: int) -> list[int | None]:
        unit_id += read.unit_offset
        return [self.registers.get((unit_id, read.area, read.address + step * i)) for i in range(read.count)]


def parse_dump(text: str) -> Dump:
    """Read a dump; raises DumpError with every line that is none."""
    always: dict[tuple[int, Area, int], int] = {}
    frames: list[tuple[float, dict[tuple[int, Area, int], int]]] = []
    answers: list[list[Told]] = [[]]  # before the first frame, then of each
    registers = always
    about: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].split()
        if not fields:
            if answer := told(line):
                answers[-1].append(answer)
            elif (fact := _FACT.match(line)) and not always:
                about.setdefault(*fact.groups())
            continue
        if fields[0] == "frame":
            registers = {}
            frames.append((_seconds(fields), registers))
            answers.append([])
            if not frames[-1][0] >= max(t_s for t_s, _ in frames):
                problems.append(f"line {number}: {line.strip()!r} is not `frame NUMBER SECONDS`, each later")
            continue
        try:
            unit, area, address, value = fields
            key = (int(unit, 0), Area(area.lower()), int(address, 0))
            word = int(value, 0)
        except ValueError:
            problems.append(
                f"line {number}: {line.strip()!r} is not `unit table address value` with a table of "
                f"{', '.join(Area)}"
            )
            continue
        if not 0 <= word <= 0xFFFF:
            problems.append(f"line {number}: {value} is not a register of 16 bits")
        elif registers.setdefault(key, word) != word:
            problems.append(f"line {number}: unit {unit} {area} {address} was {registers[key]} before")
    first = dict(always)
    for _, of_frame in frames:
        for key, word in of_frame.items():
            first.setdefault(key, word)
    if problems or not first:
        raise DumpError(problems or ["there is no register in it"])
    once = {key: word for key, word in always.items() if not any(key in of_frame for _, of_frame in frames)}
    read_again = [
        Frame(t_s, {**once, **of_frame}, tuple(answer))
        for (t_s, of_frame), answer in zip(frames, answers[1:], strict=True)
    ]
    return Dump(first, tuple(read_again), tuple(answers[0]), about)


def _seconds(fields: list[str]) -> float:
    """Return the time of a frame's line; NaN where it is none."""
    try:
        _, _, seconds = fields
        return float(seconds)
    except ValueError:
        return float("nan")


def hold(conversation: Conversation, dump: Dump, unit_id: int, step: int = 1) -> Layout:
    """Let a unit's connecting conversation be answered by a dump. Raises ConnectError."""
    try:
        read = next(conversation)
        while True:
            read = conversation.send(dump.reply(read, unit_id, step))
    except StopIteration as done:
        layout: Layout = done.value
        return layout
