"""What a unit answers: request PDU in, reply PDU out. Pure, apart from the table it reads.

Exception codes and limits: Modbus application protocol V1.1b3, sections 6.1 to 6.4 and 7.
"""

import struct

import numpy as np

from drivers.registers import Area
from hil.modbus.table import RegisterTable, Words

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
GATEWAY_TARGET_FAILED = 11

_BITS = {1: Area.COIL, 2: Area.DISCRETE}
_REGISTERS = {3: Area.HOLDING, 4: Area.INPUT}
MAX_COUNT = {1: 2000, 2: 2000, 3: 125, 4: 125}


def exception(function_code: int, code: int) -> bytes:
    """An exception reply."""
    return bytes((function_code | 0x80, code))


def respond(table: RegisterTable, request: bytes) -> bytes:
    """Answer one request PDU. Reading is all that this unit can do."""
    code = request[0]
    area = _BITS.get(code) or _REGISTERS.get(code)
    if area is None:
        return exception(code & 0x7F, ILLEGAL_FUNCTION)
    if len(request) != 5:
        return exception(code, ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", request[1:])
    if not 1 <= count <= MAX_COUNT[code]:
        return exception(code, ILLEGAL_VALUE)
    words = table.read(area, address, count)
    if words is None:
        return exception(code, ILLEGAL_ADDRESS)
    payload = _pack_bits(words) if code in _BITS else words.astype(">u2").tobytes()
    return bytes((code, len(payload))) + payload


def _pack_bits(bits: Words) -> bytes:
    return np.packbits(bits.astype(bool), bitorder="little").tobytes()
