"""Requests and replies as bytes. The golden frames are computed by hand from the specification's layout."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.adu import RtuExchange, TcpExchange, request_pdu
from agent.quality import Quality
from drivers.registers import Area, Read

HOLDING = Read(Area.HOLDING, 100, 4)
RTU_REQUEST = bytes.fromhex("01 03 00 64 00 04 05 D6")
RTU_REPLY = bytes.fromhex("01 03 08 0C 84 0C 86 0C 70 0C 81 1F 73")
WORDS = [3204, 3206, 3184, 3201]


def test_only_the_four_read_functions_can_be_said() -> None:
    assert [request_pdu(Read(area, 0, 1))[0] for area in Area] == [1, 2, 3, 4]


def test_rtu_request_and_reply_match_the_golden_frames() -> None:
    exchange = RtuExchange(1, HOLDING)
    assert exchange.request == RTU_REQUEST
    reply = exchange.feed(RTU_REPLY)
    assert reply is not None
    assert list(reply.words) == WORDS
    assert reply.quality is Quality.GOOD


@given(st.lists(st.integers(1, 12), max_size=6), st.binary(max_size=8))
def test_rtu_reply_is_found_in_pieces_behind_echo_and_noise(cuts: list[int], noise: bytes) -> None:
    stream = RTU_REQUEST + noise + RTU_REPLY
    exchange = RtuExchange(1, HOLDING)
    replies = []
    places = sorted({0, len(stream), *(min(c * 3, len(stream)) for c in cuts)})
    for start, end in itertools.pairwise(places):
        replies.append(exchange.feed(stream[start:end]))
    assert [list(r.words) for r in replies if r] == [WORDS]


def sealed(text: str) -> bytes:
    """Return a frame with its checksum, computed bit by bit as in the specification's appendix B."""
    frame = bytes.fromhex(text)
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return frame + crc.to_bytes(2, "little")


def test_the_checksum_of_these_tests_agrees_with_the_golden_frame() -> None:
    assert sealed("01 03 00 64 00 04") == RTU_REQUEST


@pytest.mark.parametrize(
    ("fault", "frame"),
    [
        ("wrong checksum", RTU_REPLY[:-1] + b"\x00"),
        ("another unit", sealed("02 03 08 0C 84 0C 86 0C 70 0C 81")),
        ("fewer registers", sealed("01 03 02 0C 84")),
        ("another function", sealed("01 04 08 0C 84 0C 86 0C 70 0C 81")),
        ("cut short", RTU_REPLY[:-3]),
        ("nothing but the echo", RTU_REQUEST),
    ],
)
def test_rtu_accepts_nothing_but_the_reply_to_this_request(fault: str, frame: bytes) -> None:
    assert RtuExchange(1, HOLDING).feed(frame) is None, fault


def test_rtu_exception_is_a_refusal_with_its_code() -> None:
    reply = RtuExchange(1, HOLDING).feed(bytes.fromhex("01 83 02 C0 F1"))
    assert reply is not None
    assert (reply.quality, reply.exception_code) == (Quality.REFUSED, 2)


def tcp_reply(exchange: TcpExchange, pdu: bytes, shift: int = 0, unit: int = 1) -> bytes:
    transaction = (int.from_bytes(exchange.request[:2], "big") + shift) & 0xFFFF
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


def test_tcp_passes_over_the_late_answer_to_an_earlier_request() -> None:
    exchange = TcpExchange(1, HOLDING)
    late = tcp_reply(exchange, b"\x03\x08" + bytes(8), shift=-1)
    mine = tcp_reply(exchange, RTU_REPLY[1:-2])
    assert exchange.feed(late) is None
    reply = exchange.feed(mine)
    assert reply is not None
    assert list(reply.words) == WORDS
    assert not exchange.damaged


@pytest.mark.parametrize("unit", [1, 2])
def test_tcp_stream_out_of_step_asks_for_a_new_connection(unit: int) -> None:
    exchange = TcpExchange(1, HOLDING)
    answer = b"\xff" * 16 if unit == 1 else tcp_reply(exchange, RTU_REPLY[1:-2], unit=unit)
    assert exchange.feed(answer) is None
    assert exchange.damaged


def test_bits_come_lowest_first() -> None:
    exchange = TcpExchange(1, Read(Area.COIL, 19, 10))  # the example of the specification, section 6.1, cut
    reply = exchange.feed(tcp_reply(exchange, b"\x01\x02\xcd\x01"))
    assert reply is not None
    np.testing.assert_array_equal(reply.words, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0])
