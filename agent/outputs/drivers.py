"""From the [relay] table to the driver that it asks for."""

from agent.config.tables import CoilRelay, GpioRelay
from agent.modbus.coil import CoilDriver
from agent.outputs.gpio import GpioDriver
from agent.outputs.relay import Driver


def driver_of(table: GpioRelay | CoilRelay) -> Driver:
    """Return the driver. One that has nothing to drive says so in its `trouble`."""
    if isinstance(table, GpioRelay):
        return GpioDriver(table.pin, table.active_high)
    return CoilDriver(table.host, table.port, table.unit_id, table.coil)
