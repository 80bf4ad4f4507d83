"""The alarm list: alarms that stand, alarms that are over and not acknowledged, and counts of the past."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.detect.places import string_of
from agent.detect.table import PRIORITY
from agent.view import words
from agent.view.actions import OVER_STATE as OVER
from agent.view.actions import TEST
from agent.view.headline import PUT_ASIDE, last_known
from agent.view.language import tell, tr
from agent.view.raised import Raised
from agent.view.voice import event_line, limit_is_told, voice

DAY, TEN_MINUTES = timedelta(days=1), timedelta(minutes=10)
FLOOD = 10  # alarms in ten minutes
CHATTER, CHATTER_TIME = 3, timedelta(minutes=1)

Record = Mapping[str, Any]


def rows(
    alarms: Sequence[Record],
    log: Sequence[Record],
    knowledge: Mapping[str, str],
    now: datetime,
) -> list[dict[str, Any]]:
    """Return one row for each alarm that is not over: unacknowledged ones first, newest first, a test behind
    what is real, and behind all of them those whose cause is gone.

    alarms, log: as `GET /v1/status` gives them. knowledge: by unit.
    """
    past = _by_key(log)
    found = [_row(alarm, past[alarm["id"]], log, knowledge, now) for alarm in alarms]
    tests = {alarm["id"] for alarm in alarms if alarm["detector"] == TEST}
    return sorted(
        found,
        key=lambda r: (r["state"] == OVER, r["id"] in tests, r["state"] != "NEW", r["priority"], r["age_s"]),
    )


def _by_key(log: Sequence[Record]) -> defaultdict[str, list[Record]]:
    past: defaultdict[str, list[Record]] = defaultdict(list)
    for record in log:
        if record["kind"] == "alarm":
            past[record["id"]].append(record)
    return past


def _row(
    alarm: Record,
    past: Sequence[Record],
    log: Sequence[Record],
    knowledge: Mapping[str, str],
    now: datetime,
) -> dict[str, Any]:
    raisings = [local(record, now) for record in past if record["state"] == "NEW"]
    raised = raisings[-1] if raisings else now - timedelta(seconds=alarm["age_s"])
    who = _acknowledged(alarm["id"], raised, log, now)
    said, measured = voice({**alarm, "age_s": (now - raised).total_seconds()}, now), bool(alarm["value_unit"])
    unit = words.unit(alarm["value_unit"])
    return {
        "id": alarm["id"],
        "seen": alarm["seen"],
        "cause": alarm["cause"],
        "priority": PRIORITY[alarm["severity"]],
        "severity": alarm["severity"],
        "state": alarm["state"],
        "raised": words.clock(raised, now),
        "zone": words.offset(raised),
        "raised_utc_s": int(raised.timestamp()),  # as `raised` says
        "age_s": round(max((now - raised).total_seconds(), 0.0), 1),
        "unit": alarm["unit"],
        "location": alarm["location"],
        "quantity": alarm["quantity"],
        "place": said.place,
        "action": said.action,
        "left": said.left,
        "left_s": said.left_s,
        "until": said.until,
        "ahead": _ahead(alarm["present"], now) if said.left_s is not None else {},
        "first": said.first,
        "rest": said.rest,
        "where": said.place,
        "what": said.text,
        "detector": alarm["detector"],
        "now": said.now,
        "then": words.quantity(alarm["value"], unit) if measured else "",
        "limit": words.quantity(alarm["limit"], unit) if measured and limit_is_told(alarm) else "",
        "limit_value": alarm["limit"],
        "expected": alarm["expected"],
        "value_unit": alarm["value_unit"],
        "knowledge": tr("last known") if last_known(alarm, knowledge) else "",
        "below": said.below,
        "evidence": list(said.evidence),
        "do": tr(alarm["do"]),
        "times_24h": sum(now - local(record, now) < DAY for record in _begun(past)),
        "by": who,
        "more": 0 if (alarm.get("texts") or {}).get("names") else max(alarm.get("count", 1) - 1, 0),
    }


def _ahead(present: Record, now: datetime) -> dict[str, Any]:
    """Return the numbers of a forecast of now, with the `value` and the time (`utc_s`) that it begins at."""
    utc_s = now.timestamp() - present["age_s"]
    return {"utc_s": round(utc_s, 1), "value": present["value"], **present["ahead"]}


def _acknowledged(name: str, since: datetime, log: Sequence[Record], now: datetime) -> str:
    for record in reversed(log):
        if record["kind"] == "change" and record.get("alarm") == name and record["what"] == "acknowledge":
            at = local(record, now)
            return f"{record['who']}, {words.clock(at, now)}" if at >= since else ""
    return ""


def local(record: Record, now: datetime) -> datetime:
    """Return when a record was made, in the zone of `now`."""
    return _at(record["utc_ns"], now)


def _at(utc_ns: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(utc_ns / 1e9, now.tzinfo)


def grouped(listed: Sequence[dict[str, Any]], flood: bool) -> list[dict[str, Any]]:
    """Return the rows as they are; in a flood one for each string of a unit, with the rest counted.

    What was there before the flood stays on top of its string.
    """
    if not flood:
        return list(listed)
    strings: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in listed:
        strings[row["unit"], string_of(row["location"])].append(row)
    found = []
    for together in strings.values():
        first = min(together, key=lambda row: (_aside(row), row["priority"], row["raised_utc_s"]))
        found.append({**first, "more": sum(1 + row["more"] for row in together) - 1})
    return found


def _begun(past: Sequence[Record]) -> Iterator[Record]:
    """Yield where an alarm came up; not where one that stood already became more severe."""
    for before, record in zip([None, *past], past, strict=False):
        if record["state"] == "NEW" and (before is None or before["state"] in ("NORMAL", "CLEARED-NEW")):
            yield record


def counts(
    alarms: Sequence[Record],
    log: Sequence[Record],
    now: datetime,
    raised: Raised | None,
) -> dict[str, Any]:
    """Return how many alarms were raised lately, stand for long, and chatter; and when the last one ended.

    `raised`: by hours back, how many of each priority, 1 to 3; {} where the buffer cannot tell.
    """
    raisings = [local(r, now) for r in log if r["kind"] == "alarm" and r["state"] == "NEW"]
    ended = [r["utc_ns"] for r in log if r["kind"] == "alarm" and r["state"] == "NORMAL"]
    ended += [raised.ended_ns] if raised and raised.ended_ns else []
    ten = sum(now - at < TEN_MINUTES for at in raisings)
    return {
        "last_10_min": ten,
        "raised": {
            str(hours): [by[severity] for severity in PRIORITY]
            for hours, by in (raised.by_hours if raised else {}).items()
        },
        "standing_over_24_h": sum(alarm["age_s"] > DAY.total_seconds() for alarm in alarms),
        "chattering": sum(_chatters(past, now) for past in _by_key(log).values()),
        "flood": ten >= FLOOD,
        "last_ended": words.clock(_at(max(ended), now), now) if ended else "",
    }


def _chatters(past: Sequence[Record], now: datetime) -> bool:
    ats = [local(record, now) for record in _begun(past)]
    return any(b - a < CHATTER_TIME for a, b in zip(ats, ats[CHATTER - 1 :], strict=False))


STATES = {
    "NEW": "raised",
    "ACK": "acknowledged",
    "CLEARED-NEW": "over, not acknowledged",
    "SHELVED": "shelved",
    "OUT OF SERVICE": "taken out of service",
    "NORMAL": "over",
}


def log_lines(log: Sequence[Record], now: datetime, length: int) -> list[dict[str, Any]]:
    """Return the last events, newest first: `at`, `text`, and whether each is on disk (`recorded`)."""
    lines: list[dict[str, Any]] = []
    for record in reversed(log):
        if len(lines) == length:
            break
        if record["kind"] == "alarm":
            event, priority = tr(STATES[record["state"]]), PRIORITY[record["severity"]]
            text = tell(
                "{event} {priority} {said}", event=event, priority=priority, said=event_line(record, now)
            )
        else:
            what, alarm = tr(record["what"]), record.get("alarm", "")
            text = tell("{what} by {who} {alarm}", what=what, who=record["who"], alarm=alarm).strip()
        at = words.clock(local(record, now), now)
        lines.append({"at": at, "text": text, "recorded": record.get("recorded", True)})
    return lines


def urgent(listed: Sequence[Mapping[str, Any]]) -> Counter[int]:
    """Return how many alarms of each priority nobody has put aside."""
    return Counter(row["priority"] for row in listed if not _aside(row))


def _aside(row: Mapping[str, Any]) -> bool:
    return row["state"] in PUT_ASIDE
