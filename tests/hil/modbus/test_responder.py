"""What a simulated unit answers, PDU by PDU; expected bytes are written by hand from the specification."""

import numpy as np
import pytest

from drivers.registers import Area
from hil.modbus.responder import respond
from hil.modbus.table import RegisterTable


@pytest.fixture
def table() -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 100, [0x1234, 0xFFFF, 3])
    table.define(Area.HOLDING, 65535, [7])
    table.define(Area.INPUT, 0, range(130))
    table.define(Area.COIL, 10, [1, 0, 1, 1, 0, 0, 0, 0, 1])
    table.define(Area.DISCRETE, 5, [1])
    return table


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("03 0064 0003", "03 06 1234 FFFF 0003"),
        ("03 0065 0001", "03 02 FFFF"),
        ("04 0003 0002", "04 04 0003 0004"),
        ("03 FFFF 0001", "03 02 0007"),
        ("01 000A 0009", "01 02 0D 01"),
        ("02 0005 0001", "02 01 01"),
        ("03 0063 0002", "83 02"),  # one register before the first
        ("03 0066 0002", "83 02"),  # one behind the last
        ("03 FFFF 0002", "83 02"),  # beyond the address space
        ("04 0064 007E", "84 03"),  # 126 registers
        ("03 0064 0000", "83 03"),
        ("01 000A 07D1", "81 03"),
        ("03 0064", "83 03"),
        ("06 0064 0001", "86 01"),  # a write
        ("10 0064 0001 02 0001", "90 01"),
        ("2B 0E 01 00", "AB 01"),
    ],
)
def test_each_request_gets_the_reply_of_the_specification(table, request_hex, reply_hex):
    assert respond(table, bytes.fromhex(request_hex)).hex() == bytes.fromhex(reply_hex).hex()


def test_what_was_written_is_what_is_read(table):
    table.write(Area.HOLDING, np.array([102, 100]), np.array([9, 8], np.uint16))
    assert respond(table, bytes.fromhex("0300640003")) == bytes.fromhex("0306 0008 FFFF 0009")


def test_registers_beyond_the_address_space_are_refused():
    with pytest.raises(ValueError, match="65536"):
        RegisterTable().define(Area.INPUT, 65535, [1, 2])
