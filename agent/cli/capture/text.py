"""The file of a capture: lines that `drivers.dump` reads, and comments for whoever reads it without us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from agent.cli.capture.reading import Said
from drivers.masking import Key, Serial, mask
from drivers.masking import in_words as keys_in_words
from drivers.told import Told

HEAD = "# What one battery unit answered, register by register. `#` begins a comment."
COLUMNS = """\
# Columns: unit id, table, address (zero-based, as it goes over the wire), value (decimal or 0x hexadecimal).
# Below `frame NUMBER SECONDS` stands what was read then; above the first what was read once before.
"""


@dataclass
class Capture:
    """A file that grows with each answer, and is whole after each frame.

    facts: what its head says. serials, known: as `drivers.masking.mask` takes them.
    """

    path: Path
    unit_id: int
    step: int
    facts: Mapping[str, str]
    serials: list[Serial] = field(default_factory=list)
    known: set[Key] = field(default_factory=set)
    masked: set[Key] = field(default_factory=set)
    registers: set[Key] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    response_s: list[float] = field(default_factory=list)
    _pending: list[Said] = field(default_factory=list)
    _file: TextIO | None = None

    def hear(self, said: Said) -> None:
        """Take an answer; it is written with the others of its frame."""
        self._pending.append(said)
        if said.response_s is not None:
            self.response_s.append(said.response_s)

    def begin_frame(self, t_s: float) -> None:
        """Write what was heard, and begin a frame `t_s` seconds after the first."""
        self.flush()
        self.frames += 1
        self._write([f"frame {self.frames} {t_s:.3f}"])

    def flush(self) -> None:
        """Write what was heard and is not written yet."""
        words: dict[Key, int] = {}
        for said in self._pending:
            words |= zip(self._keys(said), map(int, said.reply.words), strict=True)
        changed = mask(words, self.serials, self.known)
        lines = [] if set(changed) <= self.masked else [f"# masked: {keys_in_words(changed)}"]
        self.masked |= set(changed)
        written: set[Key] = set()
        for said in self._pending:
            keys = self._keys(said)
            lines.append(self._comment(said))
            lines += [f"{u} {area} {at} 0x{words[u, area, at]:04X}" for u, area, at in keys
                      if (u, area, at) not in written]  # fmt: skip
            written |= set(keys)
        self.registers |= written
        self._pending.clear()
        self._write(lines)

    def end(self, why: str) -> None:
        """Write the rest, and how it ended. Nothing where nothing was heard."""
        self.flush()
        if self._file is not None:
            self._write([f"# end: {why}"])
            self._file.close()

    def _keys(self, said: Said) -> Sequence[Key]:
        read, unit = said.read, self.unit_id + said.read.unit_offset
        return [(unit, read.area, read.address + self.step * i) for i in range(len(said.reply.words))]

    def _comment(self, said: Said) -> str:
        read = said.read
        told = Told(
            self.unit_id + read.unit_offset, read.area, read.address,
            read.address + self.step * (read.count - 1),
            0 if said.fault else read.count, said.fault, said.response_s,
        )  # fmt: skip
        if said.fault:
            self.faults[told.what] = said.fault
        else:
            self.faults.pop(told.what, None)
        return told.line()

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        if self._file is None:
            self._file = self.path.open("x")
            head = [HEAD, *(f"# {name}: {said}" for name, said in self.facts.items() if said)]
            lines = [*head, COLUMNS.rstrip(), *lines]
        self._file.writelines(f"{line}\n" for line in lines)
        self._file.flush()
