"""What is asked of a transport: a table of agent.toml, endpoints, and a row of what both have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.keys.values import ConfigTable
from agent.modbus.ports import Port, PortError
from agent.modbus.survey.presence import LineSetting
from drivers.line import Line
from drivers.profile.load import Profile


class EndpointError(ValueError):
    """What was given is no endpoint; the message says what one looks like."""


class TooMany(EndpointError):
    """A network with more hosts than a scan should knock at."""


class Advice(NamedTuple):
    """Why an endpoint cannot be used: a code of the field guide, what failed, and what to run now."""

    code: str
    what: str
    run: str = ""


class Endpoint(ABC):
    """Where units may answer; as text, the way people write it and the agent calls its port."""

    @property
    @abstractmethod
    def transport(self) -> "Transport":
        """The row of its transport."""

    @property
    @abstractmethod
    def place(self) -> str:
        """The device, or the host without its port."""

    @property
    def device(self) -> str | None:
        """The serial device of this machine that it needs, whose line setting may be unknown."""
        return None

    @abstractmethod
    def new_port(self, setting: LineSetting) -> Port:
        """Return a port to it, closed."""

    @abstractmethod
    def is_port(self, name: str) -> bool:
        """Whether the port that the agent calls so is at this endpoint."""

    @abstractmethod
    def trouble(self, error: PortError) -> Advice:
        """Say why it cannot be opened from here."""

    @abstractmethod
    def lost(self, what: str) -> Advice:
        """Say what to look at where the agent has lost it."""

    @abstractmethod
    def too_real(self) -> str:
        """Return the key and why it is beyond simulated time; "" where it is of this machine's bench."""

    @abstractmethod
    def bus_keys(self, setting: str) -> list[str]:
        """Return the lines of its [[bus]]. setting: as it was found at, "" where it has none."""

    def at(self, setting: LineSetting) -> str:
        """Return it with the line setting that it is asked at, where it has one."""
        return f"{self} ({setting})" if self.device else str(self)


class BusTable(ConfigTable, ABC):
    """[[bus]] of one transport; what its keys do not say is the profile's."""

    @property
    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Where its units answer."""

    @abstractmethod
    def setting(self, profile: Profile) -> LineSetting | None:
        """Return how the bits stand on the line; None where it has no such thing."""

    @abstractmethod
    def line(self, profile: Profile) -> Line:
        """Return the wire that a unit's reads are planned for."""

    @abstractmethod
    def timeout_s(self, profile: Profile) -> float:
        """Return the longest that a unit may take to answer, where its own table does not say."""

    @abstractmethod
    def new_port(self, profile: Profile) -> Port:
        """Return the port that the agent polls through, closed."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One row.

    name: `transport` of its [[bus]]. frames: which of a profile's `transports` its units speak.
    has_transaction_ids: a reply carries the number of its request; else a checksum proves it, and one request
    waits for another.
    example: how people write an endpoint. usual_ids, all_ids: what a scan asks, and with --full. far_side:
    what else a silent bus may have.
    parse: the endpoints that a text names, of a port if it says none; None where it is no text of this
    transport's. Raises EndpointError.
    """

    name: str
    example: str
    frames: Literal["rtu", "tcp"]
    has_transaction_ids: bool
    usual_ids: Sequence[int]
    all_ids: Sequence[int]
    far_side: str
    table: type[BusTable]
    parse: Callable[[str, int], Sequence[Endpoint] | None]

    @property
    def proof(self) -> str:
        """What proves a reply."""
        return "number matches" if self.has_transaction_ids else "checksum good"
