"""What `cellwarden check` says of a configuration that is good: disk, slow polling, units without a name."""

from collections.abc import Iterator, Mapping, Sequence

from agent.config.tables import Config, StoreTable
from agent.detect.slow_polling import said_of
from agent.message import Message
from agent.store.estimate import estimate, free_mb, history_mb
from drivers.connect import tells_apart
from drivers.profile.load import Profile


def disk_lines(store: StoreTable, sizes: Sequence[tuple[int, float]], units: int) -> list[Message]:
    """Say what the buffer writes, and how long an outage, or a collector's loss, it can bridge.

    sizes: values and period (s) of each of the units that are known before they are asked.
    """
    if not sizes:
        return [Message("buffer: how much it writes depends on units that say themselves what they have")]
    need = estimate(sizes, store.batch_s, store.batch_frames)
    room_mb = min(store.max_mb, free_mb(store.path))
    kept_mb = history_mb(store.path, store.max_mb, store.history_mb)
    known = len(sizes) == units
    more = Message("" if known else ", and more for units that say themselves what they have")
    less = Message("" if known else ", and less with units that say themselves")
    return [
        Message(
            "buffer: about {mb:.0f} MB of flash written per day{more}", mb=need.flash_mb_per_day, more=more
        ),
        Message(
            "outage: {mb:.0f} MB hold about {days:.1f} days ({each:.1f} MB per day{more})",
            mb=room_mb,
            days=room_mb / need.stored_mb_per_day,
            each=need.stored_mb_per_day,
            more=more,
        ),
        Message(
            "history: {mb:.0f} MB heal a collector that lost about {days:.1f} days{less}",
            mb=kept_mb,
            days=kept_mb / need.stored_mb_per_day,
            less=less,
        ),
    ]


def slow_lines(config: Config) -> list[Message]:
    """Say what is detected later where units are polled slowly, a line for each period."""
    found: dict[float, list[str]] = {}
    for unit in config.unit:
        found.setdefault(unit.period_s, []).append(unit.path)
    told = ((units, *said_of(period_s)) for period_s, units in sorted(found.items()))
    return [
        Message("slow: {units}: {what}", units=", ".join(units), what=Message(text, **fields))
        for units, text, fields in told
        if text
    ]


def nameless_lines(config: Config, profiles: Mapping[str, Profile]) -> Iterator[Message]:
    """Say which units cannot be told from others of their kind, by profile."""
    for name in dict.fromkeys(unit.profile for unit in config.unit):
        if not tells_apart(profiles[name]):
            yield Message(
                "not noticed: an exchanged unit, where its profile {profile} has no serial number or model"
                " ({units})",
                profile=name,
                units=", ".join(unit.path for unit in config.unit if unit.profile == name),
            )
