"""A place of each kind of sink: tests that ask for `place` run once for every database."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.wire import Limits, Request
from collector.admission import admit
from collector.archive import Archive
from collector.intake import Intake, IntakeResult
from collector.sink import Change, Sink
from collector.sinks import KINDS
from tests.collector import postgres
from tests.collector.processes import EPOCH, SCHEMA_BODY


@dataclass(frozen=True)
class Places:
    """Of one kind: a new, empty place below a folder, one where nothing can be opened, and how what is at a
    place is taken away.
    """

    new: Callable[[Path], str]
    nowhere: str
    take_away: Callable[[str], None]
    say: Callable[[str, str], object]  # carries out a statement


def rename_all(place: str) -> None:
    folder = Path(place).parent
    (folder / "away").mkdir()
    for path in folder.iterdir():
        if path.name != "away":
            path.rename(folder / "away" / path.name)


def say_sqlite(place: str, sql: str) -> None:
    db = sqlite3.connect(place)
    db.execute(sql)
    db.commit()
    db.close()


#: By scheme.
PLACES = {
    "sqlite": Places(
        lambda folder: str(folder / "collector.db"), "/nowhere/collector.db", rename_all, say_sqlite
    ),
    "postgresql": Places(
        lambda _: postgres.new_place(), "//someone@127.0.0.1:1/nowhere", postgres.drop, postgres.say
    ),
}


@dataclass
class Place:
    """Where a sink is; opened as often as a collector is restarted."""

    scheme: str
    place: str

    def open(self) -> Sink:
        return KINDS[self.scheme].open(self.place)

    def read(self) -> Archive:
        return KINDS[self.scheme].read(self.place, lambda line: pytest.fail(line))

    def say(self, sql: str) -> None:
        PLACES[self.scheme].say(self.place, sql)

    def write(self, change: Change) -> None:
        sink = self.open()
        try:
            sink.write(change)
        finally:
            sink.close()

    def give(self, *batches: tuple[int, bytes], epoch: bytes = EPOCH, schemas: bool = False) -> IntakeResult:
        """What a collector that is started for it makes of a request."""
        started = Intake(self.open(), lambda: 10**18)
        try:
            bodies = [SCHEMA_BODY] if schemas else []
            return started.store(admit(Request("site-1", epoch, list(batches), bodies), Limits()))
        finally:
            started.close()
