"""Units on a real serial port, for a hardware bench: an adapter here, the agent's at the other end."""

from collections.abc import Mapping
from pathlib import Path

from serial import Serial, SerialException

from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen


class SerialBus(RtuBus):
    """The bus of `hil.modbus.rtu` on the serial port `device`: its UART keeps the pace, and garbles.

    Turnaround, faults and units are the same. A reply is handed to the UART whole, as a unit does it.
    """

    def __init__(
        self,
        device: Path,
        baud: int,
        units: Mapping[int, RegisterTable],
        *,
        parity: str = "N",
        stop_bits: int = 1,
        turnaround_s: float = 0.005,
        seed: int = 0,
    ) -> None:
        super().__init__(
            device, baud, units, parity=parity, stop_bits=stop_bits, turnaround_s=turnaround_s, seed=seed
        )
        self.heard_char_s = 0.0  # what arrives has had its time on the wire

    def start(self) -> None:
        """Open the port, and serve. CannotListen where it cannot be opened."""
        try:
            self._serial = Serial(
                str(self.link),
                self.baud,
                parity=self.parity,
                stopbits=self.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (SerialException, OSError, ValueError) as error:
            raise CannotListen(
                f"{self.link}: cannot be opened at {self.baud} baud: {error}; is another program using it?"
            ) from error
        self._master = self._serial.fileno()
        self._begin()

    def stop(self) -> None:
        """End the thread, close the port."""
        if self._thread is None:
            return
        self._end()
        self._serial.close()

    def _put_on_wire(self, frame: bytes, start_s: float, spread_s: float) -> None:
        if spread_s:
            super()._put_on_wire(frame, start_s, spread_s)
            return
        self._chunks.append((start_s, frame))
        self._wire_free_s = start_s + len(frame) * self.char_s

    def _garbled(self, data: bytes) -> bytes:
        return data
