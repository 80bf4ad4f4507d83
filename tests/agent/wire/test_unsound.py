"""What can be decoded and cannot be read later: each rule of docs/wire-format.md, kept and broken."""

import math
from typing import Any

import numpy as np
import pytest

from agent.wire import Limits
from agent.wire.sound import fitting, is_name, is_time, unsound
from tests.agent.wire.test_wire_batch import EPOCH, batch_of

ID = b"i" * 16
NONE = np.zeros((0, 0), np.int64)
#: What a key may be, and what not.
TIMES = ([0, 2**63 - 1], [-1, 2**63, 1.0, True, None, "1"])
INTS = ([0, -1, -(2**63), 2**63 - 1], [1.0, True, None, "1"])
TEXTS = (["", "a\nb"], [None, b"x", 1])
NUMBERS = ([None, 0, -1.5, 2**63 - 1], ["1", True, b"", [1]])
TRUTHS = ([True, False], [0, None, "no"])
IDS = ([ID], [ID[:15], ID + b"i", "i" * 16, None])
NEEDED: dict[str, dict[str, Any]] = {
    "alarm": {},
    "gap": {"ranges": [[1, 1]]},
    "lost": {"frames": 1, "first_boottime_ns": 0, "last_boottime_ns": 2**63 - 1},
    "change": {},
    "clock_offset": {"boottime_ns": 0, "offset_ns": 0},
}
KEYS: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "alarm": {
        **dict.fromkeys(("boottime_ns", "utc_ns", "count", "salvaged_sequence"), TIMES),
        **dict.fromkeys(("id", "detector", "severity", "state", "location", "quantity", "value_unit"), TEXTS),
        **dict.fromkeys(("text", "forecast", "evidence_for", "evidence_against", "config"), TEXTS),
        **dict.fromkeys(("value", "limit", "expected", "beyond_noise", "t_s", "since_s"), NUMBERS),
        "shadow": TRUTHS,
        "salvaged_epoch": IDS,
    },
    "gap": {"reason": TEXTS, "epoch": IDS},
    "lost": {
        "frames": ([1, 2**63 - 1], TIMES[1]),
        "reason": TEXTS,
        "first_boottime_ns": ([0], TIMES[1]),
        "last_boottime_ns": TIMES,
    },
    "change": {
        **dict.fromkeys(("boottime_ns", "utc_ns"), TIMES),
        **dict.fromkeys(("what", "who", "alarm", "why", "about"), TEXTS),
        **dict.fromkeys(("until_s", "seconds"), NUMBERS),
        "uid": INTS,
    },
    "clock_offset": {"boot_id": IDS, "boottime_ns": TIMES, "offset_ns": ([0, 2**63 - 1], INTS[1])},
}
EVERY = [(kind, key) for kind, keys in KEYS.items() for key in keys]


def said(sequence: int = 9, **event: Any) -> str:
    """What is said of a batch that carries nothing but this event."""
    return unsound(batch_of(NONE, unit="", schema=None, sequence=sequence, events=(event,)))


@pytest.mark.parametrize(("kind", "key"), EVERY, ids=lambda value: value)
def test_each_key_of_an_event_is_what_the_page_says(kind: str, key: str) -> None:
    fits, strange = KEYS[kind][key]
    for value in fits:
        assert said(kind=kind, **(NEEDED[kind] | {key: value})) == ""
    for value in strange:
        reason = said(kind=kind, **(NEEDED[kind] | {key: value}))
        assert reason.startswith(f"event '{kind}': "), (value, reason)
        assert key in reason or "no int64" in reason, (value, reason)
    for other in KEYS.keys() - {kind}:
        if key not in KEYS[other]:
            assert said(kind=other, **(NEEDED[other] | {key: None})) == "", (
                "a key of another kind is nobody's"
            )


@pytest.mark.parametrize("kind", KEYS)
def test_keys_in_bold_must_be_there(kind: str) -> None:
    assert said(kind=kind, **NEEDED[kind]) == ""
    for key in NEEDED[kind]:
        reason = said(kind=kind, **{k: v for k, v in NEEDED[kind].items() if k != key})
        assert reason == f"event '{kind}': no {key}"


