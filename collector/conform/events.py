"""Events that must be refused, and events that must be taken. Pure."""

import math
from typing import Any

from agent.wire.packing import pack
from collector.conform.batches import Maker, refuse, take
from collector.conform.row import Check, Row
from collector.conform.sender import Sender, fields_of, seal

_GAP = {"kind": "gap", "reason": "conform"}
_LOST = {"kind": "lost", "frames": 1, "first_boottime_ns": 1, "last_boottime_ns": 2, "reason": "conform"}
_OFFSET = {"kind": "clock_offset", "boottime_ns": 5 * 10**9, "offset_ns": 1_790_000_000 * 10**9}
_ALARM = {"kind": "alarm", "id": "u:thermal-slope:", "state": "NEW", "severity": "critical", "value": 3.4}
_CHANGE = {"kind": "change", "what": "acknowledge", "who": "ann", "uid": 1000}
_KIND = b"\xa4kind\xa1x"


def _packed(content: bytes) -> Maker:
    """A batch with these bytes for its events."""

    def make(sender: Sender) -> bytes:
        fields = fields_of(sender.events(2))
        fields[19] = content
        return seal(fields)

    return make


def _all(*events: Any) -> Maker:
    return _packed(pack(list(events)))


def _own_epoch(**ranges: Any) -> Maker:
    """A gap that names the epoch of its own batch."""
    return lambda sender: _all({**_GAP, "epoch": sender.epoch, **ranges})(sender)


def _nested(depth: int) -> Any:
    return 1 if depth == 0 else [_nested(depth - 1)]


_WRONG: list[tuple[str, str, list[tuple[str, str, Maker]]]] = [
    # section, why, (id, what, batch)
    ("Events", "Events are maps with text keys and a kind, and nothing else.", [
        ("event-map", "a map in place of the array of events", _packed(pack({"kind": "x"}))),
        ("event-no-kind", "an event without kind", _all({"a": 1})),
        ("event-kind-empty", "an event of kind \"\"", _all({"kind": ""})),
        ("event-kind-int", "an event whose kind is a number", _all({"kind": 5})),
        ("event-key-int", "a key that is no text", _packed(b"\x91\x82" + _KIND + b"\1\2")),
        ("event-key-twice", "a key that stands twice", _packed(b"\x91\x82" + _KIND + _KIND)),
        ("event-trailing", "a byte behind the events", _packed(b"\x90\0")),
        ("event-utf8", "text that is no UTF-8", _packed(b"\x91\x81\xa4kind\xa2\xff\xfe")),
        ("event-ext", "a msgpack extension type", _packed(b"\x91\x82" + _KIND + b"\xa1a\xd4\5\0")),
        ("event-uint64", "an integer that is no int64", _all({"kind": "x", "a": 2**64 - 1})),
        ("event-nan", "a NaN, in no alarm", _all({"kind": "x", "a": math.nan})),
        ("event-infinite", "an infinity, in no alarm", _all({**_LOST, "frames": math.inf})),
    ]),
    ("Limits", "Each limit is checked before the memory is spent.", [
        ("event-deep", "events that are nested 9 deep", _all({"kind": "x", "a": _nested(7)})),
        ("event-deeper", "arrays in an event, 5,000 deep",
         _packed(b"\x91\x82" + _KIND + b"\xa1a" + b"\x91" * 5000 + b"\0")),
        ("event-many", "5,000 events", _all(*({"kind": "x"} for _ in range(5000)))),
        ("event-64-KiB", "events of more than 64 KiB", _all({"kind": "x", "a": "y" * 66_000})),
        ("gap-1001", "1,001 ranges in gaps",
         lambda sender: _resequenced(sender, 5000, [[2 * i, 2 * i] for i in range(1, 1002)])),
    ]),
    ("Events", "A gap accounts for batches: one that is believed wrongly makes them disappear.", [
        ("gap-itself", "a gap that names itself", _all({**_GAP, "ranges": [[1, 2]]})),
        ("gap-future", "a gap that names what is to come", _all({**_GAP, "ranges": [[5, 100]]})),
        ("gap-zero", "a gap of sequence 0", _all({**_GAP, "ranges": [[0, 0]]})),
        ("gap-reversed", "a gap from 5 to 2", _all({**_GAP, "ranges": [[5, 2]]})),
        ("gap-negative", "a gap of negative sequences", _all({**_GAP, "ranges": [[-5, -2]]})),
        ("gap-text", "a gap of text", _all({**_GAP, "ranges": "all"})),
        ("gap-single", "a range of one number", _all({**_GAP, "ranges": [[1]]})),
        ("gap-float", "a range of floats", _all({**_GAP, "ranges": [[1.0, 1.0]]})),
        ("gap-empty", "a gap of nothing", _all({**_GAP, "ranges": []})),
        ("gap-none", "a gap of this epoch without ranges", _all(_GAP)),
        ("gap-own-epoch", "a gap of its own epoch by name, without ranges", _own_epoch()),
        ("gap-own-itself", "a gap that names itself, and its own epoch", _own_epoch(ranges=[[1, 2]])),
        ("gap-epoch-3", "a gap with an epoch of 3 bytes", _all({**_GAP, "epoch": b"abc", "ranges": []})),
        ("gap-bound", "a gap beyond 2^40 of another epoch",
         _all({**_GAP, "epoch": b"o" * 16, "ranges": [[1, 2**40 + 1]]})),
        ("gap-second", "a good gap and a wrong one behind it",
         _all({**_GAP, "ranges": [[1, 1]]}, {**_GAP, "ranges": [[2, 2]]})),
    ]),
    ("Events", "What is stored is read years later, by whoever takes the page at its word.", [
        ("lost-none", "a loss of 0 frames", _all({**_LOST, "frames": 0})),
        ("lost-negative", "a loss of -5 frames", _all({**_LOST, "frames": -5})),
        ("lost-reversed", "a loss whose times are reversed", _all({**_LOST, "first_boottime_ns": 3})),
        ("lost-untimed", "a loss without its times", _all({"kind": "lost", "frames": 1})),
        ("offset-text", "an offset as text", _all({**_OFFSET, "offset_ns": "z"})),
        ("offset-untimed", "an offset without its time", _all({"kind": "clock_offset", "offset_ns": 1})),
        ("offset-beyond", "an offset that leads beyond 2262", _all({**_OFFSET, "offset_ns": 2**63 - 1})),
        ("offset-before", "an offset that leads before 1970", _all({**_OFFSET, "offset_ns": -(2**62)})),
        ("offset-boot", "an offset with a boot id of 3 bytes", _all({**_OFFSET, "boot_id": b"abc"})),
        ("alarm-number", "an alarm whose value is text", _all({**_ALARM, "value": "NaN"})),
        ("alarm-state", "an alarm whose state is a map", _all({**_ALARM, "state": {}})),
        ("alarm-time", "an alarm at a negative time", _all({**_ALARM, "utc_ns": -1})),
        ("alarm-true", "an alarm whose count is true", _all({**_ALARM, "count": True})),
        ("alarm-count", "an alarm whose count is -1", _all({**_ALARM, "count": -1})),
        ("alarm-nil", "an alarm whose text is nil", _all({**_ALARM, "text": None})),
        ("alarm-numbers", "an alarm with text among its numbers", _all({**_ALARM, "numbers": {"a": "x"}})),
        ("alarm-texts", "an alarm whose texts are an array", _all({**_ALARM, "texts": ["x"]})),
        ("change-uid", "a change by a uid of text", _all({**_CHANGE, "uid": "root"})),
        ("change-about", "a change about a number", _all({**_CHANGE, "about": 5})),
    ]),
]  # fmt: skip


