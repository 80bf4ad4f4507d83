"""What a change makes of the facts that are held, before it is written. Asks a sink, and writes nothing."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from collector.facts.alarms import KINDS, Life, alarm_id, lives
from collector.facts.order import BEGINNING, Place, Told, in_order, numbered
from collector.facts.times import Boots, Range, offsets

Key = tuple[bytes, int, int]
Lives = Mapping[str, tuple[Sequence[Key], Sequence[Life]]]
SUBJECT_CHARACTERS = 200  # an index of PostgreSQL takes some 2,700 bytes
VERSION = 1  # of what is derived here: an archive of a lower one is derived anew


class FactSource(Protocol):
    """What is asked of a sink (`collector.sink.Sink` says what each is)."""

    def epochs(self, agent: str) -> list[bytes]: ...  # noqa: D102

    def boots(self, stream: tuple[str, bytes]) -> dict[bytes, Range]: ...  # noqa: D102

    def events(  # noqa: D102
        self, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None = None
    ) -> Iterable[Told]: ...

    def lives(self, agent: str, ids: Sequence[str]) -> Mapping[str, Sequence[Key]]: ...  # noqa: D102


def subject(kind: str, unit: str, record: Mapping[str, Any]) -> str:
    """What an event is about: an alarm's id, the epoch that a gap ends, the boot of an offset; "" nothing."""
    if kind == "alarm":
        return _short(alarm_id(unit, record))
    about = record.get({"change": "alarm", "gap": "epoch", "clock_offset": "boot_id"}.get(kind, ""), "")
    return about.hex() if isinstance(about, bytes) else _short(about) if isinstance(about, str) else ""


def stored_subject(kind: str, unit: str, record: str) -> str:
    """The same of an event that an earlier version stored, as JSON."""
    try:
        said = json.loads(record)
    except ValueError:
        return ""
    return subject(kind, unit, said) if isinstance(said, dict) else ""


def _short(name: str) -> str:
    """A name as every database can keep and index it; the end of a longer one is told by its hash."""
    name = name.replace("\0", "\ufffd")
    if len(name) <= SUBJECT_CHARACTERS:
        return name
    return f"{name[: SUBJECT_CHARACTERS - 17]}#{sha256(name.encode()).hexdigest()[:16]}"


def told_of(epoch: bytes, rows: Iterable[tuple[int, int, str, str, str, str]], heard_ns: int) -> list[Told]:
    """The events of a change, as they will be stored."""
    return [Told(epoch, *row, heard_ns) for row in rows]


def epochs_with(source: FactSource, agent: str, epoch: bytes, told: Iterable[Told]) -> list[bytes]:
    """The epochs of an agent in their order, with one that is heard of now, and with what is told now."""
    held = source.epochs(agent)
    gaps = [*source.events(agent, ("gap",)), *(one for one in told if one.kind == "gap")]
    ended = [(old, gap.epoch) for gap in gaps if (old := _ended(gap))]
    return in_order([*held, epoch] if epoch not in held else held, ended)


def _ended(gap: Told) -> bytes | None:
    try:
        return bytes.fromhex(json.loads(gap.record)["epoch"])
    except (ValueError, LookupError, TypeError):
        return None


def alarms_with(
    source: FactSource,
    agent: str,
    told: Sequence[Told],
    epochs: Sequence[bytes],
    boots: Callable[[], Boots],
    anew: bool = False,
) -> Lives:
    """The lives of an agent's alarms that change with what is told now.

    boots: the spans of the agent's boots, with those of now. anew: all alarms, from their beginnings: where
    the order of epochs is another one than it was.
    """
    if not told and not anew:
        return {}  # most batches tell nothing, and the sink is not asked
    numbers = numbered(epochs)
    moved = any(one.kind == "clock_offset" for one in told)  # then times are others
    new: dict[str, list[Told]] = {}
    for one in told:
        if one.kind in KINDS and one.subject:
            new.setdefault(one.subject, []).append(one)
    if anew or moved:
        since = {name: BEGINNING for name in _known(source, agent)} | dict.fromkeys(new, BEGINNING)
        keys = source.lives(agent, list(since))
    else:
        keys = source.lives(agent, list(new))
        since = {name: _since(keys.get(name, ()), events, numbers) for name, events in new.items()}
    if not since:
        return {}
    stories: dict[str, list[Told]] = {name: list(new.get(name, ())) for name in since}
    for one in source.events(agent, KINDS, since):
        stories[one.subject].append(one)
    clock = [*source.events(agent, ("clock_offset",)), *(one for one in told if one.kind == "clock_offset")]
    known, spans = offsets(clock, numbers), boots()
    found = {}
    for name, story in stories.items():
        story.sort(key=lambda one: one.place(numbers))
        gone = [key for key in keys.get(name, ()) if _place(key, numbers) >= since[name]]
        found[name] = gone, lives(agent, name, story, spans, known)
    return {name: change for name, change in found.items() if change != ([], [])}


def _known(source: FactSource, agent: str) -> set[str]:
    return {one.subject for one in source.events(agent, ("alarm",))}


def _since(keys: Iterable[Key], events: Iterable[Told], numbers: Mapping[bytes, int]) -> Place:
    """Where to begin: with the last life that began before anything that is told now. No life goes on beyond
    the beginning of the next one, so what was before is as it was.
    """
    first = min(one.place(numbers) for one in events)
    return max((place for key in keys if (place := _place(key, numbers)) < first), default=BEGINNING)


def _place(key: Key, numbers: Mapping[bytes, int]) -> Place:
    epoch, sequence, position = key
    return numbers.get(epoch, 0), sequence, position
