"""The bus of units that cannot be watched: it shows them as never seen, and no agent.toml can name it."""

from agent.modbus.left_out import LeftOutPort
from agent.modbus.ports import Port
from agent.transport.tcp import TcpBus
from drivers.profile.load import Profile


class LeftOut(TcpBus):
    """A bus that is never opened; why: the reason that its port gives."""

    host: str = ""
    why: str

    def new_port(self, profile: Profile) -> Port:
        """Return a port whose `open` raises PortError with the reason."""
        return LeftOutPort(self.why)
