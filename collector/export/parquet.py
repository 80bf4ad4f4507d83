"""A table as one Parquet file: its columns, each of the type of what it holds."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.export.table import Part, Table, Words

VALUES_AT_ONCE = 2**20  # of a row group


def write(table: Table, output: Path) -> int:
    """Write a file; return how many rows. Times are timestamps in ns, what has no value is null. Raises
    ImportError without the extra `parquet`.
    """
    import pyarrow.parquet as pq

    columns, written = _Columns(table), 0
    with (
        closing(table.parts()) as parts,
        pq.ParquetWriter(output, columns.schema, compression="zstd") as writer,
    ):
        for part in parts:
            columns.add(part)
            if columns.size >= VALUES_AT_ONCE:
                written += columns.size
                writer.write_table(columns.taken())
        written += columns.size
        if columns.size:
            writer.write_table(columns.taken())
    return written


class _Texts:
    """The texts of a column, each once: a value is the number of its text."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._numbers: dict[tuple[str, ...], NDArray[np.int32]] = {}  # a schema's texts come with each part

    def numbers(self, words: Sequence[str]) -> NDArray[np.int32]:
        key = tuple(words)
        if key not in self._numbers:
            self._numbers[key] = np.array(
                [self._of.setdefault(text, len(self._of)) for text in key], np.int32
            )
        return self._numbers[key]

    def all(self) -> list[str]:
        return list(self._of)


class _Columns:
    """Rows on their way to a row group."""

    def __init__(self, table: Table) -> None:
        import pyarrow as pa

        text = pa.dictionary(pa.int32(), pa.string())
        kinds = {"text": text, "chosen": text, "time": pa.timestamp("ns", "UTC")}
        kinds |= {"int": pa.int64(), "real": pa.float64(), "real4": pa.float32()}
        self.schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns.items()])
        self._table = table
        self._texts = {name: _Texts() for name, kind in table.columns.items() if kind in ("text", "chosen")}
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self._nothing: dict[str, list[NDArray[Any]]] = {}
        self.size = 0

    def add(self, part: Part) -> None:
        """Take in what is of one length."""
        for name, column in part.items():
            found = self._numbers(name, column) if isinstance(column, Words) else column
            self._parts.setdefault(name, []).append(found)
        for name, nothing in self._table.nothing(part).items():
            self._nothing.setdefault(name, []).append(nothing)
        self.size += len(found)

    def _numbers(self, name: str, column: Words) -> NDArray[np.int32]:
        found: NDArray[np.int32] = self._texts[name].numbers(column.words)[column.numbers]
        return found

    def taken(self) -> Any:
        """All of it as an Arrow table; nothing is left."""
        import pyarrow as pa

        whole, nothing = _whole(self._parts), _whole(self._nothing)
        self._parts, self._nothing, self.size = {}, {}, 0
        arrays = [
            pa.DictionaryArray.from_arrays(whole[name], self._texts[name].all())
            if name in self._texts
            else pa.array(whole[name], self.schema.field(name).type, mask=nothing.get(name))
            for name in self._table.columns
        ]
        return pa.table(arrays, self.schema)


def _whole(parts: Mapping[str, list[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate(some) for name, some in parts.items()}
