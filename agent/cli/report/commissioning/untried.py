"""What a commissioning has not tried, and does not know: said on the page that is signed."""

from collections.abc import Iterator

from agent.cli.report.commissioning.record import Record, by_units, named
from agent.message import Message

#: What no report of ours tries, whatever was done on site.
NEVER = (
    "Which sensor sits at which cell: that is as the profile says. No cell was warmed to see what rises.",
    "An alarm of the battery itself: no limit was reached, nothing was heated or short-circuited to see it.",
    "The battery's capacity, and how long it bears the load: nothing was discharged.",
    "A lost unit: no cable was pulled to see STALE, BLIND and the alarm (docs/field-guide.md says how).",
    "A power cut, a full or broken disk, a lost network.",
)


def untried(record: Record) -> list[str]:
    """Return it, a line each."""
    return [*_alarm(record), *_compared(record), *_learned(record), *map(Message, NEVER)]


def _alarm(record: Record) -> Iterator[str]:
    if record.test is None:
        yield Message("The way of an alarm, to the collector and into the room: no test alarm was raised.")
    elif "nobody was asked" in record.test["outputs"]:
        yield Message("Whether horn, lamp or relay acts: nobody was asked.")
    yield from (Message("Not covered: {failure}.", failure=failure) for failure in record.uncovered)


def _compared(record: Record) -> Iterator[str]:
    if panels := [unit.label for unit in record.units if not unit.panel]:
        yield Message("Against the panel of the unit: {units}.", units=named(panels))
    if plates := [unit.label for unit in record.units if unit.identity and not unit.plate]:
        yield Message("Serial numbers against the plate: {units}.", units=named(plates))
    if nameless := [unit.label for unit in record.units if not unit.identity]:
        yield Message("Which unit it is: it tells no serial number ({units}).", units=named(nameless))
    if never := [unit.label for unit in record.units if unit.intervals is None]:
        yield Message(
            "How often it is really read: no running agent was reached ({units}).", units=named(never)
        )


def _learned(record: Record) -> list[str]:
    return by_units((unit.label, unit.learning) for unit in record.units if unit.learning)
