"""One unit on a port of its own, polled by a real bus, and the frames that came of it."""

from collections.abc import Callable
from typing import Any

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.unit import Unit
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile


def polled_unit(
    name: str,
    profile: Profile,
    port: type[Port] | Port,
    emit: Callable[[Frame, Layout], None],
    *,
    unit_id: int = 1,
    period_s: float = 0.1,
    timeout_s: float = 0.1,
    **rest: Any,
) -> Unit:
    """Return a unit in a rack of its own name, as a real bus polls it."""
    return Unit(
        name=name,
        rack=name,
        unit_id=unit_id,
        profile=profile,
        line=Line.tcp(),
        period_s=period_s,
        timeout_s=timeout_s,
        has_transaction_ids=port.has_transaction_ids,
        clock=Clock(),
        connected=lambda _unit, _layout: bytes(16),
        emit=emit,
        **rest,
    )


class Watched:
    """The unit, its bus, its frames; `_emit` looks at each as it comes."""

    def __init__(self, port: Port, profile: Profile) -> None:
        self.frames: list[Frame] = []
        self.unit = polled_unit("unit", profile, port, self._emit, timeout_s=0.25)
        self.bus = Bus("bus", port, [self.unit], Clock())

    def _emit(self, frame: Frame, _layout: Layout) -> None:
        self.frames.append(frame)
