"""Units made of nothing but registers, to hold a conversation with and to read frames from."""

import numpy as np

from agent.quality import Quality
from drivers.registers import Area, Reply


class Unit:
    """Answers from `registers[(table, unit offset)][address]`; anything else is refused with exception 2."""

    def __init__(self, registers=None, *, area=Area.HOLDING, step=1, refuse=lambda read: False):
        self.tables = {(area, 0): dict(registers or {})}
        self.step, self.refuse, self.asked = step, refuse, []

    def reply(self, read):
        self.asked.append(read)
        table = self.tables.get((read.area, read.unit_offset), {})
        wanted = [read.address + i * self.step for i in range(read.count)]
        if self.refuse(read) or any(a not in table for a in wanted):
            return Reply([], Quality.REFUSED, 2)
        return Reply([table[a] for a in wanted])


def block(first, words, size=None):
    """Registers from `first` on; `size` pads with zeros."""
    padded = list(words) + [0] * ((size or len(words)) - len(words))
    return {first + i: w & 0xFFFF for i, w in enumerate(padded)}


def text(characters, registers):
    """The words of a text, high byte first."""
    data = characters.encode("ascii").ljust(2 * registers, b"\0")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, 2 * registers, 2)]


def converse(conversation, unit):
    """Hold a connect() conversation to its end and return the layout."""
    try:
        read = next(conversation)
        while True:
            read = conversation.send(unit.reply(read))
    except StopIteration as end:
        return end.value


class Frame:
    """One poll cycle of a layout over a unit: raw, quality and SI by name and place."""

    def __init__(self, layout, unit):
        self.layout, self.image = layout, layout.image()
        reads = layout.plan.reads
        for index in layout.plan.order:
            self.image.store(index, unit.reply(reads[index]))
        n = layout.n
        self.raw, self.quality, self.si = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n)
        layout.decode(self.image, self.raw, self.quality)
        layout.to_si(self.raw, self.quality, self.si)

    def index(self, name, place=""):
        return list(zip(self.layout.names, self.layout.places, strict=True)).index((name, place))

    def __getitem__(self, key):
        return self.si[self.index(*(key if isinstance(key, tuple) else (key,)))]

    def quality_of(self, *key):
        return Quality(int(self.quality[self.index(*key)]))

    def alarms(self):
        return {(self.layout.names[i], text) for i, _, _, text in self.layout.alarms(self.raw, self.quality)}
