"""The tables of agent.toml: every key, its default, and what it may be."""

import math
import socket
from collections import Counter
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from agent.detect.limits import LIMITED, LOADS, REACHED, TIERS, Chemistry, SiteLimit
from agent.detect.places import TEMPERATURES
from agent.detect.settings import HEAT, Settings
from agent.detect.table import TIERS as SEVERITIES
from agent.keys.values import (
    Amperes,
    ConfigTable,
    Delay,
    File,
    Line,
    Name,
    Seconds,
    Url,
    Whole,
)
from agent.message import Message
from agent.outputs.table import OutputTables
from agent.transport.table import AnyBus
from agent.wire.hosts import host_and_port, host_problem, is_loopback, is_v6
from drivers.profile.newly import WITHOUT, Instead, newly, number


class AgentTable(ConfigTable):
    """[agent]"""

    id: Name = Field(default_factory=lambda: socket.gethostname().split(".")[0])
    site: Annotated[Line, Field(max_length=60)] = ""  # what people call the room; the id if not said
    profile_dirs: tuple[File, ...] = ()
    safety_deadline_s: Annotated[Seconds, number(0.1, 3600)] = (
        10.0  # within which every safety point must be read again
    )


MOST_MB = 1e6  # a terabyte


class StoreTable(ConfigTable):
    """[store]"""

    path: File = Path("/var/lib/cellwarden/buffer.db")
    batch_s: Annotated[Seconds, number(0.01, 86_400)] = 10.0
    batch_frames: Annotated[int, Field(ge=1, le=600), Whole] = 60
    max_mb: Annotated[float, Field(ge=8), number(8, MOST_MB)] = (
        1000.0  # of the buffer; beyond it history is forgotten, then the oldest pending batches are dropped
    )
    history_mb: Annotated[float, Field(ge=0), number(0, MOST_MB)] | None = (
        None  # of the buffer; beyond it delivered batches are forgotten; a share of the free disk if not said
    )


class UpstreamTable(ConfigTable):
    """[[upstream]], or [upstream] where there is one."""

    name: Name = "main"  # whose account it is: one that moves to another url keeps it
    url: Url
    role: Literal["required", "copy"] = "required"  # batches stay on the box until a required one has them
    what: Literal["all", "alarms"] = "all"  # alarms: and all other events, but no values
    ca: File | None = None  # who signs the collector's certificate; the system's authorities if not said
    cert: File | None = None  # this agent's own, whose common name is the agent's id
    key: File | None = None
    backlog_share: Annotated[float, Field(gt=0, le=1), number(0.01, 1)] = (
        0.8  # of the link's time, while fresh data comes too
    )
    proxy: Url | None = None  # http://HOST:PORT, asked for a tunnel (CONNECT); none if not said
    proxy_login: File | None = None  # a file with USER:PASSWORD, which nobody else can read

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError(Message("cert and key belong together"))
        return self

    @model_validator(mode="after")
    def _plain_http_stays_on_the_box(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(Message("url: must be https://HOST[:PORT], or http:// to this very machine"))
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(
                Message(
                    "url: plain http to {host} could be read and forged; use https://", host=parts.hostname
                )
            )
        return self

    @model_validator(mode="after")
    def _a_proxy_makes_a_tunnel(self) -> Self:
        if self.proxy is None:
            if self.proxy_login:
                raise ValueError(Message("proxy_login belongs to a proxy"))
            return self
        parts = urlsplit(self.proxy)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(Message("proxy: must be http://HOST:PORT"))
        if parts.username or parts.password:
            raise ValueError(
                Message("proxy: write its login as USER:PASSWORD into a file, and proxy_login = that file")
            )
        if urlsplit(self.url).scheme != "https":
            raise ValueError(Message("proxy: a collector on this very machine needs none"))
        return self


def _of_host(listen: str, problem: str) -> Message:
    return Message("{listen}: the host {problem}", listen=repr(listen), problem=problem)


def _with_a_port(listen: str, instead: Instead | str) -> None:
    """Refuse an IPv6 address alone: 0.1.0 took its end for a port, and went on without what listens there."""
    if is_v6(listen) and not host_and_port(listen):
        raise newly(
            Message('{listen} has no port: write "[{host}]:PORT"', listen=repr(listen), host=listen), instead
        )


class MetricsTable(ConfigTable):
    """[metrics]: where OpenMetrics are served to whoever asks; nowhere if not said."""

    listen: str | None = None

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str | None) -> str | None:
        if listen is None:
            return None
        _with_a_port(listen, WITHOUT)
        host, port = host_and_port(listen) or ("", 0)
        if not (host and port):
            raise ValueError(Message("{listen} is no HOST:PORT, such as 127.0.0.1:9464", listen=repr(listen)))
        if problem := host_problem(host):
            raise newly(_of_host(listen, problem), WITHOUT)
        return listen


