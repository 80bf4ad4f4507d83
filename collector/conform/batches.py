"""Batches that must be refused, and unusual ones that must be taken, each beside two good ones. Pure."""

from collections.abc import Callable
from typing import Any

import numpy as np

from agent.quality import Quality
from agent.wire.packing import pack
from agent.wire.zstd import deflate
from collector.conform.frames import bomb, frame
from collector.conform.row import Check, Course, Row, Run, Wrong
from collector.conform.sender import VALUES, Sender, fields_of, schema_of, seal

#: Makes the batch of sequence 2.
Maker = Callable[[Sender], bytes]
LOW, HIGH = -(2**63), 2**63 - 1


def refuse(make: Maker) -> Callable[[Run], Course[None]]:
    """A course in which this batch must be refused, and those before and behind it stored."""

    def course(run: Run) -> Course[None]:
        sender = Sender(run)
        around = [(1, sender.frames(1)), (3, sender.frames(3))]
        yield from sender.tell([around[0], (2, make(sender)), around[1]], refused=[2])

    return course


def take(make: Maker) -> Callable[[Run], Course[None]]:
    """A course in which this batch must be stored, once and for all."""

    def course(run: Run) -> Course[None]:
        sender = Sender(run)
        batches = [(1, sender.frames(1)), (2, make(sender))]
        yield from sender.tell(batches)
        yield from sender.tell(batches)

    return course


def put(element: int, value: Any) -> Maker:
    """The good batch with another element."""
    return change(element, lambda _: value)


def change(element: int, how: Callable[[Any], Any]) -> Maker:
    """The good batch with what `how` makes of an element."""

    def make(sender: Sender) -> bytes:
        fields = fields_of(sender.frames(2))
        fields[element] = how(fields[element])
        return seal(fields)

    return make


def whole(how: Callable[[list[Any]], Any]) -> Maker:
    """What `how` makes of the elements of the good batch."""
    return lambda sender: seal(how(fields_of(sender.frames(2))))


def framed(how: Callable[[bytes], bytes]) -> Maker:
    """What `how` makes of the good batch's bytes before they are compressed."""
    return lambda sender: how(pack(fields_of(sender.frames(2))))


def _of_events(**elements: Any) -> Maker:
    def make(sender: Sender) -> bytes:
        fields = fields_of(sender.events(2))
        for name, value in elements.items():
            fields[int(name[1:])] = value
        return seal(fields)

    return make


def _one_step(sender: Sender) -> bytes:
    fields = fields_of(sender.frames(2, n=1))
    fields[10] = 5
    return seal(fields)


def _flip(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])


def _unread(difference: int) -> Maker:
    """A value that was not read in frame 2, and the small difference that stands there."""

    def make(sender: Sender) -> bytes:
        quality = np.zeros((4, VALUES), np.uint8)
        quality[2, 1] = Quality.NO_REPLY
        fields = fields_of(sender.frames(2, quality=quality))
        small = bytearray(fields[20])
        small[2] = small[2] & 0x0F | difference << 4
        fields[20] = bytes(small)
        return seal(fields)

    return make


def _unread_first(sender: Sender) -> bytes:
    """Values that were not read in frame 0, and differences there."""
    quality = np.zeros((4, VALUES), np.uint8)
    quality[0] = Quality.NO_REPLY
    fields = fields_of(sender.frames(2, quality=quality))
    fields[17] = b"\1" + bytes([2] * VALUES)
    return seal(fields)


def _one_empty(sender: Sender) -> bytes:
    """One frame, whose lists of no numbers are empty."""
    fields = fields_of(sender.frames(2, n=1))
    for element in (11, 13, 18):
        fields[element] = b""
    return seal(fields)


def _qualities(sender: Sender) -> bytes:
    quality = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [7, 0, 3, 0], [0, 0, 0, 4]], np.uint8)
    return sender.frames(2, quality=quality)


def _large(sender: Sender) -> bytes:
    raw = np.random.default_rng(1).integers(3296, 3304, (4096, VALUES))
    return sender.frames(2, raw=raw)


def noise(sender: Sender, sequence: int = 2) -> bytes:
    """A batch of some 60 KiB that no compressor makes smaller."""
    return sender.frames(sequence, raw=np.random.default_rng(sequence).integers(LOW, HIGH, (1900, VALUES)))


def _many_values(sender: Sender) -> bytes:
    return sender.frames(2, raw=np.full((4096, 64), 3300), schema=schema_of("of 64")[0])


