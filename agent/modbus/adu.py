"""Modbus frames, without I/O: the bytes of a request, and its reply found among received bytes.

    RTU  [ unit ][ function ][ byte count ][ data ... ][ CRC lo hi ]
    TCP  [ transaction id ][ 0 0 ][ length ][ unit ][ function ][ byte count ][ data ... ]

A master knows exactly what the reply to its request must look like: unit, function, byte count, and with RTU
the checksum, with TCP the transaction id. Only that is accepted; everything else on the line (echo, noise,
late or foreign frames) is passed over. pymodbus's own client accepts any reply of the unit, whatever its
function code or length, so only its PDU encoding and checksum are used here.
"""

import itertools
import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pymodbus.framer import FramerRTU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from agent.quality import Quality
from drivers.registers import Area, Read, Reply

# Touch nothing: these four requests are all that this agent can say on a bus.
REQUESTS = {
    Area.COIL: ReadCoilsRequest,
    Area.DISCRETE: ReadDiscreteInputsRequest,
    Area.HOLDING: ReadHoldingRegistersRequest,
    Area.INPUT: ReadInputRegistersRequest,
}
BIT_AREAS = frozenset({Area.COIL, Area.DISCRETE})
EXCEPTION_BIT = 0x80


class Exchange(Protocol):
    """One request on its way: what to send, and what has come back so far."""

    request: bytes
    damaged: bool

    def feed(self, data: bytes) -> Reply | None:
        """Take received bytes; return the reply once it is whole and sound."""


def request_pdu(read: Read) -> bytes:
    """Return the request's function code and data."""
    request = REQUESTS[read.area](address=read.address, count=read.count)
    return bytes((read.area.function_code,)) + request.encode()


def _byte_count(read: Read) -> int:
    return (read.count + 7) // 8 if read.area in BIT_AREAS else 2 * read.count


def _words(read: Read, data: bytes) -> NDArray[np.uint16]:
    if read.area in BIT_AREAS:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: read.count].astype(np.uint16)
    return np.frombuffer(data, ">u2").astype(np.uint16)


def _refused(code: int) -> Reply:
    return Reply((), Quality.REFUSED, code)


class RtuExchange:
    """A request to `unit_id` on a serial line.

    RTU carries no transaction id: a reply that comes after its time-out looks like the next one's. The port
    therefore drains the line before every request (see `ports.SerialPort`).
    """

    def __init__(self, unit_id: int, read: Read) -> None:
        pdu = bytes((unit_id,)) + request_pdu(read)
        self.request = pdu + FramerRTU.compute_CRC(pdu).to_bytes(2, "big")
        self.damaged = False
        self._read = read
        function = read.area.function_code
        count = _byte_count(read)
        # the two prefixes that a reply can begin with, and the length of the frame behind each
        self._answers = (
            (bytes((unit_id, function, count)), 5 + count),
            (bytes((unit_id, function | EXCEPTION_BIT)), 5),
        )
        self._buffer = b""

    def feed(self, data: bytes) -> Reply | None:
        """Take received bytes; return the reply once it is whole and its checksum good."""
        self._buffer += data
        for start in range(len(self._buffer)):
            for prefix, size in self._answers:
                if not self._buffer.startswith(prefix, start):
                    continue
                frame = self._buffer[start : start + size]
                if len(frame) < size:
                    continue  # may still grow into the reply
                if not FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
                    self.damaged = True
                    continue
                if frame[1] & EXCEPTION_BIT:
                    return _refused(frame[2])
                return Reply(_words(self._read, frame[3:-2]))
        return None


class TcpExchange:
    """A request to `unit_id` through a TCP connection; matched by its transaction id."""

    _transactions = itertools.count(1)

    def __init__(self, unit_id: int, read: Read) -> None:
        self._transaction = next(self._transactions) & 0xFFFF
        pdu = request_pdu(read)
        self.request = struct.pack(">HHHB", self._transaction, 0, len(pdu) + 1, unit_id) + pdu
        self.damaged = False
        self._read = read
        self._unit_id = unit_id
        self._buffer = b""

    def feed(self, data: bytes) -> Reply | None:
        """Take received bytes; return the reply once it is whole. A stream out of step sets `damaged`."""
        self._buffer += data
        while len(self._buffer) >= 8:
            transaction, protocol, length, unit_id = struct.unpack_from(">HHHB", self._buffer)
            if protocol != 0 or not 2 < length <= 254:
                self.damaged = True  # no way to find the next header: the connection must be made anew
                return None
            if len(self._buffer) < 6 + length:
                return None
            pdu, self._buffer = self._buffer[7 : 6 + length], self._buffer[6 + length :]
            if transaction != self._transaction:
                continue  # the late answer to an earlier request
            return self._parse(unit_id, pdu)
        return None

    def _parse(self, unit_id: int, pdu: bytes) -> Reply | None:
        function = self._read.area.function_code
        if unit_id == self._unit_id and len(pdu) == 2 and pdu[0] == function | EXCEPTION_BIT:
            return _refused(pdu[1])
        count = _byte_count(self._read)
        if unit_id == self._unit_id and pdu[:2] == bytes((function, count)) and len(pdu) == 2 + count:
            return Reply(_words(self._read, pdu[2:]))
        self.damaged = True
        return None
