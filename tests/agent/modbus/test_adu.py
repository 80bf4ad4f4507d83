"""Requests and replies as bytes. The golden frames are computed by hand from the specification's layout."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.adu import OutOfStep, RtuExchange, TcpStream, reply_of, request_pdu, tcp_request
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
    exchange.feed(RTU_REPLY)
    reply = exchange.reply
    assert reply is not None
    assert list(reply.words) == WORDS
    assert reply.quality is Quality.GOOD


@given(st.lists(st.integers(1, 12), max_size=6), st.binary(max_size=8))
def test_rtu_reply_is_found_in_pieces_behind_echo_and_noise(cuts: list[int], noise: bytes) -> None:
    stream = RTU_REQUEST + noise + RTU_REPLY
    exchange = RtuExchange(1, HOLDING)
    places = sorted({0, len(stream), *(min(c * 3, len(stream)) for c in cuts)})
    for start, end in itertools.pairwise(places):
        assert not exchange.found
        exchange.feed(stream[start:end])
    assert exchange.reply is not None
    assert list(exchange.reply.words) == WORDS


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
    exchange = RtuExchange(1, HOLDING)
    exchange.feed(frame)
    assert exchange.reply is None, fault
    assert exchange.answered is (fault in ("wrong checksum", "cut short"))


def test_a_reply_that_comes_twice_is_one_and_two_that_differ_are_none() -> None:
    exchange = RtuExchange(1, HOLDING)
    exchange.feed(RTU_REPLY * 2)
    assert exchange.reply is not None
    exchange.feed(sealed("01 03 08 0C 84 0C 86 0C 70 0C 82"))  # an earlier one, glued to it
    assert exchange.found
    assert exchange.reply is None


def test_an_echo_that_would_be_a_sound_reply_is_not_one() -> None:
    exchange = RtuExchange(1, Read(Area.COIL, 0x0301, 24))
    assert exchange.request == sealed("01 01 03 01 00 18")  # also: three bytes of coils, 01 00 18
    exchange.feed(exchange.request)
    assert not exchange.found
    exchange.feed(sealed("01 01 03 FF FF FF"))
    assert exchange.reply is not None
    assert set(exchange.reply.words) == {1}


def test_rtu_exception_is_a_refusal_with_its_code() -> None:
    exchange = RtuExchange(1, HOLDING)
    exchange.feed(bytes.fromhex("01 83 02 C0 F1"))
    assert exchange.reply is not None
    assert (exchange.reply.quality, exchange.reply.exception_code) == (Quality.REFUSED, 2)


def test_a_line_that_never_falls_silent_fills_no_memory() -> None:
    exchange = RtuExchange(1, HOLDING)
    for _ in range(1000):
        exchange.feed(b"\x01\x03" * 128)
    assert len(exchange._buffer) <= 1024


TCP_REPLY = bytes.fromhex("00 07 00 00 00 0B 01") + RTU_REPLY[1:-2]


def test_tcp_request_matches_the_specification_and_its_reply_is_found_in_pieces() -> None:
    assert tcp_request(7, 1, HOLDING) == bytes.fromhex("00 07 00 00 00 06 01 03 00 64 00 04")
    stream = TcpStream(lambda transaction: transaction == 7)
    found = [frame for byte in TCP_REPLY * 2 for frame in stream.feed(bytes((byte,)))]
    assert found == [(7, 1, RTU_REPLY[1:-2])] * 2
    reply = reply_of(HOLDING, found[0][2])
    assert reply is not None
    assert list(reply.words) == WORDS


@pytest.mark.parametrize(
    "pdu", [b"\x03\x02\x0c\x84", b"\x04" + RTU_REPLY[2:-2], RTU_REPLY[1:-3], b"\x83", b"\x84\x02", b""]
)
def test_what_answers_another_request_is_no_reply(pdu: bytes) -> None:
    assert reply_of(HOLDING, pdu) is None


@pytest.mark.parametrize("stray", [b"SSH-2.0-OpenSSH", b"\x00\x07\x00\x00\xff\xff\x01\x03"])
def test_a_stream_in_which_no_frame_can_be_found_is_out_of_step(stray: bytes) -> None:
    with pytest.raises(OutOfStep):
        list(TcpStream(lambda _: True).feed(stray))


@pytest.mark.parametrize("missing", range(1, len(TCP_REPLY)))
def test_a_reply_that_was_cut_short_is_never_filled_up_from_the_next(missing: int) -> None:
    cut, following = TCP_REPLY[:-missing], b"\x00\x08" + TCP_REPLY[2:]
    stream = TcpStream(lambda transaction: transaction in (7, 8))
    found = list(stream.feed(cut))
    with pytest.raises(OutOfStep):
        found += stream.feed(following * 2)
    assert found == []


def test_bits_come_lowest_first() -> None:
    read = Read(Area.COIL, 19, 10)  # the example of the specification, section 6.1, cut
    reply = reply_of(read, b"\x01\x02\xcd\x01")
    assert reply is not None
    np.testing.assert_array_equal(reply.words, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0])


@pytest.mark.parametrize("length", [2, 4, 6])
def test_an_exceptions_length_that_is_not_its_own_is_said(length: int) -> None:
    frame = bytes((0, 7, 0, 0, 0, length, 1, 0x83, 2))
    with pytest.raises(OutOfStep, match=f"says length {length}, and 3 bytes belong to its answer"):
        list(TcpStream(lambda _: True).feed(frame))


def test_an_exception_that_is_filled_up_leads_to_the_next_frame() -> None:
    padded, sound = bytes.fromhex("0007 0000 0006 01 83 02 000000"), bytes.fromhex("0008 0000 0003 01 83 02")
    found = list(TcpStream(lambda _: True).feed(padded + sound))
    assert found == [(7, 1, b"\x83\2\0\0\0"), (8, 1, b"\x83\2")]
    for pieces in (sound[:k] for k in range(1, len(sound))):
        assert list(TcpStream(lambda _: True).feed(pieces)) == []


@pytest.mark.parametrize("length", [5, 9])
def test_a_length_that_is_not_the_answers_is_said(length: int) -> None:
    """The header of an answer to two registers says 7."""
    frame = bytes((0, 7, 0, 0, 0, length, 1, 3, 4, 0, 1, 0, 2))
    with pytest.raises(OutOfStep, match=f"says length {length}, and 7 bytes belong to its answer"):
        list(TcpStream(lambda transaction: transaction == 7).feed(frame))
    assert list(TcpStream(lambda _: True).feed(frame[:5] + b"\x07" + frame[6:])) == [(7, 1, frame[7:])]
