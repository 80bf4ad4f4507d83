"""The system's journal: every alarm event as one entry with fields, found by `journalctl -u cellwarden`.

Written in journald's native protocol (systemd's "Native Journal Protocol"), or to /dev/log as RFC 5424 with
the same fields as structured data. Nothing waits: what the socket does not take is lost, and that is said.
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.alarms.output import Output
from agent.alarms.record import AlarmId
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.table import ADVICE, CRITICAL, WARNING
from agent.keys.values import ConfigTable
from agent.view.voice import happened, told

log = logging.getLogger(__name__)

JOURNALD = Path("/run/systemd/journal/socket")
SYSLOG = Path("/dev/log")

# What an entry is about: made once at random, the same for ever (see systemd.journal-fields, MESSAGE_ID).
RAISED = "b8f7427351484d62befee5dd1285bdac"
CHANGED = "3c9e65b737f44eb58c79823d5f56336e"
TESTED = "1ff63f43f40b45adbc9c6b9b887987fe"

# syslog levels (RFC 5424): alert, error, warning; what is over or put aside is a notice
LEVELS = {CRITICAL: 1, WARNING: 3, ADVICE: 4}
NOTICE = 5
FACILITY_DAEMON = 3
#: example number of RFC 5612: structured data names need some enterprise's number
STRUCTURED_ID = "cellwarden@32473"


def _device_and_inode(file: int) -> str:
    """Return what systemd puts into JOURNAL_STREAM of a service whose output goes to the journal."""
    found = os.fstat(file)
    return f"{found.st_dev}:{found.st_ino}"


def fields_of(unit: str, event: AlarmEvent) -> dict[str, str]:
    """Return the fields of an entry, without its text; CELLWARDEN_EVIDENCE: what stands below that."""
    below = told(_record(unit, event), datetime.now().astimezone()).below
    return {
        "CELLWARDEN_UNIT": unit,
        "CELLWARDEN_ALARM": str(AlarmId(unit, event.name)),
        "CELLWARDEN_LOCATION": event.location,
        "CELLWARDEN_DETECTOR": event.detector,
        "CELLWARDEN_SEVERITY": event.severity,
        "CELLWARDEN_STATE": event.state,
        "CELLWARDEN_VALUE": f"{event.value:g}",
        "CELLWARDEN_LIMIT": f"{event.limit:g}",
        "CELLWARDEN_VALUE_UNIT": event.value_unit,
        "CELLWARDEN_EVIDENCE": "; ".join(below),
    }


def line_of(unit: str, event: AlarmEvent, label: str = "") -> str:
    """Return what happened to an alarm, in a line: its first line where it is raised. label: of the unit."""
    return happened(_record(unit, event, label), datetime.now().astimezone())


def _record(unit: str, event: AlarmEvent, label: str = "") -> dict[str, Any]:
    return {**asdict(event), "unit": unit, "label": label}


def native_entry(fields: dict[str, str]) -> bytes:
    """Return one datagram of journald's protocol."""
    parts = []
    for name, text in fields.items():
        data = text.encode()
        if b"\n" in data:  # told by its length instead of its end
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


def syslog_entry(message_id: str, level: int, text: str, fields: dict[str, str], now: datetime) -> bytes:
    """Return one datagram of RFC 5424."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    data = " ".join(
        f'{name.removeprefix("CELLWARDEN_").lower()}="{escaped(v)}"' for name, v in fields.items()
    )
    head = (
        f"<{FACILITY_DAEMON * 8 + level}>1 {now.isoformat()} {socket.gethostname()} cellwarden {os.getpid()}"
    )
    return f"{head} {message_id} [{STRUCTURED_ID} {data}] {text}".encode()


class JournalTable(ConfigTable):
    """[journal]"""

    syslog: bool = False  # write alarms to /dev/log; a service of systemd's writes to journald in any case


class JournalError(Exception):
    """The journal did not take an entry."""


class Log(Output):
    """The agent's own log, where nothing takes entries with fields."""

    def __init__(self) -> None:
        self._labels: Mapping[str, str] = {}

    def called(self, labels: Mapping[str, str]) -> None:
        """Take what people call units."""
        self._labels = labels

    def changed(self, unit: str, event: AlarmEvent) -> None:
        """Write what happened to an alarm."""
        log.warning("%s", line_of(unit, event, self._labels.get(unit, "")))


class Journal(Output):
    """A journal's socket. `native`: it is journald's, which takes fields; otherwise a syslog daemon's."""

    def __init__(self, path: Path, native: bool) -> None:
        self.lost = 0
        self._labels: Mapping[str, str] = {}
        self._path, self._native = path, native
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    @classmethod
    def find(cls, syslog: bool) -> "Journal | None":
        """Return journald where this process was started by a unit of systemd's, syslog where it is wanted.

        Elsewhere None: what somebody tries out in a terminal is not for the machine's journal.
        """
        if os.environ.get("JOURNAL_STREAM") == _device_and_inode(sys.stderr.fileno()):
            return cls(JOURNALD, native=True)
        return cls(SYSLOG, native=False) if syslog else None

    def called(self, labels: Mapping[str, str]) -> None:
        """Take what people call units."""
        self._labels = labels

    def changed(self, unit: str, event: AlarmEvent) -> None:
        """Write what happened to an alarm. What the journal does not take is logged. Raises JournalError."""
        news, text = event.state == AlarmState.NEW, line_of(unit, event, self._labels.get(unit, ""))
        level = LEVELS[event.severity] if news else NOTICE
        try:
            self._write(RAISED if news else CHANGED, level, text, fields_of(unit, event))
        except Exception:
            log.warning("%s", text)
            raise

    def test(self, seconds: float, who: str) -> None:
        """Write that a person tests the annunciation. Raises JournalError."""
        self._write(TESTED, NOTICE, f"test alarm for {seconds:g} s by {who}", {"CELLWARDEN_WHO": who})

    def _write(self, message_id: str, level: int, text: str, fields: dict[str, str]) -> None:
        if self._native:
            head = {"MESSAGE": text, "MESSAGE_ID": message_id, "PRIORITY": str(level)}
            entry = native_entry({**head, "SYSLOG_IDENTIFIER": "cellwarden", **fields})
        else:
            entry = syslog_entry(message_id, level, text, fields, datetime.now(UTC))
        try:
            self._socket.sendto(entry, str(self._path))
        except OSError as error:  # full, or the journal is being restarted: it must not hold up anything
            self.lost += 1
            said = f"{self._path}: {error.strerror or error}; entries not taken so far: {self.lost}"
            raise JournalError(said) from error

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
