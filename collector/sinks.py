"""The kinds of sinks: what `--sink SCHEME:PLACE` opens. One row each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from collector.archive import Archive, ArchiveError
from collector.notes import Notes, NotesError
from collector.postgres.url import without_password
from collector.sink import Sink, SinkError
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.notes import FileNotes
from collector.sqlite.sink import SqliteSink

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SinkKind:
    """How a sink is given, opened, and read by others; and where commands leave it notes. `open` raises
    SinkError, `read` ArchiveError.

    form: as the command line takes it, with what its place is called. example: one that could be. one_writer:
    whether nobody may write beside the process that serves.
    """

    form: str
    example: str
    open: Callable[[str], Sink]
    read: Callable[[str, Tell], Archive]
    notes: Callable[[str], Notes]
    one_writer: bool


_NO_ASYNCPG = "needs a library that is not installed: pip install 'cellwarden[postgres]'"


def _open_postgres(place: str) -> Sink:
    try:
        from collector.postgres.sink import PostgresSink
    except ImportError as error:
        raise SinkError(without_password(place), _NO_ASYNCPG) from error
    return PostgresSink(place)


def _read_postgres(place: str, tell: Tell) -> Archive:
    try:
        from collector.postgres.archive import PostgresArchive
    except ImportError as error:
        raise ArchiveError(f"{without_password(place)}: {_NO_ASYNCPG}") from error
    return PostgresArchive(place, tell)


def _postgres_notes(place: str) -> Notes:
    try:
        from collector.postgres.notes import PostgresNotes
    except ImportError as error:
        raise NotesError(f"{without_password(place)}: {_NO_ASYNCPG}") from error
    return PostgresNotes(place)


#: By scheme. A new row passes the contract of tests/collector/test_sinks.py.
KINDS = {
    "sqlite": SinkKind(
        form="sqlite:PATH",
        example="sqlite:/var/lib/cellwarden/collector.db",
        open=lambda place: SqliteSink(Path(place)),
        read=lambda place, tell: SqliteArchive(Path(place), tell),
        notes=lambda place: FileNotes(Path(place)),
        one_writer=True,
    ),
    "postgresql": SinkKind(
        form="postgresql://USER@HOST/DATABASE",
        example="postgresql://cellwarden@/cellwarden?host=/run/postgresql",
        open=_open_postgres,
        read=_read_postgres,
        notes=_postgres_notes,
        one_writer=False,
    ),
}


@dataclass(frozen=True, slots=True)
class ChosenSink:
    """A sink as it was given."""

    kind: SinkKind
    place: str = field(repr=False)  # may hold a password

    @property
    def text(self) -> str:
        """As it was given."""
        return f"{self.kind.form.partition(':')[0]}:{self.place}"


def parse(text: str) -> ChosenSink:
    """SCHEME:PLACE. Raises ValueError."""
    scheme, _, place = text.partition(":")
    if scheme not in KINDS or not place:
        forms = " or ".join(f"{kind.form}, such as {kind.example}" for kind in KINDS.values())
        raise ValueError(f"{without_password(text)!r}: expected {forms}")
    return ChosenSink(KINDS[scheme], place)
