"""A port that is never opened: of units that cannot be watched, and are shown as never seen."""

from agent.modbus.ports import Answer, LateReply, PortError, Tap
from drivers.registers import Read


class LeftOutPort:
    """A port whose `open` raises PortError with the reason."""

    has_transaction_ids = True
    in_flight = 1
    is_open = False

    def __init__(self, why: str) -> None:
        self.name = "left out"
        self.tap: Tap | None = None
        self.hung_up = None
        self._why = why

    async def open(self) -> None:
        """Raise PortError with the reason."""
        raise PortError(self._why)

    def close(self) -> None:
        """Do nothing: it is closed."""

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
        """Raise PortError with the reason."""
        raise PortError(self._why)

    def late(self) -> list[LateReply]:
        """Return none: nothing was asked."""
        return []
