"""The keys of a [[bus]] with a serial line, wherever that is; what they do not say is the profile's."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.keys.values import Milliseconds, Name, Settle, Whole
from agent.message import Message
from agent.modbus.survey.presence import LineSetting
from agent.transport.row import BusTable
from drivers.line import Line, bits_per_character
from drivers.profile.load import Profile
from drivers.profile.schema import Serial

TURNAROUND_S = 0.005


class SerialTable(BusTable):
    """A [[bus]] with a serial line.

    baud, parity, stop_bits: how the bits stand on it. turnaround_ms, pause_ms: as for "tcp"; the silence of
    the standard comes on top. settle_s: what the adapter needs after it was opened. inter_byte_s: how long a
    frame may pause; if neither table nor profile say it, as long as its unit may take to begin one.
    """

    name: Name
    baud: Annotated[int, Field(ge=300, le=4_000_000), Whole] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop_bits: Annotated[Literal[1, 2], Whole] | None = None
    turnaround_ms: Milliseconds | None = None
    pause_ms: Milliseconds = 0.0
    settle_s: Settle | None = None
    inter_byte_s: Settle | None = None

    @model_validator(mode="after")
    def _no_transaction_ids(self) -> Self:
        if self.accepted.any_transaction:
            raise ValueError(Message("accept.transaction: RTU frames have no transaction ids: take it out"))
        return self

    def serial(self, profile: Profile) -> Serial:
        """Return the line's settings, where the table does not say them as the profile does."""
        said = {
            "baud": self.baud,
            "parity": self.parity,
            "stop_bits": self.stop_bits,
            "settle_s": self.settle_s,
            "inter_byte_s": self.inter_byte_s,
        }
        return profile.serial.model_copy(update={k: v for k, v in said.items() if v is not None})

    def setting(self, profile: Profile) -> LineSetting | None:
        """Return baud rate, parity and stop bits."""
        serial = self.serial(profile)
        return LineSetting(serial.baud, serial.parity, serial.stop_bits)

    def line(self, profile: Profile) -> Line:
        """Return the serial line of this setting."""
        serial = self.serial(profile)
        bits = bits_per_character(serial.parity, serial.stop_bits)
        turnaround_s = self.usual_turnaround_s if self.turnaround_ms is None else self.turnaround_ms / 1e3
        pause_s = max(profile.pause_ms or 0.0, self.pause_ms) / 1e3
        return Line.rtu(serial.baud, bits_per_character=bits, turnaround_s=turnaround_s, pause_s=pause_s)

    @property
    def usual_turnaround_s(self) -> float:
        """What a healthy unit takes to answer, where the table does not say."""
        return TURNAROUND_S

    def timeout_s(self, profile: Profile) -> float:
        """Return the profile's time-out on a serial line."""
        return profile.serial.timeout_ms / 1e3
