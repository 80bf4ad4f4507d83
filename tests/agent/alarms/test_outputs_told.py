"""Outputs hear of an alarm first and whole, and one that fails keeps no other from hearing."""

from collections.abc import Sequence

from agent.alarms.output import Output
from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.detect import identity
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent

UNITS = {"": "", "rack-1": "rack-1"}


class Slate(Output):
    """Writes what it is told onto a slate that others write on too; `broken`: what it cannot be told."""

    def __init__(self, slate: list[str]) -> None:
        self.slate, self.broken = slate, set[str]()

    def stands(self, unit: str, alarms: Sequence[AlarmEvent]) -> None:
        self._write("stands", f"{unit}: {len(alarms)} stand")

    def changed(self, unit: str, event: AlarmEvent) -> None:
        self._write("changed", f"{unit}: {event.state}")

    def _write(self, call: str, text: str) -> None:
        if call in self.broken:
            raise OSError("no chalk")
        self.slate.append(text)


def mismatch(alarms: SiteAlarms, book: AlarmBook, text: str) -> None:
    """Let a unit be another one than was expected, or ("") the right one again."""
    stamp = Clock().stamp()
    alarms.found("rack-1", stamp, identity.judge(book, text, stamp.boottime_ns / 1e9))


def states(alarms: SiteAlarms) -> dict[str, str]:
    return {str(name): event.state for name, event in alarms.all_active() if not name.unit}


def test_outputs_hear_what_stands_and_what_changed_before_a_disk_is_asked() -> None:
    slate, book = list[str](), AlarmBook()
    outputs = {"slate": Slate(slate)}
    alarms = SiteAlarms(UNITS, outputs, lambda rack, _: slate.append(f"record {rack}"), Clock())
    alarms.watch("rack-1", {"identity": book})
    mismatch(alarms, book, "this is another battery")
    assert slate == ["rack-1: 0 stand", "rack-1: 1 stand", "rack-1: NEW", "record rack-1"]


def test_an_output_that_fails_is_an_alarm_until_a_call_works_and_others_are_told() -> None:
    slate, book = list[str](), AlarmBook()
    broken, sound = Slate(slate), Slate(slate)
    broken.broken = {"changed"}
    alarms = SiteAlarms(UNITS, {"broken": broken, "sound": sound}, lambda *_: None, Clock())
    alarms.watch("rack-1", {"identity": book})
    slate.clear()
    mismatch(alarms, book, "this is another battery")
    assert slate == ["rack-1: 1 stand", "rack-1: 1 stand", "rack-1: NEW"]
    assert states(alarms) == {":part_failed:broken": "NEW"}
    alarms.sights([("rack-1", "LIVE")])
    assert states(alarms) == {":part_failed:broken": "NEW"}, "it does not hear of sights: that shows nothing"
    broken.broken = set()
    mismatch(alarms, book, "")
    assert states(alarms) == {":part_failed:broken": "CLEARED-NEW"}
