"""Requests that must be refused as a whole, and large ones that must be taken. Pure."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agent.wire.packing import pack
from collector.conform.batches import noise
from collector.conform.row import Check, Course, Post, Row, Run, Wrong
from collector.conform.sender import Sender, description, reason_of, schema_of

REQUEST_BYTES = 2 * 1024 * 1024
#: Makes the request from an agent, with its good batch 1 in it where one can be.
Maker = Callable[[Sender], Post]


def _body(make: Callable[[Sender], bytes]) -> Maker:
    return lambda sender: Post(make(sender))


def _elements(how: Callable[[Sender, list[Any]], list[Any]]) -> Maker:
    """What `how` makes of the five elements of a good request."""

    def make(sender: Sender) -> Post:
        good = [1, sender.agent, sender.epoch, [[1, sender.frames(1)]], []]
        return Post(pack(how(sender, good)))

    return make


def _put(element: int, value: Any) -> Maker:
    return _elements(lambda sender, good: [*good[:element], value, *good[element + 1 :]])


def _ending(value: Any) -> Maker:
    return _elements(lambda sender, good: [*good, value])


def _sent(**how: Any) -> Maker:
    """A good request, sent otherwise."""
    return lambda sender: replace(sender.post([(1, sender.frames(1))]), **how)


def _many(sender: Sender, good: list[Any]) -> list[Any]:
    return [*good[:3], [[s, b"abc"] for s in range(1, 258)], []]


def _schemas(sender: Sender, good: list[Any]) -> list[Any]:
    return [*good[:4], [sender.schema_body] * 17]


def _other_agent(sender: Sender) -> Post:
    other = Sender(sender.run, "conform-somebody-else", sender.epoch)
    return replace(other.post([(1, other.frames(1))]), epoch=None)


_TWICE = b"\x82\xa1a\1\xa1a\1"  # {"a": 1, "a": 1}
_REFUSED: list[tuple[str, str, tuple[int, ...], str, list[tuple[str, str, Maker]]]] = [
    # section, needs, statuses, why, (id, what, request)
    ("Other statuses", "", (400,), "Nobody knows what it says, so nothing of it may be acknowledged.", [
        ("body-empty", "an empty body", _body(lambda sender: b"")),
        ("body-json", "JSON", _body(lambda sender: b'{"a":1}')),
        ("body-version", "version 2", _put(0, 2)),
        ("body-four", "four elements", _elements(lambda sender, good: good[:4])),
        ("body-trailing", "a byte behind the array",
         _body(lambda sender: sender.post([(1, sender.frames(1))]).body + b"\0")),
        ("body-cut", "a body that ends early", _body(lambda sender: sender.post([(1,
         sender.frames(1))]).body[:-20])),
        ("body-epoch", "an epoch of 8 bytes", _put(2, b"12345678")),
        ("body-agent-int", "an agent that is a number", _put(1, 5)),
        ("body-agent-empty", "an empty agent", _put(1, "")),
        ("body-agent-control", "an agent with control characters", _put(1, "a\x1b[31m\n=1+1")),
        ("body-agent-long", "an agent id of 4,097 characters", _put(1, "a" * 4097)),
        ("body-batches", "a map of batches", _put(3, {"1": b"abc"})),
        ("body-triple", "a batch of three elements",
         _elements(lambda sender, good: [*good[:3], [[*good[3][0], 0]], []])),
        ("body-batch-text", "a batch as text", _put(3, [[1, "abc"]])),
        ("body-schema-text", "a schema as text", _put(4, ["abc"])),
        ("body-sequence-0", "sequence 0", _put(3, [[0, b"abc"]])),
        ("body-sequence-negative", "sequence -1", _put(3, [[-1, b"abc"]])),
        ("body-sequence-bound", "sequence 2^40 + 1", _put(3, [[2**40 + 1, b"abc"]])),
        ("body-sequence-64", "sequence 2^63", _put(3, [[2**63, b"abc"]])),
    ]),
    ("Limits", "", (413, 400), "Each limit is checked before the memory is spent.", [
        ("body-deep", "100,000 arrays within each other", _body(lambda sender: b"\x91" * 100_000 + b"\0")),
        ("body-declares", "an array that declares 2^32 - 1 batches",
         _body(lambda sender: b"\x95" + pack([1, sender.agent, sender.epoch])[1:] + b"\xdd\xff\xff\xff\xff")),
    ]),
    ("Limits", "", (413,), "An agent that hears 413 halves its request, and after another status does not.", [
        ("body-257", "257 batches", _elements(_many)),
        ("body-17", "17 schemas", _elements(_schemas)),
        ("body-2-MiB", "a body of more than 2 MiB", _body(lambda sender: bytes(REQUEST_BYTES + 1))),
    ]),
    ("Other statuses", "", (415,), "What is of another type is not meant for this collector.", [
        ("type-other", "application/octet-stream", _sent(content_type="application/octet-stream")),
        ("type-json", "application/json", _sent(content_type="application/json")),
        ("type-coding", "a content encoding", _sent(headers={"Content-Encoding": "gzip"})),
    ]),
    ("Other statuses", "", (404,),
     "The url of the agent is wrong, and its owner should hear so in plain words.", [
        ("path-other", "a path before /v1/batches that there is not",
         _sent(path="/conform-no-such-prefix/v1/batches")),
    ]),
    ("Other statuses", "", (405,), "A collector gives nothing.", [
        ("method-get", "GET", _sent(method="GET", body=b"")),
        ("method-put", "PUT", _sent(method="PUT")),
    ]),
    ("Other statuses", "", (417,), "Nothing but 100-continue can be expected.", [
        ("expect-other", "an Expect that is not 100-continue", _sent(headers={"Expect": "200-ok"})),
    ]),
    ("Growth", "more", (400,), "Another element in place of the map, or any element more, is no version 1.", [
        ("six-list", "a sixth element that is an array", _ending([])),
        ("six-nil", "a sixth element that is nil", _ending(None)),
        ("six-int-key", "a map with a key that is no text", _ending({1: 2})),
        ("six-twice", "a map with a key that stands twice",
         _body(lambda sender: b"\x96" + pack([1, sender.agent, sender.epoch, [], []])[1:] + _TWICE)),
        ("seven", "a request of seven elements", _elements(lambda sender, good: [*good, {}, {}])),
        ("withheld-zero", "withheld sequence 0", _ending({"withheld": [[0, 3]]})),
        ("withheld-reversed", "a withheld range from 4 to 2", _ending({"withheld": [[4, 2]]})),
        ("withheld-order", "withheld ranges that are not ascending", _ending({"withheld": [[5, 6], [2, 3]]})),
        ("withheld-overlap", "withheld ranges that overlap", _ending({"withheld": [[2, 5], [5, 6]]})),
        ("withheld-bound", "a withheld sequence beyond 2^40", _ending({"withheld": [[2, 2**40 + 1]]})),
        ("withheld-nil", "withheld as nil", _ending({"withheld": None})),
        ("withheld-map", "withheld as a map", _ending({"withheld": {}})),
    ]),
    ("Other statuses", "certificate", (403,), "The certificate says who an agent is.", [
        ("name-other", "a request of another agent than the certificate's", _other_agent),
    ]),
]  # fmt: skip


def _refuse(make: Maker, statuses: tuple[int, ...]) -> Callable[[Run], Course[None]]:
    """A course in which a request is answered by one of these, and nothing of it stored."""

    def course(run: Run) -> Course[None]:
        sender = Sender(run)
        (reply,) = yield [make(sender)]
        if reply.status not in statuses:
            raise Wrong(
                f"answered {reply.status}{reason_of(reply)}, expected {' or '.join(map(str, statuses))}"
            )
        yield from sender.tell()

    return course


def _full(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(s, sender.events(s)) for s in range(1, 257)])


def _two_mib(run: Run) -> Course[None]:
    sender = Sender(run)
    batches, left = list[tuple[int, bytes]](), REQUEST_BYTES - 1000
    while left > 64_000:
        sequence = len(batches) + 1
        batches.append((sequence, noise(sender, sequence)))
        left -= len(batches[-1][1]) + 16
    yield from sender.tell(batches)


def _sixteen(run: Run) -> Course[None]:
    sender = Sender(run)
    schemas = [schema_of([1, description(run)]) for _ in range(16)]
    yield from sender.tell([(1, sender.frames(1))], schemas=schemas)


def _continue(run: Run) -> Course[None]:
    sender = Sender(run)
    post = sender.post([(1, sender.frames(1))])
    (reply,) = yield [replace(post, headers={**post.headers, "Expect": "100-continue"})]
    sender.heard(reply, [1])


CHECKS = [
    *(
        Check(
            Row(id, section, f"{' or '.join(map(str, statuses))} for {what}", why, needs),
            _refuse(make, statuses),
        )
        for section, needs, statuses, why, rows in _REFUSED
        for id, what, make in rows
    ),
    Check(Row("full", "Limits", "A request of 256 batches", "It is the bound of the page."), _full),
    Check(Row("two-MiB", "Limits", "A request of nearly 2 MiB", "It is the bound of the page."), _two_mib),
    Check(Row("sixteen", "Limits", "A request of 16 schemas", "It is the bound of the page."), _sixteen),
    Check(
        Row("expect", "Other statuses", "Expect: 100-continue", "Libraries send it with large bodies."),
        _continue,
    ),
]
