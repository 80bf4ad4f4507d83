"""Telnet among the bytes of a line, in whatever pieces it comes."""

from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.com_port import BINARY, COM_PORT, DO, DONT, IAC, PURGE, SB, SE, WILL, WONT, ComPort

ECHO, TERMINAL = 1, 24
NOTICE = bytes((IAC, SB, COM_PORT, 107, IAC, IAC, IAC, SE))  # NOTIFY-MODEMSTATE 255


def agreed() -> ComPort:
    port = ComPort(9600, "E", 1)
    port.begin()
    port.feed(bytes((IAC, DO, COM_PORT)))
    return port


@given(st.lists(st.binary(max_size=12), max_size=6), st.data())
def test_what_the_line_says_is_handed_on_whole_whatever_stands_between(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(ComPort.escaped(piece) + NOTICE for piece in pieces)
    port, heard, at = agreed(), b"", 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        got, answer = port.feed(stream[at : at + size])
        heard, at = heard + got, at + size
        assert answer == b""
    assert heard == b"".join(pieces)


def test_settings_go_out_once_the_far_end_agrees_and_hold_when_it_has_confirmed_them_all() -> None:
    port = ComPort(115200, "O", 2)
    assert bytes((IAC, WILL, COM_PORT)) in port.begin()
    assert not port.is_set
    _, sent = port.feed(bytes((IAC, DO, COM_PORT)))
    assert bytes((IAC, SB, COM_PORT, 1, 0x00, 0x01, 0xC2, 0x00, IAC, SE)) in sent
    assert bytes((IAC, SB, COM_PORT, 3, 2, IAC, SE, IAC, SB, COM_PORT, 4, 2, IAC, SE)) in sent
    assert bytes((IAC, SB, COM_PORT, PURGE, 3, IAC, SE)) in sent
    for command, value in ((101, b"\x00\x01\xc2\x00"), (102, b"\x08"), (103, b"\x02"), (104, b"\x02")):
        assert not port.is_set
        port.feed(bytes((IAC, SB, COM_PORT, command)) + value + bytes((IAC, SE)))
    assert port.is_set
    assert port.refused == ""


def test_it_agrees_once_to_eight_bits_and_to_nothing_else() -> None:
    port = ComPort(9600, "N", 1)
    begun = port.begin()
    assert bytes((IAC, WILL, BINARY)) in begun
    for verb in (DO, WILL):
        assert port.feed(bytes((IAC, verb, BINARY)))[1] == b"", "that was said already: no endless agreeing"
    assert port.feed(bytes((IAC, WILL, ECHO)))[1] == bytes((IAC, DONT, ECHO))
    assert port.feed(bytes((IAC, DO, TERMINAL)))[1] == bytes((IAC, WONT, TERMINAL))
    assert port.feed(bytes((IAC, DONT, TERMINAL)))[1] == b""


def test_a_speed_with_a_byte_of_255_is_sent_with_it_twice() -> None:
    port = ComPort(65535, "N", 1)
    _, sent = port.feed(bytes((IAC, DO, COM_PORT)))
    assert bytes((IAC, SB, COM_PORT, 1, 0, 0, 255, 255, 255, 255, IAC, SE)) in sent
