"""The tables of agent.toml: every key, its default, and what it may be."""

import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WrapValidator,
    field_validator,
    model_validator,
)

from agent.detect.settings import Settings
from agent.wire.hosts import host_and_port, host_problem, is_loopback, plain, url_problem
from drivers.profile.newly import AS_IS, WITHOUT, Instead, newly, number


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: the folder that its relative paths begin in, and texts that are wrong and taken
    all the same (`drivers.profile.newly.AS_IS`).
    """

    folder: Path
    as_is: frozenset[str] = frozenset()


def _text(wrong: Callable[[str], str]) -> WrapValidator:
    """Return a validator of a text of which `wrong` says what is wrong, or ""."""

    def check(written: Any, validate: Callable[[Any], Any], info: ValidationInfo) -> Any:
        value = validate(written)
        reading: Reading | None = info.context
        known = not isinstance(written, str) or (reading is not None and written in reading.as_is)
        if not known and (problem := wrong(written)):
            raise newly(f"{written!r} {problem}", AS_IS)
        return value

    return WrapValidator(check)


def _line_problem(text: str) -> str:
    return "" if text.isprintable() else "has characters in it that are not printable: take them out"


def _path_problem(text: str) -> str:
    if not text:
        return "is empty: write the path of a file, or take the key out"
    if "://" in text:
        return "is a URL, and a path of this machine is wanted"
    return _line_problem(text)


def _device_problem(text: str) -> str:
    if "://" in text:
        return 'is a URL: write a path such as /dev/ttyUSB0, or transport = "tcp" with host and port'
    return _path_problem(text)


def _url_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""  # it was no URL before either
    return url_problem(url) if parts.scheme in ("http", "https") and parts.hostname else ""


def _within_folder(path: Path, info: ValidationInfo) -> Path:
    reading: Reading | None = info.context
    return reading.folder / path if reading else path


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
# relative to the folder of the file, not to wherever the agent was started
_Path = Annotated[Path, AfterValidator(_within_folder)]
File = Annotated[_Path, _text(_path_problem)]
Device = Annotated[_Path, _text(_device_problem)]
Line = Annotated[str, _text(_line_problem)]
Host = Annotated[str, AfterValidator(plain), _text(host_problem)]
Whole = number()  # of an int that is bounded already: neither a text nor a truth value
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535), Whole]
Milliseconds = Annotated[float, Field(ge=0, le=60_000), number()]
Delay = Annotated[float, Field(ge=0), number(0, 86_400)]
Amperes = Annotated[float, Field(gt=0), number(1e-3, 1e6)]


class Table(BaseModel):
    """A table of agent.toml: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentTable(Table):
    """[agent]"""

    id: Name = Field(default_factory=lambda: socket.gethostname().split(".")[0])
    site: Annotated[Line, Field(max_length=60)] = ""  # what people call the room; the id if not said
    profile_dirs: tuple[File, ...] = ()
    safety_deadline_s: Annotated[Seconds, number(0.1, 3600)] = (
        10.0  # within which every safety point must be read again
    )


MOST_MB = 1e6  # a terabyte


class StoreTable(Table):
    """[store]"""

    path: File = Path("/var/lib/cellwarden/buffer.db")
    batch_s: Annotated[Seconds, number(0.01, 86_400)] = 10.0
    batch_frames: Annotated[int, Field(ge=1, le=600), Whole] = 60
    max_mb: Annotated[float, Field(ge=8), number(8, MOST_MB)] = (
        1000.0  # undelivered batches; beyond it the oldest are dropped
    )
    history_mb: Annotated[float, Field(ge=0), number(0, MOST_MB)] | None = (
        None  # delivered ones stay below it, for people and collectors; a share of the free disk if not said
    )


class UpstreamTable(Table):
    """[upstream]"""

    url: Annotated[str, _text(_url_problem)]
    ca: File | None = None  # who signs the collector's certificate; the system's authorities if not said
    cert: File | None = None  # this agent's own, whose common name is the agent's id
    key: File | None = None
    backlog_share: Annotated[float, Field(gt=0, le=1), number(0.01, 1)] = (
        0.8  # of the link's time, while fresh data comes too
    )

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together")
        return self

    @model_validator(mode="after")
    def _plain_http_stays_on_the_box(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: must be https://HOST[:PORT], or http:// to this very machine")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(f"url: plain http to {parts.hostname} could be read and forged; use https://")
        return self


class MetricsTable(Table):
    """[metrics]: where OpenMetrics are served to whoever asks; nowhere if not said."""

    listen: str | None = None

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str | None) -> str | None:
        if listen is None:
            return None
        host, port = host_and_port(listen) or ("", 0)
        if not (host and port):
            raise ValueError(f"{listen!r} is no HOST:PORT, such as 127.0.0.1:9464")
        if problem := host_problem(host):
            raise newly(f"{listen!r}: the host {problem}", WITHOUT)
        return listen


class OverrideTable(Table):
    """[[detection.override]]: one row of the alarm table, other than shipped."""

    detector: str
    severity: Literal["critical", "warning", "advice"]
    limit: Annotated[float, number(1e-6, 1e6)] | None = None
    on_delay_s: Delay | None = None
    off_delay_s: Delay | None = None
    dead_band: Annotated[float, Field(ge=0), number(0, 1e6)] | None = None
    latch: bool | None = None


