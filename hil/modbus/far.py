"""Units without a wire: a frame goes in, what comes of it goes out. Times are the caller's."""

from collections.abc import Sequence

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from drivers.registers import Area
from hil.modbus.faults import Fault, FaultTable
from hil.modbus.responder import respond
from hil.modbus.table import RegisterTable

REGISTERS = 4000


class Far:
    """All unit ids, with one table of registers and the same faults."""

    def __init__(self, transport: str, faults: Sequence[Fault], seed: int) -> None:
        self._faults = FaultTable(transport, seed)
        for fault in faults:
            self._faults.set(fault)
        self._table = RegisterTable()
        self._table.define(Area.HOLDING, 0, [3300] * REGISTERS)
        self._tcp = FramerSocket(DecodePDU(is_server=True))
        self._rtu = FramerRTU(DecodePDU(is_server=True))

    def reply_tcp(self, request: bytes) -> bytes:
        """Return the frame that comes; b"": none."""
        transaction = int.from_bytes(request[:2], "big")
        reply = respond(self._table, request[7:])
        delivery = self._faults.deliver(
            request[6], reply, lambda by, pdu: self._tcp.encode(pdu, by, transaction)
        )
        return delivery.frame if delivery else b""

    def reply_rtu(self, request: bytes) -> bytes:
        """Return the frame that comes; b"": none."""
        reply = respond(self._table, request[1:-2])
        delivery = self._faults.deliver(request[0], reply, lambda by, pdu: self._rtu.encode(pdu, by, 0))
        return delivery.frame if delivery else b""
