"""What a batch must not say: it can be decoded, but nobody could read it later. Pure.

A collector refuses it; an agent's records are made to fit (`fitting`) before they are sealed.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from agent.wire.batch import CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES
from agent.wire.text import printable

RANGES = 1000  # in the gap records of one batch
INT64 = range(-(2**63), 2**63)
Test = Callable[[Any], bool]


def is_name(text: str) -> bool:
    """Whether people can read this as the name of an agent or a unit, on one line."""
    return text != "" and text.isprintable()


def is_time(value: Any) -> bool:
    """Whether this can be a time in ns that is not negative, or any other int64 that is not."""
    return type(value) is int and 0 <= value < 2**63


def _int(value: Any) -> bool:
    return type(value) is int


def _text(value: Any) -> bool:
    return type(value) is str


def _number(value: Any) -> bool:
    return value is None or type(value) in (int, float)


def _truth(value: Any) -> bool:
    return type(value) is bool


def _id(value: Any) -> bool:
    return type(value) is bytes and len(value) == ID_BYTES


_STAMP: dict[str, Test] = {"boottime_ns": is_time, "utc_ns": is_time}
#: What a key of a kind of event must be where it stands.
_KEYS: dict[str, dict[str, Test]] = {
    "alarm": {
        **_STAMP,
        **dict.fromkeys(("id", "detector", "severity", "state", "location", "quantity", "value_unit"), _text),
        **dict.fromkeys(("text", "forecast", "evidence_for", "evidence_against", "config", "label"), _text),
        **dict.fromkeys(("value", "limit", "expected", "beyond_noise", "t_s", "since_s"), _number),
        "count": is_time,
        "shadow": _truth,
        "sentence": _text,
        "numbers": lambda found: type(found) is dict and all(map(_number, found.values())),
        "ahead": lambda found: type(found) is dict and all(map(_number, found.values())),
        "texts": lambda found: type(found) is dict and all(map(_text, found.values())),
        "salvaged_epoch": _id,
        "salvaged_sequence": is_time,
    },
    "gap": {"reason": _text, "epoch": _id},
    "lost": {"frames": is_time, "first_boottime_ns": is_time, "last_boottime_ns": is_time, "reason": _text},
    "change": {
        **_STAMP,
        **dict.fromkeys(("what", "who", "alarm", "why", "about"), _text),
        **dict.fromkeys(("until_s", "seconds"), _number),
        "uid": _int,
    },
    "clock_offset": {"boot_id": _id, "boottime_ns": is_time, "offset_ns": _int},
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "lost": ("frames", "first_boottime_ns", "last_boottime_ns"),
    "clock_offset": ("boottime_ns", "offset_ns"),
}


def unsound(batch: Batch, limits: Limits = DEFAULT_LIMITS) -> str:
    """Why nobody could read this batch later; "" where everybody can."""
    return _frames(batch) or _events(batch, limits)


def _frames(batch: Batch) -> str:
    if batch.unit and not is_name(batch.unit):
        return f"unit '{printable(batch.unit, 80)}' is no name"
    if not batch.frames:
        return ""
    if not batch.unit:
        return "frames of no unit"
    if np.any(batch.clock & ~np.uint8(CLOCK_SYNCHRONISED | CLOCK_SIMULATED)):
        return "clock: a bit that has no meaning"
    if batch.boottime_ns[0] < 0 or np.any(np.diff(batch.boottime_ns) < 0):
        return "boot time: negative, or it goes back"
    if np.any(batch.utc_ns < 0):
        return "UTC before 1970 or after 2262"
    return ""


def _events(batch: Batch, limits: Limits) -> str:
    ranges = 0
    for event in batch.events:
        kind = event["kind"]
        strange = _strange(event, finite=kind != "alarm") or _keys(event)
        if not strange and kind in _SAYS:
            strange = _SAYS[kind](event, batch, limits)
        if strange:
            return f"event '{printable(kind, 20)}': {strange}"
        ranges += len(event.get("ranges") or ()) if kind == "gap" else 0
    return f"{ranges} ranges in gap records, the limit is {RANGES}" if ranges > RANGES else ""


def _strange(node: Any, finite: bool) -> str:
    """Numbers that JSON, or a database, cannot hold."""
    if isinstance(node, (dict, list, tuple)):
        children: Iterable[Any] = node.values() if isinstance(node, dict) else node
        return next(filter(None, (_strange(child, finite) for child in children)), "")
    if type(node) is int and node not in INT64:
        return f"{node} is no int64"
    return f"{node} is no number" if finite and type(node) is float and not math.isfinite(node) else ""


def _keys(event: dict[str, Any]) -> str:
    kind = event["kind"]
    if not kind:
        return "no kind"
    for key in _NEEDED.get(kind, ()):
        if key not in event:
            return f"no {key}"
    for key, fits in _KEYS.get(kind, {}).items():
        if key in event and not fits(event[key]):
            return f"{key} is {printable(repr(event[key]), 60)}"
    return ""


def _gap(event: dict[str, Any], batch: Batch, limits: Limits) -> str:
    own = event.get("epoch", batch.epoch) == batch.epoch
    ranges = event.get("ranges")
    if ranges is None and not own:
        return ""
    if not isinstance(ranges, list) or (own and not ranges):
        return "no ranges"
    below = batch.sequence if own else limits.sequence + 1
    for pair in ranges:
        if not isinstance(pair, list) or len(pair) != 2 or any(type(end) is not int for end in pair):
            return f"{printable(repr(pair), 60)} is no range"
        if not 1 <= pair[0] <= pair[1] < below:
            return f"{pair} is no range of sequences from 1 to {below - 1}"
    return ""


def _lost(event: dict[str, Any], batch: Batch, limits: Limits) -> str:
    fits = event["frames"] and event["first_boottime_ns"] <= event["last_boottime_ns"]
    return "" if fits else "no frames, or their times are reversed"


def _clock_offset(event: dict[str, Any], batch: Batch, limits: Limits) -> str:
    ns = event["boottime_ns"] + event["offset_ns"]
    return "" if is_time(ns) else f"offset_ns {event['offset_ns']}: UTC before 1970 or after 2262"


_SAYS: dict[str, Callable[[dict[str, Any], Batch, Limits], str]] = {
    "gap": _gap,
    "lost": _lost,
    "clock_offset": _clock_offset,
}


def fitting(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it may be sealed: what no number can be is None, and text is UTF-8."""
    return {key: _fitting(value) for key, value in record.items()}


def _fitting(node: Any) -> Any:
    if isinstance(node, float):
        return node if math.isfinite(node) else None
    if isinstance(node, str):
        return node.encode(errors="backslashreplace").decode()
    if isinstance(node, int) and node not in INT64:
        return None
    if isinstance(node, Mapping):
        return fitting(node)
    return [_fitting(child) for child in node] if isinstance(node, (list, tuple)) else node
