"""The lives of an alarm: from the record that raised it to the one that says NORMAL. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.view.actions import OVER_STATE  # CLEARED-NEW
from agent.view.voice import urgency
from collector.facts.order import Told
from collector.facts.times import Boots, Offsets, utc_ns

KINDS = ("alarm", "change")
OVER, ACKNOWLEDGED = "NORMAL", "ACK"
TEXT_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Life:
    """A row of `alarm`: docs/archive.md says what its columns are. Times are UTC in ns; None: not known."""

    agent: str
    id: str
    epoch: bytes  # with sequence and position: of the record that raised it
    sequence: int
    position: int
    unit: str
    place: str
    detector: str
    quantity: str
    label: str
    stands: bool
    state: str
    severity: str
    worst: str
    raised_utc_ns: int | None
    raised_heard_utc_ns: int
    changed_utc_ns: int | None
    changed_heard_utc_ns: int
    cleared_utc_ns: int | None
    ended_utc_ns: int | None
    ended_heard_utc_ns: int | None
    acknowledged_utc_ns: int | None
    acknowledged_by: str
    last_epoch: bytes
    last_sequence: int
    records: int
    text: str
    record: str


def alarm_id(unit: str, record: Mapping[str, Any]) -> str:
    """What tells an alarm from every other of its agent; version 0.1.0 wrote none."""
    told = (unit, record.get("detector", ""), record.get("location", ""))
    return str(record.get("id") or ":".join(map(str, told)))


def lives(agent: str, name: str, told: Iterable[Told], boots: Boots, known: Offsets) -> list[Life]:
    """The lives of one alarm, from what was told of it, in the agent's order.

    A record on trial (`shadow`) is announced to nobody, and ends a life as NORMAL does. What ends no life is
    nothing.
    """
    found: list[Life] = []
    for one in told:
        try:
            record = json.loads(one.record)
        except ValueError:
            continue
        if not isinstance(record, dict):
            continue
        at_ns = utc_ns(one, record, boots, known)
        last = found[-1] if found else None
        if one.kind == "change":
            if last and record.get("what") == "acknowledge":
                found[-1] = _acknowledged(last, record, at_ns)
            continue
        life = found.pop() if last and last.stands else None
        if record.get("state") == OVER or record.get("shadow"):
            life = life and _ended(_changed(life, one, record, at_ns), one, at_ns)
        else:
            life = _changed(life or _begun(agent, name, one, at_ns), one, record, at_ns)
        found += [life] if life else []
    return found


def _begun(agent: str, name: str, one: Told, at_ns: int | None) -> Life:
    return Life(
        agent=agent,
        id=name,
        epoch=one.epoch,
        sequence=one.sequence,
        position=one.position,
        unit=one.unit,
        place="",
        detector="",
        quantity="",
        label="",
        stands=True,
        state="",
        severity="",
        worst="",
        raised_utc_ns=at_ns,
        raised_heard_utc_ns=one.heard_ns,
        changed_utc_ns=at_ns,
        changed_heard_utc_ns=one.heard_ns,
        cleared_utc_ns=None,
        ended_utc_ns=None,
        ended_heard_utc_ns=None,
        acknowledged_utc_ns=None,
        acknowledged_by="",
        last_epoch=one.epoch,
        last_sequence=one.sequence,
        records=0,
        text="",
        record="{}",
    )


def _changed(life: Life, one: Told, record: dict[str, Any], at_ns: int | None) -> Life:
    state, severity = _text(record.get("state")), _text(record.get("severity"))
    worse = not life.worst or urgency({"severity": severity}) < urgency({"severity": life.worst})
    cleared_ns = (life.cleared_utc_ns or at_ns) if state in (OVER_STATE, OVER) else None
    acknowledged_ns = life.acknowledged_utc_ns
    if state == ACKNOWLEDGED and acknowledged_ns is None:
        acknowledged_ns = at_ns
    again = state == "NEW"  # it grew worse, or came back: that is not what anybody has acknowledged
    return replace(
        life,
        place=_text(record.get("location")),
        detector=_text(record.get("detector")),
        quantity=_text(record.get("quantity")),
        label=_text(record.get("label")) or life.label,
        state=state,
        severity=severity,
        worst=severity if worse else life.worst,
        changed_utc_ns=at_ns,
        changed_heard_utc_ns=one.heard_ns,
        cleared_utc_ns=cleared_ns,
        acknowledged_utc_ns=None if again else acknowledged_ns,
        acknowledged_by="" if again else life.acknowledged_by,
        last_epoch=one.epoch,
        last_sequence=one.sequence,
        records=life.records + 1,
        text=_text(record.get("text")) or life.text,
        record=one.record,
    )


def _acknowledged(life: Life, change: dict[str, Any], at_ns: int | None) -> Life:
    """What was cleared is over with its acknowledgement, which is told behind that."""
    if not life.stands and life.acknowledged_by:
        return life
    return replace(life, acknowledged_utc_ns=at_ns, acknowledged_by=_text(change.get("who")))


def _ended(life: Life, one: Told, at_ns: int | None) -> Life:
    return replace(life, stands=False, state=OVER, ended_utc_ns=at_ns, ended_heard_utc_ns=one.heard_ns)


def _text(value: object) -> str:
    return value[:TEXT_CHARACTERS].replace("\0", "\ufffd") if isinstance(value, str) else ""
