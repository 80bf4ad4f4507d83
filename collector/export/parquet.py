"""Stored values as one Parquet file: the columns of the CSV, each of the type of what it holds."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.quality import NOT_READ
from collector.export.blocks import Block
from collector.export.rows import HEADER, QUALITIES, clock_name

VALUES_AT_ONCE = 2**20  # of a row group
TEXTS = ("agent", "unit", "clock", "place", "name", "si_unit", "quality")
_NOT_READ = np.isin(np.arange(256), sorted(NOT_READ))  # by quality


def write(found: Iterable[Block], output: Path) -> int:
    """Write a file; return how many values. `utc` is a timestamp in ns, `value` and `raw` are null where
    nothing was read. Raises ImportError without the extra `parquet`.
    """
    import pyarrow.parquet as pq

    columns, written = _Columns(), 0
    with pq.ParquetWriter(output, columns.schema, compression="zstd") as writer:
        for block in found:
            columns.add(block)
            if columns.size >= VALUES_AT_ONCE:
                written += columns.size
                writer.write_table(columns.taken())
        written += columns.size
        if columns.size:
            writer.write_table(columns.taken())
    return written


class _Words:
    """The texts of a column, each once: a value is the number of its text."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._of = dict(zip(known, count(), strict=False))
        self._numbers: dict[tuple[str, ...], NDArray[np.int32]] = {}  # a schema's texts come with each batch

    def numbers(self, texts: Iterable[str]) -> NDArray[np.int32]:
        key = tuple(texts)
        if key not in self._numbers:
            self._numbers[key] = np.array(
                [self._of.setdefault(text, len(self._of)) for text in key], np.int32
            )
        return self._numbers[key]

    def texts(self) -> list[str]:
        return list(self._of)


class _Columns:
    """Values on their way to a row group."""

    def __init__(self) -> None:
        import pyarrow as pa

        numbers = {"boottime_ns": pa.int64(), "value": pa.float64(), "raw": pa.int64()}
        kinds = {"utc": pa.timestamp("ns", "UTC"), **numbers}
        texts = dict.fromkeys(TEXTS, pa.dictionary(pa.int32(), pa.string()))
        self.schema = pa.schema([(name, (kinds | texts)[name]) for name in HEADER])
        self._words = {name: _Words(QUALITIES if name == "quality" else ()) for name in TEXTS}
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in HEADER}
        self.size = 0

    def add(self, block: Block) -> None:
        n, m = block.raw.shape
        number = {name: words.numbers for name, words in self._words.items()}
        each = {"agent": number["agent"]([block.agent]), "unit": number["unit"]([block.unit])}
        clock = number["clock"](clock_name(int(one)) for one in block.clock)
        frames: dict[str, NDArray[Any]] = {
            "utc": block.utc_ns,
            "clock": clock,
            "boottime_ns": block.boottime_ns,
        }
        texts = {"place": block.places, "name": block.names, "si_unit": block.units}
        values: dict[str, NDArray[Any]] = {"value": block.si, "raw": block.raw, "quality": block.quality}
        spread = {name: np.repeat(column, n * m) for name, column in each.items()}
        spread |= {name: np.repeat(column, m) for name, column in frames.items()}
        spread |= {name: np.tile(number[name](column), n) for name, column in texts.items()}
        spread |= {name: column.ravel() for name, column in values.items()}
        for name, column in spread.items():
            self._parts[name].append(column)
        self.size += n * m

    def taken(self) -> Any:
        """All of it as an Arrow table; nothing is left."""
        import pyarrow as pa

        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        nothing = {"value": ~np.isfinite(whole["value"]), "raw": _NOT_READ[whole["quality"]]}
        self._parts, self.size = {name: [] for name in HEADER}, 0
        arrays = [
            pa.DictionaryArray.from_arrays(whole[name].astype(np.int32), self._words[name].texts())
            if name in self._words
            else pa.array(whole[name], self.schema.field(name).type, mask=nothing.get(name))
            for name in HEADER
        ]
        return pa.table(arrays, self.schema)
