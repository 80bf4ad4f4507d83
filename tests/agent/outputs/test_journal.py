"""Entries as they arrive at a journal's socket."""

import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.outputs.journal import CHANGED, RAISED, Journal, JournalError, fields_of, line_of, native_entry

LINE = (
    "NEW critical rack-1 cell 5: TAKE LOAD AND CHARGE OFF. Do not open it."
    " Cell 5 heats 1.4 K/min faster than its siblings."
)
SAID = "Cell 5 heats 1.4 K/min faster than its siblings"
AHEAD = {"to_degc": 80.0, "slope_k_per_s": 0.05, "in_s": 3600.0, "soonest_s": 3000.0, "latest_s": 4800.0}
PLACE = 'a "quoted] place'
WANTED = {"syslog": True}  # [journal]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as heard:
        heard.bind(str(tmp_path / "log"))
        heard.settimeout(5)
        yield heard


def parsed(entry: bytes) -> dict[str, str]:
    """Fields of an entry whose values are all on one line."""
    return dict(line.split("=", 1) for line in entry.decode().splitlines())


def test_an_alarm_is_one_entry_with_fields_to_search_by(
    tmp_path: Path, listener: socket.socket, hot: AlarmEvent
) -> None:
    journal = Journal(tmp_path / "log", native=True)
    journal.changed("rack-1", hot)
    fields = parsed(listener.recv(65536))
    assert fields["MESSAGE"] == LINE
    assert fields["MESSAGE_ID"] == RAISED
    assert fields["PRIORITY"] == "1"
    assert fields["CELLWARDEN_UNIT"] == "rack-1"
    assert fields["CELLWARDEN_ALARM"] == "rack-1:thermal-slope:cell5"
    assert fields["CELLWARDEN_LOCATION"] == "cell5"
    assert fields["CELLWARDEN_VALUE"] == "1.4"
    journal.changed("rack-1", replace(hot, state=AlarmState.ACK))
    fields = parsed(listener.recv(65536))
    assert (fields["MESSAGE_ID"], fields["PRIORITY"]) == (CHANGED, "5")


def test_an_entry_says_how_long_is_left_as_a_clock_time_and_the_evidence_beside(hot: AlarmEvent) -> None:
    heats = replace(hot, ahead=AHEAD, evidence_for="cell voltage sank: cell4", evidence_against="")
    said = line_of("rack-1", heats)
    assert re.search(
        r"Do not open it\. 80 °C about \d\d:\d\d \(\d\d:\d\d-\d\d:\d\d, in 60 min\)\. Cell 5", said
    )
    assert (
        "For it, when raised: cell voltage sank: cell 4" in fields_of("rack-1", heats)["CELLWARDEN_EVIDENCE"]
    )
    over = line_of("rack-1", replace(heats, state=AlarmState.CLEARED_NEW))
    assert over == f"CLEARED-NEW critical rack-1 cell 5: {SAID[0].lower()}{SAID[1:]}"


def test_text_of_several_lines_is_told_by_its_length() -> None:
    text = "two\nlines"
    assert native_entry({"MESSAGE": text}) == b"MESSAGE\n" + struct.pack("<Q", 9) + b"two\nlines\n"


def test_a_syslog_daemon_gets_the_same_as_structured_data(
    tmp_path: Path, listener: socket.socket, hot: AlarmEvent
) -> None:
    journal = Journal(tmp_path / "log", native=False)
    journal.changed("rack-1", replace(hot, location=PLACE))
    entry = listener.recv(65536).decode()
    assert entry.startswith("<25>1 2")  # facility daemon, level alert
    assert f" {RAISED} [cellwarden@32473 unit=" in entry
    assert r'location="a \"quoted\] place"' in entry
    assert entry.endswith(f"] {LINE.replace('cell 5', PLACE, 1)}")


def test_a_journal_that_takes_nothing_holds_up_nobody(
    tmp_path: Path, listener: socket.socket, hot: AlarmEvent
) -> None:
    journal = Journal(tmp_path / "log", native=True)
    lost = 0
    for _ in range(2000):  # more than any socket buffers
        try:
            journal.changed("rack-1", hot)
        except JournalError:
            lost += 1
    assert 0 < lost == journal.lost


def test_a_journal_that_is_gone_is_an_alarm_until_it_is_back_and_the_log_has_what_it_lost(
    tmp_path: Path, hot: AlarmEvent, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "absent", native=True)
    racks = {"": "", "rack-1": "rack-1"}
    site_alarms = SiteAlarms(racks, {"journal": journal}, lambda _rack, _events: None, Clock())
    stamp = Clock().stamp()
    for _ in range(3):
        site_alarms.found("rack-1", stamp, [hot])
    (alarm,) = (event for _, event in site_alarms.all_active())
    assert (alarm.detector, alarm.location) == ("part_failed", "journal")
    assert "absent: No such file or directory; entries not taken so far: 3" in alarm.text
    said = [record.getMessage() for record in caplog.records]
    assert sum(SAID in line for line in said) == 3
    assert sum(record.exc_info is not None for record in caplog.records) == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as back:
        back.bind(str(tmp_path / "absent"))
        site_alarms.found("rack-1", stamp, [hot])
        assert SAID.encode() in back.recv(65536)
    assert [event.state for _, event in site_alarms.all_active()] == ["CLEARED-NEW"]


def test_only_a_service_writes_to_the_machines_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")  # inherited, but stderr goes elsewhere
    assert Journal.find(syslog=False) is None
    stderr = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino}")
    assert Journal.find(syslog=False) is not None