class DetectionTable(Table):
    """[detection]: what this site wants other than shipped. `shadow`: judged and recorded, not announced."""

    shadow: tuple[str, ...] = ()
    max_charge_a: Amperes = math.inf  # of a string, or of the unit without strings
    max_discharge_a: Amperes = math.inf
    override: tuple[OverrideTable, ...] = ()

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        self.settings()
        return self

    def settings(self, chemistry: str | None = None) -> Settings:
        """Return the settings of one unit's detectors. Raises ValueError."""
        rows: dict[tuple[str, str], dict[str, float]] = {
            (row.detector, row.severity): row.model_dump(exclude={"detector", "severity"}, exclude_none=True)
            for row in self.override
        }
        return Settings(
            rows, frozenset(self.shadow), chemistry or "", self.max_charge_a, self.max_discharge_a
        )


class ControlTable(Table):
    """[control]"""

    socket: File = Path("/run/cellwarden/control.sock")


class WebTable(Table):
    """[web]: the status page. On this machine only, or with TLS and a token."""

    listen: str = "127.0.0.1:8480"  # "" = no page
    cert: File | None = None
    key: File | None = None
    token_file: File | None = None
    announce: bool = True  # a page on the network, by mDNS: id, site label, version and address, nothing else

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None where there is to be no page."""
        return host_and_port(self.listen) if self.listen else None

    @field_validator("listen")
    @classmethod
    def _a_host(cls, listen: str) -> str:
        said = host_and_port(listen)
        if said and (problem := host_problem(said[0])):
            raise newly(f"{listen!r}: the host {problem}", Instead(""))
        return listen

    @model_validator(mode="after")
    def _the_network_needs_tls_and_a_token(self) -> Self:
        if self.listen and not self.address:
            raise ValueError('listen: must be "HOST:PORT", or "" for no page')
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together")
        if self.address and not is_loopback(self.address[0]) and not (self.cert and self.token_file):
            raise ValueError(
                f"listen: {self.address[0]} can be reached from the network;"
                " that needs cert, key and token_file"
            )
        return self


class RoomOutput(Table):
    """The table of an output that tells a real room: simulated time refuses it."""


class GpioRelay(RoomOutput):
    """[relay] with output = "gpio": a pin of this board, BCM numbering; `active_high`: what energises it."""

    output: Literal["gpio"]
    pin: Annotated[int, Field(ge=0, le=27), Whole]
    active_high: bool = True


class CoilRelay(RoomOutput):
    """[relay] with output = "modbus-coil": one coil of a remote I/O module, the only thing ever written."""

    output: Literal["modbus-coil"]
    host: Host
    port: Port = 502
    unit_id: Annotated[int, Field(ge=0, le=255), Whole] = 1
    coil: Annotated[int, Field(ge=0, le=65535), Whole]
    host_timeout_s: Annotated[Seconds, number(0.01, 86_400)] | None = (
        None  # set in the module itself: it drops the coil when nobody writes
    )


class JournalTable(Table):
    """[journal]"""

    syslog: bool = False  # write alarms to /dev/log; a service of systemd's writes to journald in any case


class TcpBus(Table):
    """[[bus]] with transport = "tcp": one endpoint, one connection, one or more units behind it.

    turnaround_ms: the longest that a healthy unit takes to answer; the proof of `cellwarden check` counts
    with it. pause_ms: kept between an answer and the next request. in_flight: how many requests may wait for
    their answers at once; more than one only where the unit's manual allows it.
    """

    name: Name
    transport: Literal["tcp"]
    host: Host
    port: Port = 502
    turnaround_ms: Milliseconds | None = None
    pause_ms: Milliseconds = 0.0
    in_flight: Annotated[int, Field(ge=1, le=16), Whole] = 1


class RtuBus(Table):
    """[[bus]] with transport = "rtu": one serial device; what is not said comes from its units' profile.

    turnaround_ms, pause_ms: as for "tcp"; the silence of the standard comes on top. settle_s: what the
    adapter needs after it was opened.
    """

    name: Name
    transport: Literal["rtu"]
    device: Device
    baud: Annotated[int, Field(ge=300, le=4_000_000), Whole] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop_bits: Annotated[Literal[1, 2], Whole] | None = None
    turnaround_ms: Milliseconds | None = None
    pause_ms: Milliseconds = 0.0
    settle_s: Annotated[float, Field(ge=0, le=600), number()] | None = None


class LeftOut(TcpBus):
    """No table of the file: the units that cannot be watched, so that they are shown as never seen."""

    host: str = ""
    why: str


class UnitTable(Table):
    """[[unit]]: one battery management unit; its time-out comes from its profile if not said."""

    name: Name
    rack: Name | None = None
    bus: Line
    unit_id: Annotated[int, Field(ge=0, le=255), Whole] = 1
    profile: Line
    instance: Annotated[int, Field(ge=1, le=64), Whole] = (
        1  # which unit behind a gateway that shifts addresses
    )
    period_s: Annotated[float, Field(ge=0.1, le=600), number()] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=60), number(1e-3, 60)] | None = None
    chemistry: Literal["LFP", "NMC", "NCA", "LCO", "LMO", "LTO", "VRLA"] | None = None

    @property
    def path(self) -> str:
        """The unit's place in the site: "rack/unit", or its name where it is the rack itself."""
        return f"{self.rack}/{self.name}" if self.rack else self.name


class Config(Table):
    """The whole of agent.toml."""

    agent: AgentTable = AgentTable()
    store: StoreTable = StoreTable()
    control: ControlTable = ControlTable()
    metrics: MetricsTable = MetricsTable()
    web: WebTable = Field(default_factory=WebTable)
    upstream: UpstreamTable
    relay: Annotated[GpioRelay | CoilRelay, Field(discriminator="output")] | None = None
    journal: JournalTable = JournalTable()
    detection: DetectionTable = DetectionTable()
    bus: tuple[Annotated[TcpBus | RtuBus, Field(discriminator="transport")], ...] = ()
    unit: tuple[UnitTable, ...] = ()