def test_a_kind_is_a_text_that_is_not_empty_and_strange_ones_are_let_be() -> None:
    assert said(kind="") == "event '': no kind"
    assert said(kind="of tomorrow", anything=[1, {"deep": None}]) == ""
    assert said(kind="x\n" * 20, bad=2**63).startswith(r"event 'x\x0ax\x0ax\x0ax\...': ")


@pytest.mark.parametrize("deep", [lambda x: x, lambda x: [x], lambda x: {"a": [0, {"b": x}]}, lambda x: (x,)])
def test_numbers_that_no_database_holds_are_refused_however_deep(deep: Any) -> None:
    for number in (2**63 - 1, -(2**63), 1.5, True, "1"):
        assert said(kind="x", note=deep(number)) == ""
    for number in (2**63, -(2**63) - 1):
        assert said(kind="x", note=deep(number)) == f"event 'x': {number} is no int64"
        assert said(kind="alarm", note=deep(number)) == f"event 'alarm': {number} is no int64"
    for number in (math.nan, math.inf):
        assert said(kind="x", note=deep(number)) == f"event 'x': {number} is no number"
        assert said(kind="alarm", note=deep(number)) == "", "agents of 0.1.0 write them"


OTHER = {"epoch": b"o" * 16}
GAPS: list[tuple[dict[str, Any], str]] = [
    # in a batch of sequence 9
    ({"ranges": [[1, 8]]}, ""),
    ({"ranges": [[1, 3], [2, 2], [8, 8]]}, ""),
    ({"ranges": [[1, 9]]}, "[1, 9] is no range of sequences from 1 to 8"),
    ({"ranges": [[0, 3]]}, "[0, 3] is no range of sequences from 1 to 8"),
    ({"ranges": [[4, 3]]}, "[4, 3] is no range of sequences from 1 to 8"),
    ({"ranges": []}, "no ranges"),
    ({"ranges": None}, "no ranges"),
    ({"ranges": {"1": 2}}, "no ranges"),
    ({"ranges": [[1, 2], 7]}, "7 is no range"),
    ({"ranges": [[1]]}, "[1] is no range"),
    ({"ranges": [[1, 2, 3]]}, "[1, 2, 3] is no range"),
    ({"ranges": [[1, 2.0]]}, "[1, 2.0] is no range"),
    ({"ranges": [[True, 2]]}, "[True, 2] is no range"),
    ({"ranges": [[1, 2**40]], **OTHER}, ""),
    ({"ranges": [[1, 2**40 + 1]], **OTHER}, f"[1, {2**40 + 1}] is no range of sequences from 1 to {2**40}"),
    ({"ranges": [], **OTHER}, ""),
    ({"ranges": None, **OTHER}, ""),
    ({"ranges": "all", **OTHER}, "no ranges"),
    ({"ranges": [[1, 8]], "epoch": EPOCH}, ""),
    ({"ranges": [[1, 9]], "epoch": EPOCH}, "[1, 9] is no range of sequences from 1 to 8"),
    ({"ranges": [], "epoch": EPOCH}, "no ranges"),
    ({"ranges": ["x" * 99]}, "'" + "x" * 56 + "... is no range"),
]


@pytest.mark.parametrize(("gap", "reason"), GAPS)
def test_a_gap_names_sequences_below_its_own_or_of_another_epoch(gap: dict[str, Any], reason: str) -> None:
    assert said(kind="gap", **gap) == (reason and f"event 'gap': {reason}")


def test_the_sequences_of_another_epoch_are_bounded_by_the_limits_and_ranges_are_counted_together() -> None:
    gap = {"kind": "gap", "ranges": [[1, 6]], **OTHER}
    batch = batch_of(NONE, unit="", schema=None, events=(gap,) * 3)
    assert unsound(batch, Limits(sequence=6)) == ""
    assert unsound(batch, Limits(sequence=5)) == "event 'gap': [1, 6] is no range of sequences from 1 to 5"
    many = {"kind": "gap", "ranges": [[1, 1]] * 500, **OTHER}
    others = ({"kind": "x", "ranges": [[1, 1]] * 9}, {"kind": "gap", **OTHER})
    whole = batch_of(NONE, unit="", schema=None, events=(many, *others, many))
    assert unsound(whole) == ""
    beyond = batch_of(NONE, unit="", schema=None, events=(many, gap, many))
    assert unsound(beyond) == "1001 ranges in gap records, the limit is 1000"


