"""From the [relay] table to the driver that it asks for."""

from agent.outputs.gpio import GpioDriver
from agent.outputs.relay import CoilRelay, Driver, GpioRelay


def driver_of(table: GpioRelay | CoilRelay) -> Driver:
    """Return the driver. One that has nothing to drive says so in its `trouble`."""
    if isinstance(table, GpioRelay):
        return GpioDriver(table.pin, table.active_high)
    from agent.modbus.coil import CoilDriver  # and with it pymodbus's client: only where there is a coil

    return CoilDriver(table.host, table.port, table.unit_id, table.coil)
