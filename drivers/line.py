"""What a read costs on the wire: the measure by which plans are compared.

RTU (Modbus over serial line V1.02, 2.5.1): a request is 8 bytes, a reply 5 and the data, each framed by 3.5
characters of silence, 1.75 ms above 19200 baud. TCP: round trips dominate. After a reply comes the pause that
the unit wants, or that of the values that were read.
"""

from dataclasses import dataclass

from drivers.registers import Area

DATA_BITS = 8  # of each character on a serial line
NO_OTHER_BITS = (
    f"Modbus RTU has {DATA_BITS} data bits (Modbus over serial line V1.02, 2.5.1); a unit with 7 speaks"
    " Modbus ASCII, which is not read"
)


def bits_per_character(parity: str, stop_bits: int) -> int:
    """Return how many bits one character takes on the wire: start, data, parity unless it is "N", stop."""
    return 1 + DATA_BITS + (parity != "N") + stop_bits


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of wire time: per read, per byte of data, and the silence that the unit wants after a reply."""

    per_read_s: float
    per_byte_s: float
    pause_s: float = 0.0

    @classmethod
    def rtu(
        cls, baud: int, *, bits_per_character: int = 10, turnaround_s: float = 0.005, pause_s: float = 0.0
    ) -> "Line":
        """A serial line; `turnaround_s`: the unit's time to answer, `pause_s`: the silence it wants after."""
        character_s = bits_per_character / baud
        silence_s = 0.00175 if baud > 19200 else 3.5 * character_s
        per_read_s = (8 + 5) * character_s + silence_s + max(silence_s, turnaround_s)
        return cls(per_read_s, character_s, pause_s)

    @classmethod
    def tcp(cls, *, round_trip_s: float = 0.002, bytes_per_s: float = 1.25e6, pause_s: float = 0.0) -> "Line":
        """A network: one round trip per read; 10 Mbit/s is what small gateways have."""
        return cls(round_trip_s, 1 / bytes_per_s, pause_s)

    def read_s(self, area: Area, count: int, pause_s: float | None = None) -> float:
        """Wire time of one read of `count` addresses and the pause after it, the line's own if not said."""
        data = (count + 7) // 8 if area in (Area.COIL, Area.DISCRETE) else 2 * count
        return self.per_read_s + data * self.per_byte_s + (self.pause_s if pause_s is None else pause_s)
