"""Every output there can be, one row each: its name, and how it is made as its table of agent.toml says.

The name is that of its table, of its alarms (`part_failed` at NAME, `NAME_trouble`) and of its part of the
status.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import Field

from agent.alarms.output import Output
from agent.keys.values import ConfigTable
from agent.outputs.annunciator import Annunciator
from agent.outputs.drivers import driver_of
from agent.outputs.journal import Journal, JournalTable, Log
from agent.outputs.relay import CoilRelay, GpioRelay, Relay

Now = Callable[[], float]  # CLOCK_BOOTTIME, s


class OutputTables(ConfigTable):
    """The tables of outputs in agent.toml, for those that are configured."""

    relay: Annotated[GpioRelay | CoilRelay, Field(discriminator="output")] | None = None
    journal: JournalTable = JournalTable()


def _relay(tables: OutputTables, units: Iterable[str], now_s: Now) -> Relay | None:
    return Relay(Annunciator(units), driver_of(tables.relay), now_s) if tables.relay else None


def _journal(tables: OutputTables, units: Iterable[str], now_s: Now) -> Output:
    return Journal.find(tables.journal.syslog) or Log()


#: In the order in which they are told. None: the tables want none.
OUTPUTS: Mapping[str, Callable[[OutputTables, Iterable[str], Now], Output | None]] = {
    "relay": _relay,
    "journal": _journal,
}


def outputs_of(tables: OutputTables, units: Iterable[str], now_s: Now) -> dict[str, Output]:
    """Return the outputs that the tables want, by name."""
    units = tuple(units)
    made = {name: make(tables, units, now_s) for name, make in OUTPUTS.items()}
    return {name: output for name, output in made.items() if output is not None}
