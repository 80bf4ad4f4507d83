"""Schemas that are lacking, that come, and that cannot be used. Pure."""

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from agent.wire import Acknowledgement
from agent.wire.packing import pack
from agent.wire.zstd import deflate
from collector.conform.frames import frame
from collector.conform.row import Check, Course, Row, Run, Wrong
from collector.conform.sender import VALUES, Sender, description, schema_of

#: `(hash, body)` of a schema, for a run.
Maker = Callable[[Run], tuple[bytes, bytes]]


def _wants(ack: Acknowledgement, *digests: bytes) -> None:
    if sorted(ack.need_schema) != sorted(digests):
        said = [digest.hex()[:8] for digest in ack.need_schema]
        raise Wrong(f"wanted schemas are {said}, expected {[digest.hex()[:8] for digest in digests]}")


def _wanted(run: Run) -> Course[None]:
    sender = Sender(run)
    _wants((yield from sender.tell([(1, sender.frames(1))])), sender.schema)
    _wants((yield from sender.tell()))
    _wants((yield from sender.tell(schemas=[(sender.schema, sender.schema_body)])))
    _wants((yield from sender.tell([(2, sender.frames(2))])))


def _of_duplicates(run: Run) -> Course[None]:
    sender = Sender(run)
    for _ in range(2):
        _wants((yield from sender.tell([(1, sender.frames(1))])), sender.schema)


def _with_batch(run: Run) -> Course[None]:
    sender = Sender(run)
    schema = (sender.schema, sender.schema_body)
    _wants((yield from sender.tell([(1, sender.frames(1))], schemas=[schema])))
    _wants((yield from sender.tell([(2, sender.frames(2))], schemas=[schema, schema])))


def _shared(run: Run) -> Course[None]:
    one = Sender(run)
    yield from one.tell([(1, one.frames(1))], schemas=[(one.schema, one.schema_body)])
    other = Sender(run, one.agent)
    ack = yield from other.tell([(1, other.frames(1, schema=one.schema))])
    _wants(ack)


def _later_keys(run: Run) -> Course[None]:
    sender = Sender(run)
    wide = {
        "bits": {"0": {"3": ["text", "critical", 1], "of later": 5}},
        "limits": {"0": {"safety": [1, math.inf]}},
    }
    digest, body = schema_of([1, description(run, of_later={"a": [None]}, **wide)])
    _wants((yield from _use(sender, digest, [(digest, body)])))


def _readings(run: Run) -> Course[None]:
    sender = Sender(run)
    digest, body = schema_of([1, description(run, reading=[2, 3, 1, 5], scale=[1e308, -1, 1, 2.5])])
    _wants((yield from _use(sender, digest, [(digest, body)])))


def _unsorted(run: Run) -> Course[None]:
    sender = Sender(run)
    digest, body = schema_of([1, dict(sorted(description(run).items(), reverse=True))])
    _wants((yield from _use(sender, digest, [(digest, body)])))


def _use(sender: Sender, digest: bytes, schemas: list[tuple[bytes, bytes]]) -> Course[Acknowledgement]:
    sequence = sender.most + 1
    batches = [(sequence, sender.frames(sequence, schema=digest))]
    return (yield from sender.tell(batches, schemas=schemas))


def _changed(**changes: Any) -> Maker:
    return lambda run: schema_of([1, description(run, **changes)])


def _without(key: str) -> Maker:
    def make(run: Run) -> tuple[bytes, bytes]:
        content = description(run)
        del content[key]
        return schema_of([1, content])

    return make


def _whole(how: Callable[[Run], object]) -> Maker:
    return lambda run: schema_of(how(run))


def _of_frame(how: Callable[[bytes], bytes]) -> Maker:
    def make(run: Run) -> tuple[bytes, bytes]:
        content = [1, description(run)]
        return schema_of(content)[0], how(pack(content))

    return make


def _twice(run: Run) -> tuple[bytes, bytes]:
    content = pack([1, description(run)])
    head, pairs = content[:2] + bytes([content[2] + 1]), content[3:]  # of an array, a 1 and a short map
    content = head + pack("scale") + pack([1] * VALUES) + pairs
    return blake2b(content, digest_size=16).digest(), deflate(content)


def _nested(depth: int) -> Any:
    return 1 if depth == 0 else [_nested(depth - 1)]