class OverrideTable(ConfigTable):
    """[[detection.override]]: one row of the alarm table, other than shipped.

    A critical limit of over-temperature is a safety tier: one that is wider than what would hold without it
    needs `reviewed_by` and `why`, as in [[detection.limit]].
    """

    detector: str
    severity: Literal["critical", "warning", "advice"]
    limit: Annotated[float, number(1e-6, 1e6)] | None = None
    on_delay_s: Delay | None = None
    off_delay_s: Delay | None = None
    dead_band: Annotated[float, Field(ge=0), number(0, 1e6)] | None = None
    latch: bool | None = None
    reviewed_by: Line = ""
    why: Line = ""

    def of_site(self) -> tuple[SiteLimit, ...]:
        """Return what it says of the limits of temperatures."""
        if self.detector != HEAT or self.limit is None:
            return ()
        tier = SEVERITIES.index(self.severity) - 1
        return tuple(
            SiteLimit(quantity, tier, high=self.limit, reviewed_by=self.reviewed_by, why=self.why)
            for quantity in TEMPERATURES
        )

    def of_row(self) -> dict[str, float]:
        """Return what it says of the row itself."""
        limits = {"limit"} if self.of_site() else set()
        return self.model_dump(
            exclude={"detector", "severity", "reviewed_by", "why", *limits}, exclude_none=True
        )


class LimitTable(ConfigTable):
    """[[detection.limit]]: what this site says of all values of a quantity, in V, degC, A, W or % of charge.

    A safety tier that is wider than what would hold without it needs `reviewed_by` and `why`. units: names
    of the units that it is of, all where it has none.
    """

    quantity: Literal[
        "cell_voltage", "module_voltage", "cell_temperature", "module_temperature", "battery_temperature",
        "current", "power", "soc",
    ]  # fmt: skip
    tier: Literal["operating", "recommended", "safety"]
    low: Annotated[float, number(-1e6, 1e6)] | None = None
    high: Annotated[float, number(-1e6, 1e6)] | None = None
    reviewed_by: Line = ""
    why: Line = ""
    units: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError(Message("say low, high or both"))
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(Message("low {low:g} is not below high {high:g}", low=self.low, high=self.high))
        if self.quantity == "soc" and self.tier != "operating":
            raise ValueError(Message('a limit of soc is advice only: write tier = "operating"'))
        lowest, highest = REACHED[self.quantity]
        for key, value in (("low", self.low), ("high", self.high)):
            if value is not None and not lowest <= value <= highest:
                raise ValueError(
                    Message(
                        "{key} {value:g} {unit} is never reached: write one within {lowest:g} and {highest:g}"
                        " {unit}",
                        key=key,
                        value=value,
                        unit=LIMITED[self.quantity],
                        lowest=lowest,
                        highest=highest,
                    )
                )
        if self.quantity in LOADS and self.low is not None and self.low >= 0:
            raise ValueError(
                Message("low {low:g}: low is of discharge, which is below 0: write a minus", low=self.low)
            )
        if self.quantity in LOADS and self.high is not None and self.high <= 0:
            raise ValueError(Message("high {high:g}: high is of charge, which is above 0", high=self.high))
        return self

    def ends(self) -> list[str]:
        """Return which of low and high it says."""
        return [end for end in ("low", "high") if getattr(self, end) is not None]

    def of_site(self) -> SiteLimit:
        """Return it for the detectors."""
        low, high = (
            (-math.inf if self.low is None else self.low),
            (math.inf if self.high is None else self.high),
        )
        return SiteLimit(self.quantity, TIERS.index(self.tier), low, high, self.reviewed_by, self.why)


