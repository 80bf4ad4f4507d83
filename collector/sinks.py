"""The kinds of sinks: what `--sink SCHEME:PLACE` opens. One row each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collector.archive import Archive
from collector.sink import Sink
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.sink import SqliteSink

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SinkKind:
    """How a sink is given, opened, and read by others. `open` raises SinkError, `read` ArchiveError.

    form: as the command line takes it, with what its place is called. example: one that could be.
    needs: what it must be for `serve`.
    """

    form: str
    example: str
    needs: str
    open: Callable[[str], Sink]
    read: Callable[[str, Tell], Archive]


#: By scheme. A new row passes the contract of tests/collector/test_sinks.py.
KINDS = {
    "sqlite": SinkKind(
        form="sqlite:PATH",
        example="sqlite:/var/lib/cellwarden/collector.db",
        needs="of a file that can be written",
        open=lambda place: SqliteSink(Path(place)),
        read=lambda place, tell: SqliteArchive(Path(place), tell),
    ),
}


@dataclass(frozen=True, slots=True)
class ChosenSink:
    """A sink as it was given."""

    kind: SinkKind
    place: str


def parse(text: str) -> ChosenSink:
    """SCHEME:PLACE. Raises ValueError."""
    scheme, _, place = text.partition(":")
    if scheme not in KINDS or not place:
        forms = " or ".join(f"{kind.form}, such as {kind.example}" for kind in KINDS.values())
        raise ValueError(f"{text!r}: expected {forms}")
    return ChosenSink(KINDS[scheme], place)
