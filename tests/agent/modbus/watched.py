"""One unit on a port of its own, polled by a real bus, and the frames that came of it."""

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.unit import Unit
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile


class Watched:
    """The unit, its bus, its frames; `_emit` looks at each as it comes."""

    def __init__(self, port: Port, profile: Profile) -> None:
        self.frames: list[Frame] = []
        self.unit = Unit(
            name="unit",
            rack="rack",
            unit_id=1,
            profile=profile,
            line=Line.tcp(),
            period_s=0.1,
            timeout_s=0.25,
            has_transaction_ids=port.has_transaction_ids,
            clock=Clock(),
            connected=lambda _unit, _layout: bytes(16),
            emit=self._emit,
        )
        self.bus = Bus("bus", port, [self.unit], Clock())

    def _emit(self, frame: Frame, _layout: Layout) -> None:
        self.frames.append(frame)
