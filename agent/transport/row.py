"""What is asked of a transport: a table of agent.toml, endpoints, and a row of what both have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from agent.keys.values import ConfigTable
from agent.message import Message
from agent.modbus.accepted import Accepted
from agent.modbus.came import Came
from agent.modbus.ports import Port, PortError
from agent.modbus.survey.presence import LineSetting
from agent.transport.accept import Accept, accepted
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
        """The serial device of this machine that it needs."""
        return None

    #: Whether baud rate, parity and stop bits are set from here: then they may be unknown, and can be tried.
    sets_line: ClassVar[bool] = False

    #: What is true where it could not be opened.
    nothing_sent: ClassVar[str] = "Nothing was sent."

    @abstractmethod
    def new_port(self, setting: LineSetting) -> Port:
        """Return a port to it, closed."""

    @abstractmethod
    def is_port(self, name: str) -> bool:
        """Whether the port that the agent calls so is at this endpoint."""

    @abstractmethod
    def trouble(self, error: PortError) -> Advice:
        """Say why it cannot be opened, or was lost."""

    @abstractmethod
    def lost(self, what: str, came: Came | None) -> Advice:
        """Say what to look at where the agent has lost it, for the reason `what`; came: its row, if any."""

    @abstractmethod
    def too_real(self) -> str:
        """Return its key and why simulated time refuses it; "" where it is of this machine's bench."""

    @abstractmethod
    def bus_keys(self, setting: str) -> list[str]:
        """Return the lines of its [[bus]]. setting: the line setting that units answered at; "": none."""

    def at(self, setting: LineSetting) -> str:
        """Return it with the line setting that it is asked at, where it has one."""
        return f"{self} ({setting})" if self.sets_line else str(self)


class BusTable(ConfigTable, ABC):
    """[[bus]] of one transport; the profile gives what its keys do not.

    accept: the other numbers that replies may carry, where its devices do not repeat those of the request.
    """

    accept: Accept | None = None

    @property
    def accepted(self) -> Accepted:
        """Which replies count."""
        return accepted(self.accept)

    @property
    def has_transaction_ids(self) -> bool:
        """Whether a reply carries the number of its request."""
        return self.endpoint.transport.has_transaction_ids and not self.accepted.any_transaction

    @property
    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Where its units answer."""

    @abstractmethod
    def setting(self, profile: Profile) -> LineSetting | None:
        """Return baud rate, parity and stop bits; None where the transport has none."""

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
    has_transaction_ids: a reply carries the number of its request; else a checksum proves it, and the line
    carries one request at a time.
    example: how people write an endpoint. usual_ids, all_ids: what a scan asks, and with --full. far_side:
    what else may be wrong with a silent bus.
    parse: the endpoints that a text names, at the given port where it names none; None where the text is
    another transport's. Raises EndpointError.
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

    def can_be(self, profile: Profile) -> bool:
        """Whether a unit of this profile may answer here: behind a TCP port may stand a gateway to a line."""
        return self.frames in profile.transports or self.has_transaction_ids

    @property
    def proof(self) -> str:
        """What proves a reply."""
        return Message("number matches" if self.has_transaction_ids else "checksum good")
