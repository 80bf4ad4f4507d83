"""The contract of sinks: what each of `collector.sinks` must do. A new one is a row of `PLACES`."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.wire import Acknowledgement, decode_batch, encode_batch
from agent.wire.ranges import Ranges
from collector import account, incidents, intake
from collector import sink as sink_protocol
from collector.archive import ArchiveError, OfSchema, Sums
from collector.audit import audit
from collector.sink import Change, Dropped, EventRow, Range, Sink, SinkError, Stream
from collector.sinks import KINDS, parse
from tests.collector.places import PLACES, Place
from tests.collector.processes import BOOT, EPOCH, SCHEMA, SCHEMA_BODY, seal
from tests.graph import imported

DOCS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
STREAM = ("site-1", EPOCH)
YOUNG = b"y" * 16


def test_every_kind_of_sink_has_a_row_here() -> None:
    assert set(PLACES) == set(KINDS)


def test_what_rows_mean_is_worked_out_without_a_database() -> None:
    for shared in (account, incidents, intake, sink_protocol):
        assert not {"sqlite3", "pathlib", "os"} & {
            name.split(".")[0] for name in imported(Path(str(shared.__file__)))
        }, shared


def ranges(found: Iterable[Range]) -> list[Range]:
    """As the account takes them: a sink may tell them in any order and in pieces."""
    return list(Ranges(found))


def accounted(sink: Sink, stream: Stream = STREAM) -> list[list[Range]]:
    """What of a stream is stored, pruned, withheld and dropped."""
    return [ranges(found) for found in sink.accounted(stream)]


def of(*sequences: int, **more: object) -> Change:
    """A change that brings batches."""
    batches = [(decode_batch(blob), blob) for _, blob in map(seal, sequences)]
    return Change(STREAM, 1, batches=batches, **more)  # type: ignore[arg-type]


WHOLE = of(
    1,
    2,
    events=[EventRow(2, 0, "alarm", "rack1/bmu1", "{}")],
    dropped=[Dropped(EPOCH, 4, 6, "full", 2), Dropped(YOUNG, 1, 3, "damaged", 2)],
    refused=[(7, "not sound")],
    schemas={SCHEMA: SCHEMA_BODY},
    boots={BOOT: (1, 2)},
    incidents=[("clone", "first"), ("silent", "once")],
    withheld=[(8, 9)],
)


def test_every_row_of_a_change_is_found_again_after_a_restart(place: Place) -> None:
    place.write(WHOLE)
    sink = place.open()
    try:
        assert [sink.held(STREAM, s) for s in (1, 2, 3)] == [seal(1)[1], seal(2)[1], None]
        assert [sink.held(("site-2", EPOCH), 1), sink.held(("site-1", YOUNG), 1)] == [None, None]
        assert accounted(sink) == [[(1, 2)], [], [(8, 9)], [(4, 6)]]
        assert accounted(sink, ("site-1", YOUNG)) == [[], [], [], [(1, 3)]]
        assert (sink.schema(SCHEMA), sink.schema(b"?" * 32)) == (SCHEMA_BODY, None)
        assert (sink.agents(), sink.epochs("site-1"), sink.epochs("site-2")) == (["site-1"], [EPOCH], [])
        assert (sink.boots(STREAM), sink.boots(("site-1", YOUNG))) == ({BOOT: (1, 2)}, {})
        assert sink.incidents() == [("site-1", "clone", 1), ("site-1", "silent", 1)]
    finally:
        sink.close()


def test_a_change_is_kept_whole_or_not_at_all(place: Place) -> None:
    place.write(of(2))
    with pytest.raises(SinkError):
        place.write(WHOLE)  # it holds batch 2 already
    sink = place.open()
    try:
        assert [sink.held(STREAM, s) is None for s in (1, 2)] == [True, False]
        assert accounted(sink) == [[(2, 2)], [], [], []]
        assert accounted(sink, ("site-1", YOUNG)) == [[], [], [], []]
        assert (sink.schema(SCHEMA), sink.boots(STREAM), sink.incidents()) == (None, {}, [])
        sink.write(of(1))  # it goes on
        assert accounted(sink) == [[(1, 2)], [], [], []]
    finally:
        sink.close()


def test_what_is_held_stays_or_gives_way_as_the_change_says(place: Place) -> None:
    place.write(WHOLE)
    changed = {"refused": [(7, "still not sound")], "schemas": {SCHEMA: b"others"}, "boots": {BOOT: (1, 9)}}
    place.write(Change(STREAM, 2, incidents=[("clone", "second")], **changed))  # type: ignore[arg-type]
    sink, archive = place.open(), place.read()
    try:
        assert (sink.schema(SCHEMA), sink.boots(STREAM)) == (SCHEMA_BODY, {BOOT: (1, 9)})
        assert sink.incidents() == [("site-1", "clone", 2), ("site-1", "silent", 1)]
        assert archive.refused(STREAM) == [(7, "still not sound")]
        assert archive.incidents(STREAM, ["clone"]) == [("clone", 2, "first")]
    finally:
        sink.close()
        archive.close()


def test_a_range_that_is_withheld_takes_the_place_of_those_within_it(place: Place) -> None:
    other = ("site-2", EPOCH)
    for stream, *withheld in ((STREAM, (2, 3), (5, 6), (9, 9)), (other, (3, 4)), (STREAM, (2, 7), (11, 12))):
        place.write(Change(stream, 1, withheld=withheld))
    sink, archive = place.open(), place.read()
    try:
        found = [list(sink.accounted(stream).withheld) for stream in (STREAM, other)]
        assert [sorted(one) for one in found] == [[(2, 7), (9, 9), (11, 12)], [(3, 4)]]
        assert [sorted(archive.withheld(stream)) for stream in (STREAM, other)] == [sorted(f) for f in found]
        assert (sink.agents(), set(archive.streams())) == (["site-1", "site-2"], {STREAM, other})
    finally:
        sink.close()
        archive.close()


def test_epochs_come_in_the_order_of_their_arrival(place: Place) -> None:
    order = [b"m" * 16, b"z" * 16, b"a" * 16]
    for sequence, epoch in enumerate([*order, order[0]], 1):
        _, blob = seal(sequence, epoch=epoch)
        place.write(Change(("site-1", epoch), sequence, batches=[(decode_batch(blob), blob)]))
    sink = place.open()
    assert sink.epochs("site-1") == order
    sink.close()


def test_a_trial_leaves_nothing_behind(place: Place) -> None:
    place.write(WHOLE)
    sink = place.open()
    try:
        for size in (0, 100_000):
            sink.try_to_write(size)
        sink.check()
        sink.check_room()
        assert accounted(sink) == [[(1, 2)], [], [(8, 9)], [(4, 6)]]
    finally:
        sink.close()


def test_a_place_that_cannot_be_is_an_error_of_the_sink(place: Place) -> None:
    kind, nowhere = KINDS[place.scheme], PLACES[place.scheme].nowhere
    with pytest.raises(SinkError, match="nowhere"):
        kind.open(nowhere)
    with pytest.raises(ArchiveError, match="nowhere"):
        kind.read(nowhere, print)
    assert parse(kind.example).kind is kind
    assert kind.form.startswith(f"{place.scheme}:")
    assert f"`{kind.form}`" in DOCS


def test_the_account_goes_on_over_restarts(place: Place) -> None:
    gap = {"kind": "gap", "ranges": [[3, 4]], "reason": "full"}
    asked = {
        "new": ([seal(1), seal(2)], (2, [])),
        "a duplicate": ([seal(1)], (2, [])),
        "ahead": ([seal(6)], (6, [(3, 5)])),
        "a gap": ([seal(7, frames=0, events=(gap,))], (7, [(5, 5)])),
        "refused": ([(5, b"not zstd")], (7, [(5, 5)])),
        "healed": ([seal(5)], (7, [])),
    }
    for what, (batches, (through, missing)) in asked.items():
        stored = place.give(*batches)
        ack: Acknowledgement = stored.acknowledgement
        assert (ack.durable_through, ack.missing) == (through, missing), what
        assert stored.duplicates == (what == "a duplicate"), what
        assert [s for s, _ in ack.refused] == [5] * (what == "refused"), what
    assert place.give(seal(2, seed=9)).conflicts == [2]


def test_what_was_stored_is_audited_and_read(place: Place) -> None:
    place.give(seal(1), seal(2), seal(4), schemas=True)
    ended = {"kind": "gap", "ranges": [], "epoch": EPOCH, "reason": "damaged buffer"}
    place.give(seal(1, epoch=YOUNG, frames=0, events=(ended,)), epoch=YOUNG)
    archive = place.read()
    try:
        accounts = {one.epoch: one for one in audit(archive)}
        assert all(one.fine for one in accounts.values())
        old = accounts[EPOCH.hex()]
        assert (old.sealed, old.stored, old.dropped, old.missing) == (4, 3, 1, [])
        found = [(agent, batch.sequence) for agent, batch in archive.batches(None, "rack1/bmu1", None, None)]
        assert found == [("site-1", 1), ("site-1", 2), ("site-1", 4)]
        description = archive.description(SCHEMA)
        assert description is not None
        assert description["name"] == ["cell_voltage"] * 30
    finally:
        archive.close()


UTC_S = 1_800_000_000
SECOND_NS = 10**9


def read_at(
    sequence: int, utc_s: float, *, agent: str = "site-1", unit: str = "rack1/bmu1", synchronised: bool = True
) -> Change:
    """A change that brings a batch of ten frames, a second apart from `utc_s`, sealed in boot second 0."""
    sealed = decode_batch(seal(sequence, agent=agent)[1])
    boottime_ns = np.arange(10) * SECOND_NS
    batch = replace(
        sealed,
        unit=unit,
        boottime_ns=boottime_ns,
        utc_ns=boottime_ns + int(utc_s) * SECOND_NS,
        clock=np.full(10, synchronised, np.uint8),
    )
    return Change((agent, EPOCH), 1, batches=[(batch, encode_batch(batch))])


def test_a_reader_gets_the_batches_of_an_agent_a_unit_and_a_time_unit_by_unit(place: Place) -> None:
    for change in (
        read_at(1, UTC_S),
        read_at(2, UTC_S, unit="rack1/bmu2"),
        read_at(3, UTC_S + 10),
        read_at(1, UTC_S + 10, agent="site-2"),
        Change(STREAM, 1, batches=[(decode_batch(blob), blob) for _, blob in [seal(4, frames=0)]]),
    ):
        place.write(change)
    archive = place.read()

    def found(*asked: Any) -> list[tuple[str, int]]:
        return [(agent, batch.sequence) for agent, batch in archive.batches(*asked)]

    try:
        everything = [("site-1", 1), ("site-1", 3), ("site-1", 2), ("site-2", 1)]
        middle_ns = (UTC_S + 10) * SECOND_NS
        assert found(None, None, None, None) == everything
        assert found("site-2", None, None, None) == [("site-2", 1)]
        assert found("site-1", "rack1/bmu2", None, None) == [("site-1", 2)]
        assert found(None, None, middle_ns, None) == [("site-1", 3), ("site-2", 1)]
        assert found(None, None, None, middle_ns) == [("site-1", 1), ("site-1", 2)]
    finally:
        archive.close()


def test_what_was_read_before_the_clock_was_set_is_found_at_its_own_time(place: Place) -> None:
    place.write(read_at(1, 0, synchronised=False))
    told = {"boot_id": BOOT.hex(), "boottime_ns": 20 * SECOND_NS, "offset_ns": UTC_S * SECOND_NS}
    offset = EventRow(2, 0, "clock_offset", "", json.dumps(told))
    place.write(of(2, events=[offset]))
    archive = place.read()
    try:
        (first, *_) = (batch for _, batch in archive.batches(None, None, UTC_S * SECOND_NS, None))
        assert (first.sequence, int(first.utc_ns[0])) == (1, UTC_S * SECOND_NS)
    finally:
        archive.close()


def test_an_archive_says_what_was_counted_described_and_refused(place: Place) -> None:
    place.write(WHOLE)
    place.write(of(3))
    other = ("site-3", EPOCH)
    place.write(Change(other, 1, refused=[(1, "not sound")]))
    archive = place.read()
    try:
        assert {STREAM, ("site-1", YOUNG), other} == set(archive.streams())
        assert archive.sums(STREAM) == Sums(3, 30, 900)
        assert archive.sums(other) is None
        rows = sorted(archive.rows(STREAM))
        assert rows == [(sequence, 10, 300, seal(sequence)[1]) for sequence in (1, 2, 3)]
        assert list(archive.schemas(STREAM)) == [OfSchema(SCHEMA, 3, SCHEMA_BODY, None)]
    finally:
        archive.close()


def test_a_schema_that_was_refused_is_told_with_the_reason(place: Place) -> None:
    place.write(of(1, incidents=[incidents.of_schema((SCHEMA, "too wide"))]))
    archive = place.read()
    try:
        ((digest, batches, body, why),) = archive.schemas(STREAM)
        assert (digest, batches, body) == (SCHEMA, 1, None)
        assert "too wide" in (why or "")
    finally:
        archive.close()


def test_a_sink_whose_files_were_taken_away_says_so(place: Place) -> None:
    place.write(WHOLE)
    sink = place.open()
    try:
        sink.check()
        PLACES[place.scheme].take_away(place.place)
        with pytest.raises(SinkError):
            sink.check()
    finally:
        sink.close()
