"""Every output there can be, one row each: its name, and how it is made as the configuration says.

The name is the one of its alarms (`part_failed` at NAME, `NAME_trouble`) and of its part of the status.
"""

from collections.abc import Callable, Iterable, Mapping

from agent.alarms.output import Output
from agent.config.tables import Config
from agent.outputs.annunciator import Annunciator
from agent.outputs.drivers import driver_of
from agent.outputs.journal import Journal, Log
from agent.outputs.relay import Relay

Now = Callable[[], float]  # CLOCK_BOOTTIME, s


def _relay(config: Config, units: Iterable[str], now_s: Now) -> Relay | None:
    return Relay(Annunciator(units), driver_of(config.relay), now_s) if config.relay else None


def _journal(config: Config, units: Iterable[str], now_s: Now) -> Output:
    return Journal.find(config.journal.syslog) or Log()


#: In the order in which they are told. None: the configuration wants none.
OUTPUTS: Mapping[str, Callable[[Config, Iterable[str], Now], Output | None]] = {
    "relay": _relay,
    "journal": _journal,
}


def outputs_of(config: Config, units: Iterable[str], now_s: Now) -> dict[str, Output]:
    """Return the outputs that a configuration wants, by name."""
    units = tuple(units)
    made = {name: make(config, units, now_s) for name, make in OUTPUTS.items()}
    return {name: output for name, output in made.items() if output is not None}