_WRONG: list[tuple[str, str, list[tuple[str, str, Maker]]]] = [
    # section, why, (id, what, batch)
    ("Batch", "What is not this version, or not 21 elements, may mean anything.", [
        ("version-2", "version 2", put(0, 2)),
        ("version-text", "version as text", put(0, "1")),
        ("version-float", "version 1.5", put(0, 1.5)),
        ("version-true", "version true", put(0, True)),
        ("elements-22", "22 elements", whole(lambda fields: [*fields, 0])),
        ("elements-20", "20 elements", whole(lambda fields: fields[:20])),
        ("no-array", "a map in place of the array", whole(lambda fields: {"kind": 1})),
        ("trailing", "a byte behind the array", framed(lambda packed: deflate(packed + b"\0"))),
        ("cut-msgpack", "an array that ends early", framed(lambda packed: deflate(packed[:-9]))),
    ]),
    ("Request", "Under the wrong name it would be acknowledged in place of another.", [
        ("agent-other", "the agent is another than the request's", put(1, "someone-else")),
        ("agent-bin", "the agent as bin", change(1, str.encode)),
        ("agent-empty", "an empty agent", put(1, "")),
        ("epoch-15", "an epoch of 15 bytes", change(2, lambda epoch: epoch[:15])),
        ("epoch-other", "the epoch is another than the request's", put(2, b"o" * 16)),
        ("epoch-text", "an epoch as text", put(2, "e" * 16)),
        ("sequence-other", "the sequence is another than the request's", put(3, 1)),
        ("sequence-float", "a sequence as float", put(3, 2.0)),
        ("sequence-true", "sequence true", put(3, True)),
    ]),
    ("Batch", "People look for frames by their unit.", [
        ("unit-nil", "unit nil", put(4, None)),
        ("unit-missing", "frames of unit \"\"", put(4, "")),
        ("unit-lines", "a unit with a line feed", put(4, "rack\n/u1")),
        ("unit-nul", "a unit with NUL", put(4, "rack\0/u1")),
        ("unit-utf8", "a unit that is no UTF-8",
         framed(lambda packed: deflate(packed.replace(b"conform/unit", b"conform/\xff\xfeit")))),
    ]),
    ("Limits", "Each limit is checked before the memory is spent.", [
        ("unit-long", "a unit of 4,097 characters", put(4, "u" * 4097)),
        ("frames-many", "4,097 frames", put(7, 4097)),
        ("values-many", "4,096 frames of 4,096 values", whole(lambda f: [*f[:7], 4096, 4096, *f[9:]])),
        ("bomb", "a frame of 32 KiB that declares 1 GiB", lambda sender: bomb(1 << 30)),
        ("inflated", "a batch of more than 1 MiB",
         framed(lambda packed: deflate(packed + bytes(1024 * 1024)))),
        ("compressed", "70,000 bytes compressed",
         framed(lambda packed: frame(packed + np.random.default_rng(1).bytes(70_000)))),
    ]),
    ("Batch", "Without it nobody can read the values, or tell when they were read.", [
        ("schema-nil", "values without a schema", put(5, None)),
        ("schema-15", "a schema hash of 15 bytes", change(5, lambda digest: digest[:15])),
        ("boot-empty", "a boot id of 0 bytes", put(6, b"")),
        ("boot-nil", "boot id nil", put(6, None)),
        ("boot-time-text", "boot time as text", put(9, "5")),
        ("boot-time-before", "a boot time below 0", put(9, -5)),
        ("boot-time-beyond", "boot time 2^64 - 1", put(9, 2**64 - 1)),
        ("boot-time-back", "boot time that goes back", put(10, -(10**9))),
        ("step-float", "a step as float", put(10, 1e9 + 0.5)),
        ("utc-before", "UTC before 1970", put(12, -(2**62))),
        ("utc-beyond", "UTC beyond 2^63", put(12, 2**63 - 1)),
        ("clock-short", "a byte of clock too few", change(14, lambda clock: clock[1:])),
        ("clock-bits", "a bit of clock without meaning", put(14, b"\x7e" * 4)),
    ]),
    ("Batch", "Numbers that contradict each other leave no value certain.", [
        ("frames-more", "n is one more than there are", put(7, 5)),
        ("frames-negative", "n is -4", put(7, -4)),
        ("frames-none", "n is 0, and there are values", put(7, 0)),
        ("frames-2-62", "n is 2^62", put(7, 2**62)),
        ("values-negative", "m is -4", put(8, -4)),
        ("values-3", "m is 3, and there are 4", put(8, 3)),
        ("values-none", "four frames of no values, n is 4 and m is 0",
         whole(lambda f: [*f[:8], 0, *f[9:15], *[b""] * 4, f[19], b""])),
        ("events-clock", "n is 0, and there is a byte of clock", _of_events(f14=b"\1")),
        ("events-boot-time", "n is 0, and there is a boot time", _of_events(f9=5)),
        ("events-step", "n is 0, and there is a step", _of_events(f10=5)),
        ("events-offset", "n is 0, and there is a UTC offset", _of_events(f12=5)),
        ("one-step", "n is 1, and there is a step", _one_step),
    ]),
    ("Narrow", "A list of another length shifts every value behind it.", [
        ("times-long", "element 11 is a byte too long", change(11, lambda coded: coded + b"\0")),
        ("times-empty", "element 11 is empty, and n is 4", put(11, b"")),
        ("times-width", "element 11 of width 9", put(11, b"\t" + bytes(18))),
        ("first-nil", "element 17 is nil", put(17, None)),
        ("first-short", "element 17 is a byte too short", change(17, lambda coded: coded[:-1])),
    ]),
    ("Values", "A difference too many or too few shifts every value behind it.", [
        ("large-more", "a large difference too many",
         change(18, lambda coded: bytes([coded[0]]) + coded[1:] + bytes([40]))),
        ("large-none", "element 18 is empty, and nibbles of 15 stand", put(18, b"")),
        ("large-small", "element 18 is the byte 00 where nibbles of 15 stand: numbers below 15",
         put(18, b"\0")),
        ("small-short", "a byte of small differences too few", change(20, lambda small: small[1:])),
        ("small-long", "a byte of small differences too many", change(20, lambda small: small + b"\0")),
        ("nibble-left", "the nibble left over is not 0",
         change(20, lambda small: small[:1] + bytes([small[1] | 0x50]) + small[2:])),
        ("unread-moves", "a difference where nothing was read, in frame 2", _unread(2)),
        ("unread-first", "a difference where nothing was read, in frame 0", _unread_first),
    ]),
    ("Quality", "A quality that is not certain is no quality.", [
        ("quality-9", "quality 9", put(15, b"\t")),
        ("quality-short", "runs that cover too few values", put(16, b"\1\3")),
        ("quality-long", "runs that cover too many", put(16, b"\1\xc8")),
        ("quality-2-64", "a run of 2^64", put(16, b"\x08" + b"\xff" * 8)),
        ("quality-run-more", "a length of a run too many", change(16, lambda runs: runs + b"\0")),
    ]),
    ("Batch", "A damaged, cut or padded frame must be sent again, or never was a batch.", [
        ("zstd-checksum", "a wrong zstd checksum", framed(lambda packed: _flip(deflate(packed)))),
        ("zstd-no-checksum", "a frame without checksum", framed(lambda packed: frame(packed,
         checksum=False))),
        ("zstd-no-size", "a frame without content size", framed(lambda packed: frame(packed, size=False))),
        ("zstd-cut", "a frame that is cut", framed(lambda packed: deflate(packed)[:40])),
        ("zstd-trailing", "a byte behind the frame", framed(lambda packed: deflate(packed) + b"\0")),
        ("zstd-two", "two frames", framed(lambda packed: deflate(packed) * 2)),
        ("zstd-skippable", "a skippable frame in front",
         framed(lambda packed: b"\x50\x2a\x4d\x18\1\0\0\0\t" + deflate(packed))),
        ("zstd-none", "msgpack that is not compressed", framed(lambda packed: packed)),
        ("zstd-empty", "no byte", framed(lambda packed: b"")),
    ]),
]  # fmt: skip

