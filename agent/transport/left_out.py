"""The bus of units that cannot be watched, so that they are shown as never seen; no table of the file."""

from agent.modbus.left_out import LeftOutPort
from agent.modbus.ports import Port
from agent.transport.tcp import TcpBus
from drivers.profile.load import Profile


class LeftOut(TcpBus):
    """A bus that is never opened; why: what is said instead."""

    host: str = ""
    why: str

    def new_port(self, profile: Profile) -> Port:
        """Return a port that says why."""
        return LeftOutPort(self.why)
