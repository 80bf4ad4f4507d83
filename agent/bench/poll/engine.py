"""A bus with one unit, of any transport, without an agent around it."""

from collections.abc import Callable

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.unit import Unit
from agent.transport.row import BusTable
from drivers.layout import Layout
from drivers.profile.load import Profile, parse_profile


def profile_of(*blocks: tuple[int, int]) -> Profile:
    """Return a profile of cell voltages in blocks of (address, count) that are each one read."""
    points = "".join(
        f'[[point]]\nname = "cell_voltage_{k}"\naddress = {address}\ncount = {count}\n'
        f'place = "string{k}/cell"\nquantity = "cell_voltage"\nscale = 0.001\nunit = "V"\n'
        for k, (address, count) in enumerate(blocks, 1)
    )
    return parse_profile(f'schema = 1\nmodel = "bench"\ngaps = "forbidden"\n{points}')


def polled_bus(
    table: BusTable, profile: Profile, emit: Callable[[Frame, Layout], None], period_s: float
) -> Bus:
    """Return a bus with one unit of id 1; a period that is always over means: polled back to back."""
    port = table.new_port(profile)
    unit = Unit(
        name="bench",
        rack="bench",
        unit_id=1,
        profile=profile,
        line=table.line(profile),
        period_s=period_s,
        timeout_s=1.0,
        has_transaction_ids=port.has_transaction_ids,
        clock=Clock(),
        connected=lambda _unit, _layout: bytes(16),
        emit=emit,
    )
    return Bus("bench", port, [unit], Clock())
