"""Recordings on disk: named columns of numbers, text or times, from CSV or Parquet."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from agent.replay.mapping import MapError

CHUNK_ROWS = 20_000
LOOKED_AT_LINES = 30  # for the names of the columns
Column = NDArray[Any]  # float64, datetime64[ns] or text


def column_names(path: Path) -> list[str]:
    """Return the names of a recording's columns. Raises MapError."""
    try:
        if _is_parquet(path):
            return list(_parquet(path).schema_arrow.names)
        with _opened(path) as file:
            names = [name.strip() for name in next(csv.reader(file, _dialect(path)))]
    except StopIteration as error:
        raise MapError(f"{path}: is empty: a recording has a header and a row per reading") from error
    except UnicodeError as error:
        raise MapError(_no_text(path)) from error
    except (OSError, csv.Error) as error:
        raise MapError(f"{path}: cannot be read: {error}") from error
    if len(names) == 1 and (line := _longer(path)):
        raise MapError(
            f"{path.name}: its first line is {names[0]!r}, and line {line} has more values: delete what"
            " stands above the names of the columns"
        )
    if len(names) > 1 and all(map(_is_number, names)) and not _count(names):
        raise MapError(
            f"{path.name}: its first line holds numbers alone ({', '.join(names[:3])}, ...): write a line of"
            " names of the columns above it"
        )
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise MapError(f"{path.name}: several columns are called {twice[0]!r}: give each a name of its own")
    return names


def read_columns(path: Path, wanted: list[str], rows: int | None = None) -> dict[str, Column]:
    """Return the wanted columns, all of one length: of about so many first rows, of all by default.

    Raises MapError.
    """
    if _is_parquet(path):
        file = _parquet(path)
        table = file.read(columns=wanted) if rows is None else _head(file, wanted, rows)
        return {name: _from_arrow(table.column(name)) for name in wanted}
    chunks: dict[str, list[Column]] = {name: [] for name in wanted}
    try:
        for chunk in _csv_chunks(path, wanted):
            for name, cells in zip(wanted, zip(*chunk, strict=True), strict=True):
                chunks[name].append(_numbers_or_text(cells))
            if rows is not None:
                break
    except UnicodeError as error:
        raise MapError(_no_text(path)) from error
    except (OSError, csv.Error) as error:
        raise MapError(f"{path}: cannot be read: {error}") from error
    return {name: _joined(parts) for name, parts in chunks.items()}


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq", ".parq")


def _parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MapError("reading Parquet needs more: pip install 'cellwarden[parquet]'") from error
    import pyarrow

    try:
        return pq.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise MapError(f"{path}: cannot be read: {error}") from error


def _head(file: Any, wanted: list[str], rows: int) -> Any:
    import pyarrow

    schema = pyarrow.schema([file.schema_arrow.field(name) for name in wanted])
    return pyarrow.Table.from_batches(
        [next(file.iter_batches(rows, columns=wanted), pyarrow.RecordBatch.from_pylist([], schema))], schema
    )


def _from_arrow(column: Any) -> Column:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        return np.asarray(column.cast(pa.timestamp("ns", kind.tz), safe=False).to_numpy(), "datetime64[ns]")
    if pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("ns")).to_numpy(), "datetime64[ns]")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    if pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    return _numbers_or_text(tuple("" if v is None else str(v) for v in column.to_pylist()))


#: How files begin that people take for a recording of rows.
NO_TEXT = {
    b"PK": "a ZIP archive, or a workbook of a spreadsheet (.xlsx, .ods)",
    b"\xd0\xcf\x11\xe0": "a workbook of an old spreadsheet (.xls)",
    b"PAR1": "Parquet: name it .parquet",
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it",
    b"MATLAB": "a file of MATLAB (.mat)",
    b"\x89HDF": "HDF5",
}


def _no_text(path: Path, head: bytes = b"") -> str:
    kind = next((what for start, what in NO_TEXT.items() if head.startswith(start)), "")
    return f"{path.name} is no text{kind and f', but {kind}'}: save the rows as CSV or Parquet"


def _opened(path: Path) -> TextIO:
    """Open a file at its first row: a line by which spreadsheets tell the delimiter is none."""
    file = path.open(newline="", encoding=_encoding(path))
    if not file.readline().lower().startswith("sep="):
        file.seek(0)
    return file


def _dialect(path: Path) -> "type[csv.Dialect]":
    """Guess the delimiter from the first line; the header decides."""
    with _opened(path) as file:
        head = file.readline()

    class Found(csv.excel):
        delimiter = max(",;\t|", key=head.count)

    return Found


def _longer(path: Path) -> int:
    """Return the number of the first line that has several values, where the first has one; 0: none has."""
    with _opened(path) as file:
        lines = [file.readline() for _ in range(LOOKED_AT_LINES)]
    return next((i + 1 for i, line in enumerate(lines) if any(line.count(c) for c in ",;\t")), 0)


def _encoding(path: Path) -> str:
    """Guess how a file is written: as spreadsheets save it, UTF-8, or what is neither."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        raise MapError(_no_text(path, head))
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _csv_chunks(path: Path, wanted: list[str]) -> Iterator[list[list[str]]]:
    with _opened(path) as file:
        reader = csv.reader(file, _dialect(path))
        names = [name.strip() for name in next(reader)]
        at = [names.index(name) for name in wanted]
        rows: list[list[str]] = []
        for row in reader:
            if len(row) < len(names):
                if not any(row):
                    continue
                row += [""] * (len(names) - len(row))  # the last line of a logger that lost its power
            elif any(row[len(names) :]):
                raise MapError(
                    f"{path.name}: line {reader.line_num} has {len(row)} values, its header {len(names)}: a"
                    " decimal comma, or text with a comma, is taken for two values. Save it with semicolons,"
                    " with decimal points, or with quotes around such values"
                )
            rows.append([row[i] for i in at])
            if len(rows) == CHUNK_ROWS:
                yield rows
                rows = []
        if rows:
            yield rows


EMPTY = {"", "nan", "na", "n/a", "null", "none", "-", "#n/a", "inf", "-inf"}


def no_number(column: Column) -> tuple[int, str, int]:
    """Return row (from 1) and text of the first value of a column of text that is no number, and how many are
    none.
    """
    odd = [i for i, cell in enumerate(column.astype(str)) if not _is_number(str(cell))]
    return odd[0] + 1, str(column[odd[0]]), len(odd)


def _count(names: list[str]) -> bool:
    """Whether columns are called by different whole numbers, as some programs number them."""
    return len(set(names)) == len(names) and all(name.isdecimal() for name in names)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return cell.lower() in EMPTY
    return True


def _numbers_or_text(cells: tuple[str, ...]) -> Column:
    try:
        return np.array(cells, np.float64)
    except ValueError:
        pass
    numbers = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        word = cell.strip()
        if word.lower() in EMPTY:
            continue
        try:
            numbers[i] = float(word.replace(",", "."))  # a decimal comma
        except ValueError:
            return np.array([c.strip() for c in cells])
    return numbers


def _joined(parts: list[Column]) -> Column:
    if not parts:
        return np.zeros(0)
    if len({part.dtype.kind for part in parts}) > 1:  # a chunk of empty cells among text
        parts = [p if p.dtype.kind == "U" else np.where(np.isnan(p), "", p.astype(str)) for p in parts]
    return np.concatenate(parts)