def test_frames_that_were_lost_are_one_or_more_and_their_times_in_order() -> None:
    lost = NEEDED["lost"] | {"first_boottime_ns": 5}
    assert said(kind="lost", **(lost | {"last_boottime_ns": 5})) == ""
    for changed in ({"frames": 0}, {"last_boottime_ns": 4}):
        assert said(kind="lost", **(lost | changed)) == "event 'lost': no frames, or their times are reversed"


def test_of_what_a_key_is_sixty_characters_are_told() -> None:
    assert said(kind="alarm", value="x" * 58) == f"event 'alarm': value is '{'x' * 58}'"
    assert said(kind="alarm", value="x" * 59) == f"event 'alarm': value is '{'x' * 56}..."


def test_an_offset_gives_a_time_that_can_be() -> None:
    for boottime_ns, offset_ns in ((5, -5), (0, 2**63 - 1), (2**62, 2**62 - 1)):
        assert said(kind="clock_offset", boottime_ns=boottime_ns, offset_ns=offset_ns) == ""
    for boottime_ns, offset_ns in ((5, -6), (1, 2**63 - 1)):
        reason = said(kind="clock_offset", boottime_ns=boottime_ns, offset_ns=offset_ns)
        assert reason == f"event 'clock_offset': offset_ns {offset_ns}: UTC before 1970 or after 2262"


def test_names_and_times() -> None:
    assert [is_name(text) for text in ("rack 1/é", "", "a\nb", "\u202e", "배터리")] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert [is_time(value) for value in (0, 2**63 - 1, -1, 2**63, True, 0.0)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


ONE, TWO = np.zeros((1, 1), np.int64), np.zeros((2, 1), np.int64)
FRAMES: list[tuple[np.ndarray, dict[str, Any], str]] = [
    (TWO, {}, ""),
    (TWO, {"boottime_ns": [3, 3], "utc_ns": [0, 0], "clock": [0x81, 0]}, ""),
    (TWO, {"boottime_ns": [3, 2]}, "boot time: negative, or it goes back"),
    (TWO, {"boottime_ns": [-1, 2]}, "boot time: negative, or it goes back"),
    (ONE, {"boottime_ns": [0]}, ""),
    (ONE, {"boottime_ns": [-1]}, "boot time: negative, or it goes back"),
    (TWO, {"utc_ns": [5, -1]}, "UTC before 1970 or after 2262"),
    (TWO, {"utc_ns": [5, 0]}, ""),
    *((TWO, {"clock": [0, 1 << bit]}, "") for bit in (0, 7)),
    *((TWO, {"clock": [0, 1 << bit]}, "clock: a bit that has no meaning") for bit in range(1, 7)),
    (TWO, {"unit": ""}, "frames of no unit"),
    (TWO, {"unit": "a\nb"}, r"unit 'a\x0ab' is no name"),
    (TWO, {"unit": "\n" * 99}, "unit '" + r"\x0a" * 19 + r"\..." + "' is no name"),
    (NONE, {"unit": "a\nb", "schema": None}, r"unit 'a\x0ab' is no name"),
    (NONE, {"unit": "", "schema": None}, ""),
    (NONE, {"unit": "rack", "schema": None}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "changes", "reason"), FRAMES)
def test_frames_have_a_unit_and_times_that_can_be(
    raw: np.ndarray, changes: dict[str, Any], reason: str
) -> None:
    kinds = {"clock": np.uint8, "boottime_ns": np.int64, "utc_ns": np.int64}
    arrays = {k: np.array(v, kinds[k]) if k in kinds else v for k, v in changes.items()}
    assert unsound(batch_of(raw, **arrays)) == reason


def test_only_what_cannot_be_sealed_is_changed() -> None:
    kept = {
        "a": 2**63 - 1,
        "b": -(2**63),
        "c": 1.5,
        "d": True,
        "e": None,
        "f": b"\xff",
        "g": "é",
        "h": [],
        "i": {},
    }
    assert fitting(kept) == kept
    assert all(type(fitting(kept)[key]) is type(value) for key, value in kept.items())
    bad = {
        "a": 2**63,
        "b": -(2**63) - 1,
        "c": math.nan,
        "d": -math.inf,
        "e": "\ud800",
        "f": ({"x": math.nan}, 1),
    }
    assert fitting(bad) == {"a": None, "b": None, "c": None, "d": None, "e": r"\ud800", "f": [{"x": None}, 1]}