def _resequenced(sender: Sender, sequence: int, ranges: list[list[int]]) -> bytes:
    """A gap of these ranges, which a batch of the sequence could tell, in that of sequence 2."""
    fields = fields_of(sender.events(sequence))
    fields[3], fields[19] = 2, pack([{**_GAP, "epoch": b"o" * 16, "ranges": ranges}])
    return seal(fields)


_TAKEN: list[tuple[str, str, str, Maker]] = [
    ("take-kinds", "an event of every kind", "They are what people look for first.",
     _all(_ALARM, {**_GAP, "ranges": [[1, 1]]}, _LOST, _CHANGE, _OFFSET)),
    ("take-later", "kinds, keys and words of a later version",
     "An agent may be newer than its collector by years.",
     _all({"kind": "of_later", "a": {"b": [None, 1.5, b"x"]}, "some_ns": -1, "count": "a"},
          {**_ALARM, "of_later": None, "state": "OF LATER"})),
    ("take-own-epoch", "a gap that names its own epoch, and ranges below its batch",
     "It says what a gap without an epoch does.", _own_epoch(ranges=[[1, 1]])),
    ("take-nan", "an alarm with NaN and infinity for numbers, of any key", "Agents of 0.1.0 write them.",
     _all({**_ALARM, "value": math.nan, "limit": math.inf, "of_later": {"a": -math.inf}})),
    ("take-sentence", "an alarm that is free of language", "People read it in their own.",
     _all({**_ALARM, "sentence": "a b", "numbers": {"a": 1.5, "b": None}, "texts": {"c": "d"}})),
    ("take-nil", "an alarm with nil for its numbers", "Nil is a number that is not known.",
     _all({**_ALARM, "value": None, "expected": None})),
    ("take-unknown-epoch", "a gap of an epoch that nobody heard of", "It may have ended before it was sent.",
     _all({**_GAP, "epoch": b"u" * 16, "ranges": []})),
    ("take-text", "a text of 60,000 characters", "Events may be 64 KiB.", _all({"kind": "x",
     "a": "y" * 60_000})),
    ("take-deep", "maps and arrays 8 deep", "It is the bound of the page.", _all({"kind": "x",
     "a": _nested(6)})),
    ("take-no-events", "a batch of nothing", "A receiver takes any number of both.", _all()),
]  # fmt: skip

CHECKS = [
    *(
        Check(Row(id, section, f"Refuse {what}", why), refuse(make))
        for section, why, rows in _WRONG
        for id, what, make in rows
    ),
    *(Check(Row(id, "Events", f"Take {what}", why), take(make)) for id, what, why, make in _TAKEN),
]
