"""What is exported, whatever the form: columns with the kind of each, as rows and as arrays."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

Row = tuple[object, ...]


class Words(NamedTuple):
    """A column of texts: the value at i is `words[numbers[i]]`."""

    words: Sequence[str]
    numbers: NDArray[Any]


Part = Mapping[str, "NDArray[Any] | Words"]


@dataclass(frozen=True, slots=True)
class Table:
    """columns: the kind of each, in their order: `text`, `chosen` (text that an agent chose), `time`, `int`,
    `real` or `real4`. rows: under these, times and reals as text, "" where there is nothing. parts: the same
    as arrays of one length: times in ns of UTC. nothing: of a part by column where it has no value. name: of
    a table of these in SQL.
    """

    name: str
    columns: Mapping[str, str]
    rows: Callable[[], Generator[Row, None, None]]
    parts: Callable[[], Generator[Part, None, None]]
    nothing: Callable[[Part], Mapping[str, NDArray[Any]]]