_TAKEN: list[tuple[str, str, str, str, Maker]] = [
    ("take-one", "Batch", "one frame", "Units are polled once a minute, too.", lambda s: s.frames(2, n=1)),
    ("take-one-empty", "Narrow", "one frame, whose lists of no numbers are empty", "Readers take both.",
     _one_empty),
    ("take-two", "Batch", "two frames", "There is a step, and no second one.", lambda s: s.frames(2, n=2)),
    ("take-odd", "Values", "five frames: no nibble is left over", "The padding differs.",
     lambda s: s.frames(2, n=5)),
    ("take-extremes", "Values", "values from -2^63 to 2^63 - 1", "Differences wrap at 64 bits.",
     lambda s: s.frames(2, raw=[[LOW, HIGH, 0, 1], [HIGH, LOW, -1, 0], [LOW, LOW, 7, -8], [0, HIGH, -8, 8]])),
    ("take-qualities", "Quality", "every quality, and changes between all of them",
     "Where nothing was read, the running value goes on.", _qualities),
    ("take-unread", "Values", "a value that was not read", "Its difference is 0.", _unread(0)),
    ("take-simulated", "Batch", "clock bits 0 and 7", "A simulated time is one, and says so.",
     lambda s: s.frames(2, clock=np.array([0, 1, 0x80, 0x81], np.uint8))),
    ("take-utc-set", "Batch", "a clock that was set meanwhile, from 1970 on",
     "A box without a battery wakes in 1970.",
     lambda s: s.frames(2, utc_ns=np.array([0, 10**9, 4 * 10**18, 5], np.int64))),
    ("take-rack", "Batch", "a unit that is a rack, without a slash", "A rack may be one unit.",
     lambda s: s.frames(2, unit="rack")),
    ("take-wide", "Narrow", "element 17 in eight bytes where one would do", "A width says only what is used.",
     change(17, lambda c: b"\x08" + b"".join(c[1:][p * VALUES : (p + 1) * VALUES].ljust(VALUES, b"\0")
                                            for p in range(8)))),
    ("take-raw-blocks", "Batch", "a zstd frame that compresses nothing",
     "The level is the sender's business.",
     framed(frame)),
    ("take-both", "Batch", "frames and events in one batch", "A receiver takes any number of both.",
     lambda s: s.frames(2, events=({"kind": "change", "what": "drill"}, {"kind": "conform_note"}))),
    ("take-events-0", "Batch", "events only, each narrow list the byte 00", "Readers take both.",
     _of_events(f11=b"\0", f13=b"\0", f16=b"\0", f17=b"\0", f18=b"\0")),
    ("take-events-empty", "Batch", "events only, each narrow list empty", "Readers take both.",
     _of_events(f11=b"", f13=b"", f16=b"", f17=b"", f18=b"")),
    ("take-4096", "Limits", "4,096 frames", "It is the bound of the page.", _large),
    ("take-262144", "Limits", "262,144 values", "It is the bound of the page.", _many_values),
    ("take-60-KiB", "Limits", "60 KiB that do not compress", "The bound is 64 KiB.", noise),
]  # fmt: skip


