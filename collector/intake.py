"""From an admitted request to the rows of a sink: one change, acknowledged only after it was written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from agent.wire import About, Acknowledgement, WireError, decode_schema, schema
from agent.wire.ranges import durable
from collector import incidents
from collector.account import Batches, event_rows, sort
from collector.admission import Admitted
from collector.facts.derive import VERSION, Lives, alarms_with, epochs_with, told_of
from collector.facts.heard import Heard, heard_of
from collector.facts.order import Told
from collector.facts.points import layout_of
from collector.known import SCHEMAS, Known
from collector.latest import Latest
from collector.sink import NOBODY, Change, Old, Outdated, Range, Sink, SinkError, Stream

MISSING_NAMED = 256  # ranges in one acknowledgement, beside those around what was sent


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of a request. `conflicts` are keys already held with other bytes, `unusable` schemas that
    were refused, as (hash or None, reason), `incidents` what a person must look at, as (kind, text); `asked`
    and `schemas` are the sequences of its sound batches, and the hashes of their schemas.
    """

    acknowledgement: Acknowledgement
    stored: int
    values: int
    duplicates: int
    conflicts: list[int]
    unusable: list[tuple[bytes | None, str]]
    incidents: list[tuple[str, str]]
    asked: list[int]
    schemas: set[bytes]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A request beside what is held. change: None: there is nothing to write."""

    admitted: Admitted
    new: Batches
    conflicts: list[int]
    duplicates: int
    change: Change | None

    @property
    def bytes(self) -> int:
        """Of what is new."""
        return sum(len(blob) for _, blob in self.new)


class Intake:
    """Batches of any number of agents, on their way into one sink. One thread at a time uses it.

    `trouble`: why nothing can be stored, as of the last time that it was tried; "" where something can.
    """

    trouble = ""

    def __init__(self, sink: Sink, utc_ns: Callable[[], int]) -> None:
        self.sink = sink
        self._utc_ns = utc_ns
        self._known = Known(sink)
        self._duplicates: dict[Stream, int] = {}  # counted, and written with the next change
        self._times = incidents.BootTimes(sink.held)
        self._wanted_bytes = 0  # of what could not be stored last
        self._widths: Latest[bytes, int | None] = Latest(SCHEMAS)
        self._heard: dict[str, Heard] = {}  # what is waiting for a change, too
        self._derived = False
        with suppress(SinkError):  # a disk that is full now may have room later
            self._derive()

    def close(self) -> None:
        """Write the counts that were waiting for a change, and close."""
        self._write_counts()
        self.sink.close()

    def store(self, admitted: Admitted, certificate_ends_ns: int | None = None) -> IntakeResult:
        """Store what is new in one synchronous transaction; a request of duplicates writes nothing at once.

        certificate_ends_ns: of the connection that it came by. Raises SinkError where the disk refused: then
        nothing of the request was stored.
        """
        self.hear(admitted.agent, certificate_ends_ns, admitted.about)
        return self._store([admitted])[0]

    def store_all(self, requests: Sequence[tuple[Admitted, int | None]]) -> list["IntakeResult | Exception"]:
        """Store requests of different agents, as `store` does, in one transaction for all.

        Where that fails, each is stored by itself, so that none keeps another out; once nothing at all can be
        written, the rest fails with it. The errors are among what is returned.
        """
        for admitted, certificate_ends_ns in requests:
            self.hear(admitted.agent, certificate_ends_ns, admitted.about)
        some = [admitted for admitted, _ in requests]
        try:
            return [*self._store(some)]
        except Exception as error:
            return [error] if len(some) == 1 else [*self._store_each(some, error)]

    def _store_each(self, some: Sequence[Admitted], error: Exception) -> Iterator["IntakeResult | Exception"]:
        """Store each by itself, after all together failed with an error."""
        down = self.look(anew=True)
        for admitted in some:
            if down:
                yield error
                continue
            try:
                yield self._store([admitted])[0]
            except Exception as its_own:
                error, down = its_own, self.look(anew=True)
                yield error

    def _store(self, some: Sequence[Admitted]) -> list[IntakeResult]:
        try:
            return self._store_once(some)
        except Outdated:
            return self._store_once(some)

    def _store_once(self, some: Sequence[Admitted]) -> list[IntakeResult]:
        counted = dict(self._duplicates)
        try:
            with self._telling():
                self._derive()
                self._forget_news({admitted.agent for admitted in some})
                sorted_out = [self._sorted(admitted) for admitted in some]
                self._wanted_bytes = 2 * sum(one.bytes for one in sorted_out)  # with rows and index
                if changes := [one.change for one in sorted_out if one.change]:
                    self._write(*changes)
                self._wanted_bytes = 0
                results = [self._result(one) for one in sorted_out]
                self.sink.check()
        except BaseException:
            self._duplicates = counted
            self._known.forget({admitted.agent for admitted in some})  # it may be ahead of the sink
            raise
        return results

    def _sorted(self, admitted: Admitted) -> "_Sorted":
        """What of a request is new, and what that changes."""
        stream = (admitted.agent, admitted.epoch)
        account = self._known.accounts.of(stream)
        new, conflicts, duplicates = sort(
            admitted.batches,
            lambda sequence: self.sink.held(stream, sequence) if sequence in account.stored else None,
            account.pruned,
        )
        if duplicates:
            self._duplicates[stream] = self._duplicates.get(stream, 0) + duplicates
        bad = admitted.refused or admitted.bad_schemas
        told = account.news(admitted.withheld)
        changes = new or conflicts or bad or told or self._known.lacks(admitted.schemas)
        change = self._change(admitted, new, conflicts) if changes else None
        return _Sorted(admitted, new, conflicts, duplicates, change)

    def _result(self, of: "_Sorted") -> IntakeResult:
        """What became of a request, once it is written."""
        admitted = of.admitted
        stream = (admitted.agent, admitted.epoch)
        asked = [batch.sequence for batch, _ in admitted.batches]
        schemas = {batch.schema for batch, _ in admitted.batches if batch.schema}
        return IntakeResult(
            self._acknowledgement(stream, asked, schemas, admitted.refused),
            len(of.new),
            sum(batch.values for batch, _ in of.new),
            of.duplicates,
            of.conflicts,
            admitted.bad_schemas,
            list(of.change.incidents) if of.change else [],
            asked,
            schemas,
        )

    def hear(self, agent: str, certificate_ends_ns: int | None = None, about: About | None = None) -> None:
        """Note that an agent was heard, and what it said of itself; it is written with the next change of any
        agent, or by `write_waiting`.
        """
        heard = heard_of(self._utc_ns(), certificate_ends_ns, about)
        before = self._heard.get(agent)
        self._heard[agent] = heard if before is None else before.then(heard)

    def write_waiting(self) -> None:
        """Write what has waited for a change, if anything has. Raises SinkError."""
        with self._telling():
            self._write_counts()

    def together(self, agent: str, pieces: Sequence[IntakeResult]) -> IntakeResult:
        """What became of a request that was stored piece by piece. Raises SinkError."""

        def all_of(name: str) -> list[Any]:
            return [one for piece in pieces for one in getattr(piece, name)]

        refused = [one for piece in pieces for one in piece.acknowledgement.refused]
        asked, schemas = all_of("asked"), set(all_of("schemas"))
        with self._telling():
            stream = (agent, pieces[0].acknowledgement.epoch)
            ack = self._acknowledgement(stream, asked, schemas, refused)
        return IntakeResult(
            ack,
            sum(piece.stored for piece in pieces),
            sum(piece.values for piece in pieces),
            sum(piece.duplicates for piece in pieces),
            all_of("conflicts"),
            all_of("unusable"),
            all_of("incidents"),
            asked,
            schemas,
        )

    def width_of(self, digest: bytes) -> int | None:
        """How many values a stored schema describes; None where there is none that can be used."""
        if digest not in self._widths:
            with self._telling():
                body = self.sink.schema(digest)
            if body is None:
                return None
            try:
                description = decode_schema(body)[1]
            except WireError:
                description = {}
            self._widths[digest] = None if schema.unusable(description) else schema.width(description)
        return self._widths[digest]

    def held(self, stream: Stream, sequence: int) -> bytes | None:
        """The bytes of a stored batch."""
        with self._telling():
            return self.sink.held(stream, sequence)

    def agents(self) -> list[str]:
        """Every agent that was ever heard."""
        with self._telling():
            return self.sink.agents()

    def incidents(self) -> list[tuple[str, str, int]]:
        """(agent, kind, times) of what a person must look at."""
        with self._telling():
            return incidents.counts(self.sink.incidents())

    def look(self, anew: bool) -> str:
        """Return `trouble` as it is now; anew: try whether something can be written."""
        with suppress(SinkError), self._telling():
            self.sink.check()
            self.sink.check_room()
            if anew or self.trouble:
                self.sink.try_to_write(self._wanted_bytes)
                self.trouble = ""
                self._write_counts()
        return self.trouble

    def not_here(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many batches are missing below the highest seen, and how many are withheld, for every agent
        heard since the start.
        """
        with suppress(SinkError), self._telling():
            self._forget_news(self._known.accounts.agents())
        return self._known.accounts.not_here()

    def stored_s_ago(self, agent: str) -> float | None:
        """How long ago a batch of an agent was stored, by this or another process; None: none was."""
        with self._telling():
            stored_ns = self.sink.stored_ns(agent)
        return None if stored_ns is None else (self._utc_ns() - stored_ns) / 1e9

    def heard_ns(self) -> list[int]:
        """By what times the agents that are heard measure, as `Sink.heard_ns`."""
        with self._telling():
            return self.sink.heard_ns()

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class in the order of their arrival, as `Sink.old`."""
        with self._telling():
            return self.sink.old(what, before_ns, after, most)

    def prune(self, what: str, rows: Sequence[Old]) -> None:
        """Delete rows of a class; batches among them stay in the account, as pruned. Raises SinkError."""
        gone: dict[Stream, list[int]] = {}
        for row in rows:
            if row.sequence:
                gone.setdefault(row.stream, []).append(row.sequence)
        try:
            with self._telling():
                self._forget_news({agent for agent, _ in gone})
                ranges = {stream: self._known.accounts.of(stream).prune(gone[stream]) for stream in gone}
                self.sink.prune(what, rows, ranges)
        except BaseException:
            self._known.forget({agent for agent, _ in gone})  # it may be ahead of the sink
            raise

    def _forget_news(self, agents: set[str]) -> None:
        """Forget what was read of agents of whom another process wrote since."""
        if news := self.sink.news(agents):
            self._known.forget(news)

    def report(self, agents: Sequence[str], kind: str, text: str) -> None:
        """Put an incident of one or more agents on record, in one transaction."""
        found, now_ns = [(kind, text)], self._utc_ns()
        with self._telling():
            self._forget_news(set(agents))
            self._write(*(Change((agent, b""), now_ns, incidents=found) for agent in agents))

    def _change(self, admitted: Admitted, new: Batches, conflicts: list[int]) -> Change:
        """What a request changes: its new rows, and what a person must look at."""
        stream = (admitted.agent, admitted.epoch)
        before = self._known.boots(stream) if new else {}
        spans, found = dict(before), list[tuple[str, str]]()
        epochs = self._known.epochs(stream[0]) if new else []
        if new:
            found += [("rollback", text) for text in incidents.of_epochs(stream, epochs)]
            boots = incidents.of_boots(stream, [batch for batch, _ in new], spans, self._times)
            found += [("clone", text) for text in boots]
        for sequence in conflicts:
            text = f"batch {sequence} came again with other bytes: a cloned or restored agent"
            found.append(("conflict", text))
        events, now_ns = list(event_rows(new)), self._utc_ns()
        order, alarms = self._facts(stream, told_of(stream[1], events, now_ns), epochs, spans)
        unknown = self._known.lacks(admitted.schemas)
        layouts = ((digest, layout_of(admitted.schemas[digest])) for digest in unknown)
        return Change(
            stream,
            now_ns,
            batches=new,
            events=events,
            dropped=self._known.accounts.take(stream, new),
            refused=admitted.refused,
            schemas=admitted.schemas,
            boots={boot_id: span for boot_id, span in spans.items() if span != before.get(boot_id)},
            incidents=[*found, *map(incidents.of_schema, admitted.bad_schemas)],
            withheld=self._known.accounts.of(stream).withhold(admitted.withheld),
            epochs=order,
            alarms=alarms,
            layouts={digest: layout for digest, layout in layouts if layout},
        )

    def _facts(
        self, stream: Stream, told: list[Told], held: list[bytes], spans: dict[bytes, Range]
    ) -> tuple[list[bytes], Lives]:
        """The order of the agent's epochs, if it is another one than by arrival, and what alarms become."""
        agent, epoch = stream
        arrived = held if epoch in held else [*held, epoch]
        ends = any(one.kind == "gap" and one.subject for one in told)
        order = epochs_with(self.sink, agent, epoch, told) if ends or (held and arrived != held) else arrived

        def boots() -> dict[bytes, dict[bytes, Range]]:
            return {one: spans if one == epoch else self._known.boots((agent, one)) for one in order}

        anew = order != arrived
        return (order if anew else []), alarms_with(self.sink, agent, told, order, boots, anew)

    def _derive(self) -> None:
        """Derive all facts from what is stored, where an earlier version, or none, has done that."""
        if self._derived:
            return
        if self.sink.facts() < VERSION:
            for agent in self.sink.agents():
                self._derive_alarms(agent)
            layouts = ((digest, layout_of(body)) for digest, body in self.sink.schemas())
            found = {digest: layout for digest, layout in layouts if layout}
            self._write(Change(NOBODY, self._utc_ns(), layouts=found, facts=VERSION))
        self._derived = True

    def _derive_alarms(self, agent: str) -> None:
        self._forget_news({agent})
        held = self.sink.epochs(agent)
        if not held:
            return
        order = epochs_with(self.sink, agent, held[0], ())

        def boots() -> dict[bytes, dict[bytes, Range]]:
            return {one: self.sink.boots((agent, one)) for one in order}

        alarms = alarms_with(self.sink, agent, [], order, boots, anew=True)
        self._write(Change((agent, held[0]), self._utc_ns(), epochs=order, alarms=alarms))

    def _write(self, first: Change, *more: Change) -> None:
        """Write changes of different agents, and with them what was waiting."""
        counted = replace(first, duplicates=dict(self._duplicates), heard=dict(self._heard))
        self.sink.write(counted, *more)
        self._known.wrote(first, *more)
        self._duplicates.clear()
        self._heard.clear()
        self.trouble = ""

    def _write_counts(self) -> None:
        """Write the duplicates that were counted, and who was heard, since the last change."""
        if self._duplicates or self._heard:
            self._write(Change(NOBODY, self._utc_ns()))

    def _acknowledgement(
        self, stream: Stream, asked: list[int], schemas: set[bytes], refused: list[tuple[int, str]]
    ) -> Acknowledgement:
        through, missing = durable(self._known.accounts.of(stream).all, MISSING_NAMED, asked)
        return Acknowledgement(stream[1], through, missing, self._known.lacks(sorted(schemas)), refused)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Keep what the sink says as `trouble`, until something can be stored."""
        try:
            yield
        except Outdated:
            raise
        except SinkError as error:
            self.trouble = error.why
            raise
