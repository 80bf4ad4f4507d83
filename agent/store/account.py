"""How much a buffer may hold, and what it holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BufferSettings:
    """How much the buffer may hold, and which minutes around an alarm are sent before others.

    `units`: how many are polled. It bounds how many batches an older image of the buffer can lack.
    """

    max_bytes: int = 1024 * 1024 * 1024
    history_bytes: int = 64 * 1024 * 1024  # delivered batches stay, for people, while all is below this
    before_alarm_s: float = 600.0
    after_alarm_s: float = 300.0
    units: int = 1


@dataclass(frozen=True, slots=True)
class Exposure:
    """Seconds of frames that a fire in this room would cost: `only_here_s`, of what no collector has, and
    `behind_s`, of what each lacks that is to have frames. The open batches come on top.
    """

    only_here_s: float
    behind_s: dict[str, float]


@dataclass(frozen=True, slots=True)
class Account:
    """Where all has gone, for an upstream: sealed = acknowledged + pending + dropped + withheld.

    `withheld`: what it is not to have. `healing`: pending batches that it had acknowledged and lost again.
    """

    sealed: int
    acknowledged: int
    pending: int
    dropped: int
    withheld: int
    frames: int
    values: int
    wire_bytes: int
    healing: int