def _misfit(run: Run, before: bool) -> Course[None]:
    sender = Sender(run)
    schema = (sender.schema, sender.schema_body)
    narrower = sender.frames(2, raw=np.zeros((4, VALUES - 1)))
    if before:
        yield from sender.tell([(1, sender.frames(1))], schemas=[schema])
        yield from sender.tell([(2, narrower), (3, sender.frames(3))], refused=[2])
    else:
        yield from sender.tell([(2, narrower), (3, sender.frames(3))], refused=[2], schemas=[schema])


def _misfit_later(run: Run) -> Course[None]:
    sender = Sender(run)
    early = [(1, sender.frames(1, raw=np.zeros((4, VALUES - 1))))]
    yield from sender.tell(early)
    yield from sender.tell(schemas=[(sender.schema, sender.schema_body)])
    ack = yield from sender.tell([(2, sender.frames(2))])
    if ack.need_schema:
        raise Wrong("a schema that came is wanted")
    yield from sender.tell(early)


_MISFIT = "Values that no schema describes can never be read."

CHECKS = [
    *(
        Check(Row(id, section, f"Refuse {what}", why), refuse(make))
        for section, why, rows in _WRONG
        for id, what, make in rows
    ),
    *(Check(Row(id, section, f"Take {what}", why), take(make)) for id, section, what, why, make in _TAKEN),
    Check(
        Row(
            "misfit-before", "Answer", "Refuse 3 values in a frame where the schema that came has 4", _MISFIT
        ),
        lambda run: _misfit(run, True),
    ),
    Check(
        Row("misfit-beside", "Answer", "Refuse 3 values where the schema of the same request has 4", _MISFIT),
        lambda run: _misfit(run, False),
    ),
    Check(
        Row(
            "misfit-later",
            "Answer",
            "Keep a batch of 3 values whose schema of 4 comes later, also when it comes again",
            "What was acknowledged stays stored.",
        ),
        _misfit_later,
    ),
]