_UNUSABLE: list[tuple[str, str, Maker]] = [
    ("schema-scale-0", "a scale of 0", _changed(scale=[0] * VALUES)),
    ("schema-scale-nan", "a scale of NaN", _changed(scale=[math.nan, 1, 1, 1])),
    ("schema-scale-text", "a scale of text", _changed(scale=["a", 1, 1, 1])),
    ("schema-offset", "an infinite offset", _changed(offset=[math.inf, 0, 0, 0])),
    ("schema-unequal", "lists of unequal length", _changed(place=["a"])),
    ("schema-reading", "reading 9", _changed(reading=[9, 0, 0, 0])),
    ("schema-reading-true", "reading true", _changed(reading=[True, 0, 0, 0])),
    ("schema-no-name", "no name", _without("name")),
    ("schema-names", "names that are numbers", _changed(name=[1, 2, 3, 4])),
    ("schema-empty", "an empty map", _whole(lambda run: [1, {"run": run.name, "number": run.number()}])),
    ("schema-list", "an array for its description", _whole(lambda run: [1, [run.name, run.number()]])),
    ("schema-version", "version 2", _whole(lambda run: [2, description(run)])),
    ("schema-text", "a text", _whole(lambda run: f"{run.name} {run.number()}")),
    ("schema-deep", "a description that is nested too deep", _changed(deep=_nested(7))),
    ("schema-within", "a heartbeat that is no map", _changed(changes_within_s=[60])),
    ("schema-key-twice", "a description in which a key stands twice", _twice),
]  # fmt: skip

_UNREADABLE: list[tuple[str, str, Maker]] = [
    ("schema-no-frame", "bytes that are not compressed", _of_frame(lambda packed: packed)),
    ("schema-no-checksum", "a frame without checksum", _of_frame(lambda packed: frame(packed,
     checksum=False))),
    ("schema-cut", "a frame that is cut", _of_frame(lambda packed: deflate(packed)[:30])),
    ("schema-nothing", "no byte", _of_frame(lambda packed: b"")),
    ("schema-large", "70,000 bytes compressed", _of_frame(lambda packed: frame(packed.ljust(70_000)))),
]  # fmt: skip


def _unusable(make: Maker) -> Callable[[Run], Course[None]]:
    """A course in which a schema cannot be used, its batches are taken, and it is asked for seldom."""

    def course(run: Run) -> Course[None]:
        sender = Sender(run)
        digest, body = make(run)
        asked = 0
        for schemas in ([(digest, body)], [], [(digest, body)], []):
            ack = yield from _use(sender, digest, schemas)
            asked += len(ack.need_schema)
        if asked > 1:
            raise Wrong(f"wanted {asked} times within four requests, once a minute is enough")

    return course


def _unreadable(make: Maker) -> Callable[[Run], Course[None]]:
    """A course in which a schema has not even a hash, and its batches are taken."""

    def course(run: Run) -> Course[None]:
        sender = Sender(run)
        schema = make(run)
        yield from _use(sender, schema[0], [schema])
        yield from _use(sender, schema[0], [])

    return course


def _beside_unusable(run: Run) -> Course[None]:
    sender = Sender(run)
    bad = schema_of([1, description(run, scale=[0] * VALUES)])
    yield from sender.tell([(1, sender.frames(1))], schemas=[bad, (sender.schema, sender.schema_body)])
    _wants((yield from sender.tell([(2, sender.frames(2))])))


_UNUSED = (
    "Its batches are taken as raw numbers, and an agent that is asked again and again sends it each time."
)
_SENT = "Without its schema a batch is mere numbers."

CHECKS = [
    Check(Row("schema-wanted", "Answer", "A schema that batches need is wanted, until it comes", _SENT),
              _wanted),
    Check(Row("schema-wanted-again", "Answer", "It is wanted for a batch that comes again, too", _SENT),
              _of_duplicates),
    Check(Row("schema-beside", "Request", "A schema in the request of its batch, and once more, twice",
              "Schemas are read before the batches."), _with_batch),
    Check(Row("schema-shared", "Answer", "A schema that came in another epoch",
              "It is named by its hash alone."),
          _shared),
    Check(Row("schema-later", "Schema", "A schema with keys and meanings of a later version",
              "A reader passes over them; no batch is the worse for it."), _later_keys),
    Check(Row("schema-readings", "Schema", "A schema of floats and unsigned numbers, with any scale but 0",
              "What a raw value means is the schema's business."), _readings),
    Check(Row("schema-unsorted", "Schema", "A schema whose keys are not sorted",
              "The hash is over the bytes that came, however they were written."), _unsorted),
    *(Check(Row(id, "Schema", f"Take batches whose schema is {what}, and ask for it once a minute at most",
    _UNUSED),
            _unusable(make)) for id, what, make in _UNUSABLE),
    *(Check(Row(id, "Schema", f"Take batches whose schema is {what}", _UNUSED), _unreadable(make))
      for id, what, make in _UNREADABLE),
    Check(Row("schema-beside-unusable", "Schema", "A good schema behind an unusable one",
              "Each is judged by itself."),
          _beside_unusable),
]  # fmt: skip