class DetectionTable(ConfigTable):
    """[detection]: what this site wants other than shipped. `shadow`: judged and recorded, not announced."""

    shadow: tuple[str, ...] = ()
    max_charge_a: Amperes = math.inf  # of a string, or of the unit without strings
    max_discharge_a: Amperes = math.inf
    override: tuple[OverrideTable, ...] = ()
    limit: tuple[LimitTable, ...] = ()

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        self.settings()
        ends = Counter(
            (of.quantity, of.tier, end, unit)
            for of in self.limit
            for end in of.ends()
            for unit in of.units or ("",)
        )
        for (quantity, tier, end, _), times in ends.items():
            if times > 1:
                raise ValueError(
                    Message(
                        "[[detection.limit]] {which}: {end} stands there {n} times, and only one could hold:"
                        " take out the others",
                        which=f"{quantity} {tier}",
                        end=end,
                        n=times,
                    )
                )
        return self

    def settings(
        self, chemistry: str | None = None, cells_per_block: int | None = None, unit: str = ""
    ) -> Settings:
        """Return the settings of the detectors of the unit of this name. Raises ValueError."""
        rows: dict[tuple[str, str], dict[str, float]] = {
            (row.detector, row.severity): row.of_row() for row in self.override
        }
        of_temperature = {(row.detector, row.severity): row.of_site() for row in self.override}
        of_quantities = [limit.of_site() for limit in self.limit if not limit.units or unit in limit.units]
        return Settings(
            rows,
            frozenset(self.shadow),
            chemistry or "",
            self.max_charge_a,
            self.max_discharge_a,
            cells_per_block=cells_per_block,
            limits=(*chain(*of_temperature.values()), *of_quantities),
        )


class ControlTable(ConfigTable):
    """[control]"""

    socket: File = Path("/run/cellwarden/control.sock")


class WebTable(ConfigTable):
    """[web]: the status page, on this machine only or with TLS and a token."""

    listen: str = "127.0.0.1:8480"  # "" = no page
    cert: File | None = None
    key: File | None = None
    token_file: File | None = None
    announce: bool = True  # by mDNS, if the network reaches it: id, site label, version and address only

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None: no page."""
        return host_and_port(self.listen) if self.listen else None

    @field_validator("listen")
    @classmethod
    def _a_host(cls, listen: str) -> str:
        _with_a_port(listen, Instead(""))
        said = host_and_port(listen)
        if said and (problem := host_problem(said[0])):
            raise newly(_of_host(listen, problem), Instead(""))
        return listen

    @model_validator(mode="after")
    def _the_network_needs_tls_and_a_token(self) -> Self:
        if self.listen and not self.address:
            raise ValueError(Message('listen: must be "HOST:PORT", or "" for no page'))
        if (self.cert is None) != (self.key is None):
            raise ValueError(Message("cert and key belong together"))
        if self.address and not is_loopback(self.address[0]) and not (self.cert and self.token_file):
            raise ValueError(
                Message(
                    "listen: {host} can be reached from the network; that needs cert, key and token_file",
                    host=self.address[0],
                )
            )
        return self


class UnitTable(ConfigTable):
    """[[unit]]: one unit that is polled; its time-out is its profile's if not said."""

    name: Name
    label: Annotated[Line, Field(max_length=64)] = ""  # what people call it, in letters of any language
    rack: Name | None = None
    bus: Line
    unit_id: Annotated[int, Field(ge=0, le=255), Whole] = 1
    profile: Line
    instance: Annotated[int, Field(ge=1, le=64), Whole] = (
        1  # which unit behind a gateway that shifts addresses
    )
    period_s: Annotated[float, Field(ge=0.1, le=600), number()] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=60), number(1e-3, 60)] | None = None
    chemistry: Chemistry | None = None
    cells_per_block: Annotated[int, Field(ge=1, le=24), Whole] | None = None  # in series in a module_voltage
    commissioned: date | None = None  # of this battery; warnings of limits speak sooner for its first 90 days

    @property
    def path(self) -> str:
        """The unit's place in the site: "rack/unit", or its name where it is the rack itself."""
        return f"{self.rack}/{self.name}" if self.rack else self.name


class BoxTables(ConfigTable):
    """The tables that come before those of outputs: who the agent is, what it keeps, serves and sends."""

    agent: AgentTable = AgentTable()
    store: StoreTable = StoreTable()
    control: ControlTable = ControlTable()
    metrics: MetricsTable = MetricsTable()
    web: WebTable = Field(default_factory=WebTable)
    upstream: tuple[UpstreamTable, ...]

    @field_validator("upstream", mode="before")
    @classmethod
    def _one_or_several(cls, written: Any) -> Any:
        if written == []:
            raise ValueError(Message("at least one is needed"))
        return (written,) if isinstance(written, dict) else written


class Config(OutputTables, BoxTables):
    """The whole of agent.toml. Mistakes are named in the order of its tables, the last base's first."""

    detection: DetectionTable = DetectionTable()
    bus: tuple[Annotated[AnyBus, Field(discriminator="transport")], ...] = ()
    unit: tuple[UnitTable, ...] = ()
